"""How FLUX.2 klein's pipeline makes pictures, from words alone or from source pictures and words."""

from collections.abc import Hashable
from typing import Any

import torch
from PIL import Image

from pipelines.domain.shots import Shot
from pipelines.models.driver import Driver, ShotError
from pipelines.models.embeddings import Tensors

SMALLEST = 64
MOST_ASPECT = 8
"""What the pipeline takes of a source picture: pixels of its shorter side, and longer to shorter."""


def reference(pipe: Any, image: Image.Image, area: int) -> Image.Image:
    """A source picture as the pipeline will see it: whole, at its own aspect, on at most ``area`` pixels."""
    return pipe.image_processor._resize_if_exceeds_area(image, area)


class Flux2KleinDriver(Driver):
    """Qwen3 encodes the prompt; ``guidance`` is true classifier-free guidance (a distilled model has none); sources are
    seen at their own size, at most ``vae_px`` squared."""

    encoders = ("text_encoder",)

    def prepare(self) -> None:
        # The pipeline reads hidden states only.
        self.pipe.text_encoder.lm_head = torch.nn.Identity()

    def _check(self, shot: Shot, sources: list[Image.Image]) -> None:
        super()._check(shot, sources)
        for number, source in enumerate((self._seen(source) for source in sources), 1):
            short, long = sorted(source.size)
            if short < SMALLEST or long > MOST_ASPECT * short:
                raise ShotError(
                    f"{self.family.title} takes source pictures of {SMALLEST} pixels a side or more and of at most"
                    f" {MOST_ASPECT}:1; source {number} is seen at {source.width} x {source.height}."
                )

    def _guided(self, shot: Shot) -> bool:
        return shot.guidance > 1 and not self.pipe.config.is_distilled

    def _key(self, shot: Shot) -> Hashable:
        return shot.prompt, shot.negative_prompt if self._guided(shot) else None

    def _encode(self, shot: Shot, sources: list[Image.Image]) -> Tensors:
        made: Tensors = {"prompt_embeds": self._embedded(shot.prompt)}
        if self._guided(shot):
            made["negative_prompt_embeds"] = self._embedded(shot.negative_prompt)
        return made

    def _embedded(self, prompt: str) -> torch.Tensor:
        return self.pipe.encode_prompt(prompt, device=self.device, max_sequence_length=self.family.text_length)[0]

    def _arguments(self, shot: Shot, sources: list[Image.Image], text: Tensors) -> dict[str, Any]:
        pictures = [self._seen(source) for source in sources] or None
        return {**text, "image": pictures, "guidance_scale": shot.guidance}

    def _seen(self, source: Image.Image) -> Image.Image:
        return reference(self.pipe, source, self.family.defaults.vae_px**2)

    def _unpack(self, latents: torch.Tensor, shot: Shot) -> torch.Tensor:
        """Each token is a patch of 2 x 2 latents, normalised by the VAE's running statistics."""
        height, width = shot.height // self.family.multiple, shot.width // self.family.multiple
        grid = latents.permute(0, 2, 1).reshape(1, -1, height, width)
        norm, eps = self.pipe.vae.bn, self.pipe.vae.config.batch_norm_eps
        shape = (1, -1, 1, 1)
        spread = torch.sqrt(norm.running_var.view(shape) + eps).to(grid.device, grid.dtype)
        return self.pipe._unpatchify_latents(grid * spread + norm.running_mean.view(shape).to(grid.device, grid.dtype))

    def _decode(self, grid: torch.Tensor) -> torch.Tensor:
        return self.pipe.vae.decode(grid.to(self.pipe.vae.dtype), return_dict=False)[0]


DRIVER = Flux2KleinDriver
