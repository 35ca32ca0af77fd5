"""A folder with random weights of a model's true size, in the layout of its hub repository; no download.

The numbers of layers and widths are the published ones, and the count of parameters is held against the preset's.
"""

import importlib
import json
import math
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from pipelines.domain.presets import ModelFamily
from pipelines.engine import quantize
from pipelines.storage.preset_files import PRESETS

SHARD = 2 * 2**30
Kind = Literal["plain", "nf4", "ones", "zeros"]
SAFETENSORS = {torch.bfloat16: "BF16", torch.float32: "F32", torch.uint8: "U8"}

Config = dict[str, Any]
# What differs from the practice models' config.json, as published by Black Forest Labs and Qwen.
FULL: dict[str, dict[str, Config]] = {
    "flux1-dev": {
        "transformer": {
            "num_layers": 19, "num_single_layers": 38, "attention_head_dim": 128, "num_attention_heads": 24,
            "joint_attention_dim": 4096, "pooled_projection_dim": 768, "axes_dims_rope": [16, 56, 56],
        },
        "text_encoder": {
            "vocab_size": 49408, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
            "num_attention_heads": 12, "projection_dim": 768,
        },
        "text_encoder_2": {
            "vocab_size": 32128, "d_model": 4096, "d_kv": 64, "d_ff": 10240, "num_layers": 24, "num_heads": 64,
            "num_decoder_layers": 24, "relative_attention_max_distance": 128,
        },
        "vae": {
            "block_out_channels": [128, 256, 512, 512], "down_block_types": ["DownEncoderBlock2D"] * 4,
            "up_block_types": ["UpDecoderBlock2D"] * 4, "layers_per_block": 2, "norm_num_groups": 32,
            "mid_block_add_attention": True, "scaling_factor": 0.3611, "shift_factor": 0.1159, "sample_size": 1024,
            "force_upcast": True,
        },
    },
    "qwen-image-edit-2509": {
        "transformer": {
            "num_layers": 60, "attention_head_dim": 128, "num_attention_heads": 24, "joint_attention_dim": 3584,
            "axes_dims_rope": [16, 56, 56],
        },
        "text_encoder": {
            "text_config": {
                "vocab_size": 152064, "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
                "num_attention_heads": 28, "num_key_value_heads": 4, "layer_types": ["full_attention"] * 28,
                "max_window_layers": 28, "rope_parameters": {"mrope_section": [16, 24, 24]},
            },
            "vision_config": {
                "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16,
                "out_hidden_size": 3584, "fullatt_block_indexes": [7, 15, 23, 31],
            },
        },
        "vae": {
            "base_dim": 96, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2, "temperal_downsample": [False, True, True],
        },
    },
}  # fmt: skip
# The practice models, but for VAEs with the factor of the real ones.
MINI: dict[str, dict[str, Config]] = {
    "flux1-dev": {
        "vae": {
            "block_out_channels": [8] * 4, "down_block_types": ["DownEncoderBlock2D"] * 4,
            "up_block_types": ["UpDecoderBlock2D"] * 4,
        },
    },
    "qwen-image-edit-2509": {
        "vae": {"base_dim": 8, "dim_mult": [1, 1, 1, 1], "temperal_downsample": [False, True, True]},
    },
}  # fmt: skip
LIKE = {"flux1-dev": "mini/flux", "qwen-image-edit-2509": "mini/qwen-edit"}


class Numbers:
    """Random weights: one drawing for each shape, which all layers of that shape share. ``device`` draws them."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.made: dict[tuple[tuple[int, ...], Kind], dict[str, Tensor]] = {}

    def of(self, shape: tuple[int, ...], kind: Kind) -> dict[str, Tensor]:
        """Tensors on the CPU by what follows the weight's name: nothing, or the parts of NF4 as bitsandbytes writes."""
        if (shape, kind) not in self.made:
            self.made[shape, kind] = {name: t.cpu().contiguous() for name, t in self._make(shape, kind).items()}
        return self.made[shape, kind]

    def _make(self, shape: tuple[int, ...], kind: Kind) -> dict[str, Tensor]:
        if kind in ("ones", "zeros"):
            return {"": torch.full(shape, float(kind == "ones"), dtype=torch.bfloat16)}
        # divided by the root of the inputs: what comes in goes out as large
        drawn = torch.randn(shape, device=self.device, dtype=torch.bfloat16) / math.sqrt(math.prod(shape[1:]))
        if kind == "plain":
            return {"": drawn}
        from bitsandbytes.functional import quantize_4bit

        data, state = quantize_4bit(drawn, blocksize=64, compress_statistics=True, quant_type="nf4")
        return {"": data, **{f".{name}": t for name, t in state.as_dict(packed=True).items()}}


def written(family: ModelFamily, folder: Path, scale: str, stored: str) -> dict[str, int]:
    """Write a model like ``family`` with random weights; the number of parameters of each part, which at full size
    must be the preset's."""
    like, numbers = PRESETS / LIKE[family.name], Numbers("cuda" if torch.cuda.is_available() else "cpu")
    shutil.copytree(like, folder, ignore=shutil.ignore_patterns("*.safetensors", "*.webp", "*.md", "*.svg"))
    index = json.loads((like / "model_index.json").read_text())
    counts = {}
    for name, part in family.parts.items():
        config = json.loads((like / name / "config.json").read_text())
        config = merged(config, (FULL if scale == "full" else MINI)[family.name].get(name, {}))
        library, kind = index[name]
        model = hollow(library, kind, config)
        counts[name] = sum(p.numel() for p in model.parameters())
        if scale == "full" and counts[name] != part.parameters:
            raise AssertionError(f"{name} of {family.name} has {counts[name]} parameters, not {part.parameters}")
        packed = stored == "nf4" and part.quantize == "nf4"
        if packed:
            config["quantization_config"] = nf4_config(family, name)
        (folder / name / "config.json").write_text(json.dumps(config))
        write_part(folder / name, model, numbers, part.skip if packed else None)
    return counts


def merged(base: Config, changes: Config) -> Config:
    """``base`` with ``changes``, also within inner tables."""
    inner = {k: merged(base.get(k, {}), v) if isinstance(v, dict) else v for k, v in changes.items()}
    return {**base, **inner}


def hollow(library: str, kind: str, config: Config) -> nn.Module:
    """The model without memory for its weights: names and shapes."""
    made: Any = getattr(importlib.import_module(library), kind)
    with torch.device("meta"):
        return made.from_config(config) if library == "diffusers" else made(made.config_class.from_dict(config))


def nf4_config(family: ModelFamily, name: str) -> Config:
    """The ``quantization_config`` of a part, as saving a model that the product has loaded would write it."""
    config = quantize.config(family, torch.bfloat16)
    assert config is not None
    own: Any = config.quant_mapping[name]
    return own.to_dict()


def write_part(folder: Path, model: nn.Module, numbers: Numbers, skip: tuple[str, ...] | None) -> None:
    """All tensors of ``model`` as shards and their index. ``skip``: layers that stay as they are in a quantized copy;
    None: nothing is quantized."""
    stem = "model" if isinstance(model, PreTrainedModel) else "diffusion_pytorch_model"
    shards = list(in_shards(tensors_of(model, numbers, skip)))
    names = [f"{stem}-{n + 1:05d}-of-{len(shards):05d}.safetensors" for n in range(len(shards))]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write_shard, (folder / name for name in names), shards))
    places = {key: name for name, shard in zip(names, shards, strict=True) for group in shard for key in group}
    index = {"metadata": {}, "weight_map": places}
    (folder / f"{stem}.safetensors.index.json").write_text(json.dumps(index))


def tensors_of(model: nn.Module, numbers: Numbers, skip: tuple[str, ...] | None) -> Iterator[dict[str, Tensor]]:
    """For each parameter its tensors by name: one, or those of a quantized layer."""
    for owner, module in model.named_modules():
        packed = skip is not None and isinstance(module, nn.Linear) and not left_alone(owner, skip)
        for own, parameter in module.named_parameters(recurse=False):
            name, shape = f"{owner}.{own}".lstrip("."), tuple(parameter.shape)
            if name == "encoder.embed_tokens.weight":  # T5's, the same as ``shared``
                continue
            made = numbers.of(shape, kind_of(own, shape, packed))
            yield {name + ending: tensor for ending, tensor in made.items()}


def left_alone(path: str, skip: tuple[str, ...]) -> bool:
    """diffusers' rule (``_replace_with_bnb_linear``): by the module's own name, by its path, or by a part of it."""
    return path.rpartition(".")[2] in skip or any(f"{name}." in path or name == path for name in skip)


def kind_of(own: str, shape: tuple[int, ...], packed: bool) -> Kind:
    """Norms multiply by one, biases add nothing, the rest is random; ``packed``: of a quantized layer."""
    if len(shape) < 2:
        return "zeros" if own == "bias" else "ones"
    return "nf4" if packed else "plain"


def in_shards(groups: Iterator[dict[str, Tensor]]) -> Iterator[list[dict[str, Tensor]]]:
    """Groups together until they are ``SHARD`` bytes; a group is never divided."""
    shard: list[dict[str, Tensor]] = []
    size = 0
    for group in groups:
        shard.append(group)
        size += sum(t.nbytes for t in group.values())
        if size >= SHARD:
            yield shard
            shard, size = [], 0
    if shard:
        yield shard


def write_shard(path: Path, shard: list[dict[str, Tensor]]) -> None:
    """A safetensors file in which tensors may share memory, which the library's own writer refuses."""
    tensors = {name: t for group in shard for name, t in group.items()}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, t in tensors.items():
        offsets = [at, at := at + t.nbytes]
        header[name] = {"dtype": SAFETENSORS[t.dtype], "shape": list(t.shape), "data_offsets": offsets}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for t in tensors.values():
            file.write(t.reshape(-1).view(torch.uint8).numpy().data)
