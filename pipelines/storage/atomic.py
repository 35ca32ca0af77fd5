"""Every write of a file that matters, so that a kill or a power cut leaves the old content or the new, never a half.

One module, because two systems disagree about what is safe. On Windows a descriptor of ``os.open`` translates line ends
unless it is opened binary; only descriptors that may write can be synced, and folders not at all; a file or folder that
anyone has open can be neither replaced nor removed, so both are tried again for a moment; and not every file system has
hard links. Network drives and shared folders cannot sync all they hold (``_sync``). And a workspace may be moved, or
its disk taken away, while it is open (``storage.place``).
"""

import errno
import hashlib
import logging
import os
import re
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TypeVar

from pipelines.storage.place import NotThere, check_home

TEMPORARY = ".tmp"
PATIENCE = 1.0
"""Seconds for which a name that another process holds open is tried again."""
_LEFTOVER = re.compile(rf"\..+\.(\d+)-[0-9a-f]+{re.escape(TEMPORARY)}")
# what file systems answer that cannot sync a file: network drives, shared folders of virtual machines, FUSE, WSL
_UNSYNCABLE = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY}
# and what more they answer for a folder
_UNSYNCABLE_FOLDER = _UNSYNCABLE | {errno.EACCES, errno.EPERM, errno.EBADF, errno.EISDIR, errno.EROFS}
# a name that another process holds open, also on a network drive
_HELD = {errno.EACCES, errno.EPERM, errno.EBUSY}
_unsynced: set[int] = set()
NO_FILE = "this is a device or a pipe, not a file"

T = TypeVar("T")
log = logging.getLogger(__name__)


# ---- names


def temporary(path: Path) -> Path:
    """A fresh name beside ``path`` for what will take its place; ``writer_of`` tells it from a finished file."""
    return path.with_name(f".{path.name[:50]}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY}")


def writer_of(name: str) -> int | None:
    """The process that wrote under this temporary name; None when it is no name of ``temporary``."""
    found = _LEFTOVER.fullmatch(name)
    return int(found[1]) if found else None


# ---- files


def write_durably(path: Path, chunks: bytes | Iterable[bytes], *, sync: bool = True) -> None:
    """Write ``path`` through a temporary name in its folder: written, synced, renamed, folder synced.

    ``sync=False`` is for caches, which can be made again: a kill still leaves no half file. Raises OSError, with
    nothing left behind.
    """
    make_folder(path.parent)
    fresh = temporary(path)
    try:
        with fresh.open("wb") as file:
            file.writelines([chunks] if isinstance(chunks, bytes) else chunks)
            file.flush()
            if sync:
                _sync(file.fileno())
        replace(fresh, path, sync=sync)
    except BaseException:
        remove(fresh)
        raise


@contextmanager
def new_file(final: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A file that appears whole, for what is written bit by bit and looked at again before: the block fills the one it
    is given under its temporary name, then that is synced and becomes ``final``. Raises FileExistsError when that is
    there, OSError, and what the block raises, with nothing left behind."""
    make_folder(final.parent)
    fresh = temporary(final)
    try:
        with fresh.open("w+b") as file:
            yield fresh, file
            file.flush()
            _sync(file.fileno())
        if final.exists():
            raise FileExistsError(errno.EEXIST, "There is a file already, which stays as it is", str(final))
        replace(fresh, final)
    finally:
        remove(fresh)


@contextmanager
def growing(path: Path, start: int) -> Iterator[IO[bytes]]:
    """A file that is filled over several runs, open where the last one ended: at byte ``start``, what lies behind is
    cut off. It is under a name that says it is not whole; ``replace`` gives it its own. Raises OSError."""
    check_home(path)
    with path.open("r+b" if start else "wb") as file:
        file.seek(start)
        file.truncate()
        yield file


def write_sparse(path: Path, head: bytes, size: int) -> None:
    """A file for a moment: ``head``, and zeros up to ``size`` that take no room where the file system can do that.
    Raises OSError."""
    check_home(path)
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)


def copy_durably(source: Path, target: Path) -> None:
    """Copy a file, byte for byte. Raises OSError, with ``target`` as it was."""
    with source.open("rb") as file:
        write_durably(target, iter(lambda: file.read(2**20), b""))


def replace(source: Path, target: Path, *, sync: bool = True) -> None:
    """Rename ``source`` to ``target``, in the place of what is there, durably unless ``sync`` is off. Raises OSError;
    PermissionError when another process has one of them open for longer than ``PATIENCE``."""
    check_home(target)
    patiently(lambda: source.replace(target))
    if sync:
        sync_folder(target.parent)


def link_second_name(path: Path, second: Path) -> None:
    """What ``path`` holds is at ``second``, too, in the place of what was there: both are whole at any instant.

    On a file system without hard links ``path`` moves there, and is to be written anew. Raises OSError.
    """
    fresh = temporary(second)
    try:
        fresh.hardlink_to(path)
    except OSError:
        fresh = path
    try:
        replace(fresh, second)
    finally:
        if fresh is not path:
            # two names of one file: renaming one to the other does nothing
            remove(fresh)


def remove(path: Path) -> bool:
    """Remove a file; whether it is gone. One that another process reads may stay: nothing hangs on its removal."""
    try:
        patiently(lambda: path.unlink(missing_ok=True))
    except OSError as error:
        if error.errno not in _HELD:
            raise
        return False
    return True


def patiently(action: Callable[[], T]) -> T:
    """``action()``, tried again while another process has the file open. Raises what it raises in the end."""
    until, pause = time.monotonic() + PATIENCE, 0.005
    while True:
        try:
            return action()
        except OSError as error:
            if error.errno not in _HELD or time.monotonic() + pause > until:
                raise
            time.sleep(pause)
            pause = min(2 * pause, 0.1)


class NotAFile(OSError):
    """What is to be read is a device or a pipe."""


def check_file(path: Path) -> None:
    """Raises NotAFile for what would be waited for, for good, when it is opened: a pipe gives nothing until somebody
    writes to it. Raises OSError when there is nothing."""
    kind = path.stat().st_mode
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise NotAFile(errno.EINVAL, NO_FILE, str(path))


def read_bytes(path: Path) -> bytes:
    """The whole file, also while another process puts a new one in its place. Raises OSError."""
    check_file(path)
    return patiently(path.read_bytes)


def append_line(path: Path, data: bytes, *, sync: bool = False) -> None:
    """Add whole lines to a file that is a second copy of what is kept elsewhere, made if need be: a kill may leave half
    a line at its end, after which the next call begins a new one. Raises OSError, also for what is a link."""
    make_folder(path.parent)
    check_home(path)
    with patiently(lambda: open(path, "a+b", opener=_no_link)) as file:
        if size := file.seek(0, os.SEEK_END):
            file.seek(size - 1)
            data = data if file.read(1) == b"\n" else b"\n" + data
        file.write(data)
        file.flush()
        if sync:
            _sync(file.fileno())


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o644)


class Appender:
    """A file that grows: what ``append`` has returned from is on disk. ``size`` counts its bytes."""

    def __init__(self, path: Path, size: int) -> None:
        """Open ``path``, which is made if need be, and cut it to ``size``: what follows was never acknowledged. Raises
        OSError."""
        self.path, self.size, self._torn = path, size, False
        check_home(path)
        # without O_BINARY Windows writes \r\n for \n
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file: int | None = patiently(lambda: os.open(path, flags, 0o644))
        try:
            self._cut(self._file)
            sync_folder(path.parent)
        except OSError:
            self.close()
            raise

    @property
    def closed(self) -> bool:
        """Whether nothing can be appended any more."""
        return self._file is None

    def append(self, data: bytes) -> None:
        """Add ``data`` whole. Raises OSError, with the file as it was; when even that fails, the next call sees to it
        first."""
        if self._file is None:
            raise OSError(errno.EBADF, "the file is closed", str(self.path))
        check_home(self.path)
        if self._torn:
            self._cut(self._file)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            _sync(self._file)
        except OSError:
            self._take_back(self._file)
            raise
        self.size += len(data)

    def _take_back(self, file: int) -> None:
        self._torn = True
        with suppress(OSError):  # it may hold a half, which nothing may follow
            self._cut(file)

    def _cut(self, file: int) -> None:
        os.ftruncate(file, self.size)
        _sync(file)
        self._torn = False

    def close(self) -> None:
        """Without effect when closed."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _sync(handle: int, unsyncable: set[int] = _UNSYNCABLE) -> None:
    """Force what is open as ``handle`` to the disk: the one place that asks for it. A file system that cannot do so is
    no error: all is written, and a power cut may cost its last seconds. Raises OSError when the disk is full or
    broken."""
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in unsyncable:
            raise
        device = os.fstat(handle).st_dev
        if device not in _unsynced:
            _unsynced.add(device)
            log.info("a file system cannot sync (%s): a power cut may cost the last seconds there", error.strerror)


# ---- folders


def make_folder(folder: Path) -> None:
    """Make ``folder`` with those above it, where they are missing. Raises OSError, NotThere for a link whose target is
    not there."""
    check_home(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        lost = next((path for path in (folder, *folder.parents) if path.is_symlink() and not path.exists()), None)
        if lost is None:
            raise
        words = f"This is a link to {lost.readlink()}, which is not there. Connect that disk, or remove the link"
        raise NotThere(errno.ENOENT, words, str(lost)) from error


def sync_folder(folder: Path) -> None:
    """Make renames and new names in ``folder`` durable. Where folders cannot be synced (Windows) this does nothing."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        if error.errno not in _UNSYNCABLE_FOLDER:
            raise
        return
    try:
        _sync(handle, _UNSYNCABLE_FOLDER)
    finally:
        os.close(handle)


@contextmanager
def new_folder(final: Path, *, over: bool = True) -> Iterator[Path]:
    """A folder that appears whole: the block fills the one it is given, then that is synced and becomes ``final``.

    A folder that is there gives way; a kill at that very moment leaves neither, never a mixture. With ``over`` off only
    an empty one does. Raises OSError, and what the block raises, with nothing left behind.
    """
    make_folder(final.parent)
    fresh, old = temporary(final), temporary(final)
    fresh.mkdir()
    try:
        yield fresh
        _sync_tree(fresh)
        if not over:
            with suppress(FileNotFoundError):
                final.rmdir()
        elif final.exists():
            patiently(lambda: final.rename(old))
        patiently(lambda: fresh.rename(final))
        sync_folder(final.parent)
    finally:
        for left in (fresh, old):
            remove_folder(left)


def _sync_tree(folder: Path) -> None:
    """Force everything in ``folder`` to the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            sync_folder(path)
        else:
            with path.open("r+b") as file:
                _sync(file.fileno())
    sync_folder(folder)


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as nobody has it open."""
    shutil.rmtree(folder, ignore_errors=True)


# ---- afterwards


def temp_files(root: Path, skip: Iterable[str] = ()) -> Iterator[tuple[Path, int]]:
    """Half files and half folders that a kill left below ``root``, each with the process that wrote it. ``skip`` names
    folders in ``root`` that are passed over."""
    for folder, folders, files in os.walk(root):
        half = [(name, writer) for name in (*files, *folders) if (writer := writer_of(name)) is not None]
        yield from ((Path(folder) / name, writer) for name, writer in half)
        passed = {*(name for name, _ in half), *(skip if Path(folder) == root else ())}
        folders[:] = [name for name in folders if name not in passed]


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
