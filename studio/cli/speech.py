"""What the command line says, in whatever encoding the terminal or the pipe takes: words, or one JSON object a line."""

import json
import math
import sys
from typing import Any, TextIO


def prepare() -> None:
    """Make standard output and error take any text: what their encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def say(words: str, stream: TextIO | None = None) -> None:
    """Words on standard output, or on ``stream``. Raises OSError when they cannot be written."""
    to = stream or sys.stdout
    print(_fitting(words, to), file=to, flush=True)


def say_json(data: dict[str, Any]) -> None:
    """One JSON object on one line of standard output, as JSON in any encoding. What is no finite number is null."""
    text = json.dumps(_finite(data), ensure_ascii=False, default=str)
    if _fitting(text, sys.stdout) != text or not text.isprintable():
        text = json.dumps(_finite(data), default=str)
    print(text, flush=True)


def _fitting(text: str, stream: TextIO | None) -> str:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return value
