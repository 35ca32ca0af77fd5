"""Is one picture the other, cropped, resized, recompressed or in a mirror? Told by laying one upon the other.

A hash of the whole picture does not survive a crop, and one that is tolerant enough calls two photographs of one person
the same. Here the place is looked for where one lies within the other, it is put there to a fraction of a pixel, and
then both must have the same structure in nearly every field (docs/numbers.md, "Copies by look").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

if TYPE_CHECKING:
    import numpy as np

SMALL, FINE = 40, 160
"""Pixels of the longer side at which the place is looked for, and at which both are compared."""
LEAST = 0.55
"""A part is at least this share of the whole, in width or height."""
STEPS = 10
"""Sizes between ``LEAST`` and 1 at which a part is laid on the whole."""
POSSIBLE = 0.6
"""Correlation of the smaller pictures from which on it is worth a closer look."""
FIELDS = 8
PLAIN = 4.0
"""Standard deviation, of 255, of a field in which there is nothing to compare."""
ENOUGH = 8
"""Fields with something in them without which nothing is said."""
ALIKE = 0.7
"""Correlation of a field from which on both show the same in it."""
NEARLY_ALL, MOST = 0.85, 0.6
"""Share of fields that must be alike; fewer where the pictures correlate ``CLOSE`` in all: noise looks different in
every copy."""
CLOSE = 0.975


class Likeness(NamedTuple):
    """How one picture is another: in a mirror, and whether one is a part of the other only."""

    mirrored: bool
    part: bool


@dataclass(frozen=True, eq=False)
class Look:
    """What of a picture is compared: its luma, small."""

    small: np.ndarray
    fine: np.ndarray

    @classmethod
    def of(cls, image: Image.Image) -> Look:
        """Of a picture of any size."""
        return cls(_luma(image, SMALL), _luma(image, FINE))

    @cached_property
    def mirrored(self) -> Look:
        """Of the picture in a mirror."""
        return Look(self.small[:, ::-1].copy(), self.fine[:, ::-1].copy())


class Place(NamedTuple):
    """Where a part may lie in a whole: correlation, scale, left and top in pixels of the smaller pictures."""

    sure: float
    scale: float
    left: int
    top: int


def likeness(a: Look, b: Look) -> Likeness | None:
    """How ``a`` is ``b``, or ``None`` where it is another picture."""
    place, part, whole, mirrored = max(_places(a, b), key=lambda found: found[0].sure)
    if place.sure < POSSIBLE:
        return None
    covered = _compared(part, whole, place)
    return None if covered is None else Likeness(mirrored, covered < 0.94)


def possible(a: Look, b: Look) -> float:
    """How well the smaller pictures can be laid on each other, -1 to 1: below ``POSSIBLE`` one is not the other."""
    return max(found[0].sure for found in _places(a, b))


def _places(a: Look, b: Look) -> Iterator[tuple[Place, Look, Look, bool]]:
    """The best place of each in the other, as it is and in a mirror."""
    for part, whole in ((a, b), (b, a)):
        for mirrored, looked_at in ((False, part), (True, part.mirrored)):
            yield _place(looked_at.small, whole.small), looked_at, whole, mirrored


def _luma(image: Image.Image, side: int) -> np.ndarray:
    import numpy as np

    shrink = side / max(image.size)
    size = (max(8, round(image.width * shrink)), max(8, round(image.height * shrink)))
    return np.asarray(image.convert("L").resize(size, Image.Resampling.LANCZOS), np.float32)


def _place(part: np.ndarray, whole: np.ndarray) -> Place:
    import cv2

    (height, width), (h, w) = whole.shape, part.shape
    best = Place(-1.0, 1.0, 0, 0)
    for step in range(STEPS):
        scale = min(height / h, width / w) * (1 - (1 - LEAST) * step / (STEPS - 1))
        size = (round(w * scale), round(h * scale))
        if min(size) < 8:
            break
        fields = cv2.matchTemplate(whole, cv2.resize(part, size, interpolation=cv2.INTER_AREA), cv2.TM_CCOEFF_NORMED)
        _, sure, _, (left, top) = cv2.minMaxLoc(fields)
        best = max(best, Place(sure, scale, left, top))
    return best


def _compared(part: Look, whole: Look, place: Place) -> float | None:
    """Share of the whole that the part covers, in width or height, if both show the same there; else ``None``. The part
    is put in place by Evangelidis and Psarakis 2008 (enhanced correlation coefficient)."""
    import cv2
    import numpy as np

    up, size = FINE / SMALL, part.fine.shape[::-1]
    start = np.array([[place.scale, 0, place.left * up], [0, place.scale, place.top * up]], np.float32)
    until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 60, 1e-4)
    try:
        alike, put = cv2.findTransformECC(part.fine, whole.fine, start, cv2.MOTION_AFFINE, until, None, 5)  # type: ignore[call-overload]
    except cv2.error:  # it found nothing to go by
        return None
    how = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    there = cv2.warpAffine(whole.fine, put, size, flags=how)
    within = cv2.warpAffine(np.ones_like(whole.fine), put, size, flags=how) > 0.99
    fields = list(_fields(part.fine, there, within))
    share = sum(field > ALIKE for field in fields) / max(1, len(fields))
    same = share >= NEARLY_ALL or (alike >= CLOSE and share >= MOST)
    if not same or len(fields) < ENOUGH:
        return None
    return float(min(abs(put[0, 0]) * size[0] / whole.fine.shape[1], abs(put[1, 1]) * size[1] / whole.fine.shape[0]))


def _fields(a: np.ndarray, b: np.ndarray, within: np.ndarray) -> Iterator[float]:
    """Correlations of fields, of those that lie within both and have something in them."""
    import numpy as np

    height, width = a.shape
    rows = [slice(height * n // FIELDS, height * (n + 1) // FIELDS) for n in range(FIELDS)]
    columns = [slice(width * n // FIELDS, width * (n + 1) // FIELDS) for n in range(FIELDS)]
    for place in ((row, column) for row in rows for column in columns):
        u, v = a[place].ravel(), b[place].ravel()
        if not within[place].size or within[place].mean() < 0.9 or max(u.std(), v.std()) < PLAIN:
            continue
        u, v = u - u.mean(), v - v.mean()
        yield float(u @ v / (np.linalg.norm(u) * np.linalg.norm(v) + 1e-6))
