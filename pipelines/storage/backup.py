"""A workspace as one file: a ZIP that compresses nothing (pictures and weights are compressed as they are), whose last
entry, the manifest, names every other with its size and SHA-256.

Records come first, as they are on the disk at that moment; whatever they speak of lies there already, since files are
written before their records. So a studio may go on working meanwhile. Left out are the downloaded base weights, caches,
thumbnails, logs and what lies in ``backups``. Reading one again is ``storage.restoring``.
"""

import hashlib
import os
import stat
import time
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from itertools import count
from pathlib import Path, PurePosixPath
from typing import IO, Literal

from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.records import now
from pipelines.storage import mirror
from pipelines.storage.atomic import new_file, writer_of
from pipelines.storage.journal import Journal
from pipelines.storage.snapshot import encode_snapshot
from pipelines.storage.temp_files import sweep_beside
from pipelines.storage.workspace import Workspace

MANIFEST = "flenwheel-backup.json"
RECORDS = "flenwheel.json"
SETTINGS = "settings.toml"
FOLDERS = ("characters", "loras", "presets")
FORMAT = 1
PIECE = 2**20
GONE = "it was removed while the backup was made, as a training does with old checkpoints"
# names that Windows gives to devices, whatever follows the first dot
_DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in "0123456789¹²³")}
_FORBIDDEN = frozenset('<>:"|?*\\')

Told = Callable[[int, int], None]
"""Hears how many bytes of how many are done; may raise ``Cancelled``."""


class BackupRefused(ValueError):
    """A backup that cannot be made, or a file that is not restored; the message says why and what to do."""


class BackedFile(Frozen):
    """One file in a backup: its path in the workspace, its bytes, their SHA-256."""

    path: str
    size: int = Field(ge=0)
    sha256: str = Field(pattern="[0-9a-f]{64}")


class Manifest(Frozen):
    """What a backup holds. ``program`` wrote it at ``made``, from the workspace called ``workspace``."""

    program: Literal["FLENwheel"] = "FLENwheel"
    format: int = FORMAT
    version: str
    workspace: str
    made: datetime = Field(default_factory=now)
    files: tuple[BackedFile, ...]

    @property
    def bytes(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Backup:
    """A backup that was made: where, how many files of how many bytes, in how many seconds; ``left_out`` are files
    that no other machine could take, or that could not be read, each with the reason."""

    path: Path
    files: int
    bytes: int
    seconds: float
    left_out: tuple[str, ...]


@dataclass
class _Chosen:
    """The files that go into a backup, with their sizes, and those that do not, in words."""

    files: list[tuple[str, Path, int]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def default_name(root: Path, folder: Path) -> str:
    """A free name in ``folder`` for a backup that is made now: ``FLENwheel-20250131-120000.zip``, or ``...-2.zip``
    where there is one of that second already, as after a clock was set back."""
    name = f"{root.name or 'workspace'}-{now():%Y%m%d-%H%M%S}"
    numbered = (f"{name}{f'-{n}' if n > 1 else ''}.zip" for n in count(1))
    return next(free for free in numbered if not (folder / free).exists())


def back_up(root: Path, target: Path, told: Told = lambda done, of: None) -> Backup:
    """Write a backup of the workspace at ``root`` to ``target``, read it again and compare all hashes; only then does
    it get its name. Works beside an open studio. Raises BackupRefused, StoreUnreadable, OSError, and what ``told``
    raises, with nothing left behind."""
    begun, workspace = time.monotonic(), Workspace(root)
    target = _free_place(workspace, target)
    journal = Journal(workspace.root)
    if not journal.files():
        raise BackupRefused(f"There is no workspace at {workspace.root}.")
    records = list(encode_snapshot(journal.load(), journal.seq))
    chosen = _choose(workspace)
    total = 2 * (sum(map(len, records)) + sum(size for _, _, size in chosen.files))
    progress = Bytes(told, total)
    with new_file(target) as (fresh, file):
        manifest = _write(workspace, file, records, chosen, progress)
        file.flush()
        _compare(fresh, manifest, progress)
    left_out = tuple(chosen.left_out)
    return Backup(target, len(manifest.files), target.stat().st_size, time.monotonic() - begun, left_out)


def _free_place(workspace: Workspace, target: Path) -> Path:
    target = target.expanduser().absolute()
    if target.is_dir():
        target = target / default_name(workspace.root, target)
    if target.exists() or target.is_symlink():
        raise BackupRefused(f"There is a file {target} already. It stays as it is: choose another name.")
    if not target.parent.is_dir():
        raise BackupRefused(f"There is no folder {target.parent}.")
    sweep_beside(target)
    return target


@dataclass
class Bytes:
    """How many bytes of ``total`` are done, told at each step."""

    told: Told
    total: int
    done: int = 0

    def add(self, count: int) -> None:
        """Count ``count`` more and tell."""
        self.done += count
        self.told(min(self.done, self.total), self.total)


# ---- what goes in


def _choose(workspace: Workspace) -> _Chosen:
    chosen, seen = _Chosen(), set[str]()
    for relative, path in _walk(workspace):
        why = unfit(relative)
        try:
            status = path.lstat()
        except FileNotFoundError:
            chosen.left_out.append(f"{relative!a}: {GONE}.")
            continue
        if not why and not stat.S_ISREG(status.st_mode):
            why = "it is no file, but a link or a device"
        if not why and same_place(relative) in seen:
            why = "another file has the same name but for its letters' case"
        if why:
            chosen.left_out.append(f"{relative!a}: {why}.")
        else:
            seen.add(same_place(relative))
            chosen.files.append((relative, path, status.st_size))
    return chosen


def _walk(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    settings = workspace.root / SETTINGS
    if settings.exists():
        yield SETTINGS, settings
    for top in FOLDERS:
        for folder, folders, files in os.walk(workspace.root / top):
            folders.sort()
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            folders[:] = [name for name in folders if name not in links and writer_of(name) is None]
            inside = PurePosixPath(top, *Path(folder).relative_to(workspace.root / top).parts)
            for name in sorted([*files, *links]):
                if name != mirror.NAME and writer_of(name) is None:
                    yield str(inside / name), Path(folder) / name


def unfit(relative: str) -> str:
    """Why a path may not be in a backup, in words; empty when it may: it must name a file of a workspace, and must be
    one that every system can write at just that place."""
    parts = relative.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "it does not stay in the workspace"
    if relative not in (RECORDS, SETTINGS) and (parts[0] not in FOLDERS or len(parts) < 2):
        return "it is no place of a workspace"
    if len(relative) > 1000 or any(len(part.encode(errors="surrogatepass")) > 255 for part in parts):
        return "its name is too long"
    if any(not _writable_anywhere(part) for part in parts):
        return "not every system can write a file of that name"
    return ""


def _writable_anywhere(name: str) -> bool:
    odd = any(c in _FORBIDDEN or unicodedata.category(c) in ("Cc", "Cs") for c in name)
    return not odd and name[-1] not in ". " and name.split(".")[0].rstrip(" ").upper() not in _DEVICES


def same_place(relative: str) -> str:
    """The same for two paths that some system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", relative).casefold())


# ---- writing


def _write(workspace: Workspace, file: IO[bytes], records: list[bytes], chosen: _Chosen, progress: Bytes) -> Manifest:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive:
        files = [_add(archive, RECORDS, records, progress)]
        for relative, path, _ in chosen.files:
            try:
                with path.open("rb") as source:
                    files.append(_add(archive, relative, iter(lambda s=source: s.read(PIECE), b""), progress))
            except FileNotFoundError:
                chosen.left_out.append(f"{relative!a}: {GONE}.")
            except PermissionError as error:
                chosen.left_out.append(f"{relative!a}: it could not be read ({error.strerror}).")
        name = workspace.root.name
        manifest = Manifest(version=version("flenwheel"), workspace=name, files=tuple(files))
        archive.writestr(MANIFEST, manifest.model_dump_json(indent=1))
    return manifest


def _add(archive: zipfile.ZipFile, name: str, pieces: Iterable[bytes], progress: Bytes) -> BackedFile:
    digest, size = hashlib.sha256(), 0
    made = max(time.gmtime()[:6], (1980, 1, 1, 0, 0, 0))  # a ZIP knows no earlier time
    with archive.open(zipfile.ZipInfo(name, made), "w", force_zip64=True) as entry:
        for piece in pieces:
            entry.write(piece)
            digest.update(piece)
            size += len(piece)
            progress.add(len(piece))
    return BackedFile(path=name, size=size, sha256=digest.hexdigest())


def _compare(path: Path, manifest: Manifest, progress: Bytes) -> None:
    """Read all of it again from the disk. Raises BackupRefused when something else is there than what was written."""
    with zipfile.ZipFile(path) as archive:
        for file in manifest.files:
            digest = hashlib.sha256()
            for piece in pieces_of(archive, file.path):
                digest.update(piece)
                progress.add(len(piece))
            if digest.hexdigest() != file.sha256:
                raise BackupRefused(f"{file.path} is not in the backup as it was written: the disk may be failing.")


def pieces_of(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The content of an entry, piece by piece. Raises BadZipFile when its checksum is not right."""
    with archive.open(name) as entry:
        yield from iter(lambda: entry.read(PIECE), b"")
