"""insightface: SCRFD finds faces, ArcFace describes them. Its folder is looked at first; nothing is downloaded."""

import logging
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.faces.angle import yaw_from_keypoints
from pipelines.faces.base import Attributes, Face, Limits, RecogniserMissing, Thresholds, file_hash, largest_first, unit
from pipelines.faces.heads import Heads
from pipelines.faces.padded import look_twice
from pipelines.storage.face_packs import PACKS, pack_in, packs_root

log = logging.getLogger(__name__)

MODULES = ["detection", "recognition", "landmark_3d_68"]
CONFIDENCE = 0.5
DETECTS = 5
"""Outputs from which on insightface takes a file for a detector."""
OWN = Thresholds(same=0.40, other=0.25)
"""For insightface's packs. 0.40 is what its own application uses for one pair of pictures; real pairs of one person go
down to 0.30, so that only below 0.25 it is called someone else."""


class InsightFacePack:
    """The pack in ``root/models/<name>/``, or in ``root`` itself when that holds the ONNX files.

    Any pack of this layout will do. ``heads``: a folder of readers (``faces.heads``) that say yaw, expression and
    looks of each face.
    """

    finds_faces = True
    limits = Limits()

    def __init__(
        self,
        root: str = "",
        *,
        name: str = "insightface",
        title: str = "",
        thresholds: Thresholds = OWN,
        heads: Path | None = None,
    ) -> None:
        self.root = packs_root(root)
        self.name, self.thresholds, self._title, self._beside = name, thresholds, title, heads

    @property
    def title(self) -> str:
        """What it is; packs carry a licence of their own."""
        if self._title:
            return self._title
        pack = self.folder.name if self.folder else "no pack installed"
        return (
            f"insightface ({pack}); its packs are for non-commercial research, AuraFace is Apache-2.0 by its publisher"
        )

    @property
    def folder(self) -> Path | None:
        """Where the pack's ONNX files are; ``None`` when there are none."""
        return pack_in(self.root)

    @property
    def model_hash(self) -> str:
        """Of all ONNX files of the pack, and of the readers beside it."""
        return self._hash if self.folder else ""

    @cached_property
    def _hash(self) -> str:
        beside = sorted(self._beside.glob("*.onnx")) if self._beside else []
        return file_hash(*sorted(self.folder.glob("*.onnx")), *beside) if self.folder else ""

    def ready(self) -> str:
        """Empty, or what to fetch and where to put it."""
        if self.folder is None and self._title:
            return f"{self.name} cannot see: there are no .onnx files in {self.root}."
        if self.folder is None:
            return (
                f"No face pack found: get AuraFace or one of insightface's (non-commercial research only) in Settings, "
                f"under Faces, or with: flenwheel models --get-faces auraface; or unpack the .onnx files of one into "
                f"{self.root / 'models' / PACKS[0]}. The studio downloads nothing by itself; another place can be "
                f"named in Settings (insightface_root)."
            )
        try:
            from insightface.app import FaceAnalysis  # noqa: F401
        except ImportError as error:
            return f"The package insightface cannot be imported ({error}): pip install insightface onnxruntime."
        return ""

    def fixed_side(self) -> int:
        """Pixels that the pack's detector looks at, whatever the picture, 0 when it takes any: then faces that fill a
        picture are looked for twice (``faces.padded``), and small ones in large pictures are lost."""
        import onnx

        for file in sorted(self.folder.glob("*.onnx")) if self.folder else []:
            try:
                graph = onnx.load(str(file), load_external_data=False).graph
            except Exception:  # a broken pack is told of where it is loaded
                return 0
            if len(graph.output) >= DETECTS and graph.input:
                sides = [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
                return sides[2] if len(sides) == 4 else 0
        return 0

    @cached_property
    def _analysis(self) -> Any:
        from insightface.app import FaceAnalysis

        assert self.folder is not None
        try:
            analysis = FaceAnalysis(name=str(self.folder), allowed_modules=MODULES, providers=["CPUExecutionProvider"])
            analysis.prepare(ctx_id=-1, det_thresh=CONFIDENCE)
        except Exception as error:
            raise RecogniserMissing(f"The face pack in {self.folder} cannot be loaded: {error!r}") from error
        lacking = {"detection", "recognition"} - set(analysis.models)
        if lacking:
            raise RecogniserMissing(f"The face pack in {self.folder} has no model for {' and '.join(sorted(lacking))}.")
        return analysis

    @cached_property
    def heads(self) -> Heads | None:
        """The readers beside the pack; ``None`` when it has none. Raises RecogniserMissing when they are lost."""
        if self._beside is None:
            return None
        try:
            return Heads(self._beside)
        except FileNotFoundError as error:
            raise RecogniserMissing(f"The readers beside {self.name} are {error}.") from error

    def load(self) -> None:
        """See ``Recogniser.load``."""
        missing = self.ready()
        if missing:
            raise RecogniserMissing(missing)
        _ = self._analysis, self.heads

    def picture(self, image: Image.Image) -> Attributes:
        """See ``Recogniser.picture``: what the readers beside the pack say."""
        return self.heads.picture(image) if self.heads else {}

    def faces(self, image: Image.Image) -> list[Face]:
        """See ``Recogniser.faces``. insightface reads BGR."""
        self.load()
        return look_twice(image.convert("RGB"), self._look)

    def _look(self, image: Image.Image) -> list[Face]:
        bgr = np.ascontiguousarray(np.asarray(image)[:, :, ::-1])
        found = [_face(one) for one in self._analysis.get(bgr)]
        return largest_first([_read(self.heads, image, face) for face in found] if self.heads else found)


def _read(heads: Heads, image: Image.Image, face: Face) -> Face:
    """The face with what the readers say of it; their yaw is measured, that from keypoints only estimated."""
    if face.keypoints is None:
        return face
    reading = heads.face(image, face.keypoints)
    return replace(face, yaw=reading.yaw, pitch=reading.pitch, attributes=reading.attributes)


def _face(found: Any) -> Face:
    """``pose`` is pitch, yaw, roll and needs the 3D landmarks; without them yaw comes from the keypoints."""
    keypoints = None if found.kps is None else np.asarray(found.kps, dtype=np.float32)
    yaw = pitch = None
    if found.pose is not None:
        pitch, yaw = float(found.pose[0]), float(found.pose[1])
    elif keypoints is not None:
        yaw = yaw_from_keypoints(keypoints)
    return Face(
        box=tuple(float(v) for v in found.bbox),  # type: ignore[arg-type]
        keypoints=keypoints,
        score=float(found.det_score),
        embedding=None if found.embedding is None else unit(np.asarray(found.embedding)),
        yaw=yaw,
        pitch=pitch,
    )
