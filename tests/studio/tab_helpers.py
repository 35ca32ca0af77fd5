"""LoRA files and choices for the tests of the tabs."""

from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from pipelines.storage.presets import shipped
from studio.components.lora_stack import Draft

PREFIX = {"qwen": "diffusion_model.transformer_blocks.0.attn.", "flux": "transformer.transformer_blocks.0.attn."}
BASE = {"qwen": "qwen-image-edit-2509/lora", "flux": "flux-1-dev/lora"}


def lora_file(folder: Path, name: str, kind: str = "qwen", rank: int = 4) -> Path:
    """A small LoRA file of one attention layer."""
    tensors = {}
    for n, module in enumerate(("to_q", "to_k")):
        down = np.full((rank, 8), float(len(name) + n), dtype=np.float32)
        tensors[f"{PREFIX[kind]}{module}.lora_A.weight"] = down
        tensors[f"{PREFIX[kind]}{module}.lora_B.weight"] = np.zeros((8, rank), dtype=np.float32)
    path = folder / f"{name}.safetensors"
    save_file(tensors, path, metadata={"modelspec.architecture": BASE[kind], "title": name})
    return path


def controls(draft: Draft, pool: int) -> list[Any]:
    """A draft as the page sends it: ids, then every tick, then every weight of the pool."""
    spare = pool - len(draft.ids)
    return [draft.ids, *draft.uses, *([True] * spare), *draft.weights, *([1.0] * spare)]


def enrich_choice(
    edits: tuple[str, ...] = ("angle/half-left",), stack: Draft | None = None, **numbers: Any
) -> list[Any]:
    """Numbers, axes and stack of the Enrich tab, as its events send them after the picker."""
    fields = {"per_source": 4, "gaps": False, "count": "", "seed": 0, "steps": "", "guidance": ""} | numbers
    groups = [[e for e in edits if e.startswith(f"{axis.name}/")] for axis in shipped().axes]
    return [*fields.values(), *groups, *controls(stack or Draft(), 8)]


def survey_groups(*prompts: str) -> list[list[str]]:
    """The prompt groups of the Survey tab."""
    return [[p for p in prompts if p.startswith(f"{axis.name}/")] for axis in shipped().survey_prompts]
