"""Which base model a LoRA file was made for, as far as its header tells: by whose layers it has, by their sizes, by how
many blocks there are, and by what it says itself."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.models import lora_keys, registry
from pipelines.models.base import Layers
from pipelines.models.lora_mapping import Fit
from pipelines.storage.safetensors_header import Entry

# made for what is not in the registry: the base models in words
_OTHERS = {
    "Chroma": re.compile(r"distilled_guidance_layer"),
    "Stable Diffusion 1.5 or XL": re.compile(
        r"(^|[._])(input|output|middle|down|up|mid)_blocks?[._]|lora_te2_text_model"
    ),
    "Stable Diffusion 3": re.compile(r"joint_blocks[._]"),
    "LTX, CogVideoX or PixArt": re.compile(r"transformer_blocks[._]\d+[._]attn[12][._]"),
    "Hunyuan video": re.compile(r"(img|txt)_mlp[._]fc[12]|individual_token_refiner|img_attn_[qkv][._]"),
    "HiDream": re.compile(r"(double|single)_stream_blocks"),
    "Z-Image or Lumina": re.compile(
        r"context_refiner|noise_refiner|(^|[._])layers[._]\d+[._](attention|feed_forward)[._]"
    ),
    "Wan video": re.compile(r"(^|[._])blocks[._]\d+[._](cross_attn|self_attn|ffn)[._]"),
}
_CLAIMED = {"Chroma": re.compile(r"chroma"), "Hunyuan video": re.compile(r"hunyuan")}
"""What a header may call its base where the layers could be FLUX.1's."""
_BY_WIDTH = {4096: "FLUX.2 klein 9B", 6144: "FLUX.2 dev"}
"""Others with blocks that are called like FLUX's, by the width of their layers."""


@dataclass(frozen=True)
class Said:
    """Whose a file is. ``family`` is an architecture's name, ``ambiguous`` (``fits`` names those it may be for),
    ``other`` (``made_for`` names the base model in words) or ``unknown``; ``fault`` is what forbids to take it,
    ``fitting`` how it fits the models that it may be for."""

    family: str
    made_for: str = ""
    fits: tuple[str, ...] = ()
    fault: str = ""
    fitting: tuple[Fit, ...] = ()


def whose(tensors: Mapping[str, Entry], base: str, fitted: Iterable[Fit]) -> Said:
    """Whose LoRA a file with these ``tensors`` is. ``base`` is what its header calls the base model, ``fitted`` how it
    fits the models that are known, asked only where its names do not tell."""
    for title, pattern in _OTHERS.items():
        if any(pattern.search(key) for key in tensors):
            return Said("other", title)
    fits = list(fitted)
    fitting = tuple(f for f in fits if f.good)
    if fitting and (claimed := next((t for t, p in _CLAIMED.items() if p.search(base.lower())), "")):
        return Said("other", claimed)
    if not fitting:
        return _unfit(tensors, base, fits)
    alike = registry.recognise(_named(tensors), base, {f.target.architecture: None for f in fitting})
    claimed = any(f.target.architecture.claim.search(base.lower()) for f in fitting)
    if not alike and not claimed and (other := _by_width(tensors)):
        return other
    alike = alike or tuple(dict.fromkeys(f.target.architecture for f in fitting))
    names = tuple(a.name for a in alike)
    if len(names) > 1:  # a file for all blocks of the one has layers in some of the other's
        whole = {f.target.architecture.name for f in fitting if f.covers}
        names = tuple(n for n in names if n in whole) if len(whole & set(names)) == 1 else names
    used = tuple(f for f in fitting if f.target.architecture.name in names)
    return Said(names[0] if len(names) == 1 else "ambiguous", fits=names, fitting=used)


def _unfit(tensors: Mapping[str, Entry], base: str, fits: Sequence[Fit]) -> Said:
    """A file that fits no model that is known: whose names it has, and why it does not fit all the same."""
    named = [f for f in fits if f.faults]
    if not named:
        return Said("unknown")
    if other := _by_width(tensors):
        return other
    alike = registry.recognise(_named(tensors), base)
    closest = min(named, key=lambda f: (f.target.architecture not in alike, len(f.faults)))
    more = len(closest.faults) - 1
    words = closest.faults[0] + (f"; {more} more of this kind" if more else "")
    return Said(closest.target.architecture.name, fault=words)


def _by_width(tensors: Mapping[str, Entry]) -> Said | None:
    """Whose a file is whose blocks are as wide as those of another model alone."""
    width = Counter(into for into, _ in _sizes(tensors).values()).most_common(1)
    for size, title in _BY_WIDTH.items():
        if width and width[0][0] == size and any("blocks" in key for key in tensors):
            return Said("other", title, fault=f"its layers are {size} wide")
    return None


def _named(tensors: Mapping[str, Entry]) -> Layers:
    return Layers(tuple(tensors), _sizes(tensors))


def _sizes(tensors: Mapping[str, Entry]) -> dict[str, tuple[int, int]]:
    """Inputs and outputs of each adapted layer, as far as low-rank halves tell them: A is (rank, inputs), B is
    (outputs, rank)."""
    inputs, outputs = {}, {}
    for key, entry in tensors.items():
        layer, role = lora_keys.parsed(key)
        if len(entry.shape) > 1 and role in ("down", "hada_w1_b"):
            inputs[layer] = entry.shape[1]
        if len(entry.shape) > 1 and role in ("up", "hada_w1_a"):
            outputs[layer] = entry.shape[0]
    return {name: (inputs[name], outputs[name]) for name in inputs.keys() & outputs.keys()}
