"""How FLUX.1's pipeline makes pictures."""

from typing import Any

import torch
from PIL import Image

from pipelines.domain.shots import Shot
from pipelines.models.driver import Driver
from pipelines.models.embeddings import Tensors


class FluxDriver(Driver):
    """FLUX.1: CLIP and T5 encode the prompt; ``guidance`` is the distilled guidance scale; no source pictures."""

    encoders = ("text_encoder", "text_encoder_2")

    def _encode(self, shot: Shot, sources: list[Image.Image]) -> Tensors:
        words, pooled, _ = self.pipe.encode_prompt(
            shot.prompt, None, device=self.device, max_sequence_length=self.family.text_length
        )
        return {"prompt_embeds": words, "pooled_prompt_embeds": pooled}

    def _arguments(self, shot: Shot, sources: list[Image.Image], text: Tensors) -> dict[str, Any]:
        return {**text, "guidance_scale": shot.guidance}

    def _decode(self, grid: torch.Tensor) -> torch.Tensor:
        vae = self.pipe.vae
        grid = grid / vae.config.scaling_factor + vae.config.shift_factor
        return vae.decode(grid.to(vae.dtype), return_dict=False)[0]


DRIVER = FluxDriver
