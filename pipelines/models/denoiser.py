"""What a training asks of an architecture: pictures and words as tensors, and the transformer's prediction."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import Image
from torch import Tensor

from pipelines.models import registry
from pipelines.models.driver import Driver


@dataclass(frozen=True)
class Text:
    """An encoded caption: ``embeds`` (1, tokens, width); where the architecture has it ``pooled`` (1, width), and
    ``places`` (1, tokens), which of the tokens stand for pictures that were seen with it."""

    embeds: Tensor
    pooled: Tensor | None = None
    places: Tensor | None = None


def shift_mu(scheduler: Mapping[str, Any], tokens: int) -> float:
    """The log of the timestep shift for a picture of ``tokens`` packed latent tokens, as a scheduler's config says it.

    With dynamic shifting it is linear in the token count between the scheduler's two anchors; otherwise the log of
    its constant ``shift``.
    """
    if not scheduler.get("use_dynamic_shifting"):
        return math.log(scheduler.get("shift", 1.0))
    low, high = scheduler.get("base_image_seq_len", 256), scheduler.get("max_image_seq_len", 4096)
    base, top = scheduler.get("base_shift", 0.5), scheduler.get("max_shift", 1.15)
    return base + (top - base) * (tokens - low) / (high - low)


class Denoiser(ABC):
    """A loaded transformer in training. Every architecture here learns the direction of a rectified flow.

    ``multiple`` is what the sides of a picture must be multiples of, pixels; ``dropped_caption`` stands in for a
    dropped one. ``resolution`` is the training's: input pictures are never seen larger.
    """

    multiple: int
    dropped_caption: str

    def __init__(self, driver: Driver, resolution: int):
        self.driver, self.resolution = driver, resolution
        self.pipe, self.transformer = driver.pipe, driver.pipe.transformer

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height, pixels, that a picture of that size is trained at: as its pipeline would see it on the
        area of ``resolution`` squared."""
        architecture = registry.of(self.driver.family)
        return architecture.edit_size(width, height, self.resolution**2, self.multiple)

    @abstractmethod
    def encode_picture(self, image: Image.Image) -> Tensor:
        """The normalised latents of a picture whose sides are multiples of ``multiple``: float32, height and width
        last."""

    @abstractmethod
    def encode_control(self, image: Image.Image) -> Tensor:
        """The latents of an input picture, whole, at its own aspect."""

    @abstractmethod
    def encode_text(self, caption: str, controls: list[Image.Image]) -> Text:
        """A caption as the pipeline encodes it, together with input pictures where it sees them."""

    @abstractmethod
    def pack(self, latents: Tensor) -> Tensor:
        """Latents as tokens (n, tokens, channels)."""

    @abstractmethod
    def predict(self, noisy: Tensor, sigma: Tensor, controls: tuple[Tensor, ...], text: Text) -> Tensor:
        """The predicted direction as tokens, for ``noisy`` latents at ``sigma`` (n,)."""

    def shift(self, tokens: int) -> float:
        """The log of the timestep shift at inference for a picture of ``tokens`` tokens."""
        return shift_mu(self.pipe.scheduler.config, tokens)


def denoiser_of(driver: Driver, resolution: int) -> Denoiser:
    """The transformer of a loaded model, to be trained at ``resolution``."""
    return registry.of(driver.family).module("train").DENOISER(driver, resolution)
