"""How the keys of LoRA files are read: which tensor of which layer a key names, whoever wrote the file.

A key is prefixes, the layer's name, and the tensor's role. Trainers put the same names behind different prefixes, or
behind several, and join them by dots or by underscores: a layer is looked up by its name with underscores, prefixes
taken off one by one until the name is known.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

_NAME = r"(?:\.(?!bias\b|weight\b)[\w-]+)?"
"""PEFT writes the adapter's name between a half and ``weight``: ``lora_A.default.weight``."""
_PROCESSOR = r"(?:(?<=_lora)|(?<=_lora\d)|\.lora|\.lora_linear_layer)"
_ROLES = (
    (re.compile(rf"\.lora_(?:A|down){_NAME}(?:\.weight)?$|{_PROCESSOR}\.down\.weight$"), "down"),
    (re.compile(rf"\.lora_(?:B|up){_NAME}(?:\.weight)?$|{_PROCESSOR}\.up\.weight$"), "up"),
    (re.compile(rf"\.lora_(?:B|up){_NAME}\.bias$"), "up_bias"),
    (re.compile(r"\.diff_b$"), "bias"),
    (re.compile(r"\.alpha$"), "alpha"),
    (re.compile(r"\.diff$"), "diff"),
    (re.compile(rf"\.(?:dora_scale|lora_magnitude_vector){_NAME}(?:\.weight)?$"), "magnitude"),
    *(
        (re.compile(rf"\.{role}{_NAME}(?:\.weight)?$"), role)
        for kind in ("lokr", "hada")
        for n in (1, 2)
        for role in (f"{kind}_w{n}", f"{kind}_w{n}_a", f"{kind}_w{n}_b")
    ),
)
FOREIGN = {
    "OFT": re.compile(r"\.oft_|oft_blocks|oft_diag|\.boft|_r\.oft"),
    "GLoRA": re.compile(r"\.[ab][12]\.weight$"),
    "IA3": re.compile(r"\.on_input$|\.ia3_"),
    "LoRA for convolutions (Tucker)": re.compile(r"\.lora_mid\b|\.lokr_t\d|\.hada_t\d"),
    "quantized LoRA with scales of its own": re.compile(r"\.(scale_weight|scale_input|weight_scale|absmax|quant_map)$"),
}
"""What else comes in files of this kind, and cannot be applied: its tensors mean nothing without the method."""
_PREFIX = re.compile(
    r"^(base_model\.model\.|base_model\.|model\.|module\.|pipe\.|net\.|dit\.|unet[._]|diffusion_model[._]"
    r"|transformer\.|lora_unet[._]|lora_transformer[._]|lora_prior_unet[._]|lycoris[._]"
    r"|text_encoders?(_[123])?[._]|text_model\.(?=text_model)|lora_te\d?[._]|clip_l[._]|t5(xxl)?[._])"
)
_TEXT = re.compile(
    r"^((base_model|model|diffusion_model|lycoris|cond_stage_model|conditioner)[._])*"
    r"(text_encoders?|lora_te|te\d?\.|clip_[lgh]|t5|llm|qwen\d|text_model)"
)


@lru_cache(maxsize=2**16)
def parsed(key: str) -> tuple[str, str]:
    """The layer's name as the key has it, and the role of the tensor: ``down`` and ``up`` (the halves of a low-rank
    pair), ``up_bias`` (the second one's), ``alpha``, ``diff`` and ``bias`` (whole differences), ``magnitude`` (DoRA),
    LyCORIS' ``lokr_*`` and ``hada_*``; an empty role for what is none of these."""
    plain = key.replace("._orig_mod.", ".").removeprefix("_orig_mod.")
    for pattern, role in _ROLES:
        if match := pattern.search(plain):
            return plain[: match.start()], role
    return plain, ""


def adapts_text(key: str) -> bool:
    """Whether a key says that it adapts a text encoder."""
    return bool(_TEXT.match(key))


def flat(name: str) -> str:
    """A name with underscores for dots, as names are compared."""
    return name.replace(".", "_")


def look_up(layer: str, known: Mapping[str, T]) -> T | None:
    """What ``known`` (by flat names) has for a layer, its prefixes taken off one by one."""
    return next((known[name] for name in spellings(layer) if name in known), None)


def bare(layer: str) -> str:
    """A layer's name, flat and without any prefix."""
    *_, last = _without_prefixes(layer)
    return flat(last)


def _without_prefixes(layer: str) -> Iterator[str]:
    yield layer
    while (shorter := _PREFIX.sub("", layer)) != layer:
        layer = shorter
        yield layer


@lru_cache(maxsize=2**16)
def spellings(layer: str) -> tuple[str, ...]:
    """How a layer may be called without the file's prefixes, flat; the fullest first."""
    found: list[str] = []
    for name in _without_prefixes(layer):
        spelled = flat(name)
        # older diffusers: attn.processor.to_q_lora.down.weight; and files whose prefix was cut off once too often
        found += [spelled, spelled.replace("_processor_", "_").removesuffix("_lora")]
        if spelled.startswith("sformer_blocks_"):
            found.append(f"tran{spelled}")
    return tuple(found)
