"""The finished LoRA as a file that diffusers and ComfyUI read, with its history in the header.

Conventions: FLUX keys start with ``transformer.``, Qwen keys with ``diffusion_model.`` (both readers know both);
alpha is folded into B, so alpha = rank to every reader. Header: ``modelspec.*`` after the Stability model spec 1.0.0
(required: sai_model_spec, architecture, implementation, title), ``ss_*`` as kohya's trainers write them, and
``flenwheel.*`` for our own lineage.
"""

import hashlib
import json
import struct
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from pipelines.domain.presets import ModelFamily
from pipelines.domain.requests import TrainRequest
from pipelines.storage.atomic import write_durably


@dataclass(frozen=True)
class Layout:
    """How one LoRA family names things: key prefix, ``modelspec.architecture``, ``ss_base_model_version``."""

    prefix: str
    architecture: str
    base_version: str


LAYOUTS = {
    "flux": Layout("transformer.", "flux-1-dev/lora", "flux1"),
    "qwen-image-edit": Layout("diffusion_model.", "Qwen-Image-Edit-Plus/lora", "qwen_image_edit"),
}


def tag_frequency(name: str, captions: Iterable[str]) -> str:
    """``ss_tag_frequency``: how often each comma-separated part of the captions occurs, as JSON by folder."""
    tags = Counter(tag for caption in captions for part in caption.split(",") if (tag := part.strip()))
    return json.dumps({name: dict(sorted(tags.items()))}, ensure_ascii=False)


def _modelspec(request: TrainRequest, family: ModelFamily, layout: Layout) -> dict[str, str]:
    side = request.settings.resolution
    return {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": layout.architecture,
        "modelspec.implementation": "diffusers",
        "modelspec.title": request.name,
        "modelspec.description": f"LoRA of {request.character} for {family.title}, made with FLENwheel.",
        "modelspec.date": datetime.now(UTC).isoformat(timespec="seconds"),
        "modelspec.resolution": f"{side}x{side}",
        "modelspec.trigger_phrase": request.trigger,
        "modelspec.license": request.lineage.get("licence", family.licence),
    }


def header(request: TrainRequest, family: ModelFamily, modules: int, own: Mapping[str, str]) -> dict[str, str]:
    """All metadata of the file. Everything in ``request.lineage`` is there as ``flenwheel.<key>``, word for word."""
    layout, s = LAYOUTS[family.lora_family], request.settings
    base = family.weights.hub or family.name
    ss = {
        "ss_base_model_version": layout.base_version,
        "ss_output_name": request.name,
        "ss_sd_model_name": base,
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(s.rank),
        "ss_network_alpha": str(s.rank),
        "ss_learning_rate": f"{s.learning_rate:g}",
        "ss_lr_scheduler": s.lr_scheduler,
        "ss_steps": str(s.steps),
        "ss_seed": str(s.seed),
        "ss_num_train_images": str(len(request.items)),
        "ss_training_comment": f"alpha {s.alpha:g} folded into lora_B",
        "ss_tag_frequency": tag_frequency(request.name, (item.caption for item in request.items)),
    }
    lineage = {
        "character": request.character,
        "version": request.version,
        "target": request.target,
        "family": family.name,
        "base": base,
        "revision": request.revision,
        "rank": str(s.rank),
        "alpha": f"{s.alpha:g}",
        "modules": str(modules),
        "trigger": request.trigger,
        "settings": s.model_dump_json(),
        "images": json.dumps(sorted({item.image.id for item in request.items})),
        **own,
        **request.lineage,
    }
    return {
        **_modelspec(request, family, layout),
        **ss,
        "trigger_words": request.trigger,
        **{f"flenwheel.{key}": value for key, value in lineage.items()},
    }


def _bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file whose header is in a fixed order (the library's own varies from process to process)."""
    data = save({k: v.contiguous() for k, v in tensors.items()})
    length = struct.unpack("<Q", data[:8])[0]
    payload = data[8 + length :]
    entries: dict[str, Any] = json.loads(data[8 : 8 + length])
    entries.pop("__metadata__", None)
    hashed = {**metadata, "modelspec.hash_sha256": "0x" + hashlib.sha256(payload).hexdigest()}
    text = json.dumps({"__metadata__": dict(sorted(hashed.items())), **entries}, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + payload


def write(
    path: Path, tensors: Mapping[str, Tensor], request: TrainRequest, family: ModelFamily, own: Mapping[str, str]
) -> str:
    """Write the LoRA to ``path``, whole or not at all. Returns the file's SHA-256.

    ``tensors`` are ``LearnedAdapter.exported()``: bfloat16, alpha folded, keys without a prefix. ``own`` goes into the
    header as ``flenwheel.<key>``.
    """
    prefix = LAYOUTS[family.lora_family].prefix
    metadata = header(request, family, len(tensors) // 2, own)
    data = _bytes({prefix + name: tensor for name, tensor in tensors.items()}, metadata)
    write_durably(path, data)
    return hashlib.sha256(data).hexdigest()


def read_header(path: Path) -> dict[str, str]:
    """The metadata of the LoRA at ``path``; empty when there is no such file or it cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError):
        return {}
