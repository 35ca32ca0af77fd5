"""FLUX.1 without torch. Text to picture; CLIP and T5 encode the prompt."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.domain.presets import Geometry
from pipelines.models import lora_names
from pipelines.models.base import Architecture, Layers, Likeness, Linear

_OWN = re.compile(
    r"single_transformer_blocks[._]\d+[._](attn[._]to_[qkv](?![a-z])|proj_|norm)|\.norm1(_context)?\.linear"
    r"|transformer_blocks[._]\d+[._]ff(_context)?[._]net|time_text_embed[._]guidance_embedder"
)
# double and single blocks, of which FLUX.2 has the names, too
_SHARED = re.compile(
    r"single_transformer_blocks|single_blocks|double_blocks|ff_context|img_attn|txt_attn|context_embedder|x_embedder"
)
_WIDENED = {re.compile(r"linear1$"): 7, re.compile(r"(img|txt)_mlp[._]0$"): 4}


class Flux(Architecture):
    """19 blocks that carry text beside the picture and 38 that do not; all 3072 wide."""

    name = "flux"
    title = "FLUX.1"
    pipeline = "FluxPipeline"
    geometry = Geometry(width=3072, double=19, single=38)
    backward = 63
    prefix = "transformer."
    modelspec = "flux-1-dev"
    base_version = "flux1"
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

    def normalised(self, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> dict[str, Any] | None:
        """The original names (``double_blocks``) become ``diffusion_model.*.lora_down.weight``, which diffusers
        converts together with their alphas."""
        if lora_names.flat(tensors):
            return None
        if lora_names.original(tensors):
            return {_original_name(key): tensor for key, tensor in tensors.items()}
        return None if lora_names.whole(tensors) else lora_names.folded(tensors, metadata, self.prefix)


def _original_name(key: str) -> str:
    halves = lora_names.plain(key).replace(".lora_A.", ".lora_down.").replace(".lora_B.", ".lora_up.")
    return f"diffusion_model.{halves}"


ARCHITECTURE = Flux()
