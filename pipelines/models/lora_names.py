"""LoRA tensors under the names that diffusers' loaders take whole. Knows no tensor library: tensors multiply, that is
all that is asked of them."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

TEXT = ("text_encoder", "lora_te")
"""Beginnings of keys that adapt a text encoder."""
FLAT = ("lora_unet_", "lora_transformer_", *TEXT)
"""Beginnings of keys in the layouts of kohya and OneTrainer, which diffusers converts itself."""
_PREFIX = re.compile(r"^(base_model\.model\.|diffusion_model\.|transformer\.)+")
_WHOLE = re.compile(r"transformer\.(?!transformer\.).*\.lora_[AB]\.weight")
_ORIGINAL = re.compile(r"double_blocks\.|single_blocks\.")


def flat(tensors: Iterable[str]) -> bool:
    """Whether the file is in a layout that diffusers converts itself: kohya's, OneTrainer's, xlabs'."""
    return any(key.startswith(FLAT) or ".processor." in key for key in tensors)


def original(tensors: Iterable[str]) -> bool:
    """Whether blocks are called as in Black Forest Labs' own code."""
    return any(_ORIGINAL.search(key) for key in tensors)


def whole(tensors: Iterable[str]) -> bool:
    """Whether all keys are ``transformer.<module>.lora_A.weight`` or ``lora_B``, with no alpha beside them."""
    return all(_WHOLE.fullmatch(key) for key in tensors)


def plain(key: str) -> str:
    """A key without any prefix and without PEFT's name of the adapter."""
    return _PREFIX.sub("", key).replace(".default.", ".")


def folded(tensors: Mapping[str, Any], metadata: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """``<prefix><module>.lora_A.weight`` and ``lora_B`` whatever the prefix before and the names of the halves, with
    alpha folded into A (scale = alpha / rank)."""
    out: dict[str, Any] = {}
    alphas: dict[str, float] = {}
    for key, tensor in tensors.items():
        name = plain(key)
        if name.endswith(".alpha"):
            alphas[name.removesuffix(".alpha")] = float(tensor)
        else:
            out[prefix + name.replace(".lora_down.", ".lora_A.").replace(".lora_up.", ".lora_B.")] = tensor
    common = _metadata_alpha(metadata)
    for key in [k for k in out if k.endswith(".lora_A.weight")]:
        alpha = alphas.get(key.removeprefix(prefix).removesuffix(".lora_A.weight"), common)
        if alpha is not None:
            out[key] = out[key] * (alpha / out[key].shape[0])
    return out


def _metadata_alpha(metadata: Mapping[str, str]) -> float | None:
    """The adapter's alpha as diffusers writes it into a header; a dict of tensors has no place for it."""
    try:
        alpha = json.loads(metadata["lora_adapter_metadata"]).get("transformer.lora_alpha")
    except (KeyError, ValueError, AttributeError):
        return None
    return float(alpha) if alpha is not None else None
