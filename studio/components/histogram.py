"""Identity scores as a histogram with a cut line that can be dragged: how many pictures pass at that cut."""

from collections.abc import Sequence

from typing_extensions import TypedDict

from studio.components.painted import Painted


class HistogramValue(TypedDict):
    """Scores (cosines) and the cut line."""

    scores: list[float]
    unmeasured: int
    cut: float
    threshold: float | None
    low: float
    high: float
    empty: str


class Histogram(Painted):
    """Value: ``scores`` (cosines), ``unmeasured`` (count), ``cut`` (score), ``threshold`` (calibrated, or null),
    ``low`` and ``high`` of the axis, ``empty`` (words when there is nothing). Event ``cut``: the line was let go;
    the new cut is in the value."""

    island = "histogram"
    fires = ("cut",)


def histogram(scores: Sequence[float | None], threshold: float | None, cut: float | None = None) -> HistogramValue:
    """The value of a Histogram. Without a cut, the line starts at the threshold, or at the median."""
    known = sorted(s for s in scores if s is not None)
    if cut is None:
        cut = threshold if threshold is not None else known[len(known) // 2] if known else 0.5
    marks = [*known, cut, *([threshold] if threshold is not None else [])]
    span = max(max(marks) - min(marks), 0.1)
    return {
        "scores": known,
        "unmeasured": len(scores) - len(known),
        "cut": round(cut, 3),
        "threshold": threshold,
        "low": max(-1.0, min(marks) - span * 0.08),
        "high": min(1.0, max(marks) + span * 0.08),
        "empty": "When pictures are made and judged, their identity scores appear here.",
    }
