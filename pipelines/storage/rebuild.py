"""Restoring the records of pictures from the files alone: every PNG carries its recipe."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from PIL import Image

from pipelines.domain.records import DatasetKind, DatasetVersion, ImageRecord
from pipelines.storage.migrations import MadeByNewer
from pipelines.storage.pictures import read_recipe, thumbnail
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

# folders with copies of pictures, or with files that are not ours: a picture's own place counts first
_COPIES = ("pristine", "qwen_training")
_FOREIGN = ("originals",)
BATCH = 200


@dataclass
class Report:
    """What a rebuild found. ``restored`` and ``moved`` are picture ids; ``unreadable``, ``newer`` (made by a newer
    FLENwheel) and ``missing`` are paths; ``datasets`` are the dataset versions that were restored or completed;
    ``known`` counts what needed nothing."""

    restored: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    known: int = 0
    unreadable: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    datasets: list[str] = field(default_factory=list)


def rebuild(workspace: Workspace, store: Store) -> Report:
    """Read every picture below ``characters/`` and put what the store lacks; what it has is left as it is.

    Thumbnails are made where they are missing. Scores, decisions and tags are not in the files and stay lost if they
    were. Raises StoreWriteFailed and OSError.
    """
    report = Report()
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
    _restore(store, workspace, found, report)
    _restore_datasets(store, found, report)
    gone = (record for record in store.all(ImageRecord) if not workspace.path(record.path).exists())
    report.missing = [record.path for record in gone]
    return report


def _pictures(workspace: Workspace) -> Iterator[Path]:
    paths = (workspace.root / "characters").rglob("*.png")
    ours = (p for p in paths if not p.name.startswith(".") and not set(_FOREIGN) & set(p.parts))
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


def _restore(store: Store, workspace: Workspace, found: dict[str, ImageRecord], report: Report) -> None:
    fresh: list[ImageRecord] = []
    for record in sorted(found.values(), key=lambda r: (r.created, r.path)):
        known = store.get(ImageRecord, record.id)
        if known is None:
            fresh.append(record)
            report.restored.append(record.id)
        elif not workspace.path(known.path).exists():
            fresh.append(known.model_copy(update={"path": record.path}))
            report.moved.append(record.id)
        else:
            report.known += 1
    for start in range(0, len(fresh), BATCH):
        store.put(*fresh[start : start + BATCH])


def _restore_datasets(store: Store, found: dict[str, ImageRecord], report: Report) -> None:
    """Put restored pictures back into the dataset version that they were made for, unless it is frozen."""
    lost: dict[tuple[str, str, str], list[str]] = {}
    for image_id in report.restored:
        record = found[image_id]
        if record.kind in get_args(DatasetKind):
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
