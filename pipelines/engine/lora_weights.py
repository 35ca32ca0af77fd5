"""The tensors of a LoRA file as the two halves of a PEFT layer, or as what stands in their place.

Everything is scaled in float32 and then cast: fp8 has no arithmetic of its own, and half precision would lose what a
small alpha leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipelines.models.base import Place
from pipelines.models.lora_mapping import BIAS, BIASES, LOHA, LOKR, LORA, Patch

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Halves:
    """What goes onto one module: ``up(down(x))`` is added to its output. ``rank`` is that of a low-rank pair, else 1;
    ``magnitude`` (outputs) is DoRA's."""

    down: nn.Module
    up: nn.Module
    rank: int = 1
    magnitude: Tensor | None = None


class Difference(nn.Module):
    """A difference to a layer's weights that is no low-rank pair, made anew from its factors at each use: LoKr (the
    Kronecker product of two), LoHa (the elementwise product of two low-rank ones), or the difference as it is.

    It stands where PEFT has the first half of a LoRA; nothing is done after it. ``rows`` are the outputs that the
    module has of the file's layer.
    """

    def __init__(self, kind: str, factors: dict[str, Tensor], place: Place, scale: float) -> None:
        super().__init__()
        self.kind, self.place, self.scale = kind, place, scale
        self.factors = nn.ParameterDict({name: nn.Parameter(t, requires_grad=False) for name, t in factors.items()})

    @property
    def weight(self) -> Tensor:
        """A tensor of the type and place that inputs are brought to."""
        return next(iter(self.factors.values()))

    def delta(self) -> Tensor:
        """The difference, (outputs, inputs) float32."""
        factors = {name: factor.float() for name, factor in self.factors.items()}
        if self.kind == LOKR:
            made = torch.kron(_factor(factors, "lokr_w1"), _factor(factors, "lokr_w2"))
        elif self.kind == LOHA:
            one, two = (factors[f"hada_w{n}_a"] @ factors[f"hada_w{n}_b"] for n in (1, 2))
            made = one * two
        else:
            made = factors["diff"]
        return outputs_of(made, self.place) * self.scale

    def forward(self, x: Tensor) -> Tensor:
        """``x`` (..., inputs) to (..., outputs)."""
        return nn.functional.linear(x, self.delta().to(x.dtype))


def _factor(factors: Tensors, name: str) -> Tensor:
    """A factor of LoKr, whole or as the product of two."""
    return factors[name] if name in factors else factors[f"{name}_a"] @ factors[f"{name}_b"]


def outputs_of(tensor: Tensor, place: Place) -> Tensor:
    """The rows of a file's layer that are a module's outputs."""
    rows = tensor[place.first : place.last]
    return torch.cat(rows.chunk(2)[::-1]) if place.swapped else rows


class Builder:
    """Makes halves from the tensors of one file. A half that several modules share is one tensor."""

    def __init__(self, tensors: Tensors, dtype: torch.dtype) -> None:
        self.tensors, self.dtype = tensors, dtype
        self._shared: dict[str, nn.Parameter] = {}

    def halves(self, patch: Patch, scale: float, inputs: int, outputs: int) -> Halves:
        """What ``patch`` puts onto a module of so many inputs and outputs."""
        bias = self._bias(patch, scale)
        if patch.kind == LORA:
            up = outputs_of(self._float(patch, "up"), patch.place) * scale
            down = self._shared_half(patch.keys["down"])
            magnitude = self._magnitude(patch)
            return Halves(_linear(down), _linear(self._cast(up), bias), down.shape[0], magnitude)
        if patch.kind == BIAS:
            nothing = torch.zeros(1, inputs), torch.zeros(outputs, 1)
            return Halves(_linear(self._cast(nothing[0])), _linear(self._cast(nothing[1]), bias))
        factors = {role: _flat(self.tensors[key]).to(self.dtype) for role, key in patch.keys.items()
                   if role not in ("alpha", *BIASES)}  # fmt: skip
        up = nn.Identity() if bias is None else _Added(bias)
        return Halves(Difference(patch.kind, factors, patch.place, scale), up)

    def _float(self, patch: Patch, role: str) -> Tensor:
        return _flat(self.tensors[patch.keys[role]]).float()

    def _cast(self, tensor: Tensor) -> nn.Parameter:
        return nn.Parameter(tensor.to(self.dtype).contiguous(), requires_grad=False)

    def _shared_half(self, key: str) -> nn.Parameter:
        if key not in self._shared:
            self._shared[key] = self._cast(_flat(self.tensors[key]).float())
        return self._shared[key]

    def _bias(self, patch: Patch, scale: float) -> nn.Parameter | None:
        """A difference of biases. Alpha scales the one that belongs to a half, and not one that stands by itself."""
        found = [
            outputs_of(self.tensors[patch.keys[role]].float().flatten(), patch.place) * by
            for role, by in (("bias", 1.0), ("up_bias", scale))
            if role in patch.keys
        ]
        return self._cast(torch.stack(found).sum(0)) if found else None

    def _magnitude(self, patch: Patch) -> Tensor | None:
        if "magnitude" not in patch.keys:
            return None
        return self._cast(outputs_of(self.tensors[patch.keys["magnitude"]].float().flatten(), patch.place))


class _Added(nn.Module):
    """Adds a bias."""

    def __init__(self, bias: nn.Parameter) -> None:
        super().__init__()
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias.to(x.dtype)


def _flat(tensor: Tensor) -> Tensor:
    """A convolution of one pixel as the matrix that it is."""
    return tensor.flatten(1) if tensor.dim() == 4 else tensor


def _linear(weight: nn.Parameter, bias: nn.Parameter | None = None) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    made.weight = weight
    if bias is not None:
        made.bias = bias
    return made
