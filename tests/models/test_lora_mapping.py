"""Which file fits which model, by its header: at the true sizes of the published models, and nothing silently."""

import json
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers import (
    Flux2Transformer2DModel,
    FluxTransformer2DModel,
    QwenImage21Transformer2DModel,
    QwenImageTransformer2DModel,
)
from lora_layouts import Model, flat, original_names
from safetensors.numpy import save_file
from torch import device, nn

from pipelines.models.lora_files import LoraRefused, admit_lora, inspect
from pipelines.models.lora_mapping import fit
from pipelines.models.lora_targets import LoraTarget, shipped_targets, target_of
from pipelines.storage.presets import shipped
from pipelines.storage.safetensors_header import Entry
from pipelines.storage.workspace import Workspace

Shapes = dict[str, tuple[int, ...]]
FLUX, QWEN, KLEIN, QWEN21 = "flux1-dev", "qwen-image-edit-2509", "flux2-klein-4b", "qwen-image-2.1"
CLASSES: dict[str, Any] = {
    FLUX: FluxTransformer2DModel,
    QWEN: QwenImageTransformer2DModel,
    KLEIN: Flux2Transformer2DModel,
    QWEN21: QwenImage21Transformer2DModel,
}


def target(name: str) -> LoraTarget:
    return target_of(shipped().models[name])


def file(shapes: Shapes, metadata: dict[str, str] | None = None, dtype: str = "F16") -> bytes:
    """A file of zeros."""
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    at, width = 0, {"F16": 2, "I8": 1}[dtype]
    for key, shape in shapes.items():
        end = at + width * int(np.prod(shape, dtype=int))
        header[key] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * at


def pair(name: str, into: int, out: int, rank: int = 1) -> Shapes:
    return {f"{name}.lora_down.weight": (rank, into), f"{name}.lora_up.weight": (out, rank)}


def pairs(names: Iterable[str], into: int = 3072, out: int = 3072) -> Shapes:
    found: Shapes = {}
    for name in names:
        found |= pair(name, into, out)
    return found


# ---- the models


@pytest.mark.parametrize("name", CLASSES)
def test_layers_are_those_of_the_published_model(name: str) -> None:
    """Names, sizes and number of parameters, held against diffusers' own class of the published config."""
    made = target(name)
    with device("meta"):
        live = CLASSES[name](**made.config)
    layers = {n: (m.in_features, m.out_features) for n, m in live.named_modules() if isinstance(m, nn.Linear)}
    assert made.parts["transformer"] == layers
    assert sum(p.numel() for p in live.parameters()) == shipped().models[name].parts["transformer"].parameters


@pytest.mark.parametrize("known", shipped_targets(), ids=lambda t: t.title)
def test_a_name_means_one_layer(known: LoraTarget) -> None:
    """Names with underscores for dots stay different names."""
    for part, modules in known.parts.items():
        assert len({flat(m) for m in modules}) == len(modules)
        assert all([p.module for p in known.names[flat(m)]] == [m] for m in modules), part


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("prefix", ["lora_unet_", "diffusion_model.", "", "base_model.model.model.diffusion_model."])
def test_every_layer_of_flux_is_found_by_its_original_name(split: bool, prefix: str) -> None:
    flux = target(FLUX)
    model = Model(dict(flux.parts), 19, 38)
    shapes: Shapes = {}
    for name, modules in original_names(model, split):
        sizes = [model.transformer[m] for m in modules]
        shapes |= pair(prefix + (flat(name) if prefix == "lora_unet_" else name), sizes[0][0], sum(o for _, o in sizes))
    found = fit({key: Entry("F16", shape, 0, 0) for key, shape in shapes.items()}, flux)
    assert found.good and not found.left_out
    assert {p.place.module for p in found.patches} == set(flux.parts["transformer"])


# ---- what was made for another model

BLOCK = "transformer.transformer_blocks.{}.attn.to_q"
OTHERS: dict[str, tuple[Shapes, dict[str, str], str]] = {
    "FLUX.2 dev": (pairs((BLOCK.format(n) for n in range(8)), 6144, 6144), {}, r"FLUX\.2 dev .*6144 wide"),
    "FLUX.2 dev, kohya": (
        pairs((f"lora_unet_double_blocks_{n}_img_attn_qkv" for n in range(8)), 6144, 18432), {}, r"FLUX\.2 dev"
    ),
    "klein 9B": (pairs((BLOCK.format(n) for n in range(8)), 4096, 4096), {}, r"FLUX\.2 klein 9B"),
    "klein 4B, attention": (pairs(BLOCK.format(n) for n in range(5)), {}, r"made for FLUX\.2 klein, not for FLUX\.1"),
    "klein 4B, named so": (
        pairs([BLOCK.format(1)]), {"modelspec.architecture": "Flux.2-klein-4b/lora"}, r"made for FLUX\.2 klein"
    ),
    "klein 4B": (
        pairs(["diffusion_model.single_blocks.0.linear1"], 3072, 27648), {}, r"made for FLUX\.2 klein"
    ),
    "Chroma, named so": (pairs(BLOCK.format(n) for n in range(19)), {"ss_base_model_version": "chroma"}, "Chroma"),
    "Chroma": (
        pairs([BLOCK.format(1), "diffusion_model.distilled_guidance_layer.layers.0.in_layer"]), {}, "Chroma"
    ),
    "Qwen": (pairs(BLOCK.format(n) for n in range(60)), {}, "made for Qwen-Image-Edit"),
    "SDXL": (
        pairs(["lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q"], 640, 640), {}, "Diffusion 1.5 or XL"
    ),
    "SD 1.5, diffusers": (
        pairs(["unet.down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"], 640, 640), {}, "Stable Diffusion"
    ),
    "SD 3": (pairs(["diffusion_model.joint_blocks.0.x_block.attn.qkv"], 1536, 4608), {}, "Stable Diffusion 3"),
    "Wan": (pairs(["diffusion_model.blocks.0.self_attn.q"], 5120, 5120), {}, "Wan video"),
    "Wan, musubi": (pairs(["lora_unet_blocks_0_cross_attn_k"], 5120, 5120), {}, "Wan video"),
    "Z-Image": (pairs(["diffusion_model.layers.3.attention.to_q"], 3840, 3840), {}, "Z-Image"),
    "LTX": (pairs(["diffusion_model.transformer_blocks.0.attn1.to_q"], 2048, 2048), {}, "LTX"),
    "Hunyuan": (pairs(["lora_unet_double_blocks_0_img_mlp_fc1"], 3072, 12288), {}, "Hunyuan"),
    "nobody's": (pairs(["a.b.c"]), {}, "neither"),
    "too wide": (pairs([BLOCK.format(3)], 2048, 2048), {}, "another size"),
}  # fmt: skip


@pytest.mark.parametrize("what", OTHERS)
def test_a_lora_for_another_model_is_refused_in_words(workspace: Workspace, what: str) -> None:
    shapes, metadata, words = OTHERS[what]
    with pytest.raises(LoraRefused, match=words) as refusal:
        admit_lora(workspace, file(shapes, metadata), "a.safetensors", "flux", model=target(FLUX))
    assert str(refusal.value).startswith("a.safetensors: ")
    assert list(workspace.path("loras").iterdir()) == []


def test_a_lora_of_another_width_of_the_same_kind_is_refused(workspace: Workspace) -> None:
    small = pairs([f"transformer.single_transformer_blocks.{n}.attn.to_q" for n in range(4)], 192, 192)
    assert admit_lora(workspace, file(small), "a.safetensors", "flux").width == 192
    with pytest.raises(LoraRefused, match=r"Mini FLUX .*, not for FLUX\.1 dev .*192 wide.*3072"):
        admit_lora(workspace, file(small), "a.safetensors", "flux", model=target(FLUX), targets=shipped_targets())


# ---- what is wrong with a file

Q = "transformer.single_transformer_blocks.3.attn.to_q"
FAULTS: dict[str, tuple[Shapes, str]] = {
    "ranks": ({f"{Q}.lora_A.weight": (4, 3072), f"{Q}.lora_B.weight": (3072, 8)}, "rank 8, the other rank 4"),
    "one half": ({f"{Q}.lora_A.weight": (4, 3072)}, "up is missing"),
    "swapped": ({f"{Q}.lora_A.weight": (3072, 4), f"{Q}.lora_B.weight": (4, 3072)}, "another size"),
    "a vector": ({f"{Q}.lora_A.weight": (3072,), f"{Q}.lora_B.weight": (3072, 4)}, "no matrices"),
    "rank 0": ({f"{Q}.lora_A.weight": (0, 3072), f"{Q}.lora_B.weight": (3072, 0)}, "no matrices"),
    "a block too many": (pairs([Q, "transformer.transformer_blocks.19.ff.net.2"], 3072, 3072), "has a block 19"),
    "twice": (pairs([Q, f"diffusion_model.{Q}"]), "twice"),
    "fused and not": (
        pairs(["transformer_blocks.0.attn.to_q"]) | pair("double_blocks.0.img_attn.qkv", 3072, 9216), "twice"
    ),
    "mixed": (pair(Q, 3072, 3072) | {f"{Q}.lokr_w1": (2, 2), f"{Q}.lokr_w2": (1536, 1536)}, "mixes methods"),
    "LoKr": ({f"{Q}.lokr_w1": (2, 2), f"{Q}.lokr_w2": (1000, 1536)}, "another size"),
    "half a LoKr": ({f"{Q}.lokr_w1": (2, 2), f"{Q}.lokr_w2_a": (1536, 4)}, "lokr_w2_b is missing"),
    "LoHa": (
        {f"{Q}.hada_w1_a": (3072, 4), f"{Q}.hada_w1_b": (4, 3072), f"{Q}.hada_w2_a": (3072, 4)}, "hada_w2_b is missing"
    ),
    "DoRA": (pair(Q, 3072, 3072) | {f"{Q}.dora_scale": (7, 1)}, "magnitudes"),
    "scaled": (pair(Q, 3072, 3072) | {f"{Q}.scale_weight": (1,)}, "scales of its own"),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_a_broken_lora_is_refused_with_its_own_reason(workspace: Workspace, what: str) -> None:
    shapes, words = FAULTS[what]
    with pytest.raises(LoraRefused, match=words):
        admit_lora(workspace, file(shapes), "a.safetensors", "flux")
    assert list(workspace.path("loras").iterdir()) == []


def test_whole_numbers_are_no_weights(workspace: Workspace) -> None:
    with pytest.raises(LoraRefused, match="of the type I8"):
        admit_lora(workspace, file(pair(Q, 3072, 3072), dtype="I8"), "a.safetensors", "flux")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 5e4])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_weights_that_are_no_numbers_are_refused(
    workspace: Workspace, value: float, dtype: Any, tmp_path: Path
) -> None:
    tensors = {key: np.zeros(shape, dtype) for key, shape in pair(Q, 3072, 3072).items()}
    tensors[f"{Q}.lora_up.weight"][7, 0] = value
    save_file(tensors, tmp_path / "a.safetensors")
    with pytest.raises(LoraRefused, match="not finite" if not np.isfinite(value) else "as large as 5e"):
        admit_lora(workspace, tmp_path / "a.safetensors", "a.safetensors", "flux")
    assert list(workspace.path("loras").iterdir()) == []


# ---- what is left out is told


def test_what_a_lora_cannot_change_is_listed_with_its_reason(workspace: Workspace) -> None:
    more = [f"transformer.transformer_blocks.0.attn.to_{p}" for p in "qkv"]
    shapes: Shapes = pairs([Q, "transformer.some_other_layer", *more]) | {
        "transformer.transformer_blocks.0.attn.norm_q.diff": (128,),
        "lora_unet_double_blocks_0_img_attn_norm_query_norm_scale.w_norm": (128,),
        "bundle_emb.token.t5_out": (4, 4096),
        "transformer.nothing.alpha": (1,),
        f"{Q}.diff_b": (3072,),
    }
    record = admit_lora(workspace, file(shapes), "a.safetensors", "flux")
    left = {key: group.why for group in record.left_out for key in group.keys}
    used = {*pairs([Q, *more]), f"{Q}.diff_b"}
    assert set(left) == set(shapes) - used
    assert "normalisation" in left["transformer.transformer_blocks.0.attn.norm_q.diff"]
    assert "does not have" in left["transformer.some_other_layer.lora_up.weight"]
    assert "whole weights" in left["bundle_emb.token.t5_out"]


def test_text_encoders_are_adapted_or_named(workspace: Workspace) -> None:
    clip = pair("lora_te1_text_model_encoder_layers_0_self_attn_q_proj", 768, 768)
    t5 = pair("lora_te3_encoder_block_3_layer_0_SelfAttention_q", 4096, 4096)
    on_flux = admit_lora(workspace, file(pair(Q, 3072, 3072) | clip | t5), "a.safetensors", "flux")
    assert on_flux.left_out == () and on_flux.modules == 3
    qwen = pair("transformer.transformer_blocks.3.img_mlp.net.2", 12288, 3072)
    on_qwen = admit_lora(workspace, file(qwen | clip), "b.safetensors", "qwen-image-edit")
    assert [(set(g.keys), "text encoder" in g.why) for g in on_qwen.left_out] == [(set(clip), True)]


def test_a_lora_of_one_layer_more_than_schnell_has_loses_that_by_name() -> None:
    schnell = shipped().models[FLUX]
    config = {**target(FLUX).config, "guidance_embeds": False}
    architecture = target(FLUX).architecture
    made = LoraTarget(architecture, schnell.title, config, {"transformer": architecture.modules(config)})
    shapes = pairs([Q, Q.replace("to_q", "to_k")]) | pair("guidance_in.in_layer", 256, 3072)
    found = fit({key: Entry("F16", shape, 0, 0) for key, shape in shapes.items()}, made)
    assert found.good and set(found.left_out[0].keys) == set(pair("guidance_in.in_layer", 1, 1))


def test_inspecting_imports_no_torch(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(file(pair(Q, 3072, 3072)))
    code = (
        "import sys; from pathlib import Path; from pipelines.models.lora_files import inspect\n"
        f"assert inspect(Path({str(tmp_path / 'a.safetensors')!r})).family == 'flux'\n"
        "assert not {'torch', 'diffusers', 'transformers', 'peft'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=Path(__file__).parents[2])


def test_the_shown_alpha_and_rank_are_those_of_the_layers(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(file({f"{Q}.lokr_w1": (4, 4), f"{Q}.lokr_w2": (768, 768)}))
    assert inspect(tmp_path / "a.safetensors").rank == 768
