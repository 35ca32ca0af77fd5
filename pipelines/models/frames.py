"""VAEs of Wan's kind: to them a picture is a film of one frame, latents are (n, channels, 1, h, w)."""

from typing import Any

import torch

from pipelines.models.base import TILE


def tile(vae: Any) -> None:
    """Work in tiles of ``TILE`` pixels that overlap by a quarter."""
    stride = TILE * 3 // 4
    vae.enable_tiling(TILE, TILE, stride, stride)


def decode(vae: Any, grid: torch.Tensor) -> torch.Tensor:
    """The picture (1, channels, height, width), -1 to 1, of normalised latents (1, channels, h, w)."""
    shape = (1, -1, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean, device=grid.device).view(shape)
    spread = torch.tensor(vae.config.latents_std, device=grid.device).view(shape)
    latents = grid.unsqueeze(2) * spread + mean
    return vae.decode(latents.to(vae.dtype), return_dict=False)[0][:, :, 0]
