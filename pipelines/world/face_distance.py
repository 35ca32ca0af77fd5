"""How damaged a face is: how far its pixels are from the nearest true picture of it.

A recogniser reads who somebody is out of a smear, too; a human sees the smear. The true faces are those of the
character at the angle and with the expression that were read, in every light and turned a little further or less.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from PIL import Image

from pipelines.faces.base import Recogniser
from pipelines.world.renderer import LIGHTS, Character, View, render

SIDE, EDGE = 32, 3
"""Faces are compared at 32 pixels, but for what moves out of sight when they are shifted by up to ``EDGE - 1``."""
MARGIN = 0.08
"""What is taken in around a face's box, as a share of its sides."""
TURNS = (-9.0, 0.0, 9.0)
"""Degrees: a picture that shows a half view seldom shows exactly 45."""
INNER = SIDE - 2 * EDGE
_ACROSS = np.linspace(-1, 1, INNER)
OVAL = np.hypot(*np.meshgrid(_ACROSS, _ACROSS)) <= 1
"""What is looked at: in the corners of its box there is no face but the place."""
GAIN = (0.6, 1.5)
"""How much brighter or darker a true face may be made, channel by channel: lights are not only those of the world."""


def face_distance(image: Image.Image, box: Sequence[float], known: np.ndarray) -> float | None:
    """Mean distance of 255 from the RGB face in ``box`` (x0, y0, x1, y1 in pixels) to the nearest of ``known``,
    some ``true_faces``, shifted a little; ``None`` if there are none."""
    if not len(known):
        return None
    shifts = np.lib.stride_tricks.sliding_window_view(_face(image, box), (INNER, INNER), (1, 2))[:, 1:-1, 1:-1]
    seen = shifts[..., OVAL].reshape(3, -1, 1, OVAL.sum())  # channels, shifts, true faces, pixels
    true = known[:, :, EDGE:-EDGE, EDGE:-EDGE][..., OVAL].transpose(1, 0, 2)[:, None]
    gain = (seen * true).sum(-1, keepdims=True) / np.maximum((true**2).sum(-1, keepdims=True), 1e-3)
    return float(np.abs(seen - gain.clip(*GAIN) * true).mean((0, 3)).min() * 255)


@lru_cache(maxsize=64)
def true_faces(recogniser: Recogniser, who: Character, angle: str, expression: str) -> np.ndarray:
    """(n, 3, SIDE, SIDE) in 0..1: a character's faces that the recogniser finds; kept as long as the process lives."""
    base = View.at(angle, expression=expression)
    views = [replace(base, light=light, yaw=base.yaw + turn) for light in LIGHTS for turn in TURNS]
    drawn = [Image.fromarray(p) for p in render([who] * len(views), views)[0]]
    boxes = [next((f.box for f in recogniser.faces(picture)), None) for picture in drawn]
    faces = [_face(picture, box) for picture, box in zip(drawn, boxes, strict=True) if box]
    return np.stack(faces) if faces else np.empty((0, 3, SIDE, SIDE), np.float32)


def _face(image: Image.Image, box: Sequence[float]) -> np.ndarray:
    """(3, SIDE, SIDE) in 0..1: what is in the box and a little around it, without its finest grain (mean of 3 x 3)."""
    x0, y0, x1, y1 = box
    wide, high = MARGIN * (x1 - x0), MARGIN * (y1 - y0)
    cut = (max(x0 - wide, 0), max(y0 - high, 0), min(x1 + wide, image.width), min(y1 + high, image.height))
    small = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=cut)
    pixels = np.pad(np.asarray(small, np.float32).transpose(2, 0, 1) / 255, ((0, 0), (1, 1), (1, 1)), "edge")
    return np.lib.stride_tricks.sliding_window_view(pixels, (3, 3), (1, 2)).mean((-1, -2))
