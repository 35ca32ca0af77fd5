"""What may stand on the command line: every value is checked there by the type that plans and records have for it."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from pydantic import TypeAdapter, ValidationError

from pipelines.domain.faults import shown, wanted
from studio.cli.outermost import EXIT_CODES, NotUnderstood


class Parser(argparse.ArgumentParser):
    """Tells what it does not understand by NotUnderstood instead of ending the process."""

    def error(self, message: str) -> NoReturn:
        """Raises NotUnderstood."""
        raise NotUnderstood(message, self.format_usage())


def exit_codes() -> str:
    """The exit codes as the help lists them."""
    return "exit codes:\n" + "\n".join(f"  {code:<4} {words}" for code, words in EXIT_CODES.items())


def number(kind: Any) -> Callable[[str], Any]:
    """An argparse type: a number as ``kind`` (``pipelines.domain.bounds``) has it."""
    adapter = TypeAdapter(kind)

    def parsed(text: str) -> Any:
        try:
            return adapter.validate_python(text.strip())
        except ValidationError as error:
            raise argparse.ArgumentTypeError(f"{wanted(error)} is needed, not {shown(text)}") from None

    return parsed


def folder(text: str) -> Path:
    """An argparse type: the path of a folder, which need not exist."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the path of a folder is needed, not nothing")
    return Path(text)


def file(text: str) -> Path:
    """An argparse type: a file or folder that is given."""
    if not text.strip():
        raise argparse.ArgumentTypeError("a file or folder is needed, not nothing")
    return Path(text)
