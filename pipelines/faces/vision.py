"""The look of a whole figure by a vision model that is at hand: DINOv2 or CLIP in a folder as transformers write it."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from pipelines.faces.base import Attributes, Face, Limits, RecogniserMissing, Thresholds, file_hash, unit

KNOWN = ("dinov2", "dinov2_with_registers", "clip", "clip_vision_model")
"""Model types (``config.json``) whose summary of a picture is used."""
NEEDED = ("config.json", "preprocessor_config.json")


class Vision:
    """Describes a picture by the summary of a vision model, the mean over it and its mirror image (a figure is the same
    from the left and from the right). ``folder`` holds ``config.json``, ``preprocessor_config.json`` and the weights as
    ``.safetensors``; other weights are not read and no code of the folder is run.

    Nobody has measured where such a model's lines lie: without ``thresholds`` of its preset none is called someone else
    until it is calibrated.
    """

    finds_faces = False
    limits = Limits()

    def __init__(self, folder: Path, *, name: str, title: str, thresholds: Thresholds | None = None) -> None:
        self.folder, self.name, self.title = folder, name, title or f"the look of the whole figure ({folder.name})"
        self.thresholds = thresholds or Thresholds(same=0.75, other=-1.0)

    @property
    def _weights(self) -> list[Path]:
        return sorted(self.folder.glob("*.safetensors"))

    @property
    def model_hash(self) -> str:
        """Of the weights; empty while they are missing."""
        return "" if self.ready() else self._hash

    @cached_property
    def _hash(self) -> str:
        return file_hash(*self._weights)

    def ready(self) -> str:
        """Empty, or what is missing."""
        lacking = [name for name in NEEDED if not (self.folder / name).is_file()]
        if not self._weights:
            lacking.append("the weights as .safetensors")
        return f"{self.name} cannot see: {' and '.join(lacking)} lacking in {self.folder}." if lacking else ""

    @cached_property
    def _model(self) -> tuple[Any, Any, str]:
        if missing := self.ready():
            raise RecogniserMissing(missing)
        try:
            return _loaded(self.folder)
        except RecogniserMissing:
            raise
        except Exception as error:
            raise RecogniserMissing(f"The model in {self.folder} cannot be loaded: {error!r}") from error

    def load(self) -> None:
        """See ``Recogniser.load``."""
        _ = self._model

    def picture(self, image: Image.Image) -> Attributes:
        """It has no reader for whole pictures."""
        return {}

    def faces(self, image: Image.Image) -> list[Face]:
        """One "face": the whole picture, with nothing about its angle."""
        import torch

        model, processor, kind = self._model
        rgb = image.convert("RGB")
        pixels = processor(images=[rgb, ImageOps.mirror(rgb)], return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            out = model(pixel_values=pixels)
        rows = out.image_embeds if kind == "clip" else out.pooler_output
        box = (0.0, 0.0, float(image.width), float(image.height))
        described = np.mean([unit(row) for row in rows.float().numpy()], axis=0)
        return [Face(box=box, embedding=unit(described))]


def _loaded(folder: Path) -> tuple[Any, Any, str]:
    """``(model, processor, model type)`` of a folder, with nothing from elsewhere. Raises RecogniserMissing for another
    kind of model."""
    from transformers import AutoConfig, AutoImageProcessor, AutoModel, CLIPVisionModelWithProjection

    here: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    kind = AutoConfig.from_pretrained(folder, **here).model_type
    if kind not in KNOWN:
        raise RecogniserMissing(f"{folder} holds a model of the type {kind!r}; known are {', '.join(KNOWN)}.")
    wanted = CLIPVisionModelWithProjection if kind == "clip" else AutoModel
    model = wanted.from_pretrained(folder, use_safetensors=True, local_files_only=True).eval()
    return model, AutoImageProcessor.from_pretrained(folder, use_fast=False, **here), kind
