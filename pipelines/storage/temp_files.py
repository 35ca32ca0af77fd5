"""Half files and half folders that a kill leaves under a temporary name (``storage.atomic``)."""

import glob
import logging
from pathlib import Path

import psutil

from pipelines.storage import atomic
from pipelines.storage.prepared import FOLDER as COPIES
from pipelines.storage.workspace import Workspace

UNSWEPT = {"models"}  # big, and other programs' half downloads there can be gone on with
log = logging.getLogger(__name__)


def sweep(root: Path) -> int:
    """Remove what processes that are gone left half in the workspace at ``root``; returns how many there were."""
    removed = 0
    linked = [place for name, place in Workspace(root).linked().items() if name not in UNSWEPT]
    for path, writer in [half for folder in (root, *linked) for half in atomic.temp_files(folder, UNSWEPT)]:
        if psutil.pid_exists(writer):
            continue
        if path.is_dir():
            atomic.remove_folder(path)
        else:
            atomic.remove(path)
        removed += 1
    removed += _sweep(root / "models" / COPIES, f".*{atomic.TEMPORARY}")  # nothing but ours
    if removed:
        log.info("removed %d half files that an earlier process left", removed)
    return removed


def sweep_beside(final: Path) -> None:
    """Remove what processes that are gone left half beside ``final``, which was to become that."""
    _sweep(final.parent, f".{glob.escape(final.name[:50])}.*{atomic.TEMPORARY}")


def sweep_in(folder: Path) -> None:
    """Remove what processes that are gone left half in ``folder``, which holds nothing but what we write."""
    _sweep(folder, f".*{atomic.TEMPORARY}")


def _sweep(folder: Path, names: str) -> int:
    removed = 0
    for path in folder.glob(names):
        writer = atomic.writer_of(path.name)
        if writer is not None and not psutil.pid_exists(writer):
            (atomic.remove_folder if path.is_dir() and not path.is_symlink() else atomic.remove)(path)
            removed += 1
    return removed
