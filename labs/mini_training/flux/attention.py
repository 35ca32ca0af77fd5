"""Attention as trainings want it: the same sums as the pipeline's, in bf16 on a CPU as two batched products.

torch's own kernel for CPUs takes several times as long for bf16 on the short sequences of the mini world (112 tokens,
heads of 32): it was 40 % of a training step.
"""

from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.transformers.transformer_flux import FluxAttention
from torch import Tensor

Rotary = tuple[Tensor, Tensor]


class Products:
    """A processor for ``FluxTransformer2DModel.set_attn_processor``; computes what diffusers' own computes."""

    def __call__(
        self,
        attn: FluxAttention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        image_rotary_emb: Rotary | None = None,
    ) -> Any:
        """See ``FluxAttnProcessor``: (N, tokens, width), for double blocks also those of the text."""
        heads: Any = attn
        q, k, v = (_split(layer(hidden_states), heads.heads) for layer in (heads.to_q, heads.to_k, heads.to_v))
        q, k = heads.norm_q(q), heads.norm_k(k)
        if encoder_hidden_states is not None:
            layers = (heads.add_q_proj, heads.add_k_proj, heads.add_v_proj)
            q2, k2, v2 = (_split(layer(encoder_hidden_states), heads.heads) for layer in layers)
            q, k = torch.cat([heads.norm_added_q(q2), q], 1), torch.cat([heads.norm_added_k(k2), k], 1)
            v = torch.cat([v2, v], 1)
        if image_rotary_emb is not None:
            q, k = rotated(q, image_rotary_emb), rotated(k, image_rotary_emb)
        out = attention(q, k, v)
        if encoder_hidden_states is None:
            return out
        text = encoder_hidden_states.shape[1]
        return heads.to_out[1](heads.to_out[0](out[:, text:])), heads.to_add_out(out[:, :text])


def _split(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1))


def rotated(x: Tensor, rotary: Rotary) -> Tensor:
    """Rotary embedding of x (N, tokens, heads, width) in x's own precision; pairs lie side by side, as in FLUX."""
    cos, sin = (t[:, None, ::2].to(x.dtype) for t in rotary)
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Softmax attention of (N, tokens, heads, width), without a mask; gives (N, tokens, heads * width)."""
    n, _, heads, width = q.shape
    if v.device.type != "cpu":
        q, k, v = (t.to(v.dtype).transpose(1, 2) for t in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    q, k, v = (t.to(v.dtype).transpose(1, 2).flatten(0, 1) for t in (q * width**-0.5, k, v))
    out = torch.bmm(torch.softmax(torch.bmm(q, k.mT), -1, dtype=torch.float32).to(v.dtype), v)
    return out.unflatten(0, (n, heads)).transpose(1, 2).flatten(2)
