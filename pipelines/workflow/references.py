"""What the editor sees beside the pictures that it edits, as a person chooses it in Survey and Enrich."""

from dataclasses import dataclass
from typing import TypedDict

from pipelines.domain.records import ImageRecord
from pipelines.session import NotFound, Session
from pipelines.workflow import review, sources


@dataclass(frozen=True)
class Beside:
    """``references``: how many more sources are shown beside each (0-2), the nearest to what is asked for, unless
    ``named`` says which (ids). ``control``: the picture (an id) whose luminance map is shown, for LoRAs that go by
    one."""

    references: int = 0
    named: tuple[str, ...] = ()
    control: str = ""


class SeenBeside(TypedDict):
    """The same as a plan's choice has it."""

    references: int
    beside: tuple[ImageRecord, ...]
    known: tuple[ImageRecord, ...]
    control: ImageRecord | None


def seen_beside(session: Session, character_id: str, beside: Beside) -> SeenBeside:
    """The pictures themselves. Raises NotFound for one that is no source of the character, or none of its pictures."""
    known = {s.id: tagged(s) for s in sources.sources(session, character_id)}
    if lost := [i for i in beside.named if i not in known]:
        raise sources.not_a_source(lost)
    control = review.get(session, beside.control) if beside.control else None
    if control and control.character != character_id:
        raise NotFound(f"{beside.control[:12]} is a picture of another character.")
    return {
        "references": beside.references,
        "beside": tuple(known[i] for i in dict.fromkeys(beside.named)),
        "known": tuple(known.values()),
        "control": control,
    }


def tagged(source: ImageRecord) -> ImageRecord:
    """A source with what it shows, as far as anybody knows."""
    return source.model_copy(update={"angle": sources.angle_of(source), "expression": sources.expression_of(source)})
