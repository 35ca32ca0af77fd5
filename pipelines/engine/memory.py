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

from pipelines.domain.presets import Geometry, ModelFamily, Part, TrainingSettings
from pipelines.domain.shots import Shot
from pipelines.engine import weights
from pipelines.engine.capacity import Capacity, capacity, computes_bfloat16
from pipelines.engine.sources import weight_files
from pipelines.models import registry
from pipelines.models.base import TILE, Architecture, shape_of
from pipelines.storage.safetensors_header import NotSafetensors, read_header
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

GIB = 2**30
NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)
BF16, FLOAT32 = 2, 4
# Context of CUDA and its libraries, and what the allocator cannot use.
OVERHEAD = 0.75 * GIB
# What a language model that sees keeps of a picture of 900 px and its question: about 1,100 tokens, 28 layers.
ALONE = 0.4 * GIB
# A trained parameter: float32 weight and the two moments of AdamW; its gradient, float32.
TRAINED, GRADIENT = 12, 4
# LoRA layers of a block whose narrow float32 outputs are alive with it.
NARROW = 8
# Tensors of (tokens, width) alive at once: in one block of a forward pass; and in the block that is computed again
# during the backward pass of a training with gradient checkpointing, and per block without it (its architecture's).
FORWARD = 24
# What is alive outside the blocks without checkpointing, in parts of what the backward pass of a block needs.
OUTSIDE = 0.4
# Numbers a pixel of the whole picture, while it is put together of tiles.
TOGETHER = 8
# LoRAs that are not in use stay in the model as long as all take no more, bytes.
LORAS_KEPT = 4 * GIB
_EMBEDDINGS = ("embed_tokens", "shared.", "embedding", "relative_attention_bias")


class WillNotFit(RuntimeError):
    """What is asked for needs more memory than there is. The message says how much, and what to do."""


class RanOut(WillNotFit):
    """Memory did run out, against the prediction. The message says at what, and what to do."""


@dataclass(frozen=True)
class Prediction:
    """Memory in GiB. ``phases``: what is going on (``load``, ``denoise``, ...) and what is held then, by part.

    ``total_gib`` is what may be used. ``ladder`` names the measures that are needed to fit (``loras``: those of the
    present picture alone stay; ``tiling``; ``encoders off``; ``prefix``: what words and sources leave in the blocks
    is computed anew at each step). ``why`` says to the user why it does not fit.
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
    loras = _loras(shots, workspace, wide)
    rungs = _rungs(family, shots, loras)
    ladders = [rungs[:n] for n in range(len(rungs) + 1)]
    tried = [Prediction(_render_phases(family, shots, parts, shape, r, wide, loras), budget, r) for r in ladders]
    return next((p for p in tried if p.fits), None) or _refused(
        tried[-1], f"{family.title} needs", _cure(tried[-1]), machine
    )


def _cure(prediction: Prediction) -> str:
    """What to choose instead: smaller pictures help only where it is the pictures that do not fit."""
    loading = prediction.phase_gib("load") > prediction.total_gib
    return "Choose a smaller model" if loading else "Choose smaller pictures or a smaller model"


def why_not_loaded(family: ModelFamily, workspace: Workspace, settings: Settings) -> str:
    """What to say when memory ran out while a model was loaded, by what is free at this moment."""
    machine = capacity(settings)
    prediction = predict_render(family, [], workspace, settings)
    held = f" Other programs hold the rest: {', '.join(machine.holders[:3])}." if machine.holders else ""
    return (
        f"Memory ran out while {family.title} was loaded: it takes about {prediction.phase_gib('load'):.1f} GiB, and"
        f" {machine.usable_gib:.1f} GiB of {machine.total_gib:.1f} may be used here.{held} Smaller pictures would not"
        " help: end other programs that use the card, unload what is loaded (below at the left, or: flenwheel unload),"
        " or choose a smaller model (Models, beside the character's name)."
    )


def predict_training(
    family: ModelFamily,
    training: TrainingSettings,
    workspace: Workspace,
    settings: Settings,
    controls: int | None = None,
    samples: Sequence[Shot] = (),
) -> Prediction:
    """What a training will take; ``controls`` is how many pictures of the same size an example shows beside its target
    (None: one where the model edits, else none). Text encoders and VAE are off the card while steps run, and LoRAs of
    ``samples`` are there while these are made alone."""
    folder = weights.locate(family, workspace, settings)
    machine = capacity(settings)
    wide = _wide(machine)
    parts = _parts(family, folder, wide)
    shape = _geometry(family, folder)
    architecture = registry.of(family)
    controls = int("editor" in family.roles) if controls is None else controls
    tokens = architecture.picture_tokens(family, training.resolution**2) * (1 + controls)
    tokens += architecture.text_tokens(family, controls)
    parameters = training.rank * lora_width(architecture, family.lora_targets, shape)
    activations = _backward(training, architecture, shape, tokens * training.batch, wide, parameters)
    learned = parameters * TRAINED
    steps = {"transformer": parts["transformer"].held, "LoRA and optimizer": learned, "activations": activations}
    pixels = training.resolution**2
    phases = {
        "load": _all(parts, loading=True),
        "encode": _all(parts) | _in_gib({"activations": pixels * architecture.encoded * wide}),
        "train": _in_gib(steps | {"overhead": OVERHEAD}),
        "sample": _in_gib(
            {
                **{name: parts[name].held for name in ("transformer", "vae")},
                "LoRA and optimizer": learned + _loras(samples, workspace, wide).largest,
                **_remembered(family, shape, controls, wide, family.defaults.guidance > 1),
                "activations": family.defaults.width * family.defaults.height * architecture.decoded * wide,
                "overhead": OVERHEAD,
            }
        ),
    }
    prediction = Prediction(phases, machine.usable_gib)
    if prediction.fits:
        return prediction
    return _refused(prediction, f"Training {family.title} needs", "Choose a smaller resolution, batch or rank", machine)


def _backward(
    training: TrainingSettings, architecture: Architecture, shape: Geometry, tokens: int, wide: int, parameters: int
) -> float:
    """Bytes alive at the worst moment of a backward pass, gradients with them: as it begins, when all inputs of blocks
    are kept (or, without checkpointing, all that blocks made) and no gradient is there yet but those of earlier parts
    of the step; or as it ends, when it is the other way round."""
    unit, gradients = tokens * shape.width * wide, parameters * GRADIENT
    narrow = tokens * training.rank * FLOAT32 * NARROW
    block = unit * architecture.backward + narrow
    if training.gradient_checkpointing:
        begins = unit * shape.blocks + block
    else:
        begins = (unit * architecture.kept + narrow) * shape.blocks + OUTSIDE * unit * architecture.backward
    return max(begins + (gradients if training.accumulate > 1 else 0), block + gradients)


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
    loras: "_Loras",
) -> dict[str, dict[str, float]]:
    defaults = family.defaults
    pixels = max((s.width * s.height for s in shots), default=defaults.width * defaults.height)
    sources = max((len(s.seen) for s in shots), default=int("editor" in family.roles))
    tiled, architecture = "tiling" in ladder, registry.of(family)
    tokens = architecture.picture_tokens(family, pixels) + _prefix(family, sources)
    resident = _all(parts)
    if "encoders off" in ladder:
        resident = {name: gib for name, gib in resident.items() if not name.startswith("text_encoder")}
    if held := loras.largest if "loras" in ladder else loras.kept:
        resident |= _in_gib({"LoRAs": held})
    guided = max((s.guidance for s in shots), default=defaults.guidance) > 1
    if "prefix" not in ladder:
        resident |= _in_gib(_remembered(family, shape, sources, wide, guided))
    phases = {
        "load": _all(parts, loading=True),
        "denoise": resident | _in_gib({"activations": tokens * shape.width * wide * FORWARD}),
        "decode": resident | _in_gib({"activations": _by_vae(pixels, architecture.decoded, tiled) * wide}),
    }
    if sources:
        seen = _by_vae(defaults.vae_px**2, architecture.encoded, tiled)
        phases["encode"] = resident | _in_gib({"activations": seen * wide})
    return phases


def _prefix(family: ModelFamily, sources: int) -> int:
    """Tokens of words and sources."""
    architecture = registry.of(family)
    seen = architecture.picture_tokens(family, family.defaults.vae_px**2)
    return sources * seen + architecture.text_tokens(family, sources)


def _remembered(family: ModelFamily, shape: Geometry, sources: int, wide: int, guided: bool) -> dict[str, float]:
    """Bytes that blocks keep of words and sources from step to step, where they do; with guidance of the negative
    prompt, too."""
    each = registry.of(family).remembered * shape.width * wide * shape.blocks * (1 + guided)
    return {"words and sources": _prefix(family, sources) * each} if each else {}


def _by_vae(pixels: int, each: int, tiled: bool) -> int:
    """Numbers alive while a VAE that keeps ``each`` a pixel makes so many pixels: tiled, of one tile and the whole."""
    return min(pixels, TILE**2) * each + TOGETHER * pixels if tiled else pixels * each


@dataclass(frozen=True)
class _Loras:
    """Bytes of LoRAs: of the stack that takes most (``largest``), and of what stays of all while a plan runs."""

    largest: float
    kept: float


def _loras(shots: Sequence[Shot], workspace: Workspace, wide: int) -> _Loras:
    """What the LoRAs of a plan take: their numbers, as the transformer has its own; a file that is gone takes none."""
    files = {a.sha256: a.path for s in shots for a in s.stack.adapters}
    sizes = {sha256: _numbers(workspace.lora_file(path)) * wide for sha256, path in files.items()}
    largest = max((sum(sizes[a.sha256] for a in s.stack.adapters) for s in shots), default=0)
    return _Loras(largest, max(largest, min(sum(sizes.values()), LORAS_KEPT)))


def _numbers(file: Path) -> int:
    try:
        return sum(prod(entry.shape) for entry in read_header(file).tensors.values())
    except (OSError, NotSafetensors):  # told when it is to be used
        return 0


def _rungs(family: ModelFamily, shots: Sequence[Shot], loras: _Loras) -> tuple[str, ...]:
    """What can be done for a plan, the cheapest first; what would change nothing for it is left out."""
    sides = [side for shot in shots for side in (shot.width, shot.height)]
    own = family.defaults
    sides += [own.width, own.height] if not shots else [own.vae_px] if any(s.sources for s in shots) else []
    measures = {
        "loras": loras.kept > loras.largest,
        "tiling": max(sides, default=0) > TILE,
        "encoders off": True,
        "prefix": registry.of(family).remembered > 0,
    }
    return tuple(name for name, helps in measures.items() if helps)


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
        plain = _plain(part, tensor, shape)
        size = packed if packed is not None else prod(shape) * (wide if plain else NF4)
        if owner == name and tensor.startswith(dropped):
            unused += size
        else:
            held += size
    return _Part(held, unused) if found else None


def part_gib(folder: Path, part: Part, machine: Capacity) -> float:
    """What one part takes by itself, GiB: all of its weights, and what it keeps of a picture and its question."""
    wide, size = _wide(machine), 0.0
    for tensor, shape, packed in _tensors(folder):
        plain = _plain(part, tensor, shape)
        size += packed if packed is not None else prod(shape) * (wide if plain else NF4)
    return (size + ALONE + OVERHEAD) / GIB


def _plain(part: Part, tensor: str, shape: tuple[int, ...]) -> bool:
    """Whether a weight stays as it is: no matrix, an embedding, or one that the preset skips."""
    return (
        part.quantize == "none"
        or len(shape) != 2
        or any(e in tensor for e in _EMBEDDINGS)
        or _skipped(tensor.rpartition(".")[0], part.skip)
    )


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
