"""Teaching a VAE: crops first, whole pictures at the end, faces weighing more than walls."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from diffusers.models.autoencoders import autoencoder_kl_qwenimage
from torch import nn

from labs.mini_training.checkpoints import vaes
from labs.mini_training.faces.pool import Pool
from labs.mini_training.precision import autocast

Tensor = torch.Tensor
SHARDS = {"gate": 16, "judge": 10}
"""How many of the pool's shards are used, of either range: 26,000 pictures."""
CROP = 32
WHOLE_FROM = 0.7
"""From this share of the steps on whole pictures: borders are learnt, and what attention there is sees all."""
FACE = 3.0
KL = 2e-4
LOG_VARIANCE = (-12.0, 4.0)


class Vae(Protocol):
    """Both VAEs alike: pictures (n, 3, h, w) in -1..1, moments (n, 32, h/4, w/4), latents (n, 16, h/4, w/4)."""

    net: Any

    def moments(self, pictures: Tensor) -> Tensor:
        """Means and log variances."""
        ...

    def pictures(self, latents: Tensor) -> Tensor:
        """Decoded, not clipped."""
        ...


class FluxVae:
    """FLUX.1's."""

    def __init__(self) -> None:
        self.net: Any = vaes.flux().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def moments(self, pictures: Tensor) -> Tensor:
        """See :class:`Vae`."""
        return self.net.encoder(pictures.contiguous(memory_format=torch.channels_last))

    def pictures(self, latents: Tensor) -> Tensor:
        """See :class:`Vae`."""
        return self.net.decoder(latents)


class QwenVae:
    """Qwen-Image's, on single frames."""

    def __init__(self) -> None:
        self.net: Any = vaes.qwen()
        with torch.no_grad():
            for module in self.net.modules():
                if isinstance(module, autoencoder_kl_qwenimage.QwenImageCausalConv3d):
                    # What only earlier frames would pass through is never taught: nothing, rather than noise.
                    module.weight[:, :, :-1] = 0

    def moments(self, pictures: Tensor) -> Tensor:
        """See :class:`Vae`."""
        with single_frames():
            return self.net.quant_conv(self.net.encoder(pictures.unsqueeze(2)))[:, :, 0]

    def pictures(self, latents: Tensor) -> Tensor:
        """See :class:`Vae`."""
        with single_frames():
            return self.net.decoder(self.net.post_quant_conv(latents.unsqueeze(2)))[:, :, 0]


@contextmanager
def single_frames() -> Iterator[None]:
    """Within, causal 3-D convolutions of single frames are computed as the 2-D convolutions they are: before the first
    frame there are zeros only, so nothing but the last slice of the kernel counts. A third of the work."""
    causal = autoencoder_kl_qwenimage.QwenImageCausalConv3d
    before = causal.forward

    def forward(self: Any, x: Tensor, cache_x: Tensor | None = None) -> Tensor:
        assert x.shape[2] == 1
        padding = (self._padding[2], self._padding[0])
        return F.conv2d(x[:, :, 0], self.weight[:, :, -1], self.bias, self.stride[1:], padding).unsqueeze(2)

    causal.forward = forward
    try:
        yield
    finally:
        causal.forward = before


class Pictures:
    """The pool's pictures at 64 px, in memory, and how much each of their pixels counts."""

    def __init__(self, pools: list[tuple[Pool, int]]) -> None:
        pixels, boxes, faces = [], [], []
        for shard in (pool.get(n) for pool, count in pools for n in range(count)):
            pixels.append(halved(shard.pictures))
            boxes.append(torch.from_numpy(shard.table["box"]))
            faces.append(torch.from_numpy(shard.table["face"]))
        self.pixels, self.boxes, self.faces = torch.cat(pixels), torch.cat(boxes), torch.cat(faces)

    def __len__(self) -> int:
        return len(self.pixels)

    def weights(self, which: Tensor) -> Tensor:
        """(n, 1, 64, 64), mean 1: three more on the face, fading like a bell around the middle of its box."""
        box, size = self.boxes[which], self.pixels.shape[-1]
        middle, spread = (box[:, :2] + box[:, 2:]) / 2, ((box[:, 2:] - box[:, :2]) / 2).clamp(min=0.04)
        grid = (torch.arange(size) + 0.5) / size
        across = ((grid - middle[:, :1]) / spread[:, :1]).square()
        down = ((grid - middle[:, 1:]) / spread[:, 1:]).square()
        bell = torch.exp(-0.5 * (across[:, None] + down[:, :, None])) * self.faces[which, None, None]
        weights = 1 + FACE * bell
        return (weights / weights.mean((1, 2), keepdim=True)).unsqueeze(1)


def halved(pictures: Tensor) -> Tensor:
    """Pictures (n, 3, 2k, 2k) uint8 at half the size: means over 2 x 2 pixels, as the renderer would draw them."""
    return F.avg_pool2d(pictures.float(), 2).round().to(torch.uint8)


class VaeTask:
    """A VAE to train; see :class:`~labs.mini_training.loop.Task`."""

    def __init__(self, name: str, vae: Vae, data: Pictures, steps: int, seed: int, batch: int = 32) -> None:
        self.name, self.vae, self.data = name, vae, data
        self.net: nn.Module = vae.net
        self.steps, self.seed, self.batch = steps, seed, batch

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """See ``Task``: absolute and squared differences of pixels, of edges, and a little KL divergence."""
        x, weights = self._draw(step)
        with autocast():
            mean, variance = self.vae.moments(x).chunk(2, 1)
            spread = (variance.float().clamp(*LOG_VARIANCE) / 2).exp()
            made = self.vae.pictures(mean + spread * torch.randn_like(spread))
        mean, off = mean.float(), made.float() - x
        flat, squares = (weights * off.abs()).mean(), (weights * off.square()).mean()
        edges = _across(off).abs().mean() + _down(off).abs().mean()
        kl = 0.5 * (mean.square() + spread.square() - 1 - 2 * spread.log()).mean()
        figures = {"decibels": -10 * float(torch.log10(off.detach().square().mean() / 4)), "kl": float(kl.detach())}
        return flat + 2 * squares + 0.5 * edges + KL * kl, figures

    def _draw(self, step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng((self.seed, step))
        size = self.data.pixels.shape[-1]
        whole = step >= WHOLE_FROM * self.steps
        count = self.batch * CROP * CROP // (size * size) if whole else self.batch
        which = torch.from_numpy(rng.integers(len(self.data), size=count))
        x, weights = self.data.pixels[which].float() / 127.5 - 1, self.data.weights(which)
        if not whole:
            places = rng.integers(size - CROP + 1, size=(count, 2))
            x, weights = _cut(x, places), _cut(weights, places)
        if step % 2:
            x, weights = x.flip(-1), weights.flip(-1)
        return x, weights


def _cut(x: Tensor, places: np.ndarray) -> Tensor:
    return torch.stack([row[:, a : a + CROP, b : b + CROP] for row, (a, b) in zip(x, places, strict=True)])


def _across(x: Tensor) -> Tensor:
    return x[..., 1:] - x[..., :-1]


def _down(x: Tensor) -> Tensor:
    return x[..., 1:, :] - x[..., :-1, :]
