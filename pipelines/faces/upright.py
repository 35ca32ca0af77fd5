"""A recogniser of two small ONNX files: a finder says where the one face of a picture is, a reader reads an upright
square around it. No keypoints, no alignment: it errs elsewhere than a pack of SCRFD and ArcFace, which makes it a judge
of what such a pack let through.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.faces.base import Attributes, Face, RecogniserMissing, unit
from pipelines.faces.heads import Reader, reading, session
from pipelines.faces.two_files import TwoFiles

FINDER, READER = "finder.onnx", "reader.onnx"
SIDE = 64
MARGIN = 0.42
"""Share of the face's longer side that the square reaches beyond it, as in training."""
CONFIDENCE = 0.5


class Upright(TwoFiles):
    """See the module. ``folder`` holds ``finder.onnx`` (64 px picture in; box in shares and a logit out) and
    ``reader.onnx`` (64 px square in; ``embedding``, ``turn`` and heads out)."""

    names = (FINDER, READER)

    @cached_property
    def _finder(self) -> Any:
        return self._loaded(FINDER, session)

    @cached_property
    def _reader(self) -> Reader:
        return self._loaded(READER, Reader)

    def _loaded(self, file: str, kind: Callable[[Path], Any]) -> Any:
        missing = self.ready()
        if missing:
            raise RecogniserMissing(missing)
        try:
            return kind(self.folder / file)
        except Exception as error:
            raise RecogniserMissing(f"{self.folder / file} cannot be loaded: {error!r}") from error

    def load(self) -> None:
        """See ``Recogniser.load``."""
        _ = self._finder, self._reader

    def picture(self, image: Image.Image) -> Attributes:
        """It has no reader for whole pictures."""
        return {}

    def faces(self, image: Image.Image) -> list[Face]:
        """See ``Recogniser.faces``; one face at most."""
        rgb = image.convert("RGB")
        small = np.asarray(rgb.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32) / 127.5 - 1
        given = {self._finder.get_inputs()[0].name: small.transpose(2, 0, 1)[None]}
        *box, logit = (float(v) for v in self._finder.run(None, given)[0][0])
        score = 1 / (1 + float(np.exp(-logit)))
        if score < CONFIDENCE:
            return []
        corners = tuple(v * side for v, side in zip(box, (rgb.width, rgb.height) * 2, strict=True))
        out = self._reader(square(rgb, corners)[None])
        read = reading(self._reader, out)
        return [
            Face(
                box=corners,  # type: ignore[arg-type]
                score=score,
                embedding=unit(out["embedding"][0]),
                yaw=read.yaw,
                pitch=read.pitch,
                attributes=read.attributes,
            )
        ]


def square(image: Image.Image, box: tuple[float, ...]) -> np.ndarray:
    """The upright square around ``box`` (pixels) with its margin, (64, 64, 3) uint8; black beyond the picture."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half = max(box[2] - box[0], box[3] - box[1], 1.0) * (1 + 2 * MARGIN) / 2
    scale = 2 * half / SIDE
    if scale > 1:  # make it small by means first: bilinear samples alone would skip pixels
        step = 1 / scale
        image = image.resize(
            (max(1, round(image.width * step)), max(1, round(image.height * step))), Image.Resampling.BOX
        )
        x, y, half = x * step, y * step, half * step
        scale = 2 * half / SIDE
    matrix = (scale, 0, x - half, 0, scale, y - half)
    return np.asarray(image.transform((SIDE, SIDE), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR))
