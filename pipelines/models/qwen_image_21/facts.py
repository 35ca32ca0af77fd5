"""Qwen-Image 2.1 without torch. Text to picture and pictures to picture in one; Qwen3-VL sees words and pictures."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pipelines.domain.presets import Geometry, ModelFamily
from pipelines.models.base import (
    TRANSFORMER,
    Architecture,
    Layers,
    Likeness,
    Linear,
    Place,
    no_chat_template,
    shape_of,
    side_by_side,
)
from pipelines.models.part_files import PartFile, transformer

_OWN = re.compile(r"img_mlp[._](gate_layer|proj|out)\b|txt_in[._](in|out)_layer|(^|[._])modulation[._]1\b")
_OTHERS = re.compile(r"single_|double_blocks|add_[qkv]_proj|to_add_out|[._]ff(_context)?[._]")
"""What blocks of one stream have not: another stream, and its projections."""
_MOST_OF_KLEIN = 8
"""Blocks that carry text in FLUX.2 klein 9B, which is as wide."""
_FREQUENCIES = 256
"""Numbers that a time is spread into before it is embedded."""


class QwenImage21(Architecture):
    """32 blocks, 4096 wide, in which words, pictures and what is drawn are one sequence, seen backwards alone but
    within a picture. One modulation for all blocks; feed-forward is gated (SwiGLU) and three times as wide. A latent is
    a token."""

    name = "qwen-image-2.1"
    title = "Qwen-Image 2.1"
    pipeline = "QwenImage21Pipeline"
    geometry = Geometry(width=4096, double=32, single=0)
    config: ClassVar[Mapping[str, Any]] = {
        "attention_head_dim": 128,
        "num_attention_heads": 32,
        "num_layers": 32,
        "in_channels": 64,
        "out_channels": 64,
        "patch_size": 1,
        "context_in_dim": 4096,
        "mlp_ratio": 3,
    }
    patch = 1
    backward, kept = 57, 43
    remembered = 2
    decoded, encoded = 3216, 1062
    unused = ("text_encoder", "lm_head.")
    prefix = "transformer."
    modelspec = "Qwen-Image-2.1"
    kohya = "qwen_image_2.1"
    claim = re.compile(r"qwen[ ._-]?image[ ._-]?2[._]1")

    def likeness(self, layers: Layers) -> Likeness:
        if layers.named(_OWN):
            return Likeness.CERTAIN
        # attention is named as everybody's: its width tells, and that FLUX.2 klein 9B has fewer of such blocks
        wide = all(into == self.geometry.width for into, _ in layers.sizes.values())
        fits = wide and _MOST_OF_KLEIN <= layers.last_block < self.geometry.double and not layers.named(_OTHERS)
        return Likeness.LIKELY if fits else Likeness.NONE

    def linear_layers(self, shape: Geometry) -> Iterator[Linear]:
        w = shape.width
        inner = self.config["mlp_ratio"] * w
        for n in range(shape.double):
            yield from ((f"transformer_blocks.{n}.attn.{name}", w, w) for name in ("to_q", "to_k", "to_v", "to_out.0"))
            yield from ((f"transformer_blocks.{n}.img_mlp.{name}", w, inner) for name in ("proj", "gate_layer"))
            yield f"transformer_blocks.{n}.img_mlp.out", inner, w

    def other_layers(self, config: Mapping[str, Any]) -> Iterator[Linear]:
        w, pixels = shape_of(config).width, config["in_channels"] * config["patch_size"] ** 2
        yield "time_text_embed.timestep_embedder.linear_1", _FREQUENCIES, w
        yield "time_text_embed.timestep_embedder.linear_2", w, w
        yield "txt_in.in_layer", config["context_in_dim"], w
        yield "txt_in.out_layer", w, w
        yield "img_in", pixels, w
        yield "modulation.1", w, 4 * w
        yield "norm_out.linear", w, w
        yield "proj_out", w, (config.get("out_channels") or config["in_channels"]) * config["patch_size"] ** 2

    def spellings(self, config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Place, ...]]]:
        """Files are named as diffusers names the layers; some have the three projections fused."""
        shape = shape_of(config)
        for n in range(shape.double):
            attn = f"transformer_blocks.{n}.attn"
            yield f"{attn}.to_qkv", side_by_side((f"{attn}.{name}", shape.width) for name in ("to_q", "to_k", "to_v"))
            yield f"{attn}.to_out", (Place(TRANSFORMER, f"{attn}.to_out.0"),)

    def files(self) -> tuple[PartFile, ...]:
        return (transformer(self, "transformer_blocks.0.img_mlp.gate_layer.weight"),)

    def text_tokens(self, family: ModelFamily, pictures: int) -> int:
        """Those of the words: in the place of what the text encoder saw of a picture its latents stand."""
        return family.text_length

    def lacking(self, folder: Path) -> list[str]:
        """How many tokens the pipeline cuts off is counted with the processor's chat template."""
        return no_chat_template(folder, "processor")


ARCHITECTURE = QwenImage21()
