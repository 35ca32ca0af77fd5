"""Which checkpoint at which strength? Places of the grid in an order, by a stated rule: the mean of a place's ranks in
identity, in identity at its weakest angle, and in following the prompt; diversity breaks ties. Identity is told by the
recogniser that lets nothing through, where there is one: what passes the gate's own has been chosen by it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import Identity
from pipelines.domain.seen import seen
from pipelines.workflow.checkpoints import BARE, place

SHOWN = ("angle", "expression")
"""What a prompt asks for that can be read off a picture."""


@dataclass(frozen=True)
class Ranked:
    """A place of the grid. ``identity``: mean cosine, by the recogniser ``judge``; ``by_angle`` the same for each
    angle; ``followed`` of ``asked``: what was asked for and is seen, of what could be told; ``diversity``: how much its
    pictures differ from each other, 0 to 1 (difference hash)."""

    step: int
    strength: float
    pictures: int
    judge: str
    identity: float | None
    by_angle: Mapping[str, float]
    followed: int
    asked: int
    diversity: float | None

    @property
    def weakest(self) -> tuple[str, float] | None:
        """The angle of the lowest identity."""
        return min(self.by_angle.items(), key=lambda x: x[1]) if self.by_angle else None

    @property
    def words(self) -> str:
        """In a line."""
        where = "the base model" if (self.step, self.strength) == BARE else f"step {self.step} at {self.strength:g}"
        who = "identity not measured" if self.identity is None else f"identity {self.identity:.2f}"
        weak = f" (weakest {self.weakest[0]}: {self.weakest[1]:.2f})" if self.weakest else ""
        asked = f", {self.followed} of {self.asked} as asked" if self.asked else ""
        differ = f", diversity {self.diversity:.2f}" if self.diversity is not None else ""
        return f"{where}: {who}{weak}{asked}{differ}"


def ranking(images: Sequence[ImageRecord]) -> list[Ranked]:
    """The places of a grid, the best first; the base model last, to be held against."""
    judge = _judge(images)
    places: dict[tuple[int, float], list[ImageRecord]] = {}
    for image in images:
        places.setdefault(place(image), []).append(image)
    told = [_told(at, made, judge) for at, made in places.items()]
    ranked = [one for one in told if (one.step, one.strength) != BARE]
    bare = [one for one in told if (one.step, one.strength) == BARE]
    return [*sorted(ranked, key=lambda one: (_mean_rank(one, ranked), -(one.diversity or 0.0), one.step)), *bare]


def _judge(images: Sequence[ImageRecord]) -> str:
    """``second_opinion`` where it measured as many pictures as the recogniser of the gate did, which is usual."""
    seconds, firsts = (
        sum(bool(found and found.score is not None) for found in scores)
        for scores in ([i.scores.second_opinion for i in images], [i.scores.identity for i in images])
    )
    return "second_opinion" if seconds and seconds >= firsts else "identity"


def _told(at: tuple[int, float], images: Sequence[ImageRecord], judge: str) -> Ranked:
    scores, by_angle, name = [], {}, ""
    for image in images:
        found: Identity | None = getattr(image.scores, judge)
        if found is not None and found.score is not None:
            scores.append(found.score)
            name = found.recogniser
            by_angle.setdefault(_asked(image).get("angle", "unsure"), []).append(found.score)
    marks = [mark for image in images for mark in _followed(image)]
    hashes = [int(i.dhash, 16) for i in images if i.dhash]
    pairs = [(a ^ b).bit_count() / 64 for a, b in combinations(hashes, 2)]
    means = {angle: fmean(of) for angle, of in by_angle.items() if angle != "unsure"}
    return Ranked(
        *at, len(images), name, fmean(scores) if scores else None, means, sum(marks), len(marks),
        fmean(pairs) if pairs else None,
    )  # fmt: skip


def _asked(image: ImageRecord) -> dict[str, str]:
    return image.shot.purpose.labels if image.shot else {}


def _followed(image: ImageRecord) -> list[bool]:
    """Of each thing that was asked for and can be told: whether it is seen."""
    asked = _asked(image)
    facts = [(asked[what], seen(image, what)) for what in SHOWN if asked.get(what)]
    return [fact.value == wanted for wanted, fact in facts if fact.known]


def _mean_rank(one: Ranked, all_of: Sequence[Ranked]) -> float:
    def rank(value: float | None, values: Sequence[float | None]) -> int:
        return len(values) if value is None else sum(v is not None and v > value for v in values)

    followed = [x.followed / x.asked if x.asked else None for x in all_of]
    ranks = [
        rank(one.identity, [x.identity for x in all_of]),
        rank(one.weakest[1] if one.weakest else None, [x.weakest[1] if x.weakest else None for x in all_of]),
        rank(one.followed / one.asked if one.asked else None, followed),
    ]
    return fmean(ranks)
