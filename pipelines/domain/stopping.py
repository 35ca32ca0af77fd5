"""When the wheel has turned often enough: one rule, of what cards measured alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.domain.rates import mcnemar, wilson
from pipelines.domain.words import count

Reason = Literal["proven", "no gain", "not measured", "go on"]
SURE = 0.05
"""The p below which a difference counts as one."""
PATIENCE = 2
"""Rounds without a proven gain after which another is not worth its time."""


@dataclass(frozen=True)
class Measurement:
    """What the cards of one round's LoRA say. ``cells``: each cell at each seed (by any name that is the same in every
    round), right, wrong, or ``None`` where it waits for eyes or is missing."""

    version: str
    cells: Mapping[str, bool | None]

    @property
    def right(self) -> int:
        """Cells that are right at the first try."""
        return sum(verdict is True for verdict in self.cells.values())

    @property
    def whole(self) -> bool:
        """Whether there is a card, and every cell of it is judged."""
        return bool(self.cells) and None not in self.cells.values()

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate (Wilson); what is not judged counts as not right."""
        return wilson(self.right, len(self.cells))

    @property
    def words(self) -> str:
        """``v2: 19 of 23 right (95 % interval 63-93)``."""
        low, high = self.interval
        rate = f"{self.right} of {len(self.cells)} right"
        return f"{self.version}: {rate} (95 % interval {low * 100:.0f}-{high * 100:.0f})"


@dataclass(frozen=True)
class Gain:
    """A later round held against an earlier one. ``gained`` and ``lost`` are cells that are right in one alone, of
    ``pairs`` judged in both at the same seed; without such pairs ``p`` is ``None`` and the intervals decide."""

    earlier: str
    later: str
    gained: int
    lost: int
    pairs: int
    p: float | None
    proven: bool

    @property
    def words(self) -> str:
        """What can be said of it."""
        if self.p is None:
            apart = "lie apart" if self.proven else "overlap"
            return f"{self.earlier} to {self.later}: no cell at the same seed, the intervals {apart}"
        return (
            f"{self.earlier} to {self.later}: {self.gained} gained, {self.lost} lost of {self.pairs}, p = {self.p:.2g}"
        )


@dataclass(frozen=True)
class Advice:
    """Whether to turn the wheel again. ``version`` is the LoRA to use as things stand (empty: none is measured)."""

    stop: bool
    reason: Reason
    version: str
    words: str


def gain(earlier: Measurement, later: Measurement) -> Gain:
    """Whether ``later`` is proven better: McNemar's exact test (two-sided) over the cells judged in both at the same
    seed, and more gained than lost; without such cells the Wilson intervals must lie apart."""
    pairs = [(a, b) for name, a in earlier.cells.items() if a is not None and (b := later.cells.get(name)) is not None]
    gained, lost = sum(b and not a for a, b in pairs), sum(a and not b for a, b in pairs)
    if not pairs:
        apart = bool(later.cells and earlier.cells) and later.interval[0] > earlier.interval[1]
        return Gain(earlier.version, later.version, 0, 0, 0, None, apart)
    p = mcnemar(gained, lost)
    return Gain(earlier.version, later.version, gained, lost, len(pairs), p, gained > lost and p < SURE)


def advice(rounds: Sequence[Measurement], target: float) -> Advice:
    """The stop rule, of the rounds so far (oldest first; a round whose card is not run or not judged whole says
    nothing) and the rate aimed at, a fraction:

    1. stop when the target is proven: the lower end of a round's 95 % Wilson interval reaches it;
    2. stop when neither of the last two rounds is proven better than the best before them;
    3. else go on; a last round that is not measured is measured first.
    """
    measured = [r for r in rounds if r.whole]
    if not measured:
        return Advice(False, "not measured", "", _unmeasured(rounds))
    best = max(measured, key=lambda r: (r.right / len(r.cells), r.interval[0]))
    if reached := [r for r in measured if r.interval[0] >= target]:
        proof = max(reached, key=lambda r: r.interval[0])
        words = f"Stop: the target of {target * 100:.0f} % is proven. {proof.words}: use it."
        return Advice(True, "proven", proof.version, words)
    if not rounds[-1].whole:
        return Advice(False, "not measured", best.version, _unmeasured(rounds))
    gains = _late_gains(measured)
    if gains and not any(g.proven for g in gains):
        return Advice(True, "no gain", best.version, _no_gain(gains, best))
    return Advice(False, "go on", best.version, _go_on(measured, target))


def _unmeasured(rounds: Sequence[Measurement]) -> str:
    if not rounds:
        return "Go on: no LoRA is trained yet."
    last = rounds[-1]
    if not last.cells:
        return f"Go on: run the model card of {last.version}; until then nobody knows whether it is better."
    waiting = sum(v is None for v in last.cells.values())
    return f"Go on: judge the card of {last.version} ({count(waiting, 'cell')} to go); until then nobody knows."


def _late_gains(measured: Sequence[Measurement]) -> list[Gain]:
    """The last rounds, each against the best of those before them; none while there is nothing before them."""
    before, late = measured[:-PATIENCE], measured[-PATIENCE:]
    if not before:
        return []
    best = max(before, key=lambda r: r.right / len(r.cells))
    return [gain(best, later) for later in late]


def _no_gain(gains: Sequence[Gain], best: Measurement) -> str:
    told = "; ".join(g.words for g in gains)
    words = f"Stop: no gain is proven in {PATIENCE} rounds ({told}). Best so far: {best.words}."
    if any(g.gained > g.lost for g in gains):
        words += " If you believe in the gain, run both cards with another seed: more cells prove more."
    return words


def _go_on(measured: Sequence[Measurement], target: float) -> str:
    last = measured[-1]
    words = f"Go on: the target of {target * 100:.0f} % is not proven. {last.words}"
    if len(measured) > 1:
        words += f"; {gain(measured[-2], last).words}"
    missing = PATIENCE + 1 - len(measured)
    told = f". After {count(missing, 'more round')} it can be said whether turning pays." if missing > 0 else "."
    return words + told
