"""How much memory a plan or a training will take, known before anything is loaded. Imports no torch.

Weights are counted from the headers of the files when they are here, else from the parameter counts of the preset.
NF4 with double quantization takes 4 bits a weight, 8 bits a block of 64 (the quantized scale) and 32 bits a block of
16384 (the scale of the scales): QLoRA, Dettmers et al. 2023, section 3. Activations are arithmetic on the shapes,
with the constants below; they are estimates, good to about 0.1 GiB for training and rougher for pictures.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from pipelines.domain.presets import Geometry, ModelFamily, TrainingSettings
from pipelines.domain.shots import Shot
from pipelines.engine import weights
from pipelines.engine.capacity import Capacity, capacity, computes_bfloat16
from pipelines.engine.sources import weight_files
from pipelines.models import registry
from pipelines.models.base import Architecture, shape_of
from pipelines.storage.safetensors_header import read_header
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

GIB = 2**30
NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)
BF16, FLOAT32 = 2, 4
# Context of CUDA and its libraries, and what the allocator cannot use.
OVERHEAD = 0.75 * GIB
# A trained parameter: float32 weight, gradient and the two moments of AdamW.
TRAINED = 16
# Tensors of (tokens, width) alive at once: in one block of a forward pass; and in the block that is computed again
# during the backward pass of a training with gradient checkpointing (its architecture's); and per block without it.
FORWARD = 24
KEPT_PER_BLOCK = 18
# Numbers per pixel when a picture is decoded: three maps of 256 channels at full size; tiles are 512 px.
DECODE = 3 * 256
TILE = 512
_EMBEDDINGS = ("embed_tokens", "shared.", "embedding", "relative_attention_bias")


class WillNotFit(RuntimeError):
    """What is asked for needs more memory than there is. The message says how much, and what to do."""


@dataclass(frozen=True)
class Prediction:
    """Memory in GiB. ``phases``: what is going on (``load``, ``denoise``, ...) and what is held then, by part.

    ``total_gib`` is what may be used. ``ladder`` names the measures that are needed to fit (``tiling``, ``encoders
    off``). ``why`` says to the user why it does not fit.
    """

    phases: dict[str, dict[str, float]]
    total_gib: float
    ladder: tuple[str, ...] = ()
    why: str = ""

    @property
    def parts(self) -> dict[str, float]:
        """What is held at the peak, by part."""
        return max(self.phases.values(), key=lambda parts: sum(parts.values()))

    @property
    def peak_gib(self) -> float:
        """The highest of all phases."""
        return sum(self.parts.values())

    @property
    def fits(self) -> bool:
        """Whether the peak is within what may be used."""
        return self.peak_gib <= self.total_gib

    def phase_gib(self, phase: str) -> float:
        """What one phase takes."""
        return sum(self.phases[phase].values())


@dataclass(frozen=True)
class _Part:
    held: float
    unused: float


def predict_render(family: ModelFamily, shots: Sequence[Shot], workspace: Workspace, settings: Settings) -> Prediction:
    """What the pictures of ``shots`` will take (none: one of the family's default size). Raises nothing."""
    folder = weights.locate(family, workspace, settings)
    machine = capacity(settings)
    wide, budget = _wide(machine), machine.usable_gib
    parts = _parts(family, folder, wide)
    shape = _geometry(family, folder)
    ladders: tuple[tuple[str, ...], ...] = ((), ("tiling",), ("tiling", "encoders off"))
    tried = [Prediction(_render_phases(family, shots, parts, shape, rungs, wide), budget, rungs) for rungs in ladders]
    return next((p for p in tried if p.fits), None) or _refused(
        tried[-1], f"{family.title} needs", "Choose smaller pictures or a smaller model", machine
    )


def predict_training(
    family: ModelFamily,
    training: TrainingSettings,
    workspace: Workspace,
    settings: Settings,
    controls: int | None = None,
) -> Prediction:
    """What a training will take; ``controls`` is how many pictures of the same size an example shows beside its target
    (None: one where the model edits, else none). Text encoders and VAE are off the card while steps run."""
    folder = weights.locate(family, workspace, settings)
    machine = capacity(settings)
    wide = _wide(machine)
    parts = _parts(family, folder, wide)
    shape = _geometry(family, folder)
    architecture = registry.of(family)
    controls = int("editor" in family.roles) if controls is None else controls
    tokens = (training.resolution // family.multiple) ** 2 * (1 + controls)
    tokens += architecture.text_tokens(family, controls)
    kept = shape.blocks + architecture.backward if training.gradient_checkpointing else shape.blocks * KEPT_PER_BLOCK
    activations = tokens * training.batch * shape.width * wide * kept
    learned = training.rank * lora_width(architecture, family.lora_targets, shape) * TRAINED
    steps = {"transformer": parts["transformer"].held, "LoRA and optimizer": learned, "activations": activations}
    phases = {"load": _all(parts, loading=True), "train": _in_gib(steps | {"overhead": OVERHEAD})}
    prediction = Prediction(phases, machine.usable_gib)
    if prediction.fits:
        return prediction
    return _refused(prediction, f"Training {family.title} needs", "Choose a smaller resolution, batch or rank", machine)


def lora_width(architecture: Architecture, targets: Sequence[str], shape: Geometry) -> int:
    """Parameters of a LoRA of rank 1 on ``targets``: inputs plus outputs of each module that a target names."""
    total = 0
    for name, inputs, outputs in architecture.linear_layers(shape):
        if any(name == target or name.endswith(f".{target}") for target in targets):
            total += inputs + outputs
    return total


def _render_phases(
    family: ModelFamily,
    shots: Sequence[Shot],
    parts: dict[str, _Part],
    shape: Geometry,
    ladder: tuple[str, ...],
    wide: int,
) -> dict[str, dict[str, float]]:
    defaults = family.defaults
    pixels = max((s.width * s.height for s in shots), default=defaults.width * defaults.height)
    sources = max((len(s.sources) for s in shots), default=int("editor" in family.roles))
    tokens = pixels // family.multiple**2 + sources * (defaults.vae_px // family.multiple) ** 2
    tokens += registry.of(family).text_tokens(family, sources)
    resident = _all(parts)
    if "encoders off" in ladder:
        resident = {name: gib for name, gib in resident.items() if not name.startswith("text_encoder")}
    decoded = min(pixels, TILE**2) if "tiling" in ladder else pixels
    return {
        "load": _all(parts, loading=True),
        "denoise": resident | _in_gib({"activations": tokens * shape.width * wide * FORWARD}),
        "decode": resident | _in_gib({"activations": decoded * DECODE * wide}),
    }


def _all(parts: dict[str, _Part], loading: bool = False) -> dict[str, float]:
    """All parts and the overhead, GiB; while loading also what is dropped afterwards."""
    return _in_gib({name: p.held + p.unused * loading for name, p in parts.items()} | {"overhead": OVERHEAD})


def _in_gib(sizes: dict[str, float]) -> dict[str, float]:
    return {name: size / GIB for name, size in sizes.items()}


def _refused(prediction: Prediction, what: str, cure: str, machine: Capacity) -> Prediction:
    held = f" Other programs hold the rest: {', '.join(machine.holders[:3])}." if machine.holders else ""
    no_card = f" {machine.no_card}" if machine.no_card else ""
    why = (
        f"{what} about {prediction.peak_gib:.1f} GiB, and {prediction.total_gib:.1f} GiB may be used here.{held}"
        f"{no_card} {cure}, or {'end one of them' if held else 'raise the memory budget in the settings'}."
    )
    return replace(prediction, why=why)


def _wide(machine: Capacity) -> int:
    """Bytes of a number that is not quantized, as ``engine.precision`` will have it."""
    return BF16 if computes_bfloat16(machine.device) else FLOAT32


def _parts(family: ModelFamily, folder: Path | None, wide: int) -> dict[str, _Part]:
    found = {name: _from_headers(family, name, folder / name, wide) for name in family.parts} if folder else {}
    return {name: found.get(name) or _from_preset(family, name, wide) for name in family.parts}


def _from_preset(family: ModelFamily, name: str, wide: int) -> _Part:
    part = family.parts[name]
    if part.quantize == "none":
        return _Part(part.parameters * wide, 0.0)
    held = (part.parameters - part.plain) * NF4 + (part.plain - part.unused) * wide
    return _Part(held, part.unused * wide)


def _from_headers(family: ModelFamily, name: str, folder: Path, wide: int) -> _Part | None:
    """Bytes that the part will take: two-dimensional weights are quantized, but for embeddings and skipped modules."""
    part, held, unused = family.parts[name], 0.0, 0.0
    owner, dropped = registry.of(family).unused
    found = False
    for tensor, shape, packed in _tensors(folder):
        found = True
        plain = (
            part.quantize == "none"
            or len(shape) != 2
            or any(e in tensor for e in _EMBEDDINGS)
            or _skipped(tensor.rpartition(".")[0], part.skip)
        )
        size = packed if packed is not None else prod(shape) * (wide if plain else NF4)
        if owner == name and tensor.startswith(dropped):
            unused += size
        else:
            held += size
    return _Part(held, unused) if found else None


def _skipped(module: str, skip: Iterable[str]) -> bool:
    """Whether diffusers leaves a module as it is: its own name or its path is in ``skip``, or its path contains one of
    them and a dot after it ("transformer_blocks" is found in "single_transformer_blocks.0", too)."""
    own = module.rpartition(".")[2]
    return any(name in (own, module) or f"{name}." in module for name in skip)


def _tensors(folder: Path) -> Iterator[tuple[str, tuple[int, ...], int | None]]:
    """Names and shapes of all tensors of a part, from the headers of its files; and the bytes of those that stay as
    they are: weights in 4 bits, and what belongs to these."""
    for path in weight_files(folder):
        tensors = read_header(path).tensors
        for name, entry in tensors.items():
            owner = f"{name.rpartition('.weight')[0]}.weight" if ".weight" in name else name
            packed = f"{owner}.quant_map" in tensors
            yield name, entry.shape, entry.last - entry.first if packed else None


def _geometry(family: ModelFamily, folder: Path | None) -> Geometry:
    """The shape of the transformer: what its config says where it is here, else what the preset knows."""
    if folder is None:
        return family.geometry or registry.of(family).geometry
    config = json.loads((folder / "transformer" / "config.json").read_text(encoding="utf-8"))
    return shape_of(config)
