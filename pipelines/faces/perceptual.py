"""A stand-in where no face recogniser can work: colours and edges of the middle of a picture. It does not know what a
face is, and two characters in the same clothes on the same background look the same to it."""

import hashlib

import numpy as np
from PIL import Image

from pipelines.faces.base import Attributes, Face, Limits, Thresholds, unit

VERSION = "colour-gradient-2"
MIDDLE = 0.8
"""The share of each side that is looked at: what stands at the border is background more often."""
SIDE = 64
GRIDS = (1, 2, 4)
BINS = 8
SPREAD = (0.35, 0.06, 0.08)
"""Usual spread of luma and the two colour differences in photographs: what is usual tells nothing."""


class Perceptual:
    """Multi-scale statistics of colour and gradient orientation, 294 numbers, unit norm, the same on every machine.

    Thresholds: at 0.75, 6 % of pairs of different photographs count as the same and 12 % of pairs of a photograph and
    its cropped, turned, blurred or relit self do not (18 photographs that come with scikit-image). There is no
    threshold for "someone else": a stand-in cannot know that, and whatever it doubts goes to the human.
    """

    name = "perceptual"
    title = "perceptual stand-in (colours and edges), not a face recogniser"
    thresholds = Thresholds(same=0.75, other=-1.0)
    finds_faces = False
    limits = Limits()
    model_hash = hashlib.sha256(VERSION.encode()).hexdigest()[:16]

    def ready(self) -> str:
        """Always: it needs no weights."""
        return ""

    def load(self) -> None:
        """Nothing to load."""

    def picture(self, image: Image.Image) -> Attributes:
        """It has no reader for whole pictures."""
        return {}

    def faces(self, image: Image.Image) -> list[Face]:
        """One "face": the middle of the picture, whatever it shows. Nothing about angle."""
        width, height = image.size
        dx, dy = width * (1 - MIDDLE) / 2, height * (1 - MIDDLE) / 2
        box = (dx, dy, width - dx, height - dy)
        return [Face(box=box, embedding=describe(image.convert("RGB"), box))]


def describe(image: Image.Image, box: tuple[float, float, float, float]) -> np.ndarray:
    """The embedding (294,) of a region. Each kind of statistic (mean colour, spread of colour, gradients) at each grid
    gets the same weight; values are taken relative to a mid-grey, evenly structured picture, so that unrelated
    pictures come out near 0 and not near 1. A picture and its mirror image get the same embedding: a character seen
    from the left and from the right is the same one."""
    pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX, box=box), dtype=np.float64) / 255
    return unit(_statistics(pixels) + _statistics(pixels[:, ::-1]))


def _statistics(pixels: np.ndarray) -> np.ndarray:
    colour = _opponent(pixels)
    gradients = _orientations(colour[:, :, 0])
    blocks = []
    for grid in GRIDS:
        cells = _cells(colour, grid)
        blocks += [cells.mean(axis=1), cells.std(axis=1) - SPREAD, _shares(_cells(gradients, grid).sum(axis=1))]
    return np.concatenate([unit(block.ravel()) for block in blocks])


def _opponent(rgb: np.ndarray) -> np.ndarray:
    """Luma around mid-grey (Rec. 601 weights), red-green and blue-yellow, each about -1..1."""
    r, g, b = rgb[:, :, 0], rgb[:, :, 1], rgb[:, :, 2]
    return np.stack([2 * (0.299 * r + 0.587 * g + 0.114 * b) - 1, r - g, b - (r + g) / 2], axis=2)


def _orientations(luma: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE, BINS): gradient magnitude in the bin of its direction, modulo 180 degrees."""
    dy, dx = np.gradient(luma)
    place = (np.arctan2(dy, dx) % np.pi / np.pi * BINS).astype(int) % BINS
    return np.hypot(dx, dy)[:, :, None] * (place[:, :, None] == np.arange(BINS))


def _cells(values: np.ndarray, grid: int) -> np.ndarray:
    """(grid * grid, pixels, channels)."""
    step, channels = SIDE // grid, values.shape[2]
    split = values.reshape(grid, step, grid, step, channels).transpose(0, 2, 1, 3, 4)
    return split.reshape(grid * grid, step * step, channels)


def _shares(sums: np.ndarray) -> np.ndarray:
    """Each bin's share of all gradients, less the share it would have in an evenly structured picture."""
    return sums / (sums.sum() + 1e-9) - 1 / sums.size
