"""What is FLUX.1's own in training: how pictures and captions are encoded and its transformer is asked."""

import torch
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from PIL import Image
from torch import Tensor

from pipelines.models.denoiser import Denoiser, Text
from pipelines.models.driver import Driver

GUIDANCE = 1.0
"""FLUX.1-dev is distilled from guidance; it is trained at 1, where that guidance does nothing."""


class FluxDenoiser(Denoiser):
    """Text to picture."""

    dropped_caption = ""

    def __init__(self, driver: Driver, resolution: int):
        super().__init__(driver, resolution)
        self.multiple = 2 * self.pipe.vae_scale_factor

    def encode_picture(self, image: Image.Image) -> Tensor:
        """The normalised latent mode of a picture whose sides are multiples of ``multiple``:
        (1, channels, h, w) float32, h and w in latents."""
        vae = self.pipe.vae
        pixels = self.pipe.image_processor.preprocess(image).to(vae.device, vae.dtype)
        latents = vae.encode(pixels).latent_dist.mode()
        return ((latents - vae.config.shift_factor) * vae.config.scaling_factor).float()

    def encode_control(self, image: Image.Image) -> Tensor:
        """FLUX.1 takes no input pictures. Raises ValueError."""
        raise ValueError("FLUX.1 takes no input pictures.")

    def encode_text(self, caption: str, controls: list[Image.Image]) -> Text:
        """T5 and CLIP embeddings, exactly as the pipeline makes them."""
        with self.driver.borrowed(*self.driver.encoders):
            embeds, pooled, _ = self.pipe.encode_prompt(
                caption, None, device=self.driver.device, max_sequence_length=self.driver.family.text_length
            )
        return Text(embeds, pooled)

    def pack(self, latents: Tensor) -> Tensor:
        """(n, 16, h, w) to tokens (n, h/2 * w/2, 64)."""
        return FluxPipeline._pack_latents(latents, *latents.shape)

    def predict(self, noisy: Tensor, sigma: Tensor, controls: tuple[Tensor, ...], text: Text) -> Tensor:
        """The predicted direction as tokens, for ``noisy`` latents at ``sigma`` (n,). Ids are 2-D: no batch axis."""
        n, _, h, w = noisy.shape
        dtype, device = text.embeds.dtype, noisy.device
        guided = self.transformer.config.guidance_embeds
        return self.transformer(
            hidden_states=self.pack(noisy).to(dtype),
            timestep=sigma,
            guidance=torch.full((n,), GUIDANCE, device=device) if guided else None,
            pooled_projections=text.pooled,
            encoder_hidden_states=text.embeds,
            txt_ids=torch.zeros(text.embeds.shape[1], 3, device=device, dtype=dtype),
            img_ids=FluxPipeline._prepare_latent_image_ids(n, h // 2, w // 2, device, dtype),
            return_dict=False,
        )[0]


DENOISER = FluxDenoiser
