"""What sources show, and who says so: a human, else what was asked for and what was measured where these agree."""

from dataclasses import dataclass
from typing import Literal, get_args

from pipelines.domain.records import Angle, Expression, Framing, ImageRecord
from pipelines.session import Session

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
    """Which recogniser reads each tag of the character's pictures; empty where none does."""
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
    measured = getattr(image.scores, tag) or "unsure"
    asked = image.shot.purpose.labels.get(tag, "unsure") if image.shot else "unsure"
    by = image.scores.identity.recogniser if image.scores.identity else reader
    if "unsure" not in (asked, measured) and asked != measured:
        return Said("unsure", f"asked for {asked}, {by} sees {measured}")
    if measured != "unsure":
        return Said(measured, by)
    if asked != "unsure":
        return Said(asked, "asked for")
    if not reader:
        return Said("unsure", "no reader of this is here: say it yourself")
    if image.scores.quality is None:
        return Said("unsure", f"{reader} has not looked yet")
    return Said("unsure", f"{reader} cannot tell")
