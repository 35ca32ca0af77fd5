"""Datasets leave as folders that other trainers read, with the captions that a LoRA learns with here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pipelines.domain.records import Correction, ImageRecord
from pipelines.session import NotFound, Session
from pipelines.storage import export as files
from pipelines.storage.atomic import new_folder
from pipelines.storage.sidecars import plain
from pipelines.workflow import pristine, review
from pipelines.workflow.captions import Captions
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.sources import sources

What = Literal["source", "enriched", "pristine", "training", "editor"]
WHAT: tuple[What, ...] = get_args(What)
TITLES: dict[What, str] = {
    "source": "sources",
    "enriched": "good enriched pictures",
    "pristine": "pristine pictures",
    "training": "pictures that the next training learns from",
    "editor": "corrections, as pairs of input and result",
}


@dataclass(frozen=True)
class Exported:
    """Where a dataset went, and its pictures."""

    folder: Path
    pictures: tuple[Path, ...]


def entries(session: Session, character_id: str, what: What) -> list[files.Entry]:
    """What a dataset holds, as it leaves. Raises NotFound for one that is empty."""
    found = _edits(session, character_id) if what == "editor" else _pictures(session, character_id, what)
    if not found:
        raise NotFound(f"{session.character(character_id).name} has no {TITLES[what]} yet.")
    return found


def _pictures(session: Session, character_id: str, what: What) -> list[files.Entry]:
    captions = Captions(session, character_id)
    groups = pristine.learnt_from(session, character_id)
    groups["source"] = sources(session, character_id)
    chosen = [image for name, images in groups.items() if what in (name, "training") for image in images]
    place, verdict = session.workspace.path, session.store.verdict
    return [files.Entry(_name(i), place(i.path), as_it_leaves(i, captions), note=verdict(i.id).note) for i in chosen]


def as_it_leaves(image: ImageRecord, captions: Captions) -> str:
    """The caption of a picture in a dataset that leaves: one that came in goes out letter for letter, unless it was
    changed here."""
    came = image.intake.caption if image.intake else ""
    return came if came and not image.caption_whole and plain(came) == image.caption else captions.of(image)


def _name(image: ImageRecord) -> str:
    if image.intake:
        return Path(image.intake.filename).stem
    cell = image.shot.purpose.cell if image.shot else ""
    return f"{cell.replace('/', '-')}-{image.id[:8]}".lstrip("-")


def _edits(session: Session, character_id: str) -> list[files.Entry]:
    return [_edit(session, c) for c in review.corrections(session, character_id)]


def _edit(session: Session, correction: Correction) -> files.Entry:
    place = session.workspace.path
    name = f"correction-{correction.target.id[:8]}"
    picture, source = place(correction.target.path), place(correction.source.path)
    return files.Entry(name, picture, correction.instruction, source, session.store.verdict(correction.target.id).note)


def write(session: Session, character_id: str, what: What, folder: Path) -> Exported:
    """Write a dataset into ``folder``, which is made: nothing is laid over what is there. Raises NotFound, NotAllowed,
    OSError."""
    found, folder = entries(session, character_id, what), folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NotAllowed(f"{folder} is there already and not empty. Name a new folder.")
    if missing := next((e.picture for e in found if not e.picture.is_file()), None):
        raise NotFound(f"The file of a picture is gone: {missing}")
    with new_folder(folder, over=False) as fresh:
        pictures = files.write(fresh, found, folder)
    return Exported(folder, tuple(folder / p.name for p in pictures))
