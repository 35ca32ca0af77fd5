"""The lists that wildcards in prompts are chosen from: of the presets, and text files of the user's own."""

from collections.abc import Iterable
from pathlib import Path

from pipelines.planning.base import ChoiceError
from pipelines.session import Session
from pipelines.storage.presets import FOLDER

FILES = "wildcards"
LARGEST = 2_000_000
"""Bytes of a file; more is no list that somebody wrote."""


def lists(session: Session, prompts: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
    """Every list by its name; a file of the user's stands over a preset of the same name. A file that is no text is
    left out. Raises ChoiceError where one of ``prompts`` names it."""
    found = {known.name: known.values for known in session.presets.wildcards}
    folder = session.workspace.root / FOLDER / FILES
    asked = tuple(prompts)
    for path in sorted(folder.rglob("*.txt")) if folder.is_dir() else []:
        name = path.relative_to(folder).with_suffix("").as_posix()
        try:
            found[name] = _read(path)
        except ChoiceError:
            if any(f"__{name}__" in prompt for prompt in asked):
                raise
    return found


def _read(path: Path) -> tuple[str, ...]:
    try:
        if path.stat().st_size > LARGEST:
            raise ChoiceError(f"{path} is too large for a list of wildcards: {LARGEST // 1_000_000} MB at most.")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ChoiceError(f"{path} cannot be read as a list of wildcards: save it as text in UTF-8.") from error
    lines = (line.strip() for line in text.splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))
