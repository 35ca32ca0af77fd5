"""What the stock pipeline does with words and pictures before its transformer sees them, for many rows at a time and
with gradients: the same numbers, without the work that is the same for all rows."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from transformers import Qwen2_5_VLForConditionalGeneration
from transformers.cache_utils import DynamicCache
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb_vision

from labs.mini_training.checkpoints import qwen, tokenizers

Tensor = torch.Tensor
SEEN = 56
"""Pixels of a side as the vision tower sees a picture of 64: the processor rounds to multiples of 28."""
TOKENS = (SEEN // qwen.PATCH // 2) ** 2
"""Of one picture, among the words."""
# What Qwen2-VL's processor takes off and divides by.
MEAN, SPREAD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def patches(pictures: Tensor, seen: int = SEEN) -> Tensor:
    """Pictures (n, 3, h, w) uint8 to what Qwen2-VL's image processor makes of them, (n, 4 * tokens, 1176) float32:
    resized to ``seen`` px, normalised, cut into patches of 14 px that come in squares of four, each twice (two
    frames)."""
    small = F.interpolate(pictures.float(), seen, mode="bicubic", antialias=True).round().clamp(0, 255) / 255
    small = (small - small.new_tensor(MEAN).view(3, 1, 1)) / small.new_tensor(SPREAD).view(3, 1, 1)
    side = seen // qwen.PATCH // 2
    cut = small.view(-1, 3, side, 2, qwen.PATCH, side, 2, qwen.PATCH).permute(0, 2, 5, 3, 6, 1, 4, 7)
    return cut.unsqueeze(6).expand(*cut.shape[:6], 2, -1, -1).reshape(len(pictures), 4 * side**2, -1)


def see(tower: Any, pictures: Tensor, seen: int = SEEN) -> Tensor:
    """Pictures (n, 3, h, w) uint8 through a vision tower, (n, tokens, width). A picture of up to the tower's window is
    one window, so each attends to itself alone in every block; the tower itself would take them one by one."""
    x = F.linear(patches(pictures, seen), tower.patch_embed.proj.weight.flatten(1))
    cos, sin = _turns(tower, x, seen // qwen.PATCH // 2)
    for block in tower.blocks:
        q, k, v = block.attn.qkv(block.norm1(x)).unflatten(-1, (3, block.attn.num_heads, -1)).unbind(2)
        q, k = apply_rotary_pos_emb_vision(q, k, cos, sin)
        mixed = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        x = x + block.attn.proj(mixed.transpose(1, 2).flatten(2))
        x = x + block.mlp(block.norm2(x))
    return tower.merger(x.flatten(0, 1)).unflatten(0, (len(pictures), -1))


def _turns(tower: Any, x: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """The rotary embedding of the patches of one picture of ``side`` squared tokens, in the processor's order:
    (4 * tokens, head width)."""
    place = torch.arange(2 * side, device=x.device).view(side, 2)
    rows = place[:, None, :, None].expand(side, side, 2, 2).flatten()
    columns = place[None, :, None, :].expand(side, side, 2, 2).flatten()
    cos, sin = tower.rotary_pos_emb(x, torch.stack([rows, columns], -1))
    return cos, sin


class Reader:
    """Words and pictures to embeddings, by ``encoder``'s own layers."""

    def __init__(self, encoder: Qwen2_5_VLForConditionalGeneration) -> None:
        self.encoder = encoder
        self.tokenizer = tokenizers.qwen()
        head, tail = tokenizers.edit_whole_template().split("{}")
        self.head, self.tail = self.ids(head), self.ids(tail)
        self.ids = lru_cache(100_000)(self.ids)

    def ids(self, text: str) -> list[int]:
        """The tokens of a text between two special tokens."""
        return self.tokenizer(text)["input_ids"]

    def rows(self, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Instructions with what follows them in the template, as tokens (n, words), shorter rows filled up; and how
        many words of each row are only that, (n,)."""
        rows = [[*self.ids(text), *self.tail] for text in texts]
        longest = max(map(len, rows))
        filled = torch.tensor([row + [self.tail[0]] * (longest - len(row)) for row in rows])
        return filled, torch.tensor([longest - len(row) for row in rows])

    def __call__(self, words: Tensor, idle: Tensor, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings (n, words, 128) as ``encode_prompt`` gives them, of what :meth:`rows` made; and which are real,
        (n, words) bool. ``pictures`` (n, k, 3, 64, 64) uint8."""
        model = self.encoder.model.language_model
        parts = [*self._shown(pictures), model.embed_tokens(words)]
        cache = DynamicCache(config=model.config)
        model(inputs_embeds=model.embed_tokens(self._tensor(self.head)[None]), past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(len(words))
        made = model(inputs_embeds=torch.cat(parts, 1), past_key_values=cache, use_cache=True).last_hidden_state
        places = torch.arange(made.shape[1], device=made.device)
        return made, places < (made.shape[1] - idle)[:, None]

    def _tensor(self, ids: list[int]) -> Tensor:
        return torch.tensor(ids, device=self.encoder.device)

    def _shown(self, pictures: Tensor) -> list[Tensor]:
        """``Picture 1: <|vision_start|>....<|vision_end|>`` and so on, embedded."""
        n, count = pictures.shape[:2]
        embed = self.encoder.model.language_model.embed_tokens
        seen = self.see(pictures.flatten(0, 1)).view(n, count, TOKENS, -1)
        parts: list[Tensor] = []
        for k in range(count):
            before = self._tensor(self.ids(f"Picture {k + 1}: <|vision_start|>"))
            parts += [embed(before).expand(n, -1, -1), seen[:, k]]
            parts += [embed(self._tensor(self.ids("<|vision_end|>"))).expand(n, -1, -1)]
        return parts

    def see(self, pictures: Tensor) -> Tensor:
        """Pictures (n, 3, 64, 64) uint8 through the vision tower, (n, 4, 128)."""
        return see(self.encoder.model.visual, pictures)
