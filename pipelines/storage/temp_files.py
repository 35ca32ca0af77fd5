"""Half files that a kill leaves under a temporary name (``library.durable.write_durably``)."""

import logging
import os
import re
from pathlib import Path

import psutil

from pipelines.storage.atomic import TEMPORARY

UNSWEPT = {"models"}  # big, and other programs' half downloads there can be gone on with
_NAME = re.compile(rf"\..+\.(\d+)-[0-9a-f]+{re.escape(TEMPORARY)}")
log = logging.getLogger(__name__)


def sweep(root: Path) -> int:
    """Remove the half files of processes that are gone from the workspace at ``root``; returns how many there were."""
    removed = 0
    for folder, folders, files in os.walk(root):
        if Path(folder) == root:
            folders[:] = [name for name in folders if name not in UNSWEPT]
        for name in files:
            match = _NAME.fullmatch(name)
            if match and not psutil.pid_exists(int(match[1])):
                (Path(folder) / name).unlink(missing_ok=True)
                removed += 1
    if removed:
        log.info("removed %d half files that an earlier process left", removed)
    return removed
