"""What is Qwen-Image-Edit's own in training: the input pictures are part of the sequence."""

import torch
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import (
    QwenImageEditPlusPipeline,
    calculate_dimensions,
)
from PIL import Image
from torch import Tensor

from pipelines.models.denoiser import Denoiser, Text
from pipelines.models.driver import Driver


class QwenEditDenoiser(Denoiser):
    """Input pictures and an instruction to picture.

    The inputs go in twice, as at inference: small (``condition_px``) through the vision side of the text encoder, and
    as latents (at most ``vae_px``, never above the training resolution) appended to the sequence.
    """

    # What the pipeline rounds the sides of its inputs to, whatever the VAE: target and input keep one proportion.
    multiple = 32
    dropped_caption = " "

    def __init__(self, driver: Driver, resolution: int):
        super().__init__(driver, resolution)
        defaults = driver.family.defaults
        self.control_px = min(defaults.vae_px or resolution, resolution)
        self.condition_px = defaults.condition_px

    def encode_picture(self, image: Image.Image) -> Tensor:
        """The normalised latents of a picture whose sides are multiples of ``multiple``:
        (1, channels, 1, h, w) float32, h and w in latents."""
        vae = self.pipe.vae
        pixels = self.pipe.image_processor.preprocess(image, image.height, image.width).unsqueeze(2)
        return self.pipe._encode_vae_image(pixels.to(vae.device, vae.dtype), None).float()

    def encode_control(self, image: Image.Image) -> Tensor:
        """An input picture's latents: whole, at its own aspect, on the area of ``control_px`` squared."""
        width, height = calculate_dimensions(self.control_px**2, image.width / image.height)
        return self.encode_picture(self.pipe.image_processor.resize(image, int(height), int(width)))

    def encode_text(self, caption: str, controls: list[Image.Image]) -> Text:
        """The instruction together with what the vision side sees of the inputs."""
        sizes = [calculate_dimensions(self.condition_px**2, c.width / c.height) for c in controls]
        small = [self.pipe.image_processor.resize(c, int(h), int(w)) for c, (w, h) in zip(controls, sizes, strict=True)]
        with self.driver.borrowed(*self.driver.encoders):
            embeds, mask = self.pipe.encode_prompt(caption, small, device=self.driver.device)
        if mask is not None:
            raise RuntimeError("A single caption came back padded: the pipeline's encoding has changed.")
        return Text(embeds)

    def pack(self, latents: Tensor) -> Tensor:
        """(n, 16, 1, h, w) to tokens (n, h/2 * w/2, 64)."""
        n, c, _, h, w = latents.shape
        return QwenImageEditPlusPipeline._pack_latents(latents.permute(0, 2, 1, 3, 4), n, c, h, w)

    def predict(self, noisy: Tensor, sigma: Tensor, controls: tuple[Tensor, ...], text: Text) -> Tensor:
        """The predicted direction as tokens. The target comes first in the sequence, then the inputs; what the model
        says about the inputs is cut off."""
        parts = [self.pack(part).to(text.embeds.dtype) for part in (noisy, *controls)]
        shapes = [(1, part.shape[3] // 2, part.shape[4] // 2) for part in (noisy, *controls)]
        predicted = self.transformer(
            hidden_states=torch.cat(parts, dim=1),
            timestep=sigma,
            guidance=None,
            encoder_hidden_states=text.embeds,
            encoder_hidden_states_mask=None,
            img_shapes=[shapes] * noisy.shape[0],
            return_dict=False,
        )[0]
        return predicted[:, : parts[0].shape[1]]


DENOISER = QwenEditDenoiser
