"""From how likely each option is to an answer, or to none. Without torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

from PIL import Image, ImageOps

from pipelines.domain.reading import UNSURE, Question, Reading
from pipelines.readers.base import Reader


@dataclass(frozen=True)
class Answer:
    """``value`` of the likeliest option, or ``unsure`` where its lead is less than the question's margin; how likely
    each value is (they add up to 1)."""

    value: str
    likely: float
    lead: float
    shares: dict[str, float]


def answer(reader: Reader, question: Question, pictures: Sequence[Image.Image], prompt: str) -> Answer:
    """What a reader answers. A question with a mirror is asked of the mirror images, too."""
    words = [option.words for option in question.options]
    shares = _by_value(question, reader.likelihoods(pictures, prompt, words), lambda value: value)
    if question.mirrored:
        turned = [ImageOps.mirror(picture) for picture in pictures]
        swap = question.mirrored
        others = _by_value(question, reader.likelihoods(turned, prompt, words), lambda value: swap.get(value, value))
        shares = _together(shares, others)
    return decided(shares, question.margin)


def decided(shares: dict[str, float], margin: float) -> Answer:
    """The likeliest value, if it leads by ``margin``."""
    (best, likely), *rest = sorted(shares.items(), key=lambda item: -item[1])
    lead = likely - rest[0][1] if rest else 1.0
    return Answer(best if lead >= margin else UNSURE, likely, lead, shares)


def _by_value(question: Question, likelihoods: Sequence[float], named: Callable[[str], str]) -> dict[str, float]:
    """Likelihoods of values: several options may mean the same."""
    shares: dict[str, float] = {}
    for option, likelihood in zip(question.options, likelihoods, strict=True):
        value = named(option.value)
        shares[value] = shares.get(value, 0.0) + likelihood
    return shares


def _together(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """The geometric mean of two opinions, as shares: what one of them finds impossible stays so."""
    both = {value: sqrt(one[value] * other.get(value, 0.0)) for value in one}
    total = sum(both.values()) or 1.0
    return {value: share / total for value, share in both.items()}


def reading(question: Question, found: Answer, reader: Reader, batch: str, other: str = "") -> Reading:
    """An answer as it is kept."""
    return Reading(
        fact=question.fact, value=found.value, likely=round(found.likely, 4), lead=round(found.lead, 4),
        reader=reader.preset.name, model=reader.model, other=other, batch=batch,
    )  # fmt: skip
