"""One process writes a workspace. The lock is the operating system's: it ends with the process, however it dies."""

import contextlib
import json
import os
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from pipelines.storage.atomic import read_bytes, remove, write_durably


class WorkspaceBusy(RuntimeError):
    """Another process has the workspace open. ``pid`` and ``address`` are its, as far as known (0 and "" if not)."""

    def __init__(self, root: Path, pid: int, address: str) -> None:
        self.root, self.pid, self.address = root, pid, address
        who = f"process {pid}" if pid else "another process"
        advice = f"Use it at {address}, or close it first." if address else "Close it first, or take another workspace."
        super().__init__(f"The workspace {root} is open in {who}. {advice}")


class WorkspaceLock:
    """The right to write a workspace. Use as a context manager, or ``acquire`` and ``release``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        # not thread-local: the studio opens and closes from different threads
        self._lock = FileLock(root / "flenwheel.lock", thread_local=False)
        # apart from the lock file, which every attempt to lock may truncate
        self._holder = root / "flenwheel.holder"

    def acquire(self, address: str = "") -> None:
        """Take the lock at once. Raises WorkspaceBusy when another process, or another lock object, holds it."""
        self.root.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise WorkspaceBusy(self.root, *self._read_holder()) from None
        self.announce(address)

    def announce(self, address: str) -> None:
        """Say where the studio that holds the lock answers, for the message that others get."""
        holder = {"pid": os.getpid(), "address": address}
        write_durably(self._holder, json.dumps(holder).encode(), sync=False)

    def release(self) -> None:
        """Give the lock back. Without effect when it is not held."""
        if self._lock.is_locked:
            remove(self._holder)
            self._lock.release()

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
