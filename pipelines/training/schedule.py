"""Which pictures each step looks at: phases by focus, the sources' share, weights, dropped captions.

All of it is a function of seed and step, so a resumed run continues as if it had never stopped.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from pipelines.domain.presets import Phase, TrainingSettings
from pipelines.domain.requests import TrainItem
from pipelines.training.flow_matching import generator

SOURCE = "source"
EVERYTHING = Phase(name="all", share=1, focus="all")


@dataclass(frozen=True)
class Draw:
    """One example of a step: the item's index, whether its caption is dropped, and which of the settings' ``sides`` it
    is seen at."""

    index: int
    dropped: bool
    side: int = 0


def phase_at(phases: Sequence[Phase], step: int, steps: int) -> Phase:
    """The phase of ``step`` (counted from 0) of ``steps``. Shares are taken relative to their sum."""
    total, end = sum(p.share for p in phases), 0.0
    for phase in phases:
        end += phase.share / total
        if step < round(end * steps):
            return phase
    return phases[-1] if phases else EVERYTHING


def sampling_weights(items: Sequence[TrainItem], focus: str, source_share: float) -> list[float]:
    """The probability of each item, summing to 1.

    Items outside ``focus`` get 0. Where there are both sources and others, the sources together get ``source_share``
    however few they are: real pictures keep their say in every round, which is what holds drift back; with a share of 0
    they count like all others. Within each group an item's share is its ``weight``. A focus that no item has falls back
    to all items.
    """
    pool = [focus in ("all", item.focus) for item in items]
    if not any(pool):
        pool = [True] * len(items)
    raw = [item.weight if inside else 0.0 for item, inside in zip(items, pool, strict=True)]
    sources = sum(w for w, item in zip(raw, items, strict=True) if item.origin == SOURCE)
    others = sum(raw) - sources
    if not sources or not others or not source_share:
        return [w / (sources + others) for w in raw]
    return [
        w / sources * source_share if item.origin == SOURCE else w / others * (1 - source_share)
        for w, item in zip(raw, items, strict=True)
    ]


class Schedule:
    """Draws the examples of every step."""

    def __init__(self, items: Sequence[TrainItem], settings: TrainingSettings):
        self.settings = settings
        phases = settings.phases or (EVERYTHING,)
        self.warnings = [
            f'Phase "{p.name}" wants {p.focus} pictures and there are none: it uses all pictures.'
            for p in phases
            if p.focus != "all" and not any(i.focus == p.focus for i in items)
        ]
        self._weights = {
            p.focus: torch.tensor(sampling_weights(items, p.focus, settings.source_share), dtype=torch.float64)
            for p in phases
        }

    def draw(self, step: int, part: int) -> list[Draw]:
        """The examples of accumulation part ``part`` of ``step`` (both from 0): ``batch`` of them."""
        s = self.settings
        weights = self._weights[phase_at(s.phases, step, s.steps).focus]
        source = generator(s.seed, "draw", step, part)
        chosen = torch.multinomial(weights, s.batch, replacement=True, generator=source)
        dropped = torch.rand(s.batch, generator=source) < s.caption_dropout
        sides = [0] * s.batch
        if len(s.sides) > 1:
            sides = torch.randint(len(s.sides), (s.batch,), generator=source).tolist()
        return [Draw(int(i), bool(d), side) for i, d, side in zip(chosen, dropped, sides, strict=True)]

    def learning_rate(self, step: int) -> float:
        """The learning rate of ``step`` (from 0): a linear warmup, then constant, or half a cosine down to zero
        (Loshchilov & Hutter 2017, arXiv 1608.03983, without restarts)."""
        s = self.settings
        if step < s.warmup:
            return s.learning_rate * (step + 1) / s.warmup
        if s.lr_scheduler == "constant":
            return s.learning_rate
        done = (step - s.warmup) / max(1, s.steps - s.warmup)
        return s.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
