"""How Qwen-Image 2.1's pipeline makes pictures, from words alone or from source pictures and words."""

from collections.abc import Hashable, Iterator
from typing import Any

import torch
from PIL import Image

from pipelines.domain.shots import Shot
from pipelines.models import frames
from pipelines.models.driver import Driver
from pipelines.models.embeddings import Tensors


class Told(str):
    """A prompt that brings its embeddings along: the pipeline takes none for words that were said beside pictures."""

    embeds: torch.Tensor
    places: torch.Tensor

    @classmethod
    def of(cls, words: str, embeds: torch.Tensor, places: torch.Tensor) -> "Told":
        """``embeds`` (1, tokens, width); ``places`` (1, tokens): which of them stand for (parts of) pictures."""
        told = cls(words)
        told.embeds, told.places = embeds, places
        return told


def seen(pipe: Any, image: Image.Image, px: int) -> Image.Image:
    """A source picture as the pipeline sees it, with its encoder and with its VAE: whole, at its own aspect, on about
    ``px`` squared pixels."""
    from diffusers.pipelines.qwenimage21.pipeline_qwenimage21 import calculate_dimensions

    width, height, _ = calculate_dimensions(px**2, image.width / image.height)
    return pipe.image_processor.resize(image.convert("RGBA"), width=width, height=height)


class QwenImage21Driver(Driver):
    """Qwen3-VL sees prompt and sources together; ``guidance`` is true classifier-free guidance, of which the model asks
    for none. What words and sources leave in each block stays from step to step (``keeps_prefix``)."""

    encoders = ("text_encoder",)

    def prepare(self) -> None:
        # The pipeline reads hidden states only: the head that predicts words is 1.2 GiB for nothing.
        self.pipe.text_encoder.lm_head = torch.nn.Identity()
        own = self.pipe.encode_prompt

        def encode(prompt: Any, *args: Any, **kwargs: Any) -> Any:
            return (prompt.embeds, None, prompt.places) if isinstance(prompt, Told) else own(prompt, *args, **kwargs)

        self.pipe.encode_prompt = encode

    def _check(self, shot: Shot, sources: list[Image.Image]) -> None:
        super()._check(shot, sources)
        self._check_stretched(shot)

    def _key(self, shot: Shot) -> Hashable:
        pictures = tuple(s.id for s in shot.sources), shot.control and shot.control.id
        negative = shot.negative_prompt if shot.guidance > 1 else None
        return shot.prompt, negative, pictures, self.family.defaults.vae_px

    def _encode(self, shot: Shot, sources: list[Image.Image]) -> Tensors:
        pictures = [seen(self.pipe, source, self.family.defaults.vae_px) for source in sources] or None
        made: Tensors = {}
        for name, words in self._said(shot):
            embeds, _, places = self.pipe.encode_prompt(words, image=pictures, device=self.device)
            made |= {name: embeds, f"{name}_places": places}
        return made

    def _said(self, shot: Shot) -> Iterator[tuple[str, str]]:
        yield "prompt", shot.prompt
        if shot.guidance > 1:
            yield "negative_prompt", shot.negative_prompt

    def _arguments(self, shot: Shot, sources: list[Image.Image], text: Tensors) -> dict[str, Any]:
        told: dict[str, Any] = {name: self._told(words, name, text) for name, words in self._said(shot)}
        return {
            **told,
            "image": sources or None,
            "true_cfg_scale": shot.guidance,
            "output_resolution": self.family.defaults.vae_px,
            "use_kv_cache": self.keeps_prefix,
        }

    def _told(self, words: str, name: str, text: Tensors) -> Told:
        embeds, places = text[name], text[f"{name}_places"]
        assert embeds is not None and places is not None
        return Told.of(words, embeds, places)

    def _tiles(self, vae: Any) -> None:
        frames.tile(vae)

    def _unpack(self, latents: torch.Tensor, shot: Shot) -> torch.Tensor:
        """A token is a latent."""
        height, width = (2 * (side // self.family.multiple) for side in (shot.height, shot.width))
        return latents.transpose(1, 2).reshape(1, -1, height, width)

    def _decode(self, grid: torch.Tensor) -> torch.Tensor:
        return frames.decode(self.pipe.vae, grid)


DRIVER = QwenImage21Driver
