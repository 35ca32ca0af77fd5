"""Which tensors of a LoRA file go where in a model, and what stands against it: from the header alone, without torch.

Every key is either part of a ``Patch`` or listed as left out, with the reason. What would make the file mean something
else than its maker meant (a size that differs, one half of a pair, two layers for one module) is a fault: such a file
is not taken.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod

from pipelines.domain.records import LeftOut
from pipelines.models import lora_keys
from pipelines.models.base import TRANSFORMER, Place
from pipelines.models.lora_targets import LoraTarget
from pipelines.storage.safetensors_header import FLOATS, Entry

LORA, LOKR, LOHA, WHOLE, BIAS = "LoRA", "LoKr", "LoHa", "whole difference", "bias"
BIASES = ("bias", "up_bias")
Tensors = Mapping[str, Entry]
Shape = tuple[int, ...]
_BLOCK = re.compile(r"(?<=blocks_)\d+|(?<=layers_)\d+|(?<=encoder_block_)\d+")
_NORM = re.compile(r"norm(1|2|_q|_k|_added_q|_added_k|_out)?$|_scale$|layer_norm\d?$|txt_norm$|_ln\d?$")
_ALONE = "numbers that belong to no layer of the file"
_WHOLE_WEIGHTS = "whole weights, no differences: a LoRA cannot replace them"
_NORMALISATION = "differences of normalisation layers, to which a LoRA cannot be added"
_DORA_BIAS = "biases beside DoRA"


@dataclass(frozen=True)
class Patch:
    """What goes onto one module. ``kind``: LORA, LOKR, LOHA, WHOLE or BIAS; ``keys`` are the file's by role
    (``lora_keys``), ``layer`` is its name in the file."""

    place: Place
    kind: str
    layer: str
    keys: Mapping[str, str]

    @property
    def name(self) -> str:
        """The module by its path in the pipeline."""
        return f"{self.place.part}.{self.place.module}"


@dataclass
class Layer:
    """A layer of a file: its tensors' keys by role, and where it goes (``None``: the model has no such layer)."""

    name: str
    places: tuple[Place, ...] | None
    keys: dict[str, str] = field(default_factory=dict)
    doubled: bool = False

    @property
    def weighs(self) -> bool:
        """Whether it has weights, not just a number that belongs to some."""
        return bool(self.keys.keys() - {"alpha"})

    @property
    def kind(self) -> str:
        """How its weights make a difference; empty when they do not say one."""
        roles = self.keys.keys()
        kinds = [
            *([LORA] if roles & {"down", "up", "up_bias"} else []),
            *([LOKR] if any(r.startswith("lokr_") for r in roles) else []),
            *([LOHA] if any(r.startswith("hada_") for r in roles) else []),
            *([WHOLE] if "diff" in roles else []),
        ]
        if len(kinds) > 1 or ("magnitude" in roles and kinds != [LORA]):
            return ""
        return kinds[0] if kinds else BIAS


@dataclass(frozen=True)
class Fit:
    """How a file fits a model: where its layers go, what is left out and why, and what forbids to take it (in words,
    the worst first). ``strangers`` are layers whose names the model does not have."""

    target: LoraTarget
    patches: tuple[Patch, ...]
    left_out: tuple[LeftOut, ...]
    faults: tuple[str, ...]
    strangers: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether the file may be put on the model: a layer here and there may be a stranger, not every third."""
        return bool(self.patches) and not self.faults and 2 * len(self.strangers) <= len(self.layers)

    @cached_property
    def layers(self) -> frozenset[str]:
        """The layers of the file that are used, by their names in it."""
        return frozenset(p.layer for p in self.patches)

    @property
    def covers(self) -> bool:
        """Whether the file has layers in each of the blocks that carry text: it was made for so many."""
        found = {int(m[0]) for p in self.patches if p.place.part == TRANSFORMER
                 for m in [re.search(r"(?<=^transformer_blocks\.)\d+", p.place.module)] if m}  # fmt: skip
        return len(found) == self.target.config["num_layers"] > 1


def fit(tensors: Tensors, target: LoraTarget) -> Fit:
    """How the file with these ``tensors`` fits ``target``."""
    layers, left = _layers(tensors, target)
    patches: list[Patch] = []
    faults: list[str] = []
    strangers: list[str] = []
    for layer in layers:
        if layer.places is None:
            _strange(layer, target, left, faults, strangers)
            continue
        if not layer.weighs:
            left[_ALONE].extend(layer.keys.values())
            continue
        if "magnitude" in layer.keys:
            left[_DORA_BIAS] += [layer.keys.pop(role) for role in BIASES if role in layer.keys]
        wrong = list(_faults(layer, tensors, target))
        faults += wrong
        if not wrong:
            patches += [Patch(place, layer.kind, layer.name, layer.keys) for place in layer.places]
    faults += _doubled(patches)
    listed = tuple(LeftOut(why=why, keys=tuple(sorted(keys))) for why, keys in left.items() if keys)
    return Fit(target, tuple(patches), listed, tuple(dict.fromkeys(faults)), tuple(strangers))


def _layers(tensors: Tensors, target: LoraTarget) -> tuple[list[Layer], defaultdict[str, list[str]]]:
    """The layers of the file; and what belongs to none, by reason."""
    found: dict[str, Layer] = {}
    left: defaultdict[str, list[str]] = defaultdict(list)
    for key in tensors:
        name, role = lora_keys.parsed(key)
        if not role:
            left[_NORMALISATION if key.endswith((".w_norm", ".b_norm")) else _WHOLE_WEIGHTS].append(key)
            continue
        places = lora_keys.look_up(name, target.names)
        # one layer may be written with and without a prefix: an alpha here, the halves there
        layer = found.setdefault(str(places) if places else name, Layer(name, places))
        layer.doubled |= role in layer.keys
        layer.keys[role] = key
    return list(found.values()), left


def _strange(
    layer: Layer, target: LoraTarget, left: dict[str, list[str]], faults: list[str], strangers: list[str]
) -> None:
    """A layer that the model does not have: told apart by what it says of itself."""
    keys, name = list(layer.keys.values()), lora_keys.bare(layer.name)
    if lora_keys.adapts_text(keys[0]):
        left[f"layers of a text encoder that LoRAs for {target.title} cannot adapt here"].extend(keys)
    elif not layer.weighs:
        left[_ALONE].extend(keys)
    elif layer.keys.keys() <= {"diff", "alpha", *BIASES} and _NORM.search(name):
        left[_NORMALISATION].extend(keys)
    elif (first := _BLOCK.sub("0", name)) != name and first in target.names:
        strangers.append(layer.name)
        number = (_BLOCK.findall(name) or ["?"])[0]
        faults.append(f"it has a block {number} ({layer.name}), and {target.title} has fewer blocks")
    else:
        strangers.append(layer.name)
        left[f"layers that {target.title} does not have"].extend(keys)


def _doubled(patches: list[Patch]) -> Iterator[str]:
    """Two layers of the file for one module: which is meant?"""
    seen: dict[str, str] = {}
    for patch in patches:
        if patch.name in seen and seen[patch.name] != patch.layer:
            yield f"it has {patch.place.module} twice, as {seen[patch.name]} and as {patch.layer}"
        seen[patch.name] = patch.layer


# ---- sizes


def _faults(layer: Layer, tensors: Tensors, target: LoraTarget) -> Iterator[str]:
    """What is wrong with the tensors of a layer that the model has."""
    shapes = {role: _trimmed(tensors[key].shape) for role, key in layer.keys.items()}
    if layer.doubled:
        yield f"it has {layer.name} twice"
        return
    for role, key in layer.keys.items():
        if role != "alpha" and tensors[key].dtype not in FLOATS:
            yield f"the weights of {layer.name} are of the type {tensors[key].dtype}, and floating point is expected"
            return
    if not layer.kind:
        yield f"{layer.name} mixes methods ({', '.join(sorted(layer.keys))}), which cannot be put together here"
        return
    assert layer.places
    modules = [target.parts[p.part][p.module] for p in layer.places]
    wanted = (sum(out for _, out in modules), modules[0][0])
    made = _made(layer, shapes)
    if isinstance(made, str):
        yield made
    elif made is not None and made != wanted:
        yield (
            f"{layer.name} has another size, {made[1]} inputs and {made[0]} outputs, and {target.title} has {wanted[1]}"
            f" and {wanted[0]} there"
        )
    elif any(shapes.get(role, (wanted[0],)) != (wanted[0],) for role in BIASES):
        yield f"the bias of {layer.name} has not the {wanted[0]} outputs that {target.title} has there"
    elif (sizes := shapes.get("magnitude")) is not None and sizes not in ((wanted[0],), (wanted[0], 1)):
        yield _magnitudes(layer, sizes, wanted)


def _magnitudes(layer: Layer, sizes: Shape, wanted: Shape) -> str:
    if sizes == (1, wanted[1]):
        return (
            f"{layer.name} is a DoRA with a magnitude for each input, which cannot be applied here; those with one for"
            " each output can"
        )
    return f"the magnitudes of {layer.name} (DoRA) have the shape {list(sizes)}, and it has {wanted[0]} outputs"


def _trimmed(shape: Shape) -> Shape:
    """A convolution of one pixel is a linear layer: its last two sides are 1."""
    return shape[:2] if len(shape) == 4 and shape[2:] == (1, 1) else shape


def _made(layer: Layer, shapes: Mapping[str, Shape]) -> Shape | str | None:
    """Outputs and inputs of the difference that a layer's tensors make; words when they make none; ``None`` when there
    is only a bias."""
    if layer.kind == LORA:
        return _product(layer.name, shapes, "up", "down")
    if layer.kind == LOHA:
        one, two = (_product(layer.name, shapes, f"hada_w{n}_a", f"hada_w{n}_b") for n in (1, 2))
        return one if isinstance(one, str) or one == two else two if isinstance(two, str) else _unequal(layer)
    if layer.kind == LOKR:
        one, two = (_factor(layer.name, shapes, f"lokr_w{n}") for n in (1, 2))
        if isinstance(one, str) or isinstance(two, str):
            return one if isinstance(one, str) else two
        return one[0] * two[0], one[1] * two[1]
    if layer.kind == WHOLE:
        return shapes["diff"] if len(shapes["diff"]) == 2 else f"the difference of {layer.name} is no matrix"
    return None


def _unequal(layer: Layer) -> str:
    return f"the two factors of {layer.name} have different sizes"


def _factor(name: str, shapes: Mapping[str, Shape], role: str) -> Shape | str:
    """A factor of LoKr: whole, or itself the product of two."""
    whole = shapes.get(role)
    if whole is None:
        return _product(name, shapes, f"{role}_a", f"{role}_b")
    if f"{role}_a" in shapes or f"{role}_b" in shapes:
        return f"{name} has {role} twice, whole and as two factors"
    return whole if len(whole) == 2 else f"{role} of {name} is no matrix"


def _product(name: str, shapes: Mapping[str, Shape], left: str, right: str) -> Shape | str:
    a, b = shapes.get(left), shapes.get(right)
    if a is None or b is None:
        return f"it has only a part of {name}: {left if a is None else right} is missing"
    if len(a) != 2 or len(b) != 2 or not prod(a) * prod(b):
        return f"the halves of {name} are no matrices ({list(a)} and {list(b)})"
    if a[1] != b[0]:
        return f"the halves of {name} do not go together: one has rank {a[1]}, the other rank {b[0]}"
    return a[0], b[1]
