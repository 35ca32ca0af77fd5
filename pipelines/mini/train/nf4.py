"""Training for 4 bits: every layer that the product quantizes multiplies by what NF4 makes of its weights, and
gradients pass through as if nothing had been rounded (straight-through estimator, Bengio et al. 2013, arXiv 1308.3432;
for whole networks Jacob et al. 2018, arXiv 1712.05877). What is kept and exported are the weights before rounding."""

from typing import Any

import torch
from bitsandbytes.functional import get_4bit_type
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.library.presets import ModelFamily

BLOCK = 64
"""Weights that share a scale, as in QLoRA (Dettmers et al. 2023)."""
STEPS = 4096
"""Places between -1 and 1 at which the nearest code was looked up beforehand: a search among the codes takes ten times
as long."""


def _nearest() -> Tensor:
    codes = get_4bit_type("nf4", device="cpu").float()
    places = (torch.arange(STEPS + 1) + 0.5) / (STEPS / 2) - 1
    return codes[torch.bucketize(places, (codes[1:] + codes[:-1]) / 2)]


NEAREST = _nearest()


@torch.no_grad()
def rounded(weight: Tensor) -> Tensor:
    """``weight`` as NF4 gives it back (without its scales' own rounding to 8 bits: 2 to 7 % of the whole error)."""
    blocks = weight.float().reshape(-1, BLOCK)
    scale = blocks.abs().amax(1, keepdim=True).clamp(min=1e-12)
    return (NEAREST[((blocks / scale + 1) * (STEPS / 2)).int()] * scale).view_as(weight).to(weight.dtype)


class Rounded(nn.Linear):
    """A linear layer that multiplies by the rounded weights. ``offset`` is what rounding adds; see :func:`refresh`."""

    offset: Tensor

    def forward(self, input: Tensor) -> Tensor:
        """As ``nn.Linear``."""
        return F.linear(input, self.weight + self.offset, self.bias)


def prepare(net: nn.ModuleDict, family: ModelFamily) -> list[Rounded]:
    """Turn the layers of ``net`` (parts by their names in the pipeline) that ``family`` quantizes into
    :class:`Rounded`, in place. Names of weights stay."""
    found: list[Rounded] = []
    parts: Any = net.items()
    for name, part in parts:
        settings = family.parts[name]
        for path, layer in part.named_modules():
            if (
                settings.quantize == "nf4"
                and type(layer) is nn.Linear
                and not set(settings.skip) & set(path.split("."))
            ):
                turned: Any = layer
                turned.__class__ = Rounded
                turned.register_buffer("offset", torch.zeros_like(turned.weight), persistent=False)
                found.append(turned)
    return found


@torch.no_grad()
def refresh(layers: list[Rounded]) -> None:
    """Round anew: before every step, because weights have moved."""
    for layer in layers:
        layer.offset.copy_(rounded(layer.weight) - layer.weight)
