"""Writing files so that a kill or a power cut leaves the old content or the new one, never half of either."""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

TEMPORARY = ".tmp"


def sync_folder(folder: Path) -> None:
    """Make renames and new names in ``folder`` durable. Where folders cannot be synced (Windows) this does nothing."""
    with contextlib.suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_durably(path: Path, chunks: bytes | Iterable[bytes], *, sync: bool = True) -> None:
    """Write ``path`` through a temporary name in its folder: written, synced, renamed, folder synced.

    ``sync=False`` is for caches, which can be made again: a kill still leaves no half file. Raises OSError, with
    nothing left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:100]}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY}")
    try:
        with temporary.open("wb") as file:
            file.writelines([chunks] if isinstance(chunks, bytes) else chunks)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_folder(path.parent)


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
