"""LoRAs made into one. The differences that they make to a layer, ``B_i A_i`` times weight and scale, are added:

- by concatenation: ``[B_1 .. B_n] [A_1; ..; A_n]``, exactly the sum, of the sum of their ranks;
- to a rank: the best approximation of the sum of that rank (Eckart and Young 1936), by the singular values of the small
  matrix between the QR factors of the concatenation, so that no whole difference is ever made.

The error is told as it is in the file, rounded to bfloat16: the Frobenius norm of what the merged file lacks, over that
of the sum.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.presets import ModelFamily
from pipelines.domain.rates import percent
from pipelines.domain.records import LoraRecord
from pipelines.domain.requests import MergeRequest
from pipelines.domain.shots import Adapter
from pipelines.engine import weights
from pipelines.engine.lora_weights import Builder
from pipelines.models import registry
from pipelines.models.base import TRANSFORMER
from pipelines.models.lora_files import LoraRefused, admit_lora, judged, opened
from pipelines.models.lora_mapping import LORA, Fit
from pipelines.models.lora_scales import scales_of
from pipelines.models.lora_targets import LoraTarget, target_of
from pipelines.storage.atomic import file_hash, remove, write_durably
from pipelines.storage.names import slug
from pipelines.storage.safetensors_file import encoded, to_bfloat16
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

Pair = tuple[Tensor, Tensor]
"""The halves of a difference, float64: B (outputs, rank), with weight and scale in it, and A (rank, inputs)."""


@dataclass(frozen=True)
class Merged:
    """The new LoRA; the relative error of all its layers together, and the layer where it is largest with its own."""

    lora: LoraRecord
    error: float
    worst: tuple[str, float]

    @property
    def words(self) -> str:
        """What is lost, in words."""
        module, most = self.worst
        told = f"{percent(self.error)} of the sum is lost (most in {module}: {percent(most)})"
        return f"{self.lora.name} has rank {self.lora.rank}; {told}."


def merge(
    request: MergeRequest,
    family: ModelFamily,
    workspace: Workspace,
    settings: Settings,
    on_progress: Callable[[float, str], None],
    cancelled: Callable[[], bool] = lambda: False,
) -> Merged:
    """Write the merged file into the library's folder; its record is the caller's to keep. Raises LoraRefused for a
    file that cannot be merged, Cancelled, OSError."""
    target = target_of(family, weights.locate(family, workspace, settings))
    layers: dict[str, list[Pair]] = {}
    for n, adapter in enumerate(request.loras):
        on_progress(0.3 * n / len(request.loras), f"Reading {adapter.name}")
        for module, pair in _pairs(adapter, target, workspace).items():
            layers.setdefault(module, []).append(pair)
    told, lost, whole, worst = {}, 0.0, 0.0, ("", 0.0)
    for n, (module, pairs) in enumerate(layers.items()):
        if cancelled():
            raise Cancelled
        on_progress(0.3 + 0.6 * n / len(layers), f"Layer {n + 1} of {len(layers)}")
        added = concatenated(pairs)
        kept = rounded(added if request.rank is None else reduced(added, request.rank))
        missing, all_of = difference(added, kept), norm(added)
        lost, whole = lost + missing**2, whole + all_of**2
        if all_of and missing / all_of >= worst[1]:
            worst = module, missing / all_of
        told[module] = kept
    lora = _written(request, told, family, target, workspace)
    return Merged(lora, (lost / whole) ** 0.5 if whole else 0.0, worst)


def _pairs(adapter: Adapter, target: LoraTarget, workspace: Workspace) -> dict[str, Pair]:
    """The differences of a file, by module of the transformer."""
    path = Path(adapter.path) if Path(adapter.path).is_absolute() else workspace.path(adapter.path)
    if not path.is_file():
        raise LoraRefused(f"The file of {adapter.name} is gone: {path}")
    if file_hash(path) != adapter.sha256:
        raise LoraRefused(f"{path.name} has changed since it was chosen: choose it again.")
    _, _, chosen = judged(path, path.name, target.architecture.name, model=target)
    _refuse_other_kinds(adapter.name, chosen)
    header = opened(path, path.name)
    scales, builder = scales_of(path, header), Builder(load_file(path), torch.float32)
    found: dict[str, Pair] = {}
    for patch in chosen.patches:
        inputs, outputs = target.parts[TRANSFORMER][patch.place.module]
        halves = builder.halves(patch, scales.of(patch, header.tensors), inputs, outputs)
        b, a = _matrix(halves.up).double() * adapter.weight, _matrix(halves.down).double()
        before = found.get(patch.place.module)
        found[patch.place.module] = concatenated([before, (b, a)]) if before else (b, a)
    return found


def _matrix(half: torch.nn.Module) -> Tensor:
    weight = half.weight
    assert isinstance(weight, Tensor)
    return weight.detach()


def _refuse_other_kinds(name: str, chosen: Fit) -> None:
    """Only low-rank pairs of the transformer add up to a LoRA. Raises LoraRefused."""
    for patch in chosen.patches:
        if patch.place.part != TRANSFORMER:
            raise LoraRefused(f"{name} adapts the text encoder, too ({patch.layer}): that cannot be merged.")
        if patch.kind != LORA:
            raise LoraRefused(f"{name} has layers that are no low-rank pairs ({patch.kind}, {patch.layer}).")
        if odd := {"magnitude", "bias", "up_bias"} & patch.keys.keys():
            kind = "DoRA" if "magnitude" in odd else "a bias"
            raise LoraRefused(f"{name} has {kind} ({patch.layer}): that cannot be merged into a LoRA.")


def concatenated(pairs: list[Pair]) -> Pair:
    """The sum of differences, exactly."""
    return torch.cat([b for b, _ in pairs], dim=1), torch.cat([a for _, a in pairs], dim=0)


def reduced(pair: Pair, rank: int) -> Pair:
    """The nearest difference of at most ``rank``, its singular values shared evenly by the halves."""
    b, a = pair
    if a.shape[0] <= rank:
        return pair
    left, upper = torch.linalg.qr(b)
    right, lower = torch.linalg.qr(a.T)
    u, values, vh = torch.linalg.svd(upper @ lower.T)
    root = values[:rank].sqrt()
    return left @ (u[:, :rank] * root), (root[:, None] * vh[:rank]) @ right.T


def rounded(pair: Pair) -> Pair:
    """As it will stand in the file."""
    b, a = pair
    return b.to(torch.bfloat16).double(), a.to(torch.bfloat16).double()


def norm(pair: Pair) -> float:
    """The Frobenius norm of a difference, without making it."""
    b, a = pair
    return float(((b.T @ b) * (a @ a.T)).sum().clamp_min(0).sqrt())


def difference(one: Pair, other: Pair) -> float:
    """The Frobenius norm of what one difference has and the other has not."""
    return norm(concatenated([one, (-other[0], other[1])]))


def _written(
    request: MergeRequest, layers: dict[str, Pair], family: ModelFamily, target: LoraTarget, workspace: Workspace
) -> LoraRecord:
    if not layers:
        raise LoraRefused("These LoRAs have no layers to merge.")
    prefix = registry.of(family).prefix
    tensors = {
        f"{prefix}{module}.lora_{half}.weight": to_bfloat16(part.float().contiguous().numpy())
        for module, (b, a) in layers.items()
        for half, part in (("A", a), ("B", b))
    }
    scratch = workspace.path(f"cache/{slug(request.name, 'merged')}.safetensors")
    write_durably(scratch, encoded(tensors, _header(request, layers, family)))
    try:
        return admit_lora(
            workspace, scratch, f"{slug(request.name, 'merged')}.safetensors", family.architecture, request.name,
            model=target,
        )  # fmt: skip
    finally:
        remove(scratch)


def _header(request: MergeRequest, layers: dict[str, Pair], family: ModelFamily) -> dict[str, str]:
    architecture = registry.of(family)
    rank = max(a.shape[0] for _, a in layers.values())
    parts = [{"name": a.name, "sha256": a.sha256, "weight": a.weight} for a in request.loras]
    return {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{family.modelspec or architecture.modelspec}/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": request.name,
        "modelspec.trigger_phrase": request.trigger,
        "modelspec.license": family.licence,
        "ss_base_model_version": architecture.base_version(family),
        "ss_output_name": request.name,
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(rank),
        "ss_network_alpha": str(rank),
        "trigger_words": request.trigger,
        "flenwheel.merged": json.dumps(parts),
        "flenwheel.family": family.name,
        "flenwheel.rank": str(rank),
    }
