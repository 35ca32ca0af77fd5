"""FLUX.1 without torch. Text to picture; CLIP and T5 encode the prompt."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pipelines.domain.presets import Geometry
from pipelines.models.base import Architecture, Layers, Likeness, Linear, Sizes, Trainers, shape_of, side_by_side
from pipelines.models.bfl_names import Spelling, double_block, embedder, one, outer
from pipelines.models.part_files import PartFile, clip, latent_diffusion_vae, t5, transformer

_OWN = re.compile(
    r"single_transformer_blocks[._]\d+[._](attn[._]to_[qkv](?![a-z])|proj_|norm)|\.norm1(_context)?\.linear"
    r"|transformer_blocks[._]\d+[._]ff(_context)?[._]net|time_text_embed[._]guidance_embedder"
)
# double and single blocks, of which FLUX.2 has the names, too
_SHARED = re.compile(
    r"single_transformer_blocks|single_blocks|double_blocks|ff_context|img_attn|txt_attn|context_embedder|x_embedder"
)
_WIDENED = {re.compile(r"linear1$"): 7, re.compile(r"(img|txt)_mlp[._]0$"): 4}
_OUTER = {
    "img_in": "x_embedder",
    "img_in.proj": "x_embedder",  # OneTrainer's
    "txt_in": "context_embedder",
    "final_layer.linear": "proj_out",
    **embedder("time_in", "time_text_embed.timestep_embedder"),
    **embedder("guidance_in", "time_text_embed.guidance_embedder"),
    **embedder("vector_in", "time_text_embed.text_embedder"),
}
_FREQUENCIES = 256
"""Numbers that a time or a guidance scale is spread into before it is embedded."""


class Flux(Architecture):
    """19 blocks that carry text beside the picture and 38 that do not; all 3072 wide."""

    name = "flux"
    title = "FLUX.1"
    pipeline = "FluxPipeline"
    geometry = Geometry(width=3072, double=19, single=38)
    config: ClassVar[Mapping[str, Any]] = {
        "attention_head_dim": 128,
        "num_attention_heads": 24,
        "num_layers": 19,
        "num_single_layers": 38,
        "in_channels": 64,
        "joint_attention_dim": 4096,
        "pooled_projection_dim": 768,
        "guidance_embeds": True,
    }
    encoders: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "text_encoder": {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12},
        "text_encoder_2": {"d_model": 4096, "d_ff": 10240, "num_heads": 64, "d_kv": 64, "num_layers": 24},
    }
    backward, kept = 50, 32
    decoded, encoded = 770, 645
    prefix = "transformer."
    modelspec = "flux-1-dev"
    kohya = "flux1"
    trainers = Trainers("flux", "flux_train_network.py", "networks.lora_flux")
    claim = re.compile(r"flux(?![ ._-]?2)")

    def likeness(self, layers: Layers) -> Likeness:
        if layers.named(_OWN) or any(layers.widening(name, by) for name, by in _WIDENED.items()):
            return Likeness.CERTAIN
        if layers.named(_SHARED):
            return Likeness.LIKELY
        last = self.geometry.double - 1
        if layers.last_block == last:
            return Likeness.LIKELY
        return Likeness.POSSIBLE if 0 <= layers.last_block < last else Likeness.NONE

    def linear_layers(self, shape: Geometry) -> Iterator[Linear]:
        w = shape.width
        attention = [f"attn.{n}" for n in ("to_q", "to_k", "to_v", "to_out.0")]
        attention += [f"attn.{n}" for n in ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")]
        for n in range(shape.double):
            yield from ((f"transformer_blocks.{n}.{name}", w, w) for name in attention)
            for name in ("ff", "ff_context"):
                yield f"transformer_blocks.{n}.{name}.net.0.proj", w, 4 * w
                yield f"transformer_blocks.{n}.{name}.net.2", 4 * w, w
        for n in range(shape.single):
            yield from ((f"single_transformer_blocks.{n}.{name}", w, w) for name in attention[:3])
            yield f"single_transformer_blocks.{n}.proj_mlp", w, 4 * w
            yield f"single_transformer_blocks.{n}.proj_out", 5 * w, w

    def other_layers(self, config: Mapping[str, Any]) -> Iterator[Linear]:
        shape = shape_of(config)
        w, pixels = shape.width, config["in_channels"]
        for n in range(shape.double):
            yield f"transformer_blocks.{n}.norm1.linear", w, 6 * w
            yield f"transformer_blocks.{n}.norm1_context.linear", w, 6 * w
        for n in range(shape.single):
            yield f"single_transformer_blocks.{n}.norm.linear", w, 3 * w
        yield "x_embedder", pixels, w
        yield "context_embedder", config["joint_attention_dim"], w
        inputs = {"timestep": _FREQUENCIES, "text": config["pooled_projection_dim"]}
        if config.get("guidance_embeds"):
            inputs["guidance"] = _FREQUENCIES
        for name, into in inputs.items():
            yield f"time_text_embed.{name}_embedder.linear_1", into, w
            yield f"time_text_embed.{name}_embedder.linear_2", w, w
        yield "norm_out.linear", w, 2 * w
        yield "proj_out", w, config.get("out_channels") or pixels

    def spellings(self, config: Mapping[str, Any]) -> Iterator[Spelling]:
        shape = shape_of(config)
        for n in range(shape.double):
            yield from double_block(n, shape.width, {"0": "net.0.proj", "2": "net.2"})
            yield f"double_blocks.{n}.img_mod.lin", one(f"transformer_blocks.{n}.norm1.linear")
            yield f"double_blocks.{n}.txt_mod.lin", one(f"transformer_blocks.{n}.norm1_context.linear")
        for n in range(shape.single):
            yield from _single_block(n, shape.width)
        yield from outer(_OUTER)

    def files(self) -> tuple[PartFile, ...]:
        return (
            transformer(self, "double_blocks.0.img_attn.qkv.weight", "single_transformer_blocks.0.proj_mlp.weight"),
            clip(self, "text_encoder"),
            t5(self, "text_encoder_2"),
            latent_diffusion_vae({"latent_channels": 16, "block_out_channels": (128, 256, 512, 512)}),
        )

    def encoder_modules(self, part: str, config: Mapping[str, Any]) -> Sizes:
        """CLIP's and T5's."""
        return _clip(config) if part == "text_encoder" else _t5(config)


def _single_block(n: int, width: int) -> Iterator[Spelling]:
    own, theirs = f"single_transformer_blocks.{n}", f"single_blocks.{n}"
    qkv = [(f"{own}.attn.{name}", width) for name in ("to_q", "to_k", "to_v")]
    inputs = [*qkv, (f"{own}.proj_mlp", 4 * width)]
    yield f"{theirs}.linear1", side_by_side(inputs)
    for k, (name, _) in enumerate(inputs):  # OneTrainer's
        yield f"{theirs}.linear1.{k}", one(name)
    for spelled in (f"{own}.attn.to_qkv", f"{theirs}.processor.qkv_lora"):
        yield spelled, side_by_side(qkv)
    for spelled in (f"{theirs}.linear2", f"{theirs}.processor.proj_lora"):
        yield spelled, one(f"{own}.proj_out")
    yield f"{theirs}.modulation.lin", one(f"{own}.norm.linear")


def _clip(config: Mapping[str, Any]) -> Sizes:
    width, inner = config["hidden_size"], config["intermediate_size"]
    layers: dict[str, tuple[int, int]] = {}
    for n in range(config["num_hidden_layers"]):
        layer = f"encoder.layers.{n}"
        layers |= {f"{layer}.self_attn.{p}_proj": (width, width) for p in ("q", "k", "v", "out")}
        layers |= {f"{layer}.mlp.fc1": (width, inner), f"{layer}.mlp.fc2": (inner, width)}
    return layers


def _t5(config: Mapping[str, Any]) -> Sizes:
    width, inner, heads = config["d_model"], config["d_ff"], config["num_heads"] * config["d_kv"]
    layers: dict[str, tuple[int, int]] = {}
    for n in range(config["num_layers"]):
        attention, gated = f"encoder.block.{n}.layer.0.SelfAttention", f"encoder.block.{n}.layer.1.DenseReluDense"
        layers |= {f"{attention}.{p}": (width, heads) for p in ("q", "k", "v")} | {f"{attention}.o": (heads, width)}
        layers |= {f"{gated}.{p}": (width, inner) for p in ("wi_0", "wi_1")} | {f"{gated}.wo": (inner, width)}
    return layers


ARCHITECTURE = Flux()
