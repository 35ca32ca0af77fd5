"""Which good pictures are worth keeping: the best, where the training set has least."""

from collections import Counter
from collections.abc import Iterable, Mapping

from pipelines.library.records import ImageRecord
from pipelines.practice.reading import Reading
from pipelines.steps.sources import cell_of, expression_of

CLEAR = 0.9
"""From this sureness of the reader on, one expression is as clear as another."""


def choose(
    good: Iterable[ImageRecord], have: Iterable[ImageRecord], readings: Mapping[str, Reading], most: int
) -> list[ImageRecord]:
    """At most ``most`` of ``good``: again and again the best of the cell that is emptiest, counting what is there."""
    counts = Counter(cell_of(image) for image in have)
    left: dict[tuple[str, str], list[ImageRecord]] = {}
    for image in sorted(good, key=lambda i: _worth(i, readings)):  # the best last
        left.setdefault(cell_of(image), []).append(image)
    chosen: list[ImageRecord] = []
    while left and len(chosen) < most:
        emptiest = min(left, key=lambda c: (counts[c], c))
        chosen.append(left[emptiest].pop())
        counts[emptiest] += 1
        if not left[emptiest]:
            del left[emptiest]
    return chosen


def _worth(image: ImageRecord, readings: Mapping[str, Reading]) -> tuple[float, float]:
    """A clear expression first, then the likeness: of those that are clear enough, the most alike."""
    reading = readings.get(image.id)
    if reading is None:
        return 0.0, -1.0
    clear = reading.expression.sure if reading.expression.word == expression_of(image) else 0.0
    return min(round(clear, 1), CLEAR), reading.identity if reading.identity is not None else -1.0
