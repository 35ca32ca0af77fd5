"""A face pack from the hub or from its publisher's archive, into the folder that recognisers look into. Imports no
torch."""

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from pipelines.domain.presets import FacePack, PackFile
from pipelines.engine.download_meter import OnProgress
from pipelines.engine.hub_files import Address, CannotFetch, Fetch, Remote, look_up
from pipelines.storage.atomic import copy_durably, file_hash, make_folder, new_folder, remove, replace, write_durably
from pipelines.storage.workspace import Workspace

__all__ = ["CannotFetch", "download", "folder_of", "whole"]

FOLDER = "cache/downloads"


def folder_of(pack: FacePack, root: Path) -> Path:
    """Where a pack comes to lie below ``root``, the folder of all packs."""
    return root / "models" / pack.name


def whole(pack: FacePack, root: Path) -> bool:
    """Whether all files of a pack are there, as large as they are to be."""
    places = (folder_of(pack, root), folder_of(pack, root) / pack.name)
    return any(all(_is(place / file.name, file) for file in pack.files) for place in places)


def _is(path: Path, file: PackFile) -> bool:
    return path.is_file() and file.bytes in (0, path.stat().st_size)


def download(
    pack: FacePack,
    root: Path,
    workspace: Workspace,
    on_progress: OnProgress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Fetch a pack; the folder where it lies, which appears when all of it is here and right. What has arrived stays
    in the workspace's cache when this is cancelled or cut off, and the next run goes on there.

    ``on_progress(share, note)`` is called with the share done, 0-1. Raises Cancelled, CannotFetch (nobody answers,
    access is refused, a file is not what was published), OSError.
    """
    cache, target = workspace.path(FOLDER), folder_of(pack, root)
    wanted = (pack.archive,) if pack.archive else pack.files
    arrived: dict[str, Path] = {}
    done = 0
    for file in wanted:
        arrived[file.name] = _fetched(pack, file, cache, _part(pack, done, file, on_progress), cancelled)
        done += file.bytes
    with new_folder(target) as fresh:
        if pack.archive:
            _unpack(arrived[pack.archive.name], pack, fresh)
        else:
            for name, path in arrived.items():
                copy_durably(path, fresh / name)
    for path in arrived.values():
        remove(path)
    return target


def _part(pack: FacePack, done: int, file: PackFile, on_progress: OnProgress) -> OnProgress:
    """The progress of one file as that of the whole pack."""

    def told(share: float, note: str) -> None:
        on_progress((done + share * file.bytes) / pack.bytes if pack.bytes else share, f"{pack.title}: {note}")

    return told


def _fetched(
    pack: FacePack, file: PackFile, cache: Path, on_progress: OnProgress, cancelled: Callable[[], bool]
) -> Path:
    """One file, whole and as it was published; fetched earlier or now."""
    kept = cache / f"{pack.name}-{file.name}"
    if file.sha256 and kept.is_file() and file_hash(kept) == file.sha256:
        return kept
    there = look_up(Address(url=pack.url) if pack.archive else Address(pack.repo, file.name, pack.revision))
    published = file.sha256 or there.sha256
    remote = Remote(there.url, file.name, there.bytes, published, there.licence, there.headers)
    make_folder(cache)
    path = Fetch(remote, cache, None, on_progress, cancelled, ending=PurePosixPath(file.name).suffix).run()
    replace(path, kept, sync=False)
    return kept


def _unpack(archive: Path, pack: FacePack, folder: Path) -> None:
    """The pack's files out of a ZIP, by their own names wherever they lie in it; nothing else of it is touched. Raises
    CannotFetch."""
    try:
        with zipfile.ZipFile(archive) as held:
            inside = {PurePosixPath(i.filename).name: i for i in held.infolist() if not i.is_dir()}
            for file in pack.files:
                if file.name not in inside:
                    raise CannotFetch(f"{archive.name} has no {file.name}: its publisher has changed the pack.")
                with held.open(inside[file.name]) as stream:
                    write_durably(folder / file.name, _checked(stream.read, file))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        remove(archive)
        raise CannotFetch(f"{archive.name} cannot be unpacked ({error}): try again.") from error


def _checked(read: Callable[[int], bytes], file: PackFile) -> Iterator[bytes]:
    """The bytes of a file; raises CannotFetch at their end, or past it, when they are not those that were published."""
    digest, size = hashlib.sha256(), 0
    for chunk in iter(lambda: read(2**20), b""):
        digest.update(chunk)
        size += len(chunk)
        if file.bytes and size > file.bytes:
            break
        yield chunk
    if (file.bytes and size != file.bytes) or (file.sha256 and digest.hexdigest() != file.sha256):
        raise CannotFetch(f"{file.name} is not the file that was published: nothing of the pack is kept.")
