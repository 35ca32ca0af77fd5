"""Where eyes, nose and mouth are in a picture, by what a recogniser knows of its largest face."""

from dataclasses import dataclass

import numpy as np

from pipelines.faces.base import Face

WIDE = 0.7
"""How wide the features are, in halves of the face's box."""
ASIDE, NARROW = 0.65, 0.4
"""A box is about the head. Of a profile: how far the features are from its middle, in halves of the box, and by which
share they are narrower than from the front. Chosen by eye, on twenty pictures of the mini world."""


@dataclass(frozen=True)
class Features:
    """The middle of the features and how far they reach from it (one standard deviation of a bell), in shares of the
    picture's width and height. Floats, or arrays of one shape."""

    x: np.ndarray | float
    y: np.ndarray | float
    across: np.ndarray | float
    down: np.ndarray | float


def features(box: np.ndarray, sine: np.ndarray | float) -> Features:
    """Features from boxes (..., 4), x0 y0 x1 y1 in shares of the picture, and the sine of their yaw (> 0: the nose
    points toward the picture's right)."""
    half = (box[..., 2:] - box[..., :2]) / 2
    middle = (box[..., :2] + box[..., 2:]) / 2
    return Features(
        x=middle[..., 0] + ASIDE * sine * half[..., 0],
        y=middle[..., 1],
        across=WIDE * half[..., 0] * (1 - NARROW * np.abs(sine)),
        down=WIDE * half[..., 1],
    )


def of_face(face: Face, size: tuple[int, int]) -> Features:
    """Features of a face in a picture of ``size`` (width, height) in pixels. Keypoints say best where the middle is;
    without them, and without a yaw, it is the middle of the box."""
    found = features(np.array(face.box) / np.tile(size, 2), np.sin(np.radians(face.yaw or 0.0)))
    if face.keypoints is None:
        return found
    x, y = np.mean(face.keypoints, axis=0) / np.array(size)
    return Features(float(x), float(y), found.across, found.down)
