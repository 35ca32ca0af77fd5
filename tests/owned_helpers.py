"""Files as other programs have them, made of the small models by the published naming rules."""

import json
import re
import shutil
import struct
from pathlib import Path

import numpy as np
import torch
from engine_helpers import FLUX, QWEN, checkpoint, family
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipelines.domain.presets import ModelFamily, Weights

Tensors = dict[str, Tensor]


def part(name: str, of: str) -> Tensors:
    """The tensors of a part of a small model by their names in diffusers and transformers."""
    found: Tensors = {}
    for path in sorted((checkpoint(name) / of).glob("*.safetensors")):
        found |= load_file(path)
    return found


def black_forest(own: Tensors) -> Tensors:
    """A FLUX transformer as Black Forest Labs' code (and ComfyUI) names it."""
    left, made = dict(own), Tensors()

    def join(theirs: str, *names: str, end: str) -> None:
        made[f"{theirs}.{end}"] = torch.cat([left.pop(f"{name}.{end}") for name in names])

    outer = {
        "img_in": "x_embedder", "txt_in": "context_embedder", "final_layer.linear": "proj_out",
        "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
        "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
        "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
        "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
        "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
        "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    }  # fmt: skip
    double = len({k.split(".")[1] for k in own if k.startswith("transformer_blocks.")})
    single = len({k.split(".")[1] for k in own if k.startswith("single_transformer_blocks.")})
    for end in ("weight", "bias"):
        for theirs, name in outer.items():
            join(theirs, name, end=end)
        scale, shift = left.pop(f"norm_out.linear.{end}").chunk(2)
        made[f"final_layer.adaLN_modulation.1.{end}"] = torch.cat([shift, scale])
        for n in range(double):
            a, b = f"transformer_blocks.{n}", f"double_blocks.{n}"
            join(f"{b}.img_mod.lin", f"{a}.norm1.linear", end=end)
            join(f"{b}.txt_mod.lin", f"{a}.norm1_context.linear", end=end)
            join(f"{b}.img_attn.qkv", *(f"{a}.attn.to_{x}" for x in "qkv"), end=end)
            join(f"{b}.txt_attn.qkv", *(f"{a}.attn.add_{x}_proj" for x in "qkv"), end=end)
            join(f"{b}.img_attn.proj", f"{a}.attn.to_out.0", end=end)
            join(f"{b}.txt_attn.proj", f"{a}.attn.to_add_out", end=end)
            for side, ff in (("img", "ff"), ("txt", "ff_context")):
                join(f"{b}.{side}_mlp.0", f"{a}.{ff}.net.0.proj", end=end)
                join(f"{b}.{side}_mlp.2", f"{a}.{ff}.net.2", end=end)
        for n in range(single):
            a, b = f"single_transformer_blocks.{n}", f"single_blocks.{n}"
            join(f"{b}.modulation.lin", f"{a}.norm.linear", end=end)
            join(f"{b}.linear1", *(f"{a}.attn.to_{x}" for x in "qkv"), f"{a}.proj_mlp", end=end)
            join(f"{b}.linear2", f"{a}.proj_out", end=end)
    for n in range(double):
        for side, norm in (("img", "norm"), ("txt", "norm_added")):
            for word, x in (("query", "q"), ("key", "k")):
                own_name = f"transformer_blocks.{n}.attn.{norm}_{x}.weight"
                made[f"double_blocks.{n}.{side}_attn.norm.{word}_norm.scale"] = left.pop(own_name)
    for n in range(single):
        for word, x in (("query", "q"), ("key", "k")):
            own_name = f"single_transformer_blocks.{n}.attn.norm_{x}.weight"
            made[f"single_blocks.{n}.norm.{word}_norm.scale"] = left.pop(own_name)
    assert not left, list(left)[:3]
    return made


def _by(rules: dict[str, str], own: Tensors) -> Tensors:
    made = Tensors()
    for name, tensor in own.items():
        for pattern, to in rules.items():
            name = re.sub(pattern, to, name)
        made[name] = tensor
    return made


def latent_diffusion(own: Tensors) -> Tensors:
    """An autoencoder as ``ae.safetensors`` names it; attention as convolutions."""
    levels = len({k.split(".")[2] for k in own if k.startswith("decoder.up_blocks.")})
    made = _by(
        {
            r"^encoder\.down_blocks\.(\d+)\.resnets": r"encoder.down.\1.block",
            r"^encoder\.down_blocks\.(\d+)\.downsamplers\.0": r"encoder.down.\1.downsample",
            **{rf"^decoder\.up_blocks\.{n}\.resnets": f"decoder.up.{levels - 1 - n}.block" for n in range(levels)},
            **{
                rf"^decoder\.up_blocks\.{n}\.upsamplers\.0": f"decoder.up.{levels - 1 - n}.upsample"
                for n in range(levels)
            },
            r"mid_block\.resnets\.0": "mid.block_1", r"mid_block\.resnets\.1": "mid.block_2",
            r"mid_block\.attentions\.0\.group_norm": "mid.attn_1.norm",
            r"mid_block\.attentions\.0\.to_out\.0": "mid.attn_1.proj_out",
            r"mid_block\.attentions\.0\.to_([qkv])": r"mid.attn_1.\1",
            "conv_shortcut": "nin_shortcut", "conv_norm_out": "norm_out",
        },
        own,
    )  # fmt: skip
    return {k: t[:, :, None, None] if ".attn_1." in k and t.dim() == 2 else t for k, t in made.items()}


def wan(own: Tensors, resnets: int) -> Tensors:
    """An autoencoder as Wan's code, and ``qwen_image_vae.safetensors``, names it."""
    made = _by(
        {
            r"^quant_conv": "conv1", r"^post_quant_conv": "conv2", r"coder\.conv_in": "coder.conv1",
            "norm_out": "head.0", "conv_out": "head.2", r"mid_block\.resnets\.0": "middle.0",
            r"mid_block\.attentions\.0": "middle.1", r"mid_block\.resnets\.1": "middle.2",
            r"encoder\.down_blocks": "encoder.downsamples", r"\.norm1\.": ".residual.0.",
            r"\.conv1\.(?=\w+$)": ".CONV1.",
            r"\.norm2\.": ".residual.3.", r"\.conv2\.": ".residual.6.", "conv_shortcut": "shortcut",
        },
        own,
    )  # fmt: skip
    fixed = Tensors()
    for name, tensor in made.items():
        name = name.replace("coder.CONV1", "coder.conv1").replace(".CONV1.", ".residual.2.")
        up = re.match(r"decoder\.up_blocks\.(\d+)\.(resnets\.(\d+)|upsamplers\.0)\.(.*)", name)
        if up:
            at = int(up[1]) * (resnets + 2) + (int(up[3]) if up[3] else resnets + 1)
            name = f"decoder.upsamples.{at}.{up[4]}"
        fixed[name] = tensor
    return fixed


def fp8(tensors: Tensors) -> Tensors:
    """Weights of two sides in float8 e4m3 as they are."""
    return {k: t.to(torch.float8_e4m3fn) if t.dim() == 2 else t for k, t in tensors.items()}


def fp8_scaled(tensors: Tensors, *, newer: bool = False) -> Tensors:
    """As ComfyUI scales them: the largest becomes 448. ``newer``: its later names."""
    made: Tensors = {} if newer else {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}
    for name, tensor in tensors.items():
        if tensor.dim() != 2 or not name.endswith(".weight"):
            made[name] = tensor
            continue
        layer = name.removesuffix(".weight")
        scale = tensor.float().abs().max() / 448
        made[name] = (tensor.float() / scale).to(torch.float8_e4m3fn)
        if newer:
            told = json.dumps({"format": "float8_e4m3fn"}).encode()
            made |= {
                f"{layer}.weight_scale": scale,
                f"{layer}.comfy_quant": torch.tensor(list(told), dtype=torch.uint8),
            }
        else:
            made |= {f"{layer}.scale_weight": scale, f"{layer}.scale_input": torch.ones(())}
    return made


def q8_0(rows: np.ndarray) -> bytes:
    """Blocks of 32: the largest becomes 127."""
    blocks = rows.reshape(-1, 32).astype(np.float32)
    scale = np.abs(blocks).max(axis=1, keepdims=True) / 127
    numbers = np.round(np.divide(blocks, scale, out=np.zeros_like(blocks), where=scale > 0)).astype(np.int8)
    return b"".join(s.astype("<f2").tobytes() + n.tobytes() for s, n in zip(scale, numbers, strict=True))


def q4_0(rows: np.ndarray) -> bytes:
    """Blocks of 32: the largest becomes -8 of 4 bits."""
    blocks = rows.reshape(-1, 32).astype(np.float32)
    most = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=1)[:, None], axis=1)
    scale = most / -8
    numbers = np.divide(blocks, scale, out=np.zeros_like(blocks), where=scale != 0) + 8.5
    numbers = np.clip(numbers, 0, 15).astype(np.uint8)
    packed = numbers[:, :16] | numbers[:, 16:] << 4
    return b"".join(s.astype("<f2").tobytes() + n.tobytes() for s, n in zip(scale, packed, strict=True))


def write_gguf(path: Path, tensors: Tensors, architecture: str, kind: str = "Q8_0") -> None:
    """A GGUF file of version 3: layers packed where their rows are whole blocks, the rest float32."""
    packers = {"Q8_0": (8, q8_0), "Q4_0": (2, q4_0), "Q2_K": (10, q8_0)}

    def text(words: str) -> bytes:
        return struct.pack("<Q", len(words.encode())) + words.encode()

    infos, data = b"", b""
    for name, tensor in tensors.items():
        packed = tensor.dim() == 2 and tensor.shape[1] % 32 == 0
        number, pack = packers[kind] if packed else (0, lambda rows: rows.astype("<f4").tobytes())
        sides = list(tensor.shape)[::-1]
        infos += text(name) + struct.pack(f"<I{len(sides)}QIQ", len(sides), *sides, number, len(data))
        data += pack(tensor.float().numpy())
        data += b"\0" * (-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), 2)
    head += text("general.architecture") + struct.pack("<I", 8) + text(architecture)
    head += text("general.quantization_version") + struct.pack("<II", 4, 2) + infos
    path.write_bytes(head + b"\0" * (-len(head) % 32) + data)


def frame(name: str, folder: Path) -> Path:
    """What is small of a model: configs, tokenizers, scheduler."""
    ignored = shutil.ignore_patterns("*.safetensors", "*.webp", "*.md", "*.svg")
    return Path(shutil.copytree(checkpoint(name), folder, ignore=ignored))


def twin(name: str, title: str, folder: Path) -> ModelFamily:
    """A small model as a preset of another name, whose weights are looked for in ``folder``."""
    weights = Weights(folder=str(folder))
    return family(name).model_copy(update={"name": "twin", "title": title, "weights": weights})


def flux_comfy(models: Path, transformer: Tensors | None = None, *, encoders: str = "bf16") -> None:
    """ComfyUI's folders with the small FLUX in files of its own."""
    for place in ("diffusion_models", "text_encoders", "vae", "loras"):
        (models / place).mkdir(parents=True, exist_ok=True)
    if transformer is not None:
        save(transformer, models / "diffusion_models/flux1-dev.safetensors")
    clip = {f"text_model.{k}": t for k, t in part(FLUX, "text_encoder").items()}
    save({**clip, "text_projection.weight": torch.zeros(4, 4)}, models / "text_encoders/clip_l.safetensors")
    t5 = part(FLUX, "text_encoder_2")
    t5 = t5 if encoders == "bf16" else fp8_scaled(t5) if encoders == "fp8_scaled" else fp8(t5)
    save(t5, models / f"text_encoders/t5xxl_{encoders}.safetensors")
    save(latent_diffusion(part(FLUX, "vae")), models / "vae/ae.safetensors")


def qwen_comfy(models: Path, transformer: Tensors) -> None:
    """ComfyUI's folders with the small Qwen-Image-Edit in files of its own."""
    for place in ("diffusion_models", "text_encoders", "vae"):
        (models / place).mkdir(parents=True, exist_ok=True)
    save(transformer, models / "diffusion_models/qwen_image_edit_2509_bf16.safetensors")
    save(part(QWEN, "text_encoder"), models / "text_encoders/qwen_2.5_vl_7b.safetensors")
    config = json.loads((checkpoint(QWEN) / "vae/config.json").read_text())
    save(wan(part(QWEN, "vae"), config["num_res_blocks"]), models / "vae/qwen_image_vae.safetensors")


def save(tensors: Tensors, path: Path) -> None:
    save_file({k: t.contiguous().clone() for k, t in tensors.items()}, path)
