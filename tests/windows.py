"""What Windows does differently to files, done to this process: the C runtime's text mode, and names that are held.

A descriptor of ``os.open`` without ``O_BINARY`` writes ``\\r\\n`` for ``\\n`` and reads up to ``^Z``; folders cannot be
opened; only descriptors that may write can be synced; what anyone has open or mapped can be neither renamed, replaced
nor removed; ``os.rename`` does not replace. Python's own files (``open``, ``Path.open``) are binary there, as here.
"""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

O_BINARY = 1 << 30


class Windows:
    """The simulation. ``hard_links``: off for a FAT file system."""

    def __init__(self, hard_links: bool = True) -> None:
        self.hard_links = hard_links
        self.open, self.write, self.read, self.fsync = os.open, os.write, os.read, os.fsync
        self.texts: set[int] = set()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Do it to this process, until the test is over."""
        patch.setattr(os, "O_BINARY", O_BINARY, raising=False)
        for name, act in (("open", self._open), ("write", self._write), ("read", self._read), ("fsync", self._fsync)):
            patch.setattr(os, name, act)
        for name in ("replace", "rename", "unlink", "remove", "rmdir"):
            patch.setattr(os, name, self._unheld(getattr(os, name), replaces=name != "rename"))
        if not self.hard_links:
            patch.setattr(os, "link", _no_links)
        # the way of removing trees that needs no open folders, as on Windows
        patch.setattr(shutil, "_use_fd_functions", False)
        patch.setattr(shutil, "_rmtree_impl", getattr(shutil, "_rmtree_unsafe", None), raising=False)

    def _open(self, path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if Path(os.fsdecode(path)).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        handle = self.open(path, flags & ~O_BINARY, *rest, **more)
        self.texts.discard(handle)
        if not flags & O_BINARY and stat.S_ISREG(os.fstat(handle).st_mode):
            self.texts.add(handle)
        return handle

    def _write(self, handle: int, data: Any) -> int:
        if handle not in self.texts:
            return self.write(handle, data)
        self.write(handle, bytes(data).replace(b"\n", b"\r\n"))
        return len(data)

    def _read(self, handle: int, count: int) -> bytes:
        data = self.read(handle, count)
        return data if handle not in self.texts else data.split(b"\x1a")[0].replace(b"\r\n", b"\n")

    def _fsync(self, handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        self.fsync(number)

    def _unheld(self, act: Callable[..., None], replaces: bool) -> Callable[..., None]:
        def checked(*paths: Any, **more: Any) -> None:
            for path in paths:
                if held(Path(path)):
                    raise PermissionError(errno.EACCES, "The process cannot access the file", str(path))
            if not replaces and Path(paths[1]).exists():
                raise FileExistsError(errno.EEXIST, "Cannot create a file that exists", str(paths[1]))
            act(*paths, **more)

        return checked


def held(path: Path) -> bool:
    """Whether this process has ``path``, or something in it, open or mapped into memory."""
    real = str(path.resolve())
    names = [str(handle.readlink()) for handle in Path("/proc/self/fd").iterdir() if handle.is_symlink()]
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    names += [line.split(maxsplit=5)[5] for line in maps.splitlines() if "/" in line]
    return any(name == real or name.startswith(real + "/") for name in names)


def _no_links(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSYS, "Incorrect function")
