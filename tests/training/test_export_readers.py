"""Our LoRA files through the naming rules of others, as these publish them: every key is known, nothing is left."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from train_helpers import Bench

from pipelines.models import lora_export, registry
from pipelines.models.lora_export import Learned
from pipelines.storage.presets import shipped

Keys = set[str]
FLUX, QWEN, KLEIN = "flux1-dev", "qwen-image-edit-2509", "flux2-klein-4b"
HALVES = ("lora_A.weight", "lora_B.weight")


def exported(bench: Bench, tmp_path: Path, name: str) -> Keys:
    """The keys of a file for a published model: all blocks that it has, tensors of one number."""
    family = shipped().models[name]
    architecture = registry.of(family)
    modules = [m for m, _, _ in architecture.linear_layers(family.geometry or architecture.geometry)
               if m.endswith(tuple(f".{t}" for t in family.lora_targets))]  # fmt: skip
    weights = {f"{m}.{half}": np.ones((1, 1), np.float32) for m in modules for half in HALVES}
    request = bench.request("editor" if name == QWEN else "character")
    path = tmp_path / "ours.safetensors"
    lora_export.write(path, Learned(weights, [0.5], "f"), request, family)
    with safe_open(path, framework="np") as file:
        return set(file.keys())


def taken(keys: Keys, prefix: str, modules: list[str], whole: bool = True) -> None:
    """Take the halves of modules out of ``keys``, as a converter does that makes one layer of them: the first one says
    whether the layer is there, and then all must be."""
    if f"{prefix}{modules[0]}.{HALVES[0]}" not in keys:
        return
    for module in modules:
        for half in HALVES:
            assert f"{prefix}{module}.{half}" in keys or not whole, f"the converter stops: {module} is missing"
            keys.discard(f"{prefix}{module}.{half}")


def kohya(keys: Keys) -> Keys:
    """sd-scripts, networks/convert_flux_lora.py: what is left of a file of diffusers' names after the conversion."""
    for n in range(19):
        block = f"transformer_blocks.{n}"
        taken(keys, "transformer.", [f"{block}.attn.to_out.0"])
        taken(keys, "transformer.", [f"{block}.attn.{p}" for p in ("to_q", "to_k", "to_v")])
        taken(keys, "transformer.", [f"{block}.attn.to_add_out"])
        taken(keys, "transformer.", [f"{block}.attn.{p}_proj" for p in ("add_q", "add_k", "add_v")])
        for name in ("ff.net.0.proj", "ff.net.2", "norm1.linear"):
            taken(keys, "transformer.", [f"{block}.{name}"])
            taken(
                keys, "transformer.", [f"{block}.{name.replace('ff', 'ff_context').replace('norm1', 'norm1_context')}"]
            )
    for n in range(38):
        block = f"single_transformer_blocks.{n}"
        taken(keys, "transformer.", [f"{block}.{p}" for p in ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")])
        taken(keys, "transformer.", [f"{block}.proj_out"])
        taken(keys, "transformer.", [f"{block}.norm.linear"])
    return keys


def invoke_flux(keys: Keys) -> Keys:
    """InvokeAI, flux_diffusers_lora_conversion_utils: recognised by two of its layers, then converted like kohya's;
    what is left raises."""
    assert all(key.endswith(HALVES) for key in keys)
    for layer in ("single_transformer_blocks.0.attn.to_q", "transformer_blocks.0.attn.add_q_proj"):
        assert f"transformer.{layer}.lora_A.weight" in keys
    return kohya(keys)


def invoke_qwen(keys: Keys) -> Keys:
    """InvokeAI knows Qwen's by ``transformer.``; layers are called as in the model."""
    return {key for key in keys if not key.startswith("transformer.transformer_blocks.")}


def comfy(blocks: str) -> Callable[[Keys], Keys]:
    """ComfyUI, comfy/lora.py: ``transformer.`` and each layer's name in diffusers, for FLUX and Qwen alike."""
    known = re.compile(rf"transformer\.({blocks})\.lora_[AB]\.weight")
    return lambda keys: {key for key in keys if not known.fullmatch(key)}


ATTENTION = r"attn\.(to_[qkv]|to_out\.0|add_[qkv]_proj|to_add_out)"
COMFY_FLUX = comfy(
    rf"transformer_blocks\.\d+\.({ATTENTION}|ff(_context)?\.net\.(0\.proj|2)|norm1(_context)?\.linear)"
    r"|single_transformer_blocks\.\d+\.(attn\.to_[qkv]|proj_mlp|proj_out|norm\.linear)"
)
COMFY_QWEN = comfy(rf"transformer_blocks\.\d+\.({ATTENTION}|(img|txt)_mlp\.net\.(0\.proj|2)|(img|txt)_mod\.1)")
COMFY_KLEIN = comfy(
    rf"transformer_blocks\.\d+\.({ATTENTION}|ff(_context)?\.linear_(in|out))"
    r"|single_transformer_blocks\.\d+\.attn\.(to_qkv_mlp_proj|to_out)"
)


READERS = {
    "kohya": (FLUX, kohya),
    "InvokeAI, FLUX": (FLUX, invoke_flux),
    "ComfyUI, FLUX": (FLUX, COMFY_FLUX),
    "InvokeAI, Qwen": (QWEN, invoke_qwen),
    "ComfyUI, Qwen": (QWEN, COMFY_QWEN),
    "ComfyUI, klein": (KLEIN, COMFY_KLEIN),
}


@pytest.mark.parametrize("which", READERS)
def test_nothing_of_our_files_is_left_over(bench: Bench, tmp_path: Path, which: str) -> None:
    name, reader = READERS[which]
    keys = exported(bench, tmp_path, name)
    assert len(keys) >= 200
    assert reader(keys) == set()


def test_the_single_blocks_are_trained_whole(bench: Bench, tmp_path: Path) -> None:
    for name, layers in ((FLUX, ("proj_mlp", "proj_out")), (KLEIN, ("attn.to_qkv_mlp_proj", "attn.to_out"))):
        keys = exported(bench, tmp_path, name)
        assert all(f"transformer.single_transformer_blocks.0.{layer}.lora_A.weight" in keys for layer in layers)
    # the last layer of the model has the name of one in a block, and is not meant
    assert "transformer.proj_out.lora_A.weight" not in exported(bench, tmp_path, FLUX)
