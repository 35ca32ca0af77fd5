"""Readers at work: who reads the pictures of a character, captions written by a machine, and facts read off pictures.

A caption that a human wrote, brought along or edited is never touched: what a machine writes stands apart
(``ImageRecord.described``) and counts where no human's words stand. What is read is one opinion among others
(``domain.seen``); a human's tag stands above all of them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pipelines.domain.reading import UNSURE, Fact, Question, ReaderPreset
from pipelines.domain.records import Character, ImageRecord, Job, Record, new_id
from pipelines.domain.requests import CaptionRequest, ReadRequest, ToRead
from pipelines.domain.words import count
from pipelines.engine import lone_part
from pipelines.queue.admission import NotAllowed
from pipelines.session import NotFound, Session
from pipelines.storage.served import NotHere, address
from pipelines.workflow import sources
from pipelines.workflow.captions import by_hand
from pipelines.workflow.review import get

TAGGED = ("angle", "expression", "framing")
"""Facts that a human can say with a tag: there readers are held against what was said."""
Readable = Literal["source", "enriched", "synthetic", "card"]
READABLE: tuple[Readable, ...] = get_args(Readable)
NOBODY = "Nobody who reads pictures is here"


@dataclass(frozen=True)
class Here:
    """A reader for a character. ``lacking``: why it cannot work now, in words (empty: it can)."""

    preset: ReaderPreset
    lacking: str

    @property
    def answers(self) -> bool:
        """Whether it answers questions besides captioning."""
        return self.preset.kind != "openai"


@dataclass(frozen=True)
class Agreement:
    """How a reader's answers on one fact stand to a human's tags of the same pictures."""

    fact: Fact
    same: int
    other: int
    unsure: int

    @property
    def words(self) -> str:
        """Said beside the reader."""
        all_ = self.same + self.other + self.unsure
        return f"{self.fact}: as you said {self.same} of {all_} times, otherwise {self.other}, unsure {self.unsure}"


def known(session: Session, character_id: str) -> list[Here]:
    """The readers that could look at the character's pictures, those that can work first; one that knows only another
    world than the character's is none. Raises NotFound."""
    presets, character = session.presets, session.character(character_id)
    worlds = {presets.models[m].world for m in (character.generator, character.editor) if m in presets.models}
    fit = [r for r in presets.readers.values() if (r.world in worlds if r.world else worlds != {"mini"})]
    found = [Here(preset, _lacking(session, preset)) for preset in fit]
    editors = (character.editor,)
    return sorted(found, key=lambda here: (bool(here.lacking), not set(editors) & set(here.preset.models)))


def _lacking(session: Session, preset: ReaderPreset) -> str:
    if preset.kind == "openai":
        try:
            address(session.settings.captioner_address)
        except NotHere as error:
            return str(error)
        return ""
    found = lone_part.find(preset, session.presets, session.workspace, session.settings)
    return found if isinstance(found, str) else lone_part.why_not(found, session.settings)


def reader(session: Session, character_id: str, name: str = "", *, answers: bool = False) -> Here:
    """Who reads: the one that is named, else that of Settings, else the first that can. ``answers``: it must answer
    questions. Raises NotFound for a name that is none, NotAllowed, in words, when nobody can."""
    wanted, there = name or session.settings.reader, known(session, character_id)
    if wanted:
        chosen = next((here for here in there if here.preset.name == wanted), None)
        if chosen is None:
            names = ", ".join(here.preset.name for here in there) or "none"
            raise NotFound(f"There is no reader {wanted!r} for this character (known: {names}).")
        there = [chosen]
    able = [here for here in there if here.answers or not answers]
    if not able:
        names = ", ".join(here.preset.title for here in there)
        raise NotAllowed(f"{names}: captions pictures; it answers no questions." if there else f"{NOBODY}.")
    if able[0].lacking:
        raise NotAllowed(able[0].lacking)
    return able[0]


def who(session: Session, character_id: str, *, answers: bool = False) -> tuple[str, str]:
    """Who reads the character's pictures, by what people call it, and why nobody can ("": somebody can)."""
    try:
        return reader(session, character_id, answers=answers).preset.title, ""
    except (NotAllowed, NotFound) as why:
        return "", str(why)


def to_caption(session: Session, images: Iterable[ImageRecord], *, again: bool = False) -> list[ImageRecord]:
    """Those of the pictures whose caption a machine may write: no human wrote one. ``again``: also where a machine did
    already."""
    found = list(images)
    return [i for i in found if not by_hand(session.character(i.character), i) and (again or i.described is None)]


def caption(
    session: Session, character_id: str, images: Sequence[ImageRecord], *, name: str = "", prompt: str = "",
    again: bool = False,
) -> Job:  # fmt: skip
    """Have pictures captioned that no human wrote a caption for. Raises NotFound, and NotAllowed when there are none or
    nobody can."""
    character = session.character(character_id)
    here = reader(session, character_id, name)
    found = to_caption(session, images, again=again)
    if not found:
        why = "each has a human's caption" if again else "each has a caption of a human or a machine already"
        raise NotAllowed(f"There is no picture to caption: {why}.")
    prompts = {p.name: p for p in session.presets.caption_prompts}
    wanted = prompt or here.preset.caption
    if wanted not in prompts:
        raise NotFound(f"There is no caption prompt {wanted!r} (known: {', '.join(prompts)}).")
    own = here.preset.caption_prompt(prompts[wanted])
    request = CaptionRequest(
        character=character_id, reader=here.preset.name, images=tuple(i.ref for i in found),
        prompt=own.asked(character.instance, character.kind), prompt_name=wanted, begun=character.instance,
        batch=new_id(),
    )  # fmt: skip
    return session.jobs.submit(request, f"Caption {count(len(found), 'picture')}", character_id)


def read(session: Session, character_id: str, images: Sequence[ImageRecord], *, name: str = "") -> Job:
    """Have facts read off pictures. Raises NotFound, and NotAllowed when there are none or nobody can."""
    character = session.character(character_id)
    here = reader(session, character_id, name, answers=True)
    if not images:
        raise NotAllowed("There is no picture to read.")
    asked = tuple(questions(session, here.preset))
    beside = _reference(session, character_id)
    request = ReadRequest(
        character=character_id, reader=here.preset.name, images=tuple(_to_read(session, i, beside) for i in images),
        questions=asked, called=character.kind, batch=new_id(),
    )  # fmt: skip
    return session.jobs.submit(request, f"Read {count(len(images), 'picture')}", character_id)


def pictures(session: Session, character_id: str, kind: Readable) -> list[ImageRecord]:
    """The pictures of a kind that nobody rejected. Raises NotFound."""
    session.character(character_id)
    found = [i for i in session.store.all(ImageRecord, character=character_id) if i.kind == kind]
    return [i for i in found if session.store.verdict(i.id).label != "reject"]


def questions(session: Session, preset: ReaderPreset) -> list[Question]:
    """What a reader is asked."""
    return [q for q in session.presets.questions if q.name in preset.questions or not preset.questions]


def _reference(session: Session, character_id: str) -> ImageRecord | None:
    """The picture that others are held against: the first confirmed front view among the sources, else the first."""
    standing = {reference.image.id for reference in sources.references(session, character_id)}
    found = [s for s in sources.sources(session, character_id) if s.id in standing]
    return next((s for s in found if sources.angle_of(s) == "front"), found[0] if found else None)


def _to_read(session: Session, image: ImageRecord, beside: ImageRecord | None) -> ToRead:
    shot = image.shot
    source = session.store.get(ImageRecord, shot.sources[0].id) if shot and shot.sources else None
    against = beside.ref if beside and beside.id != image.id else None
    return ToRead(
        image=image.ref, source=source.ref if source else None, instruction=shot.prompt if shot and source else "",
        beside=against,
    )  # fmt: skip


def still_to_caption(session: Session, request: CaptionRequest) -> CaptionRequest:
    """The request without pictures that a human has captioned since, or that were captioned for it already."""
    character = session.character(request.character)
    there = ((ref, session.store.get(ImageRecord, ref.id)) for ref in request.images)
    left = tuple(ref for ref, image in there if image and _open(character, image, request.batch))
    return request.model_copy(update={"images": left})


def _open(character: Character, image: ImageRecord, batch: str) -> bool:
    done = image.described is not None and image.described.batch == batch
    return not done and not by_hand(character, image)


def still_to_read(session: Session, request: ReadRequest) -> ReadRequest:
    """The request without pictures that were read for it already."""
    there = ((one, session.store.get(ImageRecord, one.image.id)) for one in request.images)
    left = tuple(one for one, i in there if i and not any(r.batch == request.batch for r in i.readings))
    return request.model_copy(update={"images": left})


def forget(session: Session, images: Iterable[str]) -> int:
    """Take back captions that a machine wrote; how many. Raises NotFound."""
    with session.store.alone():
        there = [image for image in (get(session, i) for i in images) if image.described]
        back: list[Record] = [image.model_copy(update={"described": None}) for image in there]
        session.store.put(*back)
    return len(back)


def agreement(session: Session, character_id: str, name: str) -> list[Agreement]:
    """What a reader's answers are worth by a human's tags: of pictures that have both, fact by fact."""
    images = session.store.all(ImageRecord, character=character_id)
    told: dict[Fact, Counter[str]] = {}
    for image in images:
        for one in image.readings:
            said = getattr(image, one.fact, UNSURE) if one.fact in TAGGED else UNSURE
            if one.reader == name and said != UNSURE:
                how = "unsure" if one.value == UNSURE else "same" if one.value == said else "other"
                told.setdefault(one.fact, Counter())[how] += 1
    return [Agreement(fact, c["same"], c["other"], c["unsure"]) for fact, c in told.items()]
