"""Which of several faces in a picture is compared, and whether it is large enough to be."""

from collections.abc import Sequence

import numpy as np

from pipelines.faces.base import Face

LEAST_SHARE = 0.25
"""Area of a face, as a share of the largest one's, from which on it may be the one that is meant: people who are far
behind are not."""


def main_face(faces: Sequence[Face], references: np.ndarray) -> Face | None:
    """Of faces that can be described (the largest first), the one whose embedding is nearest the middle of
    ``references`` (n, d); without references the largest. In 24 of 89 photographs with several faces the largest was
    somebody else. ``None`` when no face can be described."""
    known = [face for face in faces if face.embedding is not None]
    if len(known) < 2 or not len(references):
        return known[0] if known else None
    meant = [face for face in known if face.area >= LEAST_SHARE * known[0].area]
    middle = references.mean(axis=0)
    return max(meant, key=lambda face: float(middle @ face.embedding) if face.embedding is not None else -2.0)


def too_small(face: Face, smallest: float) -> str:
    """Why nothing can be told of a face, in words; empty when something can."""
    if face.side >= smallest:
        return ""
    return f"The face is {face.side:.0f} px wide: below {smallest:.0f} px nothing can be told of it."
