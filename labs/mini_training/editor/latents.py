"""The pool as the transformer sees it: latents, made once by the trained VAE and kept on disk."""

import hashlib
import os
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from safetensors.torch import load_file, save_file

from labs.mini_training.editor.pool import Shard
from labs.mini_training.precision import autocast
from labs.mini_training.vae.task import single_frames

Tensor = torch.Tensor
CHUNK = {"cpu": 50, "cuda": 1000}
"""Pictures that are encoded together."""


def pack(latents: Tensor) -> Tensor:
    """Latents (n, 16, h, w) to tokens (n, h/2 * w/2, 64), as the pipeline packs them."""
    n, _, h, w = latents.shape
    return latents.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).reshape(n, h * w // 4, -1)


@torch.no_grad()
def encode(vae: AutoencoderKLQwenImage, pictures: Tensor) -> Tensor:
    """Pictures (n, 3, 64, 64) uint8 as normalised, packed latents (n, 64, 64) bfloat16, on the CPU."""
    config: Any = vae.config
    device = vae.device
    mean, spread = (torch.tensor(v, device=device).view(1, -1, 1, 1) for v in (config.latents_mean, config.latents_std))
    out = []
    for part in pictures.split(CHUNK[device.type]):
        with single_frames(), autocast(device.type):
            moments = vae.quant_conv(vae.encoder((part.to(device).float() / 127.5 - 1).unsqueeze(2)))[:, :, 0]
        out.append(pack((moments.float().chunk(2, 1)[0] - mean) / spread).bfloat16().cpu())
    return torch.cat(out)


class Latents:
    """Latents of shards, (N, 7, 64, 64) bfloat16, in a folder of their own for each VAE."""

    def __init__(self, folder: Path, vae_folder: Path, device: str = "cpu") -> None:
        weights = b"".join(path.read_bytes() for path in sorted(vae_folder.iterdir()))
        self.folder = folder / hashlib.sha256(weights).hexdigest()[:12]
        self.folder.mkdir(parents=True, exist_ok=True)
        loaded = AutoencoderKLQwenImage.from_pretrained(vae_folder, dtype=torch.float32, use_safetensors=True)
        self.vae: AutoencoderKLQwenImage = loaded.eval().to(device)  # type: ignore[assignment]

    def get(self, number: int, shard: Shard) -> Tensor:
        """Those of shard ``number``, from disk when they were made before."""
        path = self.folder / f"{number:04}.safetensors"
        if not path.exists():
            made = encode(self.vae, shard.pictures.flatten(0, 1)).unflatten(0, shard.pictures.shape[:2])
            part = path.with_suffix(f".{os.getpid()}")
            save_file({"latents": made}, part)
            part.replace(path)
        return load_file(path)["latents"]
