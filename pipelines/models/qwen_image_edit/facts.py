"""Qwen-Image-Edit without torch. Pictures and an instruction to picture; Qwen2.5-VL sees both together."""

import re
from collections.abc import Iterator, Mapping
from math import ceil
from typing import Any, ClassVar

from pipelines.domain.presets import Geometry, ModelFamily
from pipelines.models.base import (
    TRANSFORMER,
    Architecture,
    Layers,
    Likeness,
    Linear,
    Place,
    Trainers,
    shape_of,
    side_by_side,
)
from pipelines.models.part_files import PartFile, qwen_vl, transformer, wan_vae

_OWN = re.compile(r"img_mlp[._]net|txt_mlp[._]net|img_mod[._]1|txt_mod[._]1")
# outside the blocks; FLUX's own code has inputs of the same names
_OUTER = re.compile(r"(^|[._])txt_in[._]|(^|[._])img_in\.lora|time_text_embed.*timestep_embedder")
_FUSED = {"to_qkv": ("to_q", "to_k", "to_v"), "to_added_qkv": ("add_q_proj", "add_k_proj", "add_v_proj")}
_FREQUENCIES = 256
"""Numbers that a time is spread into before it is embedded."""
_ENCODER = {
    "hidden_size": 3584, "intermediate_size": 18944, "num_attention_heads": 28, "num_key_value_heads": 4,
    "num_hidden_layers": 28,
}  # fmt: skip
_SEEN = 28
"""Pixels of a side for which the vision side of the text encoder gives one token."""


class QwenImageEdit(Architecture):
    """60 blocks, all of which carry text beside the picture."""

    name = "qwen-image-edit"
    title = "Qwen-Image-Edit"
    pipeline = "QwenImageEditPlusPipeline"
    geometry = Geometry(width=3072, double=60, single=0)
    config: ClassVar[Mapping[str, Any]] = {
        "attention_head_dim": 128,
        "num_attention_heads": 24,
        "num_layers": 60,
        "in_channels": 64,
        "out_channels": 16,
        "patch_size": 2,
        "joint_attention_dim": 3584,
    }
    backward, kept = 35, 24
    decoded, encoded = 1735, 970  # each convolution keeps its last frames for the next, of which a picture has none
    unused = ("text_encoder", "lm_head.")
    prefix = "transformer."
    modelspec = "Qwen-Image-Edit-Plus"
    kohya = "qwen_image_edit"
    trainers = Trainers("qwen_image_edit_plus")
    claim = re.compile("qwen")
    grid = 32  # whatever the VAE

    def likeness(self, layers: Layers) -> Likeness:
        if layers.named(_OWN):
            return Likeness.CERTAIN
        block, outer = 0 <= layers.last_block < self.geometry.double, layers.named(_OUTER)
        original = any("double_blocks" in key for key in layers.keys)
        return Likeness((block and not original) + outer)

    def linear_layers(self, shape: Geometry) -> Iterator[Linear]:
        w = shape.width
        attention = [f"attn.{n}" for n in ("to_q", "to_k", "to_v", "to_out.0")]
        attention += [f"attn.{n}" for n in ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")]
        for n in range(shape.double):
            yield from ((f"transformer_blocks.{n}.{name}", w, w) for name in attention)
            for name in ("img_mlp", "txt_mlp"):
                yield f"transformer_blocks.{n}.{name}.net.0.proj", w, 4 * w
                yield f"transformer_blocks.{n}.{name}.net.2", 4 * w, w

    def other_layers(self, config: Mapping[str, Any]) -> Iterator[Linear]:
        shape = shape_of(config)
        w = shape.width
        for n in range(shape.double):
            yield f"transformer_blocks.{n}.img_mod.1", w, 6 * w
            yield f"transformer_blocks.{n}.txt_mod.1", w, 6 * w
        yield "img_in", config["in_channels"], w
        yield "txt_in", config["joint_attention_dim"], w
        yield "time_text_embed.timestep_embedder.linear_1", _FREQUENCIES, w
        yield "time_text_embed.timestep_embedder.linear_2", w, w
        yield "norm_out.linear", w, 2 * w
        yield "proj_out", w, config["patch_size"] ** 2 * (config.get("out_channels") or config["in_channels"])

    def spellings(self, config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Place, ...]]]:
        """Files are named as diffusers names the layers; some have the three projections fused."""
        shape = shape_of(config)
        for n in range(shape.double):
            attn = f"transformer_blocks.{n}.attn"
            for fused, names in _FUSED.items():
                yield f"{attn}.{fused}", side_by_side((f"{attn}.{name}", shape.width) for name in names)
            yield f"{attn}.to_out", (Place(TRANSFORMER, f"{attn}.to_out.0"),)

    def files(self) -> tuple[PartFile, ...]:
        return (
            transformer(self, "transformer_blocks.0.img_mod.1.weight"),
            qwen_vl(_ENCODER),
            wan_vae({"z_dim": 16, "base_dim": 96, "dim_mult": (1, 2, 4, 4), "num_res_blocks": 2}),
        )

    def text_tokens(self, family: ModelFamily, pictures: int) -> int:
        """Those of the words, and one for each 28 x 28 pixels of what the text encoder sees."""
        return family.text_length + pictures * ceil(family.defaults.condition_px / _SEEN) ** 2


ARCHITECTURE = QwenImageEdit()
