"""What is FLUX.2 klein's own in training: references are part of the sequence, each at a time of its own."""

import torch
from diffusers.pipelines.flux2.pipeline_flux2_klein import Flux2KleinPipeline, compute_empirical_mu
from PIL import Image
from torch import Tensor

from pipelines.models.denoiser import Denoiser, Text
from pipelines.models.driver import Driver
from pipelines.models.flux2_klein.drive import reference


class Flux2KleinDenoiser(Denoiser):
    """Words to picture, or references and words to picture: without references it is the same call, only shorter."""

    dropped_caption = ""

    def __init__(self, driver: Driver, resolution: int):
        super().__init__(driver, resolution)
        self.multiple = 2 * self.pipe.vae_scale_factor
        self.control_px = min(driver.family.defaults.vae_px or resolution, resolution)

    def encode_picture(self, image: Image.Image) -> Tensor:
        """The normalised latents in patches of 2 x 2, (1, 4 * channels, h / 2, w / 2) float32, of a picture whose sides
        are multiples of ``multiple``."""
        vae = self.pipe.vae
        pixels = self.pipe.image_processor.preprocess(image, image.height, image.width, resize_mode="crop")
        return self.pipe._encode_vae_image(pixels.to(vae.device, vae.dtype), None).float()

    def encode_control(self, image: Image.Image) -> Tensor:
        """A reference's latents, on at most the area of ``control_px`` squared; what is over a multiple of
        ``multiple`` is cut off as the pipeline cuts it."""
        seen = reference(self.pipe, image, self.control_px**2)
        width, height = (max(1, side // self.multiple) * self.multiple for side in seen.size)
        vae = self.pipe.vae
        pixels = self.pipe.image_processor.preprocess(seen, height, width, resize_mode="crop")
        return self.pipe._encode_vae_image(pixels.to(vae.device, vae.dtype), None).float()

    def encode_text(self, caption: str, controls: list[Image.Image]) -> Text:
        """Three hidden states of Qwen3, side by side; it does not see the references."""
        with self.driver.borrowed(*self.driver.encoders):
            embeds, _ = self.pipe.encode_prompt(
                caption, device=self.driver.device, max_sequence_length=self.driver.family.text_length
            )
        return Text(embeds)

    def pack(self, latents: Tensor) -> Tensor:
        """(n, 128, h, w) to tokens (n, h * w, 128): patches are tokens already."""
        return Flux2KleinPipeline._pack_latents(latents)

    def predict(self, noisy: Tensor, sigma: Tensor, controls: tuple[Tensor, ...], text: Text) -> Tensor:
        """The predicted direction as tokens. The target comes first in the sequence, then the references; what the
        model says about references is cut off."""
        parts = [self.pack(part).to(text.embeds.dtype) for part in (noisy, *controls)]
        predicted = self.transformer(
            hidden_states=torch.cat(parts, dim=1),
            timestep=sigma,
            guidance=None,
            encoder_hidden_states=text.embeds,
            txt_ids=Flux2KleinPipeline._prepare_text_ids(text.embeds).to(noisy.device),
            img_ids=self._places(noisy, controls).to(noisy.device),
            return_dict=False,
        )[0]
        return predicted[:, : parts[0].shape[1]]

    def _places(self, noisy: Tensor, controls: tuple[Tensor, ...]) -> Tensor:
        """Time, row, column and layer of each token (1, tokens, 4): the target at time 0, references at 10, 20, ..."""
        own = Flux2KleinPipeline._prepare_latent_ids(noisy[:1])
        if not controls:
            return own
        return torch.cat([own, Flux2KleinPipeline._prepare_image_ids([control[:1] for control in controls])], dim=1)

    def shift(self, tokens: int) -> float:
        """The pipeline's own fit over tokens and steps; the steps are the preset's."""
        return compute_empirical_mu(tokens, self.driver.family.defaults.steps)


DENOISER = Flux2KleinDenoiser
