"""A backup (``storage.backup``) becomes a workspace again. Nothing is written before all of it was read and found to be
what its manifest says; then it is unpacked beside its place and gets its name at the end, whole."""

import hashlib
import shutil
import stat
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from pipelines.domain.faults import in_words
from pipelines.domain.records import Character, ImageRecord
from pipelines.storage import set_aside
from pipelines.storage.atomic import new_folder, write_durably
from pipelines.storage.backup import (
    FORMAT,
    MANIFEST,
    RECORDS,
    BackedFile,
    BackupRefused,
    Bytes,
    Manifest,
    Told,
    pieces_of,
    same_place,
    unfit,
)
from pipelines.storage.journal_lines import Damaged, Tables
from pipelines.storage.migrations import MadeByNewer, pending
from pipelines.storage.snapshot import StoreUnreadable, decode_snapshot
from pipelines.storage.temp_files import sweep_beside

MANIFEST_BYTES = 2**28
ENTRIES = 2_000_000
RECORD_BYTES = 2**32
SPARE = 2**26
"""Bytes that must stay free on the disk."""


@dataclass(frozen=True)
class Restored:
    """A workspace that was made of a backup: where, of how many files and bytes, with how many characters and
    pictures."""

    path: Path
    files: int
    bytes: int
    characters: int
    pictures: int
    seconds: float


def restore(source: Path, root: Path, told: Told = lambda done, of: None) -> Restored:
    """Make the workspace ``root`` of the backup ``source``; where something is already, it stays. Raises BackupRefused,
    OSError, and what ``told`` raises, with nothing left behind."""
    begun, root = time.monotonic(), root.expanduser().absolute()
    _refuse_a_taken_place(root)
    with _opened(source) as archive:
        manifest = _checked_manifest(archive, source)
        done = Bytes(told, 2 * manifest.bytes)
        tables = _checked_content(archive, manifest, source, done)
        _refuse_a_full_disk(root, manifest.bytes)
        sweep_beside(root)
        with new_folder(root, over=False) as folder:
            for file in manifest.files:
                write_durably(folder / file.path, _checked(archive, file, source, done), sync=False)
    counts = [len(tables.get(kind.table, {})) for kind in (Character, ImageRecord)]
    return Restored(root, len(manifest.files), manifest.bytes, *counts, seconds=time.monotonic() - begun)


def _refuse_a_taken_place(root: Path) -> None:
    if root.is_symlink() or (root.exists() and not root.is_dir()):
        raise BackupRefused(f"{root} is there already, and is no folder. Choose another place with --workspace.")
    if root.is_dir() and any(root.iterdir()):
        raise BackupRefused(
            f"There is something in {root} already. It stays as it is: choose a new folder with --workspace."
        )


def _refuse_a_full_disk(root: Path, needed: int) -> None:
    there = next(folder for folder in root.parents if folder.is_dir())
    free = shutil.disk_usage(there).free
    if free < needed + SPARE:
        raise BackupRefused(
            f"The backup needs {(needed + SPARE) / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free at {there}."
        )


# ---- reading what anyone may have written


@contextmanager
def _opened(source: Path) -> Iterator[zipfile.ZipFile]:
    if not source.is_file():
        raise BackupRefused(f"{source} is no file." if source.exists() else f"There is no file {source}.")
    with _in_words(source):
        archive = zipfile.ZipFile(source)
    with archive:
        yield archive


@contextmanager
def _in_words(source: Path) -> Iterator[None]:
    """Whatever a broken file makes the reader raise is a refusal."""
    try:
        yield
    except (BackupRefused, MemoryError):
        raise
    except Exception as error:
        raise BackupRefused(
            f"{source} is no backup of FLENwheel, or it is damaged ({in_words(error)}). Nothing was "
            "written. Take another copy of it."
        ) from error


def _refused(source: Path, why: str) -> BackupRefused:
    return BackupRefused(f"{source} is not restored: {why}. Nothing was written.")


def _checked_manifest(archive: zipfile.ZipFile, source: Path) -> Manifest:
    """The manifest, when the entries are just those that it names. Raises BackupRefused."""
    entries = archive.infolist()
    if len(entries) > ENTRIES or not any(entry.filename == MANIFEST for entry in entries):
        raise _refused(source, "it is no backup of FLENwheel" + (" (too many files)" if len(entries) > ENTRIES else ""))
    for entry in entries:
        if why := _odd(entry):
            raise _refused(source, f"its entry {entry.orig_filename[:200]!a} {why}")
    if sum(entry.file_size for entry in entries) > source.stat().st_size:
        raise _refused(source, "its entries say that they are larger than the whole file")
    with _in_words(source):
        manifest = _read_manifest(archive, source)
    named = {file.path: file.size for file in manifest.files}
    there = {entry.filename: entry.file_size for entry in entries if entry.filename != MANIFEST}
    if len(named) < len(manifest.files) or len(there) < len(entries) - 1:
        raise _refused(source, "a name comes twice in it")
    if named != there:
        first = min(name for name, _ in named.items() ^ there.items())
        raise _refused(source, f"what it holds is not what its manifest names ({first[:200]!a})")
    _refuse_names(manifest, source)
    return manifest


def _read_manifest(archive: zipfile.ZipFile, source: Path) -> Manifest:
    entry = archive.getinfo(MANIFEST)
    if entry.file_size > MANIFEST_BYTES:
        raise _refused(source, "its manifest is too large")
    try:
        manifest = Manifest.model_validate_json(archive.read(entry))
    except ValidationError as error:
        raise _refused(source, f"its manifest cannot be read ({set_aside.reasons(error)[:500]})") from error
    if manifest.format > FORMAT:
        raise _refused(source, "it was made by a newer FLENwheel: update this one")
    return manifest


def _odd(entry: zipfile.ZipInfo) -> str:
    """What is wrong with an entry, whatever its name; empty for what ``storage.backup`` writes."""
    if entry.orig_filename != entry.filename or "\0" in entry.orig_filename:
        return "has a name with a hidden end"
    if entry.flag_bits & 1:
        return "is encrypted"
    if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
        return "is compressed, which no backup does"
    if (mode := stat.S_IFMT(entry.external_attr >> 16)) and mode != stat.S_IFREG:
        return "is a link or a device"
    return "is a folder" if entry.is_dir() else ""


def _refuse_names(manifest: Manifest, source: Path) -> None:
    taken: dict[str, str] = {}
    for file in manifest.files:
        if why := unfit(file.path):
            raise _refused(source, f"its entry {file.path[:200]!a} is refused: {why}")
        place = same_place(file.path)
        if taken.setdefault(place, file.path) != file.path:
            raise _refused(source, f"{taken[place]!a} and {file.path!a} are one file on some systems")
    for place, path in taken.items():
        above = place.rpartition("/")[0]
        while above:
            if above in taken:
                raise _refused(source, f"{taken[above]!a} is a file and, for {path!a}, a folder")
            above = above.rpartition("/")[0]
    if not any(file.path == RECORDS for file in manifest.files):
        raise _refused(source, "it holds no records")


def _checked_content(archive: zipfile.ZipFile, manifest: Manifest, source: Path, done: Bytes) -> Tables:
    """The records, after all files were read and are as the manifest says. Raises BackupRefused."""
    records: list[bytes] = []
    for file in manifest.files:
        for piece in _checked(archive, file, source, done):
            if file.path == RECORDS and file.size <= RECORD_BYTES:
                records.append(piece)
    try:
        tables = decode_snapshot(b"".join(records), RECORDS).tables
        pending(tables)
    except Damaged as error:
        raise _refused(source, str(error)) from error
    except (StoreUnreadable, MadeByNewer) as error:
        raise _refused(source, f"{str(error).rstrip('.')}. Update FLENwheel") from error
    return tables


def _checked(archive: zipfile.ZipFile, file: BackedFile, source: Path, done: Bytes) -> Iterator[bytes]:
    """The content of a file, piece by piece; BackupRefused at its end when it was not what the manifest says, and
    before more than its size was given out."""
    digest, size = hashlib.sha256(), 0
    pieces = pieces_of(archive, file.path)
    while True:
        with _in_words(source):
            piece = next(pieces, b"")
        size += len(piece)
        if size > file.size or (not piece and (size, digest.hexdigest()) != (file.size, file.sha256)):
            raise _refused(source, f"{file.path} in it is damaged")
        if not piece:
            return
        digest.update(piece)
        done.add(len(piece))
        yield piece
