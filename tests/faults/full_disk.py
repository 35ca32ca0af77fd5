"""A disk that is full for a while, put before the one door through which every file is written (``atomic``)."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.storage import atomic


class FullDisk:
    """Counts writes of this process; those from ``first`` on, ``count`` of them, find no room (0: none does)."""

    def __init__(self) -> None:
        self.seen, self.first, self.count = 0, 0, 0

    @property
    def full(self) -> bool:
        return bool(self.count) and self.first <= self.seen < self.first + self.count

    def check(self, path: Path) -> None:
        """One more write, of ``path``."""
        self.seen += 1
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def fill(self, first: int, count: int) -> None:
        """From the write ``first`` (from 1) on there is no room for ``count`` writes."""
        self.seen, self.first, self.count = 0, first, count


@contextmanager
def full_disk(patch: pytest.MonkeyPatch) -> Iterator[FullDisk]:
    """The door of this process, to be filled."""
    disk = FullDisk()
    with patch.context() as inner:
        inner.setattr(atomic, "check_home", disk.check)
        yield disk


def writes_of(action: Callable[[], object], patch: pytest.MonkeyPatch) -> int:
    """How many writes ``action`` makes."""
    with full_disk(patch) as disk:
        action()
    return disk.seen
