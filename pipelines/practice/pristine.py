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
    for image in sorted(good, key=lambda i: _identity(i, readings)):  # the best last
        left.setdefault(cell(image), []).append(image)
    chosen: list[ImageRecord] = []
    while left and len(chosen) < most:
        emptiest = min(left, key=lambda c: (counts[c], c))
        chosen.append(left[emptiest].pop())
        counts[emptiest] += 1
        if not left[emptiest]:
            del left[emptiest]
    return chosen


def _identity(image: ImageRecord, readings: Mapping[str, Reading]) -> float:
    reading = readings.get(image.id)
    return reading.identity if reading and reading.identity is not None else -1.0
