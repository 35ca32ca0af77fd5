"""Which way a face looks, in the words of the model card.

Our angle names say where the nose points IN THE PICTURE: ``half-left`` and ``profile-left`` toward the image's left
edge, ``half-right`` and ``profile-right`` toward its right edge. Yaw is in degrees, > 0 toward the image's right (the
sign of insightface).
"""

import math

import numpy as np

from pipelines.domain.scores import Angle

FRONT = 15.0
HALF = (25.0, 60.0)
PROFILE = 65.0
"""Starting bins in degrees of |yaw| (docs/numbers.md); what lies between them is unsure."""

NOSE_DEPTH = 0.5
"""How far the tip of the nose stands in front of the eyes, in distances between the eyes: 30 mm to 63 mm. On 581 faces
in photographs 0.5 to 0.55 is 4 degrees off two other estimators, 0.3 was 10 (docs/numbers.md). Good for bins and no
more."""


def angle_of(yaw: float | None, pitch: float | None = None) -> Angle:
    """The bin of a yaw. ``unsure`` between bins, without a yaw, and when |pitch| > 90: past 90 degrees insightface's
    yaw folds back. (A person without a face would be ``back``; that somebody is there is not known here.)"""
    if yaw is None or math.isnan(yaw) or (pitch is not None and abs(pitch) > 90):
        return "unsure"
    size = abs(yaw)
    if size <= FRONT:
        return "front"
    if HALF[0] <= size <= HALF[1]:
        return "half-right" if yaw > 0 else "half-left"
    if size >= PROFILE:
        return "profile-right" if yaw > 0 else "profile-left"
    return "unsure"


def yaw_from_keypoints(keypoints: np.ndarray) -> float | None:
    """Yaw in degrees from five keypoints (5, 2): ``atan(d / (e * NOSE_DEPTH))``.

    ``e`` is the distance between the eyes and ``d`` how far the nose lies from their middle along the line through
    them (so the roll of the head does not count). A head with eyes at (-a, 0) and (a, 0) and a nose ``p`` in front of
    them, turned by yaw and seen from far away, has e = 2 a cos(yaw) and d = p sin(yaw), hence
    tan(yaw) = d / e * 2 a / p, with p / 2 a = NOSE_DEPTH. ``None`` when the eyes coincide.
    """
    left, right, nose = np.asarray(keypoints, dtype=np.float64)[:3]
    between = right - left
    distance = float(np.linalg.norm(between))
    if distance < 1e-6:
        return None
    offset = float((nose - (left + right) / 2) @ between) / distance
    return math.degrees(math.atan(offset / (distance * NOSE_DEPTH)))
