"""Rectified flow: the noise levels a training looks at, the mixing of picture and noise, and the target.

A latent ``z`` and noise ``e`` are joined by a straight line ``x(s) = (1 - s) z + s e`` with sigma ``s`` from 0
(picture) to 1 (noise); the model is taught the line's direction ``e - z`` (Liu et al. 2022, arXiv 2209.03003; sigma
density and shift after Esser et al. 2024, arXiv 2403.03206, sections 3.1 and 5.3.2).
"""

import hashlib

import torch
from torch import Tensor


def generator(*key: object) -> torch.Generator:
    """A CPU generator that depends on ``key`` alone.

    Every draw of a training takes its own, named by seed and step, so that a resumed run draws exactly what an
    uninterrupted one would: there is no running state to save or to lose.
    """
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def shifted(u: Tensor, mu: float) -> Tensor:
    """Sigmas in (0, 1) after the shift: ``e^mu / (e^mu + 1/u - 1)``, which is ``sigmoid(logit(u) + mu)``."""
    return torch.sigmoid(torch.logit(u.clamp(1e-5, 1 - 1e-5)) + mu)


def draw_sigma(mu: float, source: torch.Generator) -> Tensor:
    """One sigma, shape (1,) float32: logit-normal(0, 1), shifted by ``mu`` as at inference for this size."""
    return shifted(torch.sigmoid(torch.randn(1, generator=source)), mu)


def mix(latents: Tensor, noise: Tensor, sigma: Tensor) -> Tensor:
    """The point at ``sigma`` on the line from ``latents`` to ``noise``; sigma has one entry per batch item."""
    s = sigma.to(latents.device).view(-1, *[1] * (latents.dim() - 1))
    return (1 - s) * latents + s * noise


def target(latents: Tensor, noise: Tensor) -> Tensor:
    """What the model should predict anywhere on the line: its direction."""
    return noise - latents
