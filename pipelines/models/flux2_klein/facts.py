"""FLUX.2 klein without torch. Text to picture and pictures to picture in one; Qwen3 encodes the prompt."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pipelines.domain.presets import Geometry, ModelFamily
from pipelines.domain.sizes import shrunk
from pipelines.models.base import Architecture, Layers, Likeness, Linear, no_chat_template, shape_of
from pipelines.models.bfl_names import Spelling, double_block, embedder, one, outer
from pipelines.models.part_files import PartFile, transformer

_OWN = re.compile(
    r"to_qkv_mlp_proj|ff(_context)?[._]linear_(in|out)|(single|double)_stream_modulation|time_guidance_embed"
    r"|single_transformer_blocks[._]\d+[._]attn[._]to_out"
)
# the names of Black Forest Labs' own code, which are FLUX.1's, too; what they make of their inputs is not
_SHARED = re.compile(r"single_blocks|double_blocks|single_transformer_blocks|x_embedder|context_embedder")
_WIDENED = {re.compile(r"linear1$"): 9, re.compile(r"(img|txt)_mlp[._]0$"): 6}
_OUTER = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "final_layer.linear": "proj_out",
    **{f"{name}.lin": f"{name}.linear" for name in ("single_stream_modulation", "double_stream_modulation_img")},
    "double_stream_modulation_txt.lin": "double_stream_modulation_txt.linear",
    **embedder("time_in", "time_guidance_embed.timestep_embedder"),
    **embedder("guidance_in", "time_guidance_embed.guidance_embedder"),
}
_MOST_DOUBLE = 8
"""Blocks that carry text in the largest klein (9B)."""


class Flux2Klein(Architecture):
    """The 4B model: 5 blocks that carry text beside the picture and 20 that do not; all 3072 wide. Modulation is
    shared among blocks of a kind; feed-forward is gated (SwiGLU) and three times as wide."""

    name = "flux2-klein"
    title = "FLUX.2 klein"
    pipeline = "Flux2KleinPipeline"
    geometry = Geometry(width=3072, double=5, single=20)
    config: ClassVar[Mapping[str, Any]] = {
        "attention_head_dim": 128,
        "num_attention_heads": 24,
        "num_layers": 5,
        "num_single_layers": 20,
        "in_channels": 128,
        "joint_attention_dim": 7680,
        "timestep_guidance_channels": 256,
        "guidance_embeds": False,
    }
    decoded, encoded = 770, 645
    backward, kept = 51, 32
    unused = ("text_encoder", "lm_head.")
    schedule = frozenset({"shift_terminal"})  # the shift is the pipeline's own function of steps and size
    prefix = "transformer."
    modelspec = "Flux.2-klein-4b"
    kohya = "flux_2_klein_4b"
    claim = re.compile(r"flux[ ._-]?2|klein")

    def files(self) -> tuple[PartFile, ...]:
        return (transformer(self, "double_blocks.0.img_attn.qkv.weight", "transformer_blocks.0.ff.linear_in.weight"),)

    def edit_size(self, width: int, height: int, area: float, multiple: int) -> tuple[int, int]:
        return shrunk(width, height, area, multiple)

    def likeness(self, layers: Layers) -> Likeness:
        if layers.named(_OWN) or any(layers.widening(name, by) for name, by in _WIDENED.items()):
            return Likeness.CERTAIN
        fits = layers.named(_SHARED) or layers.last_block >= 0
        return Likeness.POSSIBLE if fits and layers.last_block < _MOST_DOUBLE else Likeness.NONE

    def linear_layers(self, shape: Geometry) -> Iterator[Linear]:
        w = shape.width
        attention = [f"attn.{n}" for n in ("to_q", "to_k", "to_v", "to_out.0")]
        attention += [f"attn.{n}" for n in ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")]
        for n in range(shape.double):
            yield from ((f"transformer_blocks.{n}.{name}", w, w) for name in attention)
            for name in ("ff", "ff_context"):
                yield f"transformer_blocks.{n}.{name}.linear_in", w, 6 * w
                yield f"transformer_blocks.{n}.{name}.linear_out", 3 * w, w
        for n in range(shape.single):
            yield f"single_transformer_blocks.{n}.attn.to_qkv_mlp_proj", w, 9 * w
            yield f"single_transformer_blocks.{n}.attn.to_out", 4 * w, w

    def other_layers(self, config: Mapping[str, Any]) -> Iterator[Linear]:
        w, pixels, times = shape_of(config).width, config["in_channels"], config["timestep_guidance_channels"]
        yield "x_embedder", pixels, w
        yield "context_embedder", config["joint_attention_dim"], w
        for name in ("timestep", "guidance") if config.get("guidance_embeds") else ("timestep",):
            yield f"time_guidance_embed.{name}_embedder.linear_1", times, w
            yield f"time_guidance_embed.{name}_embedder.linear_2", w, w
        yield "double_stream_modulation_img.linear", w, 6 * w
        yield "double_stream_modulation_txt.linear", w, 6 * w
        yield "single_stream_modulation.linear", w, 3 * w
        yield "norm_out.linear", w, 2 * w
        yield "proj_out", w, config.get("out_channels") or pixels

    def spellings(self, config: Mapping[str, Any]) -> Iterator[Spelling]:
        shape = shape_of(config)
        for n in range(shape.double):
            yield from double_block(n, shape.width, {"0": "linear_in", "2": "linear_out"})
        for n in range(shape.single):
            yield f"single_blocks.{n}.linear1", one(f"single_transformer_blocks.{n}.attn.to_qkv_mlp_proj")
            yield f"single_blocks.{n}.linear2", one(f"single_transformer_blocks.{n}.attn.to_out")
        yield from outer(_OUTER)

    def config_of(self, family: ModelFamily) -> Mapping[str, Any]:
        """Qwen3 8B, which the larger one reads its prompts with, is wider."""
        config = super().config_of(family)
        return {**config, "joint_attention_dim": 12288} if shape_of(config).width > self.geometry.width else config

    def base_version(self, family: ModelFamily) -> str:
        """Each size has its own: ``flux_2_klein_9b``."""
        return re.sub(r"\W", "_", family.modelspec.lower()) or self.kohya

    def lacking(self, folder: Path) -> list[str]:
        """Prompts are put into the tokenizer's chat template."""
        return no_chat_template(folder, "tokenizer")


ARCHITECTURE = Flux2Klein()
