"""Which good pictures are worth keeping: the best, where the training set has least."""

from collections import Counter
from collections.abc import Iterable, Mapping

from pipelines.library.records import ImageRecord
from pipelines.practice.reading import Reading
from pipelines.steps.sources import angle_of, expression_of

Cell = tuple[str, str]


def cell(image: ImageRecord) -> Cell:
    """What a picture would fill: angle and expression of a head, or the figure's scenario."""
    labels = image.shot.purpose.labels if image.shot else {}
    if labels.get("focus") == "body":
        return "body", labels.get("scenario", "")
    return str(angle_of(image)), str(expression_of(image))


def choose(
    good: Iterable[ImageRecord], have: Iterable[ImageRecord], readings: Mapping[str, Reading], most: int
) -> list[ImageRecord]:
    """At most ``most`` of ``good``: again and again the best of the cell that is emptiest, counting what is there."""
    counts = Counter(cell(image) for image in have)
    left: dict[Cell, list[ImageRecord]] = {}
    for image in sorted(good, key=lambda i: _worth(i, readings)):  # the best last
        left.setdefault(cell(image), []).append(image)
    chosen: list[ImageRecord] = []
    while left and len(chosen) < most:
        emptiest = min(left, key=lambda c: (counts[c], c))
        chosen.append(left[emptiest].pop())
        counts[emptiest] += 1
        if not left[emptiest]:
            del left[emptiest]
    return chosen


def _worth(image: ImageRecord, readings: Mapping[str, Reading]) -> tuple[float, float]:
    """A clear expression counts before identity: who it is, the gate and the reviewer have looked at already."""
    reading = readings.get(image.id)
    if reading is None:
        return 0.0, -1.0
    clear = reading.expression.sure if reading.expression.word == expression_of(image) else 0.0
    return round(clear, 1), reading.identity if reading.identity is not None else -1.0
