"""The same models and settings as diffusers' documentation and example scripts use them: what ``bench_gpu`` is held
against.

Loading: ``from_pretrained`` with ``PipelineQuantizationConfig`` (NF4, double quantization) on the parts that our preset
quantizes, all of the pipeline on the device. Pictures: the pipeline's own call, the LoRA by ``load_lora_weights``.
Training: as ``train_dreambooth_lora_flux.py`` and ``train_dreambooth_lora_qwenimage.py`` do with latents and prompts
that were encoded before and encoders that are gone: gradient checkpointing, 8-bit AdamW on a card, bfloat16. (There is
no script for edits: the input's latents are appended as the edit pipeline appends them.)
"""

import gc
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers import PipelineQuantizationConfig
from diffusers.training_utils import cast_training_params
from peft import LoraConfig
from PIL import Image

from pipelines.domain.presets import ModelFamily
from pipelines.engine import quantize
from pipelines.models import registry
from pipelines.training.adapter import targeted

CUDA = torch.cuda.is_available()
DEVICE = torch.device("cuda" if CUDA else "cpu")


def load(family: ModelFamily, folder: Path, stored: str) -> Any:
    """The pipeline on the device; ``stored``: ``nf4`` is quantized on disk already."""
    if not CUDA:
        quantize.enable("cpu")  # diffusers itself refuses 4 bits without a card
    packed = [name for name, part in family.parts.items() if part.quantize == "nf4"]
    values = {
        "load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": torch.bfloat16,
        "bnb_4bit_use_double_quant": True,
    }  # fmt: skip
    config = PipelineQuantizationConfig(
        quant_backend="bitsandbytes_4bit", quant_kwargs=values, components_to_quantize=packed
    )
    how = {} if stored == "nf4" or not CUDA else {"quantization_config": config}
    if not CUDA and stored != "nf4":
        how = {"quantization_config": quantize.config(family, torch.bfloat16)}
    pipe = getattr(diffusers, registry.of(family).pipeline).from_pretrained(folder, dtype=torch.bfloat16, **how)
    pipe.set_progress_bar_config(disable=True)
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            if not CUDA:  # a trap of CPUs alone
                quantize.even_out(part, torch.bfloat16)
                quantize.settle(part)
            part.eval().requires_grad_(False)
    return pipe.to(DEVICE)


def picture(pipe: Any, family: ModelFamily, values: dict[str, Any], sources: list[Image.Image], on_step: Any) -> Any:
    """A picture of the pipeline's own call."""
    guidance = "true_cfg_scale" if "editor" in family.roles else "guidance_scale"
    more = {"image": sources, "negative_prompt": " "} if sources else {}
    return pipe(
        **values, **more, **{guidance: family.defaults.guidance}, callback_on_step_end=on_step,
        generator=torch.Generator("cpu").manual_seed(1),
    ).images[0]  # fmt: skip


class Training:
    """A LoRA that is learnt as the example scripts do; ``step`` is one optimizer step. The pipeline has no encoders and
    no VAE any more afterwards."""

    def __init__(self, pipe: Any, family: ModelFamily, prompt: str, images: list[Image.Image], rank: int = 16) -> None:
        self.pipe, self.edits = pipe, "editor" in family.roles
        with torch.no_grad():
            self.latents = [self._latents(image) for image in images]
            self.text = self._text(prompt, images[1:])
        for name in ("text_encoder", "text_encoder_2", "vae"):
            if getattr(pipe, name, None) is not None:
                setattr(pipe, name, None)
        gc.collect()
        if CUDA:
            torch.cuda.empty_cache()
        self.transformer = pipe.transformer
        self.transformer.enable_gradient_checkpointing()
        modules = targeted(self.transformer, family.lora_targets)
        self.transformer.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=modules))
        cast_training_params([self.transformer], dtype=torch.float32)
        self.transformer.train()
        learned = [p for p in self.transformer.parameters() if p.requires_grad]
        if CUDA:
            import bitsandbytes

            self.optimizer: Any = bitsandbytes.optim.AdamW8bit(learned, lr=1e-4)
        else:
            self.optimizer = torch.optim.AdamW(learned, lr=1e-4)
        self.learned = learned

    def _latents(self, image: Image.Image) -> torch.Tensor:
        vae = self.pipe.vae
        pixels = self.pipe.image_processor.preprocess(image).to(vae.device, vae.dtype)
        if self.edits:
            return self.pipe._encode_vae_image(pixels.unsqueeze(2), None).float()
        found = vae.encode(pixels).latent_dist.mode()
        return ((found - vae.config.shift_factor) * vae.config.scaling_factor).float()

    def _text(self, prompt: str, images: list[Image.Image]) -> tuple[Any, ...]:
        if self.edits:
            return self.pipe.encode_prompt(prompt, images, device=DEVICE)
        return self.pipe.encode_prompt(prompt, None, device=DEVICE, max_sequence_length=512)

    def step(self) -> float:
        """The loss of one step."""
        clean, *inputs = self.latents
        noise, sigma = torch.randn_like(clean), torch.sigmoid(torch.randn(1, device=DEVICE))
        noisy = (1 - sigma) * clean + sigma * noise
        with torch.autocast(DEVICE.type, torch.bfloat16):
            predicted = self._predicted([noisy, *inputs], sigma)
        loss = (predicted.float() - self._packed(noise - clean)).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.learned, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _packed(self, latents: torch.Tensor) -> torch.Tensor:
        frames = latents.permute(0, 2, 1, 3, 4) if self.edits else latents
        channels, (height, width) = latents.shape[1], latents.shape[-2:]
        return type(self.pipe)._pack_latents(frames, 1, channels, height, width)

    def _predicted(self, parts: list[torch.Tensor], sigma: torch.Tensor) -> torch.Tensor:
        tokens = [self._packed(part).to(torch.bfloat16) for part in parts]
        both: dict[str, Any] = {"hidden_states": torch.cat(tokens, dim=1), "timestep": sigma, "return_dict": False}
        if self.edits:
            shapes = [[(1, part.shape[3] // 2, part.shape[4] // 2) for part in parts]]
            made = self.transformer(**both, encoder_hidden_states=self.text[0], img_shapes=shapes)[0]
            return made[:, : tokens[0].shape[1]]
        height, width = parts[0].shape[-2:]
        places = type(self.pipe)._prepare_latent_image_ids(1, height // 2, width // 2, DEVICE, torch.bfloat16)
        return self.transformer(
            **both, guidance=torch.ones(1, device=DEVICE), pooled_projections=self.text[1],
            encoder_hidden_states=self.text[0], txt_ids=self.text[2], img_ids=places,
        )[0]  # fmt: skip
