"""A backup in the background, for a studio that goes on meanwhile: begun, followed, stopped."""

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.faults import in_words
from pipelines.storage.atomic import make_folder
from pipelines.storage.backup import Backup, back_up
from pipelines.storage.upgrade import BACKUPS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BackupState:
    """How far the newest backup is. ``done`` of ``total`` bytes are written and read again; ``made`` once it is there,
    ``error`` in words when it failed."""

    state: Literal["none", "running", "done", "failed", "cancelled"] = "none"
    done: int = 0
    total: int = 0
    error: str = ""
    made: Backup | None = None


class BackupRun:
    """One backup after the other of whatever workspace is open. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state = BackupState()
        self._stop = threading.Event()

    @property
    def state(self) -> BackupState:
        """How far it is."""
        with self._lock:
            return self._state

    def begin(self, root: Path) -> BackupState:
        """Back the workspace at ``root`` up into its own folder ``backups``; one that runs goes on instead."""
        with self._lock:
            if self._state.state != "running":
                self._state = BackupState("running")
                self._stop.clear()
                folder = root / BACKUPS
                threading.Thread(target=self._run, args=(root, folder), name="backup", daemon=True).start()
            return self._state

    def cancel(self) -> None:
        """Stop it at its next piece; nothing is left of it. Without effect when none runs."""
        self._stop.set()

    def _run(self, root: Path, folder: Path) -> None:
        try:
            make_folder(folder)
            ended = BackupState("done", made=back_up(root, folder, self._told))
        except Cancelled:
            ended = BackupState("cancelled")
        except Exception as error:
            log.warning("the backup of %s failed", root, exc_info=True)
            ended = BackupState("failed", error=f"Nothing was backed up. {in_words(error)}")
        with self._lock:
            self._state = ended

    def _told(self, done: int, of: int) -> None:
        if self._stop.is_set():
            raise Cancelled
        with self._lock:
            self._state = BackupState("running", done, of)
