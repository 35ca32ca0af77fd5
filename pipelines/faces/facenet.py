"""facenet-pytorch: MTCNN finds faces with weights from the wheel; InceptionResnetV1 describes them when its own weights
are on disk. Nothing is downloaded."""

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.faces.angle import yaw_from_keypoints
from pipelines.faces.base import Attributes, Face, Limits, RecogniserMissing, Thresholds, file_hash, largest_first, unit
from pipelines.faces.padded import look_twice

WEIGHTS = "20180402-114759-vggface2.pt"
SMALLEST = 20
"""Pixels of the smallest face that MTCNN looks for, and so of the smallest picture worth a look."""
LARGEST = 1024
"""Pixels of the longer side at which faces are looked for: faces of a character fill more than 2 % of it."""
CROP = 160
MARGIN = 32
"""Pixels of the crop that lie around the face's box, as when the network was trained: without them, on photographs of
five people, 29 % of right ones were rejected at 0.1 % false accepts, with them 12 % (weights of CASIA-WebFace)."""


def default_weights() -> Path:
    """Where facenet-pytorch keeps its weights: ``$TORCH_HOME/checkpoints``."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{cache}/torch")).expanduser() / "checkpoints" / WEIGHTS


class Facenet:
    """A second opinion: it separates people less well than ArcFace. Without its weights it still finds faces.

    Thresholds: cosine 0.60 for the same person is what DeepFace ships for this network (cosine distance 0.40); the
    lower threshold is ours. Both are starting values.
    """

    name = "facenet"
    title = "facenet-pytorch (MTCNN, InceptionResnetV1 trained on VGGFace2)"
    thresholds = Thresholds(same=0.60, other=0.40)
    finds_faces = True
    limits = Limits()

    def __init__(self, weights: str = "") -> None:
        """``weights``: the file, or the folder that holds it; empty: facenet-pytorch's own place."""
        given = Path(weights).expanduser() if weights else default_weights()
        self.weights = given / WEIGHTS if given.is_dir() else given

    @property
    def model_hash(self) -> str:
        """Of the weights file; empty while it is missing."""
        return self._hash if self.weights.is_file() else ""

    @cached_property
    def _hash(self) -> str:
        return file_hash(self.weights)

    def detects(self) -> bool:
        """Whether faces can be found (the package is installed), identities or not."""
        try:
            import facenet_pytorch  # noqa: F401
        except ImportError:
            return False
        return True

    def ready(self) -> str:
        """Empty, or what to fetch and where to put it."""
        if not self.detects():
            return "facenet-pytorch is not installed: pip install --no-deps facenet-pytorch (its pins are too old)."
        if not self.weights.is_file():
            return (
                f"facenet finds faces but cannot tell whose they are: its weights are missing. Fetch {WEIGHTS} "
                f"(107 MB) from the releases (v2.2.9) of timesler/facenet-pytorch and put it at {self.weights}. The "
                f"studio downloads nothing by itself; another place can be named in Settings (facenet_weights)."
            )
        return ""

    def load(self) -> None:
        """See ``Recogniser.load``. Faces are found without it."""
        missing = self.ready()
        if missing:
            raise RecogniserMissing(missing)
        _ = self._resnet

    def _describes(self) -> bool:
        try:
            self.load()
        except RecogniserMissing:
            return False
        return True

    @cached_property
    def _mtcnn(self) -> Any:
        try:
            from facenet_pytorch import MTCNN
        except ImportError as error:
            raise RecogniserMissing(self.ready()) from error
        return MTCNN(keep_all=True, min_face_size=SMALLEST, device="cpu")

    @cached_property
    def _resnet(self) -> Any:
        import torch
        from facenet_pytorch import InceptionResnetV1

        net = InceptionResnetV1(pretrained=None, classify=False)
        try:
            state = torch.load(self.weights, map_location="cpu", weights_only=True)
            net.load_state_dict({k: v for k, v in state.items() if not k.startswith("logits.")})
        except Exception as error:
            raise RecogniserMissing(f"The facenet weights in {self.weights} cannot be loaded: {error}") from error
        return net.eval()

    def picture(self, image: Image.Image) -> Attributes:
        """It has no reader for whole pictures."""
        return {}

    def faces(self, image: Image.Image) -> list[Face]:
        """See ``Recogniser.faces``; ``embedding`` is ``None`` while the weights are missing or broken."""
        return look_twice(image.convert("RGB"), self._look)

    def _look(self, rgb: Image.Image) -> list[Face]:
        shrink = max(1.0, max(rgb.size) / LARGEST)
        small = rgb if shrink == 1.0 else rgb.resize((round(rgb.width / shrink), round(rgb.height / shrink)))
        if min(small.size) < SMALLEST:
            return []
        boxes, scores, points = self._mtcnn.detect(small, landmarks=True)
        if boxes is None:
            return []
        describe = self._describes()
        found = zip(boxes, scores, points, strict=True)
        return largest_first([self._face(rgb, shrink, box, s, kps, describe) for box, s, kps in found])

    def _face(self, image: Image.Image, shrink: float, box: Any, score: float, points: Any, describe: bool) -> Face:
        corners = np.asarray(box, dtype=np.float64) * shrink
        keypoints = np.asarray(points, dtype=np.float32) * shrink
        return Face(
            box=tuple(float(v) for v in corners),  # type: ignore[arg-type]
            keypoints=keypoints,
            score=float(score),
            embedding=self._embed(image, corners) if describe else None,
            yaw=yaw_from_keypoints(keypoints),
        )

    def _embed(self, image: Image.Image, box: np.ndarray) -> np.ndarray:
        import torch
        from facenet_pytorch import extract_face, fixed_image_standardization

        crop = fixed_image_standardization(extract_face(image, box, image_size=CROP, margin=MARGIN))
        with torch.no_grad():
            return unit(self._resnet(crop.unsqueeze(0))[0].numpy())
