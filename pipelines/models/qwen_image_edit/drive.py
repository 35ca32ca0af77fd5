"""How Qwen-Image-Edit's pipeline makes pictures."""

import logging
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from PIL import Image

from pipelines.domain.presets import ModelFamily
from pipelines.domain.shots import Shot
from pipelines.models import frames
from pipelines.models.driver import Driver, ShotError
from pipelines.models.embeddings import Tensors


def _edit_module() -> Any:
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus

    return pipeline_qwenimage_edit_plus


@contextmanager
def edit_sizes(family: ModelFamily) -> Iterator[None]:
    """Within, the edit pipeline sees its sources at this model's sizes. It reads them from globals of its module: the
    resident model's lock keeps two models from meeting here."""
    module, own = _edit_module(), family.defaults
    before = module.CONDITION_IMAGE_SIZE, module.VAE_IMAGE_SIZE
    module.CONDITION_IMAGE_SIZE, module.VAE_IMAGE_SIZE = own.condition_px**2, own.vae_px**2
    try:
        yield
    finally:
        module.CONDITION_IMAGE_SIZE, module.VAE_IMAGE_SIZE = before


class QwenEditDriver(Driver):
    """Qwen-Image-Edit-2509: Qwen2.5-VL sees prompt and sources together; ``guidance`` is true classifier-free guidance.

    Sides are cut to multiples of 32 by the sources' own areas (``condition_px`` and ``vae_px`` squared).
    """

    encoders = ("text_encoder",)

    def prepare(self) -> None:
        # The pipeline reads hidden states only: the head that predicts words is 1 GiB for nothing.
        self.pipe.text_encoder.lm_head = torch.nn.Identity()
        # It warns at each picture that embeddings come without a mask, which it itself drops when it masks nothing.
        logging.getLogger(_edit_module().__name__).setLevel(logging.ERROR)

    def _check(self, shot: Shot, sources: list[Image.Image]) -> None:
        super()._check(shot, sources)
        if not sources:
            raise ShotError(f"{self.family.title} edits pictures: the shot has no source picture.")
        self._check_stretched(shot)

    def _key(self, shot: Shot) -> Hashable:
        pictures = tuple(s.id for s in shot.sources), shot.control and shot.control.id
        return shot.prompt, shot.negative_prompt, shot.guidance > 1, pictures, self.family.defaults.condition_px

    def _encode(self, shot: Shot, sources: list[Image.Image]) -> Tensors:
        seen = [self._reduced(source) for source in sources]
        made: Tensors = {}
        made["prompt_embeds"], made["prompt_embeds_mask"] = self.pipe.encode_prompt(
            shot.prompt, seen, device=self.device
        )
        if shot.guidance > 1:
            made["negative_prompt_embeds"], made["negative_prompt_embeds_mask"] = self.pipe.encode_prompt(
                shot.negative_prompt or " ", seen, device=self.device
            )
        return made

    def _reduced(self, source: Image.Image) -> Image.Image:
        """The source as the text encoder sees it: resized exactly as the pipeline would."""
        area = self.family.defaults.condition_px**2
        width, height = _edit_module().calculate_dimensions(area, source.width / source.height)
        return self.pipe.image_processor.resize(source, height, width)

    def _arguments(self, shot: Shot, sources: list[Image.Image], text: Tensors) -> dict[str, Any]:
        return {**text, "image": sources, "true_cfg_scale": shot.guidance}

    def _tiles(self, vae: Any) -> None:
        frames.tile(vae)

    def _sizes(self) -> AbstractContextManager[None]:
        return edit_sizes(self.family)

    def _decode(self, grid: torch.Tensor) -> torch.Tensor:
        return frames.decode(self.pipe.vae, grid)


DRIVER = QwenEditDriver
