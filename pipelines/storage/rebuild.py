"""Restoring the records from the files alone: from their copies beside the files (``storage.mirror``), and what those
do not know from the pictures themselves, since every PNG carries its recipe."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast, get_args

from PIL import Image

from pipelines.domain.records import (
    Character,
    DatasetKind,
    DatasetVersion,
    ImageRecord,
    LoraRecord,
    Record,
    SavedStack,
    now,
)
from pipelines.storage.atomic import make_folder, replace
from pipelines.storage.copies import KINDS, Copies, read_copies
from pipelines.storage.journal import Journal, StoreDamaged
from pipelines.storage.lock import WorkspaceLock
from pipelines.storage.migrations import MadeByNewer
from pipelines.storage.pictures import read_recipe, thumbnail
from pipelines.storage.store import Store
from pipelines.storage.upgrade import BACKUPS
from pipelines.storage.workspace import Workspace

# folders with copies of pictures, or with files that are not ours: a picture's own place counts first
_COPIES = ("pristine", "qwen_training")
_FOREIGN = ("originals",)


@dataclass
class Report:
    """What a rebuild found. ``restored`` and ``moved`` are picture ids; ``records`` counts what came back by table;
    ``unreadable``, ``newer`` (made by a newer FLENwheel) and ``missing`` are paths; ``left_out`` are paths of pictures
    that were brought in and of LoRA files that no record knows: whether they were let in cannot be told; ``lost`` says
    in words what else could not be restored; ``datasets`` are the dataset versions that were restored or completed;
    ``known`` counts the pictures that needed nothing."""

    restored: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    known: int = 0
    records: dict[str, int] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    datasets: list[str] = field(default_factory=list)


def rebuild(workspace: Workspace, store: Store) -> Report:
    """Put back what the store lacks, or has only as it was before: from the copies of the records, and from every
    picture below ``characters/`` that was made here. A record of a file comes back when the file is there.

    Thumbnails are made where they are missing. Raises StoreWriteFailed and OSError.
    """
    copies = read_copies(workspace, store)
    report = Report(newer=list(copies.newer), lost=list(copies.lost))
    found = _read_pictures(workspace, report)
    fresh = _pictures_to_restore(workspace, store, copies, found, report)
    _put_back(store, [*fresh, *_others(workspace, copies, report)], report)
    _restore_datasets(store, found, copies, report)
    gone = (record for record in store.all(ImageRecord) if not workspace.path(record.path).exists())
    report.missing += [record.path for record in gone]
    _name_the_rest(workspace, store, report)
    store.mirrored(compare=True)
    return report


def put_away_unreadable(root: Path) -> Path | None:
    """Move the files of the records into a folder below ``backups`` when nothing can be made of them together, so that
    a rebuild can begin anew; the folder, or None when they can be read or are of a newer FLENwheel. Raises OSError, and
    WorkspaceBusy."""
    root = root.resolve()
    journal = Journal(root)
    if not journal.files():
        return None
    with WorkspaceLock(root):
        try:
            journal.load()
        except StoreDamaged:
            aside = root / BACKUPS / f"{now():%Y%m%d-%H%M%S-%f}-unreadable"
            make_folder(aside)
            for path in journal.files():
                replace(path, aside / path.name)
            return aside
    return None


# ---- pictures


def _read_pictures(workspace: Workspace, report: Report) -> dict[str, ImageRecord]:
    """Every whole picture by its id, as its recipe says."""
    found: dict[str, ImageRecord] = {}
    for path in _pictures(workspace):
        relative = workspace.relative(path)
        try:
            record = read_recipe(path, relative)
        except MadeByNewer:
            report.newer.append(relative)
            continue
        if record is None or (record.id not in found and not _sound(workspace, record)):
            report.unreadable.append(relative)
        else:
            found.setdefault(record.id, record)
    return found


def _pictures(workspace: Workspace) -> Iterator[Path]:
    paths = (workspace.root / "characters").rglob("*.png")
    paths = (p for p in paths if p.is_file())
    ours = (p for p in paths if not p.name.startswith(".") and not set(_FOREIGN) & set(p.parts) and workspace.holds(p))
    return iter(sorted(ours, key=lambda p: (bool(set(_COPIES) & set(p.parts)), p)))


def _sound(workspace: Workspace, record: ImageRecord) -> bool:
    """Whether the pixels can be decoded. Making the thumbnail does so; where there is one, the file was whole."""
    try:
        if not workspace.thumbnail(record.id, 256).exists():
            with Image.open(workspace.path(record.path), formats=["PNG"]) as image:
                image.load()
            thumbnail(workspace, record)
    except (OSError, SyntaxError, ValueError):
        return False
    return True


def _pictures_to_restore(
    workspace: Workspace, store: Store, copies: Copies, found: dict[str, ImageRecord], report: Report
) -> list[tuple[int, Record]]:
    """The records of pictures that are to be put, those of the copies first: they know what was said of them later."""
    fresh: list[tuple[int, Record]] = []
    for place, copied in copies.of(ImageRecord):
        record = _where_it_lies(workspace, cast(ImageRecord, copied), found)
        if record is None:
            report.missing.append(cast(ImageRecord, copied).path)
        elif record.path not in report.unreadable:
            fresh.append((place, record))
    report.restored = [id for _, record in fresh if store.get(ImageRecord, id := record.id) is None]
    copied_ids = {record.id for _, record in fresh}
    others = [record for record in found.values() if record.id not in copied_ids]
    fresh += [(0, record) for record in _known_to_files_alone(workspace, store, others, report)]
    return fresh


def _known_to_files_alone(
    workspace: Workspace, store: Store, found: list[ImageRecord], report: Report
) -> Iterator[ImageRecord]:
    """Of the pictures that the copies have nothing new about: those that were moved, and those that were made here."""
    for record in sorted(found, key=lambda r: (r.created, r.path)):
        known = store.get(ImageRecord, record.id)
        if known is not None and workspace.path(known.path).exists():
            report.known += 1
        elif known is not None:
            report.moved.append(record.id)
            yield known.model_copy(update={"path": record.path})
        elif record.shot is None:
            report.left_out.append(record.path)
        else:
            report.restored.append(record.id)
            yield record


def _where_it_lies(workspace: Workspace, record: ImageRecord, found: dict[str, ImageRecord]) -> ImageRecord | None:
    if workspace.path(record.path).is_file():
        return record
    other = found.get(record.id)
    return other and record.model_copy(update={"path": other.path})


# ---- the other records


def _others(workspace: Workspace, copies: Copies, report: Report) -> Iterator[tuple[int, Record]]:
    for kind in KINDS.values():
        for place, record in copies.of(kind) if kind is not ImageRecord else ():
            if isinstance(record, LoraRecord) and not workspace.lora_file(record.path).is_file():
                report.missing.append(record.path)
            else:
                yield place, record


def _put_back(store: Store, kept: list[tuple[int, Record]], report: Report) -> None:
    store.put_back(*kept)
    for _, record in kept:
        report.records[record.table] = report.records.get(record.table, 0) + 1


def _restore_datasets(store: Store, found: dict[str, ImageRecord], copies: Copies, report: Report) -> None:
    """Put pictures that only their files knew back into the dataset version that they were made for, unless it is
    frozen."""
    report.datasets = [record.id for _, record in copies.of(DatasetVersion)]
    lost: dict[tuple[str, str, str], list[str]] = {}
    for image_id in report.restored:
        record = found.get(image_id)
        if record and (ImageRecord.table, image_id) not in copies.kept and record.kind in get_args(DatasetKind):
            lost.setdefault((record.character, record.kind, record.version), []).append(image_id)
    for (character, kind, version), ids in lost.items():
        name = f"{character}/{kind}/{version}"
        dataset = store.get(DatasetVersion, name)
        if dataset is None:
            dataset = DatasetVersion(id=name, character=character, kind=kind, version=version)  # type: ignore[arg-type]
        absent = tuple(id for id in ids if id not in dataset.images)
        if dataset.frozen or not absent:
            continue
        store.put(dataset.model_copy(update={"images": dataset.images + absent}))
        report.datasets.append(name)


def _name_the_rest(workspace: Workspace, store: Store, report: Report) -> None:
    """Say whose pictures are there without a record of who that is, and which LoRA files nobody knows."""
    strangers = {record.character for record in store.all(ImageRecord)} - {c.id for c in store.all(Character)}
    report.lost += [
        f"No record says who {name!r} is: create the character again (flenwheel import --new), then its pictures show."
        for name in sorted(strangers)
    ]
    report.lost += _loras_not_here(store, report)
    known = {record.path for record in store.all(LoraRecord)}
    files = [*workspace.root.glob("loras/*.safetensors"), *workspace.root.glob("characters/*/models/*/*/*.safetensors")]
    paths = sorted(workspace.relative(path) for path in files if workspace.holds(path) and path.name[0] != ".")
    report.left_out += [path for path in paths if path not in known]


def _loras_not_here(store: Store, report: Report) -> list[str]:
    """The LoRAs that restored pictures and saved stacks name and nobody has, as when a character came alone."""
    restored = [image for id in report.restored if (image := store.get(ImageRecord, id)) and image.shot]
    stacks = [image.shot.stack for image in restored if image.shot] + [s.stack for s in store.all(SavedStack)]
    named = {a.sha256: a.name for stack in stacks for a in stack.adapters}
    gone = sorted(name for sha, name in named.items() if store.get(LoraRecord, sha) is None)
    return [f"The LoRA {name!r} is not here: its pictures are, and its file can be brought in again." for name in gone]
