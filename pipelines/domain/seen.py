"""What machines see in a picture: each reader that is here is a witness. What they agree on is seen; where two disagree
nobody knows. What a human says stands above this, and is asked first by whoever asks here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from pipelines.domain.reading import UNSURE
from pipelines.domain.records import ImageRecord

Measured = Literal["angle", "expression", "framing", "pose"]
RECOGNISER = "the recogniser"
_NOTHING = ("", UNSURE)


@dataclass(frozen=True)
class Seen:
    """``value`` (``unsure``: nobody can tell, or two say different things), who says so, and why nothing is known."""

    value: str = UNSURE
    by: tuple[str, ...] = ()
    why: str = ""

    @property
    def known(self) -> bool:
        """Whether the witnesses agree on something."""
        return self.value != UNSURE


def seen(image: ImageRecord, name: Measured, recogniser: str = RECOGNISER) -> Seen:
    """What readers agree on. ``recogniser``: what scores that name none are of."""
    told = [(by, value) for by, value in witnesses(image, name, recogniser) if value not in _NOTHING]
    values = dict.fromkeys(value for _, value in told)
    if len(values) == 1:
        return Seen(told[0][1], tuple(by for by, _ in told))
    return Seen(why=", ".join(f"{by} sees {value}" for by, value in told))


def witnesses(image: ImageRecord, name: Measured, recogniser: str = RECOGNISER) -> Iterator[tuple[str, str]]:
    """Who looked for it, and what each says: the recogniser and the readers beside it, then the models that were
    asked."""
    scores = image.scores
    if scores.quality is not None or getattr(scores, name) not in _NOTHING:
        yield (scores.identity.recogniser if scores.identity else "") or recogniser, getattr(scores, name)
    yield from ((reading.reader, reading.value) for reading in image.readings if reading.fact == name)
