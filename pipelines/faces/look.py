"""The look of a whole figure, for characters without a face that could be told: toys, animals, drawings."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.faces.base import Attributes, Face, Limits, RecogniserMissing, Thresholds, file_hash, unit
from pipelines.faces.heads import session

FILE = "features.onnx"
SIDE = 224


class Look:
    """Describes a picture by what a network trained on things sees in it: the mean of its last features over the
    picture, and over its mirror image (a figure is the same from the left and from the right).

    ``folder`` holds ``features.onnx``: (n, 3, 224, 224), RGB from 0 to 255, in; (n, d, h, w) out. It finds no faces,
    yet may call a picture someone else: that is what ``thresholds.other`` is for.
    """

    finds_faces = False
    limits = Limits()

    def __init__(self, folder: Path, *, name: str, title: str, thresholds: Thresholds) -> None:
        self.folder, self.name, self.title, self.thresholds = folder, name, title, thresholds

    @property
    def _file(self) -> Path:
        return self.folder / FILE

    @property
    def model_hash(self) -> str:
        """Of the file; empty while it is missing."""
        return "" if self.ready() else self._hash

    @cached_property
    def _hash(self) -> str:
        return file_hash(self._file)

    def ready(self) -> str:
        """Empty, or which file is missing."""
        return "" if self._file.is_file() else f"{self.name} cannot see: {self._file} is missing."

    @cached_property
    def _network(self) -> Any:
        if missing := self.ready():
            raise RecogniserMissing(missing)
        try:
            return session(self._file)
        except Exception as error:
            raise RecogniserMissing(f"{self._file} cannot be loaded: {error!r}") from error

    def load(self) -> None:
        """See ``Recogniser.load``."""
        _ = self._network

    def picture(self, image: Image.Image) -> Attributes:
        """It has no reader for whole pictures."""
        return {}

    def faces(self, image: Image.Image) -> list[Face]:
        """One "face": the whole picture, with nothing about its angle."""
        rgb = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        pixels = np.asarray(rgb, np.float32).transpose(2, 0, 1)
        both = np.ascontiguousarray(np.stack([pixels, pixels[:, :, ::-1]]))
        seen = self._network.run(None, {self._network.get_inputs()[0].name: both})[0]
        box = (0.0, 0.0, float(image.width), float(image.height))
        return [Face(box=box, embedding=unit(seen.mean(axis=(0, 2, 3))))]
