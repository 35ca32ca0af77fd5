"""What the simulated reviewer finds best of the pictures that are good."""

from pipelines.library.records import ImageRecord
from pipelines.practice.reading import Reading
from pipelines.steps.sources import expression_of

CLEAR = 0.9
"""From this sureness of the reader on, one expression is as clear as another."""


def worth(image: ImageRecord, reading: Reading | None) -> tuple[float, float]:
    """A clear expression first, then the likeness: of those that are clear enough, the most alike."""
    if reading is None:
        return 0.0, -1.0
    clear = reading.expression.sure if reading.expression.word == expression_of(image) else 0.0
    return min(round(clear, 1), CLEAR), reading.identity if reading.identity is not None else -1.0
