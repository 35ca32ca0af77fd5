"""What is Qwen-Image 2.1's own in training: words, input pictures and target are one sequence, in that order."""

import torch
from diffusers.pipelines.qwenimage21.pipeline_qwenimage21 import QwenImage21Pipeline
from PIL import Image
from torch import Tensor

from pipelines.models.denoiser import Denoiser, Text
from pipelines.models.driver import Driver
from pipelines.models.qwen_image_21.drive import seen

SLOT = 4
"""Latents that one place of the text encoder's for a picture stands for: 2 x 2."""


class QwenImage21Denoiser(Denoiser):
    """Words to picture, or pictures and words to picture: without pictures it is the same call, only shorter."""

    dropped_caption = " "

    def __init__(self, driver: Driver, resolution: int):
        super().__init__(driver, resolution)
        self.multiple = 2 * self.pipe.vae_scale_factor
        self.control_px = min(driver.family.defaults.vae_px or resolution, resolution)

    def encode_picture(self, image: Image.Image) -> Tensor:
        """The normalised latents of a picture whose sides are multiples of ``multiple``:
        (1, channels, 1, h, w) float32; it has no transparent places."""
        vae = self.pipe.vae
        whole = image.convert("RGBA")
        pixels = self.pipe.image_processor.preprocess(whole, height=whole.height, width=whole.width).unsqueeze(2)
        return self.pipe._encode_vae_image(pixels.to(vae.device, vae.dtype), None).float()

    def encode_control(self, image: Image.Image) -> Tensor:
        """An input picture's latents: whole, at its own aspect, on the area of ``control_px`` squared."""
        return self.encode_picture(seen(self.pipe, image, self.control_px))

    def encode_text(self, caption: str, controls: list[Image.Image]) -> Text:
        """The caption together with what Qwen3-VL sees of the inputs, which is as large as their latents."""
        pictures = [seen(self.pipe, control, self.control_px) for control in controls] or None
        with self.driver.borrowed(*self.driver.encoders):
            embeds, mask, places = self.pipe.encode_prompt(caption, image=pictures, device=self.driver.device)
        if mask is not None:
            raise RuntimeError("A single caption came back padded: the pipeline's encoding has changed.")
        return Text(embeds, places=places)

    def pack(self, latents: Tensor) -> Tensor:
        """(n, channels, 1, h, w) to tokens (n, h * w, channels): each latent is one."""
        n, channels, _, height, width = latents.shape
        return QwenImage21Pipeline._pack_latents(latents.contiguous(), n, channels, height, width)

    def predict(self, noisy: Tensor, sigma: Tensor, controls: tuple[Tensor, ...], text: Text) -> Tensor:
        """The predicted direction as tokens. The inputs come first, the target last; what the model says about the
        rest is cut off."""
        assert text.places is not None
        parts = [self.pack(part).to(text.embeds.dtype) for part in (*controls, noisy)]
        tokens = parts[-1].shape[1]
        target = text.places.new_ones(text.places.shape[0], tokens // SLOT)
        predicted = self.transformer(
            hidden_states=torch.cat(parts, dim=1),
            timestep=sigma,
            encoder_hidden_states=text.embeds,
            encoder_hidden_states_mask=None,
            img_shapes=[[(1, *part.shape[-2:]) for part in (*controls, noisy)]] * noisy.shape[0],
            img_mask=torch.cat([text.places, target], dim=1),
            return_dict=False,
        )[0]
        return predicted[:, -tokens:]


DENOISER = QwenImage21Denoiser
