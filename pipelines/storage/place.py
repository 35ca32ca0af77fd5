"""Where an open workspace lies. It may be moved, or its disk taken away, while it is open: what is written then would
begin a second, empty one at the old place, so all that writes asks here first.
"""

import errno
from pathlib import Path

AWAY = "The workspace is not where it was opened: it was moved, or its disk is gone."
RETURN = "Put it back, or open it at its new place"
_homes: dict[Path, tuple[int, int]] = {}


class NotThere(OSError):
    """A place that what is to be written belongs to is not there; ``strerror`` is for the person who reads it."""


def keep_to(root: Path) -> None:
    """From now on nothing is written below ``root`` unless it is the folder that it is now: when it was moved or its
    disk is gone, writing would begin a second, empty one at the old place. Raises OSError."""
    _homes[root] = _identity(root)


def check_home(path: Path) -> None:
    """Raises NotThere when ``path`` lies in a workspace that is not at its place any more."""
    for folder in (path, *path.parents):
        if is_away(folder):
            raise NotThere(errno.ENOENT, f"{AWAY} Nothing was written. {RETURN}", str(folder))


def is_away(root: Path) -> bool:
    """Whether the workspace that was opened at ``root`` is not there any more, or another folder in its place."""
    return root in _homes and not _is(root, _homes[root])


def is_same(root: Path, other: Path) -> bool:
    """Whether what was opened at ``root`` lies at ``other`` now."""
    return root in _homes and _is(other, _homes[root])


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _is(folder: Path, known: tuple[int, int]) -> bool:
    try:
        return _identity(folder) == known
    except OSError:
        return False
