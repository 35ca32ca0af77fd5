"""The editor's joint attention as trainings want it: the same sums as the pipeline's. In bf16 on a CPU as two batched
products, because torch's own kernel takes five times as long there, backward, on such short sequences; in float32 it
takes half to two thirds of their time."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class Products:
    """A processor for ``QwenImageTransformer2DModel.set_attn_processor``; computes what diffusers' own computes."""

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        encoder_hidden_states_mask: Tensor | None = None,
        attention_mask: None = None,
        image_rotary_emb: Any = None,
    ) -> tuple[Tensor, Tensor]:
        """See ``QwenDoubleStreamAttnProcessor2_0``: (N, tokens, width) of the picture, then of the words."""
        q, k, v = (layer(hidden_states).unflatten(-1, (attn.heads, -1)) for layer in (attn.to_q, attn.to_k, attn.to_v))
        layers = (attn.add_q_proj, attn.add_k_proj, attn.add_v_proj)
        q2, k2, v2 = (layer(encoder_hidden_states).unflatten(-1, (attn.heads, -1)) for layer in layers)
        turns = torch.cat([image_rotary_emb[1], image_rotary_emb[0]])
        q = rotated(torch.cat([attn.norm_added_q(q2), attn.norm_q(q)], 1), turns)
        k = rotated(torch.cat([attn.norm_added_k(k2), attn.norm_k(k)], 1), turns)
        out = attention(q, k, torch.cat([v2, v], 1), encoder_hidden_states_mask)
        words = encoder_hidden_states.shape[1]
        return attn.to_out[1](attn.to_out[0](out[:, words:])), attn.to_add_out(out[:, :words])


def rotated(x: Tensor, turns: Tensor) -> Tensor:
    """Rotary embedding of x (N, tokens, heads, width) by complex ``turns`` (tokens, width / 2); pairs lie side by
    side."""
    cos, sin = (part[:, None].to(x.dtype) for part in (turns.real, turns.imag))
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)


def attention(q: Tensor, k: Tensor, v: Tensor, real: Tensor | None) -> Tensor:
    """Softmax attention of (N, tokens, heads, width), gives (N, tokens, heads * width). ``real`` (N, m): which of the
    first m tokens are looked at; the others always are."""
    n, length, heads, width = q.shape
    if v.dtype == torch.float32 or v.device.type != "cpu":
        seen = None if real is None else F.pad(real, (0, length - real.shape[1]), value=True)[:, None, None]
        q, k, v = (t.to(v.dtype).transpose(1, 2) for t in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(2)
    q, k, v = (t.to(v.dtype).transpose(1, 2).flatten(0, 1) for t in (q * width**-0.5, k, v))
    seen = torch.bmm(q, k.mT)
    if real is not None:
        hidden = torch.zeros(n, 1, 1, seen.shape[-1], dtype=seen.dtype)
        hidden[:, 0, 0, : real.shape[1]].masked_fill_(~real, -1e4)
        seen = (seen.unflatten(0, (n, heads)) + hidden).flatten(0, 1)
    out = torch.bmm(torch.softmax(seen, -1), v)
    return out.unflatten(0, (n, heads)).transpose(1, 2).flatten(2)
