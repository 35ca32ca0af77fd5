"""YuNet finds faces and SFace describes them: both from the OpenCV zoo, both with the product. What judges people where
no stronger pack is on disk."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.faces.angle import yaw_from_keypoints
from pipelines.faces.base import Attributes, Face, RecogniserMissing, largest_first, unit
from pipelines.faces.padded import look_twice
from pipelines.faces.two_files import TwoFiles

YUNET = "face_detection_yunet_2023mar_int8bq.onnx"
SFACE = "face_recognition_sface_2021dec_int8bq.onnx"
INPUT = "data"
"""The one input of SFace's graph that is a picture; the others are its own weights."""
CONFIDENCE = 0.8
"""What YuNet is at least sure of. It says 0.86 and more of faces in photographs down to 16 px, and 0.79 and less of a
cheetah, the moon and a motorcycle (docs/numbers.md)."""
OVERLAP = 0.3
MOST = 200
LOOKS = (640, 1280)
"""Pixels of the longer side that YuNet looks at; the second only where the first shows nothing. It knows faces of about
10 to 300 px."""
TINY = 16
"""Pixels of the shorter side below which there is nothing to look at."""


class YuNetSFace(TwoFiles):
    """See the module. ``folder`` holds both files, byte for byte as the OpenCV zoo has them."""

    names = (YUNET, SFACE)

    def load(self) -> None:
        """See ``Recogniser.load``."""
        if missing := self.ready():
            raise RecogniserMissing(missing)
        try:
            _ = self._detector, self._describer
        except Exception as error:
            raise RecogniserMissing(f"The weights in {self.folder} cannot be loaded: {error!r}") from error

    @cached_property
    def _detector(self) -> Any:
        import cv2

        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # it warns of targets nobody chose
        try:
            return cv2.FaceDetectorYN.create(str(self.folder / YUNET), "", (LOOKS[0], LOOKS[0]), CONFIDENCE, OVERLAP)
        finally:
            cv2.utils.logging.setLogLevel(level)

    @cached_property
    def _describer(self) -> Any:
        return described_by(self.folder / SFACE)

    def picture(self, image: Image.Image) -> Attributes:
        """It has no reader for whole pictures."""
        return {}

    def faces(self, image: Image.Image) -> list[Face]:
        """See ``Recogniser.faces``."""
        self.load()
        return look_twice(image.convert("RGB"), self._look)

    def _look(self, image: Image.Image) -> list[Face]:
        found = self._found(image, LOOKS[0])
        if not found and max(image.size) > LOOKS[0]:
            found = self._found(image, LOOKS[1])
        pixels = np.asarray(image)
        return largest_first([self._face(pixels, row) for row in found])

    def _found(self, image: Image.Image, side: int) -> list[np.ndarray]:
        """Rows of box (x, y, width, height), five keypoints and score, in pixels of ``image`` looked at ``side`` px."""
        shrink = max(1.0, max(image.size) / side)
        size = (max(1, round(image.width / shrink)), max(1, round(image.height / shrink)))
        if min(size) < TINY:
            return []
        small = image if size == image.size else image.resize(size, Image.Resampling.BOX, reducing_gap=None)
        self._detector.setInputSize(size)
        _, rows = self._detector.detect(np.ascontiguousarray(np.asarray(small)[:, :, ::-1]))
        if rows is None:
            return []
        scale = np.ones(15, np.float32)
        scale[:14] = np.tile([image.width / size[0], image.height / size[1]], 7)
        return [row for row in rows[:MOST] * scale if np.isfinite(row).all()]

    def _face(self, pixels: np.ndarray, row: np.ndarray) -> Face:
        x, y, width, height = (float(v) for v in row[:4])
        keypoints = row[4:14].reshape(5, 2).astype(np.float32)
        return Face(
            box=(x, y, x + width, y + height),
            keypoints=keypoints,
            score=float(row[14]),
            embedding=self._embedding(pixels, keypoints),
            yaw=yaw_from_keypoints(keypoints),
        )

    def _embedding(self, pixels: np.ndarray, keypoints: np.ndarray) -> np.ndarray:
        """SFace wants the face as ArcFace does, 112 px, RGB from 0 to 255: the graph itself centres and scales it."""
        from insightface.utils.face_align import norm_crop

        crop = norm_crop(pixels, keypoints).astype(np.float32).transpose(2, 0, 1)
        return unit(self._describer.run(None, {INPUT: crop[None]})[0][0])


def described_by(path: Path) -> Any:
    """An onnxruntime session of SFace's file. Its graph lists all its weights as inputs, which onnxruntime takes for
    values that may change at any call: they are struck from the list, in memory."""
    import onnx
    import onnxruntime

    model = onnx.load(str(path))
    picture = [given for given in model.graph.input if given.name == INPUT]
    del model.graph.input[:]
    model.graph.input.extend(picture)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
