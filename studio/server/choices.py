"""What a person has set in the tabs, for each character: a small file of the workspace, so that it comes back after a
reload and a restart. It holds no truth of the work: without it every tab begins with its own first choice."""

import json
import threading
from pathlib import Path

from pydantic import JsonValue

from pipelines.storage.atomic import write_durably

FILE = "choices.json"
LARGEST = 200_000
"""Of one tab's choice as JSON: what is larger is no choice, and is not kept."""
Choice = dict[str, JsonValue]
Kept = dict[str, dict[str, Choice]]
_lock = threading.Lock()


def read(root: Path, character: str, tab: str) -> Choice:
    """What was set in a tab for a character; nothing when nothing was, or when the file cannot be read."""
    return _read(root).get(character, {}).get(tab, {})


def write(root: Path, character: str, tab: str, choice: Choice) -> None:
    """Keep what is set in a tab for a character, if it is new. An empty choice forgets it."""
    with _lock:
        _write(root, character, tab, choice)


def add(root: Path, character: str, tab: str, fields: Choice) -> None:
    """Keep these fields with what else is set in the tab."""
    with _lock:
        _write(root, character, tab, read(root, character, tab) | fields)


def _write(root: Path, character: str, tab: str, choice: Choice) -> None:
    kept = _read(root)
    if kept.get(character, {}).get(tab, {}) == choice or len(json.dumps(choice)) > LARGEST:
        return
    kept.setdefault(character, {})[tab] = choice
    write_durably(root / FILE, json.dumps(kept, ensure_ascii=False, indent=1).encode(errors="replace"))


def _read(root: Path) -> Kept:
    try:
        found = json.loads((root / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    tabs = {name: tabs for name, tabs in found.items() if isinstance(tabs, dict)}
    return {who: {tab: c for tab, c in tabs[who].items() if isinstance(c, dict)} for who in tabs}
