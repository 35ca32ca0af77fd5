"""What an independent recogniser reads in a picture of a practice character."""

from pipelines.domain.base import Frozen
from pipelines.domain.scores import Angle


class Said(Frozen):
    """A reader's word and how sure it is of it (0-1)."""

    word: str = ""
    sure: float = 0.0


class Reading(Frozen):
    """One picture. ``identity`` is the cosine to the centroid of true renders of the character (at the angle seen, full
    figures for themselves), ``None`` without a face; from ``threshold`` on it is the character: of pictures of
    strangers a given share passes it. ``face_distance``: mean distance, of 255, from its face to the nearest true one
    (``damage``), where that can be told."""

    identity: float | None = None
    threshold: float = 1.0
    face_distance: float | None = None
    angle: Angle = "unsure"
    expression: Said = Said()
    framing: Said = Said()
    pose: Said = Said()
    light: Said = Said()
    background: Said = Said()

    @property
    def same(self) -> bool:
        """Whether it shows the character."""
        return self.identity is not None and self.identity >= self.threshold
