"""What sources show, and who says so: a human, else what was asked for and what was measured where these agree."""

from dataclasses import dataclass
from typing import Literal, get_args

from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import Angle, Expression, Framing
from pipelines.domain.seen import RECOGNISER, seen, witnesses
from pipelines.session import Session
from pipelines.workflow import reading as readers_of

Tag = Literal["angle", "expression", "framing"]
TAGS: tuple[Tag, ...] = get_args(Tag)
WORDS: dict[Tag, tuple[str, ...]] = {
    "angle": get_args(Angle), "expression": get_args(Expression), "framing": get_args(Framing),
}  # fmt: skip
ANGLE_READERS = ("insightface", "facenet", "upright")
"""Kinds of recognisers that see which way a head is turned."""
YOU = "you"


@dataclass(frozen=True)
class Said:
    """``value`` (``unsure``: nobody can tell) and who says so: ``you``, ``asked for``, a recogniser's name, or why it
    is not known."""

    value: str
    by: str

    @property
    def known(self) -> bool:
        """Whether anybody says something."""
        return self.value != "unsure"


def readers(session: Session, character_id: str) -> dict[Tag, str]:
    """Who can read each tag of the character's pictures here, the recogniser and the models that are asked; empty where
    nobody can."""
    asked = [here.preset for here in readers_of.known(session, character_id) if here.answers and not here.lacking]
    names: dict[Tag, list[str]] = {tag: [_recogniser(session, character_id)[tag]] for tag in TAGS}
    for preset in asked:
        facts = {question.fact for question in readers_of.questions(session, preset)}
        for tag in TAGS:
            names[tag] += [preset.name] if tag in facts else []
    return {tag: ", ".join(filter(None, named)) for tag, named in names.items()}


def _recogniser(session: Session, character_id: str) -> dict[Tag, str]:
    """Which recogniser reads each tag; empty where none does."""
    presets = session.presets
    face = presets.faces.get(session.family(session.character(character_id).generator).recogniser)
    if face is None:
        return dict.fromkeys(TAGS, "")
    heads = face.name if face.heads else ""
    return {"angle": face.name if face.kind in ANGLE_READERS else "", "expression": heads, "framing": heads}


def said(session: Session, image: ImageRecord, reading: dict[Tag, str] | None = None) -> dict[Tag, Said]:
    """What a picture shows, tag by tag. What a human said wins; where what was asked for and what was measured disagree
    it is ``unsure``."""
    reading = readers(session, image.character) if reading is None else reading
    return {tag: _said(image, tag, reading[tag]) for tag in TAGS}


def _said(image: ImageRecord, tag: Tag, reader: str) -> Said:
    if (human := getattr(image, tag)) != "unsure":
        return Said(human, YOU)
    own = reader.partition(",")[0] or RECOGNISER
    found = seen(image, tag, own)
    asked = image.shot.purpose.labels.get(tag, "unsure") if image.shot else "unsure"
    by = " and ".join(found.by)
    if found.why:
        return Said("unsure", found.why)
    if found.known and asked not in ("unsure", found.value):
        return Said("unsure", f"asked for {asked}, {by} sees {found.value}")
    if found.known:
        return Said(found.value, by)
    if asked != "unsure":
        return Said(asked, "asked for")
    if not reader:
        return Said("unsure", "no reader of this is here: say it yourself")
    looked = [by for by, _ in witnesses(image, tag, own)]
    if not looked:
        return Said("unsure", f"not looked at yet by {reader}")
    return Said("unsure", f"{' and '.join(looked)} cannot tell")
