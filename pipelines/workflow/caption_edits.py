"""Captions of many pictures at once: listed with what is doubtful, edited together, taken back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from pipelines.domain.records import CaptionBefore, CaptionEdit, ImageRecord
from pipelines.planning import caption_edits as texts
from pipelines.planning.caption_edits import LONGEST, CaptionChange
from pipelines.session import NotFound, Session
from pipelines.workflow import datasets, tokens
from pipelines.workflow.captions import Captions, written_by
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.export import as_it_leaves
from pipelines.workflow.review import get
from pipelines.workflow.sources import angle_of, expression_of

Kind = Literal["source", "enriched", "synthetic"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class Row:
    """One picture with the caption that a LoRA learns it with, its tokens, and what is to be said of it; ``by``: who
    wrote what it is built on (``captions.written_by``)."""

    image: ImageRecord
    caption: str
    tokens: int
    notes: tuple[str, ...]
    by: str = ""


@dataclass(frozen=True)
class Listing:
    """Captions of pictures. ``notes`` are said of all of them; ``exact``: the model's own tokenizer counted; ``most``
    tokens are read; ``undo`` is what would be taken back."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    exact: bool
    most: int
    undo: CaptionEdit | None


def pictures(session: Session, character_id: str, kinds: Iterable[Kind] = KINDS, tag: str = "") -> list[ImageRecord]:
    """The pictures of these kinds that nobody rejected; ``tag``: only those that show this angle or expression, or have
    this tag in their caption."""
    session.character(character_id)
    found = [i for kind in kinds for i in datasets.pictures(session, character_id, kind)]
    there = [i for i in found if session.store.verdict(i.id).label != "reject"]
    if not tag:
        return there
    captions, wanted = Captions(session, character_id), tag.strip().casefold()
    return [
        i
        for i in there
        if wanted in (angle_of(i), expression_of(i), *(t.casefold() for t in texts.tags(captions.of(i))))
    ]


def listing(session: Session, character_id: str, images: Iterable[ImageRecord]) -> Listing:
    """Captions with what is doubtful about them. Raises NotFound."""
    character, found = session.character(character_id), list(images)
    captions, counting = Captions(session, character_id), tokens.counter(session, session.family(character.generator))
    told = {image.id: captions.of(image) for image in found}
    leave = {image.id: as_it_leaves(image, captions) for image in found}
    notes = texts.lint(
        leave, character.token, character.instance, session.presets.factors, counting.count, counting.most
    )
    rows = tuple(
        Row(i, told[i.id], counting.count(told[i.id]), tuple(notes[i.id]), written_by(character, i)) for i in found
    )
    return Listing(rows, tuple(notes[""]), counting.exact, counting.most, undoable(session, character_id))


def preview(
    session: Session, character_id: str, images: Iterable[ImageRecord], change: CaptionChange
) -> dict[str, str]:
    """The captions that a change would alter, by picture, as they would be. Raises NotAllowed for one that says
    nothing."""
    if not (change.find or change.remove.strip(" ,") or change.add.strip(" ,")):
        raise NotAllowed("Say what to find, to remove or to add.")
    captions = Captions(session, character_id)
    before = {image.id: captions.of(get(session, image.id)) for image in images}  # as they are now, not when listed
    after = {image: texts.changed(caption, change) for image, caption in before.items()}
    return {image: caption for image, caption in after.items() if caption != before[image]}


def change(
    session: Session, character_id: str, images: Iterable[ImageRecord], asked: CaptionChange
) -> CaptionEdit | None:
    """Edit captions together; None when none has what is asked for. They are learnt from then on as they stand, and
    ``undo`` takes it back. Raises NotAllowed, NotFound."""
    return write(session, character_id, preview(session, character_id, images, asked), asked.words)


def write(session: Session, character_id: str, captions: Mapping[str, str], words: str) -> CaptionEdit | None:
    """Give pictures (ids) these captions, word for word. Raises NotAllowed, NotFound."""
    if (long := max((len(c) for c in captions.values()), default=0)) > LONGEST:
        raise NotAllowed(f"A caption may have {LONGEST} characters, not {long}.")
    with session.store.alone():
        images = [get(session, image) for image in captions]
        if foreign := [i for i in images if i.character != character_id]:
            raise NotFound(f"{len(foreign)} of these pictures are of another character.")
        if not images:
            return None
        changed = tuple(
            CaptionBefore(image=i.id, caption=i.caption, whole=i.caption_whole, after=captions[i.id]) for i in images
        )
        edit = CaptionEdit(character=character_id, words=words, changed=changed)
        session.store.put(*(_with(i, captions[i.id], whole=True) for i in images), edit)
    return edit


def _with(image: ImageRecord, caption: str, *, whole: bool) -> ImageRecord:
    return image.model_copy(update={"caption": caption, "caption_whole": whole})


def undoable(session: Session, character_id: str) -> CaptionEdit | None:
    """The edit that ``undo`` takes back: the last that stands."""
    standing = [e for e in session.store.all(CaptionEdit, character=character_id) if not e.undone]
    return standing[-1] if standing else None


def undo(session: Session, character_id: str) -> tuple[CaptionEdit, int]:
    """Take the last edit back, and how many captions were. One that was changed otherwise since stays. Raises
    NotAllowed."""
    with session.store.alone():
        edit = undoable(session, character_id)
        if edit is None:
            raise NotAllowed("There is no edit of captions to take back.")
        back = []
        for before in edit.changed:
            image = session.store.get(ImageRecord, before.image)
            if image and image.caption_whole and image.caption == before.after:
                back.append(_with(image, before.caption, whole=before.whole))
        session.store.put(*back, edit.model_copy(update={"undone": True}))
    return edit, len(back)
