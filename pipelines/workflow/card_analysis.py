"""What a card says beyond its rate: where it is right, and how far it has drifted from the sources."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from pipelines.domain.rates import clustered, wilson
from pipelines.domain.records import Card, ImageRecord, LoraRecord, TrainingRun
from pipelines.domain.scores import Identity
from pipelines.domain.words import count
from pipelines.session import Session
from pipelines.storage.pictures import hamming
from pipelines.workflow import card as cards
from pipelines.workflow import datasets, sources, twins
from pipelines.workflow.card import Cell

BITS = 64
"""Of a difference hash."""


@dataclass(frozen=True)
class Part:
    """The rate of a part of the card: an angle, an expression or the whole figures (``of``, ``name``). 95 % interval:
    Wilson's, or over cells where there are several seeds."""

    of: str
    name: str
    right: int
    total: int
    low: float
    high: float

    @property
    def words(self) -> str:
        """``profile-left: 3 of 4 right (95 % interval 30-95)``."""
        low, high = 100 * self.low, 100 * self.high
        return f"{self.name}: {self.right} of {self.total} right (95 % interval {low:.0f}-{high:.0f})"


def parts(session: Session, card: Card) -> list[Part]:
    """Rates by angle and by expression of the portraits, and of the whole figures."""
    cells = [cell for board in cards.boards(session, card) for cell in board]
    heads, bodies = [c for c in cells if not c.cell.pose], [c for c in cells if c.cell.pose]
    found = [*_by("angle", heads, lambda c: c.cell.angle), *_by("expression", heads, lambda c: c.cell.expression)]
    return [*found, *_by("body", bodies, lambda c: "body")]


def _by(of: str, cells: list[Cell], name: Callable[[Cell], str]) -> Iterator[Part]:
    for value in dict.fromkeys(map(name, cells)):
        mine = [c for c in cells if name(c) == value]
        right, groups = sum(c.verdict == "right" for c in mine), cards.by_cell(mine)
        low, high = wilson(right, len(mine)) if len(groups) == len(mine) else clustered(groups)
        yield Part(of, value, right, len(mine), low, high)


@dataclass(frozen=True)
class Drift:
    """How a card's pictures lie to the original sources: the mean cosine to their centroid by the recogniser that
    gates and by the second opinion that does not (``None``: not measured), of how many pictures. ``diversity``: how far
    two of its portraits are apart on average (share of the bits of their difference hashes; ``None``: fewer than two).
    ``copies``: pictures that look like one that was learnt from (ids of both)."""

    identity: float | None
    measured: int
    second: float | None
    seconded: int
    diversity: float | None
    copies: tuple[tuple[str, str], ...]
    learnt: int

    @property
    def words(self) -> str:
        """As the card says it."""
        told = [_centroid("the recogniser", self.identity, self.measured)]
        told.append(_centroid("the second opinion", self.second, self.seconded))
        if self.diversity is not None:
            told.append(f"diversity {self.diversity:.2f}")
        told.append(f"{count(len(self.copies), 'copy', 'copies')} of {count(self.learnt, 'picture')} it learnt from")
        return f"Drift: {', '.join(told)}."


def _centroid(by: str, mean: float | None, n: int) -> str:
    return f"not measured by {by}" if mean is None else f"{mean:.2f} to the sources by {by} ({n} pictures)"


def drift(session: Session, card: Card) -> Drift:
    """How far a card's pictures have drifted from the sources, and whether they repeat what was learnt."""
    made = [i for i in datasets.pictures(session, card.character, "card", card.version) if i.shot]
    first, second = _scores(i.scores.identity for i in made), _scores(i.scores.second_opinion for i in made)
    portraits = [i.dhash for i in made if i.dhash and not (i.shot and i.shot.purpose.labels.get("pose"))]
    far = [hamming(a, b) / BITS for a, b in combinations(portraits, 2)]
    learnt = [i for i in _learnt(session, card) if i.dhash]
    near = [(i.id, other.id) for i in made if i.dhash and (other := _copied(i, learnt))]
    return Drift(
        fmean(first) if first else None, len(first), fmean(second) if second else None, len(second),
        fmean(far) if far else None, tuple(near), len(learnt),
    )  # fmt: skip


def _scores(said: Iterable[Identity | None]) -> list[float]:
    return [who.score for who in said if who is not None and who.score is not None]


def _copied(image: ImageRecord, learnt: list[ImageRecord]) -> ImageRecord | None:
    return next((o for o in learnt if hamming(image.dhash, o.dhash) <= twins.NEAR_DUPLICATE), None)


def _learnt(session: Session, card: Card) -> list[ImageRecord]:
    """What the card's LoRA learnt from; the sources where it is nobody's that was trained here."""
    lora = session.store.get(LoraRecord, card.lora) if card.lora else None
    run = session.store.get(TrainingRun, lora.run) if lora and lora.run else None
    if run is None:
        return sources.sources(session, card.character)
    return [image for i in run.images if (image := session.store.get(ImageRecord, i))]
