"""Readers beside a recogniser: which way a head is turned, what it expresses, what it looks like, and what the whole
picture shows. ONNX files that say themselves what their outputs mean (metadata ``heads``: names of classes by output).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.faces.base import Attributes, Said

FACE, SCENE = "face.onnx", "scene.onnx"
SIDE = 64
"""Pixels at which whole pictures are read."""


@dataclass(frozen=True)
class FaceReading:
    """Yaw (degrees, > 0 toward the image's right), pitch (> 0 up), and a word for every head, ``expression`` first."""

    yaw: float
    pitch: float
    attributes: Attributes


def session(path: Path) -> Any:
    """An onnxruntime session on one thread: these networks are smaller than the cost of sharing them out."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Reader:
    """One ONNX file whose outputs are heads: probabilities (N, classes) under a head's name, numbers under others."""

    def __init__(self, path: Path) -> None:
        self._session = session(path)
        meta = self._session.get_modelmeta().custom_metadata_map
        self.heads: dict[str, list[str]] = json.loads(meta["heads"])
        self._input = self._session.get_inputs()[0].name
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """``pixels`` (N, H, W, 3) uint8 RGB; every output by name."""
        x = (pixels.astype(np.float32) / 127.5 - 1).transpose(0, 3, 1, 2)
        return dict(zip(self._names, self._session.run(None, {self._input: np.ascontiguousarray(x)}), strict=True))

    def attributes(self, out: Mapping[str, np.ndarray], row: int = 0) -> dict[str, Said]:
        """The likeliest word of every head for one row of an answer."""
        best = {name: int(out[name][row].argmax()) for name in self.heads}
        return {name: Said(self.heads[name][k], float(out[name][row][k])) for name, k in best.items()}


def reading(reader: Reader, out: Mapping[str, np.ndarray], row: int = 0) -> FaceReading:
    """One row of a face reader's answer; its output ``turn`` is sine and cosine of yaw, and pitch in degrees / 30."""
    sine, cosine, pitch = (float(v) for v in out["turn"][row])
    return FaceReading(float(np.degrees(np.arctan2(sine, cosine))), 30 * pitch, reader.attributes(out, row))


class Heads:
    """The readers in a folder: ``face.onnx`` reads faces aligned by keypoints as ArcFace's are (112 px), ``scene.onnx``
    whole pictures (64 px). ``FileNotFoundError`` when one of them is missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = (folder / FACE, folder / SCENE)
        lacking = [str(path) for path in self.files if not path.is_file()]
        if lacking:
            raise FileNotFoundError(f"missing: {', '.join(lacking)}")

    @cached_property
    def _face(self) -> Reader:
        return Reader(self.folder / FACE)

    @cached_property
    def _scene(self) -> Reader:
        return Reader(self.folder / SCENE)

    def face(self, image: Image.Image, keypoints: np.ndarray) -> FaceReading:
        """Read the face with these keypoints (5, 2) in pixels of an RGB picture."""
        from insightface.utils.face_align import norm_crop

        crop = norm_crop(np.asarray(image.convert("RGB")), np.asarray(keypoints, np.float32))
        return reading(self._face, self._face(crop[None]))

    def picture(self, image: Image.Image) -> Attributes:
        """What a whole picture shows: ``framing``, ``pose``, ``light``, ``background``, ``clothes``, ``facing`` ..."""
        small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=None)
        return self._scene.attributes(self._scene(np.asarray(small)[None]))
