"""What a person gives: files and folders, in any mixture. What is visible in them is found, or named with a reason."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.domain.faults import in_words
from pipelines.domain.spelling import composed
from pipelines.storage.atomic import NO_FILE

_SYSTEM = {"thumbs.db", "desktop.ini", "__macosx"}


@dataclass
class Given:
    """``files`` with the names they are shown by (in a folder that was given: relative to it, with ``/``); ``refused``
    names with reasons; ``folders`` below those that were given, which were looked into, too."""

    files: list[tuple[str, Path]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)


def look_through(named: Iterable[Path]) -> Given:
    """All files of what was named, each once, in the order of their names. Hidden files are passed over, links to files
    are followed, links to folders inside a folder are not: they may lead anywhere, or in a circle."""
    found = Given()
    seen: set[tuple[int, int]] = set()
    for path in named:
        for name, file in _under(path, found) if _is_folder(path) else [(path.name or str(path), path)]:
            _take(found, seen, name, file)
    return found


def passed_over(name: str) -> bool:
    """Whether a file or folder in a folder that was given is hidden, or one that systems put there."""
    return name.startswith(".") or name.casefold() in _SYSTEM


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name longer than any can be
        return False


def _take(found: Given, seen: set[tuple[int, int]], name: str, file: Path) -> None:
    try:
        known = file.stat()
    except OSError as error:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            why = in_words(error)
        else:
            why = "this is a link that leads nowhere" if file.is_symlink() else f"there is no file {file}"
        found.refused.append((name, why))
        return
    if not file.is_file():
        found.refused.append((name, NO_FILE))
    elif (known.st_dev, known.st_ino) not in seen:
        seen.add((known.st_dev, known.st_ino))
        found.files.append((name, file))


def _under(folder: Path, found: Given, inside: str = "") -> Iterator[tuple[str, Path]]:
    try:
        with os.scandir(folder) as entries:
            there = sorted(entries, key=lambda entry: (composed(entry.name).casefold(), entry.name))
    except OSError as error:
        found.refused.append((inside.rstrip("/") or folder.name, in_words(error)))
        return
    for entry in there:
        name, path = f"{inside}{entry.name}", Path(entry.path)
        if passed_over(entry.name):
            continue
        if not entry.is_dir():
            yield name, path
        elif entry.is_symlink():
            found.refused.append((name, "this is a link to a folder, which is not followed: give that folder itself"))
        else:
            found.folders.append(name)
            yield from _under(path, found, f"{name}/")
