"""One process writes a workspace. The lock is the operating system's: it ends with the process, however it dies."""

import contextlib
import errno
import json
import logging
import os
from pathlib import Path
from types import TracebackType

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from pipelines.storage.atomic import read_bytes, remove, write_durably
from pipelines.storage.place import check_home, keep_to

# what network drives answer that have no locks
_LOCKLESS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL}
log = logging.getLogger(__name__)


class WorkspaceBusy(RuntimeError):
    """Another process has the workspace open. ``pid`` and ``address`` are its, as far as known (0 and "" if not)."""

    def __init__(self, root: Path, pid: int, address: str) -> None:
        self.root, self.pid, self.address = root, pid, address
        who = f"process {pid}" if pid else "another process"
        advice = f"Use it at {address}, or close it first." if address else "Close it first, or take another workspace."
        super().__init__(f"The workspace {root} is open in {who}. {advice}")


def locked(path: Path, timeout: float) -> BaseFileLock:
    """The file lock ``path``, taken within ``timeout`` seconds. On a file system without locks it is a file that says
    who holds it. Raises Timeout and OSError."""
    check_home(path)  # a lock makes the folder that it lies in
    try:
        # not thread-local: the studio opens and closes from different threads
        lock: BaseFileLock = FileLock(path, thread_local=False)
        lock.acquire(timeout=timeout)
    except OSError as error:
        if error.errno not in _LOCKLESS:
            raise
        lock = SoftFileLock(path.with_name(f"{path.name}-held"), thread_local=False)
        lock.acquire(timeout=timeout)
    return lock


class WorkspaceLock:
    """The right to write a workspace. Use as a context manager, or ``acquire`` and ``release``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock: BaseFileLock | None = None
        # apart from the lock file, which every attempt to lock may truncate
        self._holder = root / "flenwheel.holder"

    def acquire(self, address: str = "") -> None:
        """Take the lock at once. Raises WorkspaceBusy when another process, or another lock object, holds it."""
        self.root.mkdir(parents=True, exist_ok=True)
        keep_to(self.root)
        try:
            self._lock = locked(self.root / "flenwheel.lock", 0)
        except Timeout:
            raise WorkspaceBusy(self.root, *self._read_holder()) from None
        self.announce(address)

    def announce(self, address: str) -> None:
        """Say where the studio that holds the lock answers, for the message that others get."""
        holder = {"pid": os.getpid(), "address": address}
        try:
            write_durably(self._holder, json.dumps(holder).encode(), sync=False)
        except OSError:  # others are told less; that is no reason not to open
            log.warning("could not say who has %s open", self.root, exc_info=True)

    def release(self) -> None:
        """Give the lock back. Without effect when it is not held."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with contextlib.suppress(OSError):
                remove(self._holder)
            lock.release()

    def _read_holder(self) -> tuple[int, str]:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            holder = json.loads(read_bytes(self._holder))
            return int(holder["pid"]), str(holder["address"])
        return 0, ""

    def __enter__(self) -> "WorkspaceLock":
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.release()
