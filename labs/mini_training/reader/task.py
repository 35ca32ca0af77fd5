"""The mini reader's training: first the vision tower alone, by plain classes; then words and pictures together, by the
likelihood of the true answers, through the real chat template, positions and layers."""

import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.cache_utils import DynamicCache

from labs.mini_training.checkpoints import reader as checkpoint
from labs.mini_training.editor.reading import see
from labs.mini_training.faces.degrade import degraded
from labs.mini_training.loop import Figures
from labs.mini_training.reader.data import Data, broken
from labs.mini_training.reader.rows import Asking, Known, Row, asked_for, fulfils
from pipelines.readers.chat import messages

LOOKING, TOGETHER = 0.44, 0.733
TOKENS = (checkpoint.SEEN // 28) ** 2
PLAIN = ("angle", "expression", "framing", "pose")
CLASSES: dict[str, tuple[str, ...]] = {
    "angle": ("front", "half-left", "profile-left", "half-right", "profile-right", "back"),
    "expression": ("neutral", "smiling", "angry", "sad"),
    "framing": ("portrait", "bust", "full"),
    "pose": ("none", "standing", "t-pose", "sitting"),
    "light": ("neutral", "front", "left", "right", "above", "rear", "sunset", "daylight"),
}
PAD = "<|image_pad|>"


class Script:
    """Rows as tokens: by the chat template of the checkpoint's own processor."""

    def __init__(self, model: Any) -> None:
        self.model, self.processor = model, checkpoint.processor()
        self.ids = lru_cache(100_000)(self._ids)
        self.turn = lru_cache(100_000)(self._turn)

    def _ids(self, text: str) -> tuple[int, ...]:
        return tuple(self.processor.tokenizer(text)["input_ids"])

    def _turn(self, prompt: str, pictures: int) -> tuple[int, ...]:
        text = self.processor.apply_chat_template(
            messages(prompt, pictures), tokenize=False, add_generation_prompt=True
        )
        return self.ids(text.replace(PAD, PAD * TOKENS))

    def row(self, row: Row) -> tuple[list[int], int]:
        """The tokens of a row, and how many of them at the end are the answer."""
        answer = self.ids(f"{row.answer}<|im_end|>")
        return [*self.turn(row.prompt, len(row.pictures)), *self.ids(row.begun), *answer], len(answer)

    @property
    def head(self) -> int:
        """Tokens that all rows begin with."""
        one, two = self.turn("a", 1), self.turn("b", 2)
        return next(n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b)

    def positions(self, ids: Tensor, pictures: int) -> Tensor:
        """Three positions of every token (3, 1, tokens) of one row."""
        kinds = (ids == self.model.config.image_token_id).int()
        grid = torch.tensor([[1, checkpoint.SEEN // 14, checkpoint.SEEN // 14]] * pictures)
        return self.model.model.get_rope_index(ids, mm_token_type_ids=kinds, image_grid_thw=grid)[0]


class ReaderTask:
    """See :class:`~labs.mini_training.loop.Task`. Until ``LOOKING`` of the steps the tower learns alone, until
    ``TOGETHER`` tower and words together, then the words alone, above all those of expressions, which come last."""

    name = "reader"

    def __init__(self, data: Data, steps: int, seed: int = 1, batch: int = 28) -> None:
        self.data, self.steps, self.seed, self.batch = data, steps, seed, batch
        self.model: Any = checkpoint.untrained(seed)
        width = TOKENS * checkpoint.TEXT_WIDTH
        heads = nn.ModuleDict({name: nn.Linear(width, len(known)) for name, known in CLASSES.items()})
        self.net: nn.Module = nn.ModuleDict({"model": self.model, "heads": heads})
        self.heads, self.script, self.asking = heads, Script(self.model), Asking()

    def loss(self, step: int) -> tuple[Tensor, Figures]:
        """See ``Task``."""
        rng = random.Random(f"{self.seed} {step}")  # noqa: S311
        if step < LOOKING * self.steps:
            return self._looked(rng)
        return self._asked(rng, words_alone=step >= TOGETHER * self.steps)

    def _shown(self, rng: random.Random, places: Sequence[int]) -> tuple[Tensor, list[Known]]:
        """Pictures (n, 3, 64, 64) in 0..1, half of them in a mirror, each a little spoiled; and their truth."""
        pictures, known = self.data.pictures[list(places)].float() / 255, [self.data.known[p] for p in places]
        turned = [rng.random() < 0.5 for _ in places]
        flags = torch.tensor(turned)[:, None, None, None]
        pictures = torch.where(flags, pictures.flip(-1), pictures)
        order = list(range(len(places)))
        rng.shuffle(order)
        spoiled = degraded(pictures[order], np.random.default_rng(rng.randrange(2**31)))
        back = torch.empty_like(pictures)
        back[order] = spoiled
        return back, [k.mirrored() if t else k for k, t in zip(known, turned, strict=True)]

    def _see(self, pictures: Tensor) -> Tensor:
        return see(self.model.model.visual, (pictures * 255).round().to(torch.uint8), checkpoint.SEEN)

    def _looked(self, rng: random.Random) -> tuple[Tensor, Figures]:
        pictures, known = self._shown(rng, [self.data.any(rng) for _ in range(2 * self.batch)])
        seen = self._see(pictures).flatten(1)
        losses: dict[str, Tensor] = {}
        for name, words in CLASSES.items():
            values = [k.light if name == "light" else k.of(name) for k in known]
            wanted = torch.tensor([words.index(v) if v in words else -1 for v in values])
            if (wanted >= 0).any():
                losses[name] = F.cross_entropy(self.heads[name](seen), wanted, ignore_index=-1)
        total = torch.stack(list(losses.values())).sum()
        return total, {name: loss.detach() for name, loss in losses.items()}

    def _asked(self, rng: random.Random, words_alone: bool) -> tuple[Tensor, Figures]:
        pictures, singles, pairs = self._rows(rng, words_alone)
        with torch.set_grad_enabled(not words_alone):
            seen = self._see(pictures)
        one, facts = self._likelihood(singles, seen)
        two, double = self._likelihood(pairs, seen)
        return one + 0.5 * two, {"one": one.detach(), "two": two.detach(), **facts, **double}

    def _rows(self, rng: random.Random, hard: bool) -> tuple[Tensor, list[Row], list[Row]]:
        """Pictures, questions about one of them, and about two."""
        data, ask = self.data, self.asking
        pictures, known = self._shown(rng, [data.any(rng) for _ in range(self.batch)])
        singles: list[Row | None] = []
        for place, one in enumerate(known):
            names = ["expression", rng.choice(("angle", *PLAIN))] if hard else rng.sample(PLAIN, 2)
            singles += [ask.about(place, one, name) for name in names]
            if place % 2 == 0:
                singles.append(ask.caption(place, one, rng))
        first = len(known)
        hurt = [broken(pictures[k], pictures[-1 - k], rng) for k in range(3)]
        singles += [ask.yes_or_no((first + k,), "artifacts", "some") for k in range(3)]
        singles += [ask.yes_or_no((k + 3,), "artifacts", "none") for k in range(3)]
        paired, pairs = self._pairs(rng, first + 3)
        return torch.cat([pictures, torch.stack(hurt), paired]), [r for r in singles if r], pairs

    def _pairs(self, rng: random.Random, first: int) -> tuple[Tensor, list[Row]]:
        places, rows = list[int](), list[Row]()
        for number in range(10):
            a, b, c = self.data.group(rng)
            before, after, result = self.data.known[a], self.data.known[b], b
            at = (first + len(places), first + len(places) + 1)
            if number % 2:
                other = b if rng.random() < 0.5 else self.data.stranger(rng, a)
                rows.append(self.asking.yes_or_no(at, "same", "same" if other == b else "other"))
                places += [a, other]
                continue
            if rng.random() < 0.5:
                result = a if rng.random() < 0.6 else c
            told = asked_for(before, after, rng)
            done = fulfils(self.data.known[result], before, after)
            rows.append(self.asking.yes_or_no(at, "edit", "done" if done else "not done", told))
            places += [a, result]
        pictures = self.data.pictures[places].float() / 255
        return degraded(pictures, np.random.default_rng(rng.randrange(2**31))), rows

    def _likelihood(self, rows: list[Row], seen: Tensor) -> tuple[Tensor, Figures]:
        """Cross entropy of the answers of rows that all have as many pictures."""
        made, count = [self.script.row(row) for row in rows], len(rows[0].pictures)
        head, longest = self.script.head, max(len(ids) for ids, _ in made)
        fill = self.script.ids("<|endoftext|>")[0]
        ids = torch.tensor([row + [fill] * (longest - len(row)) for row, _ in made])
        where = self.script.positions(ids[:1], count).expand(3, len(rows), -1)
        logits = self._read(ids, head, where, torch.stack([seen[list(r.pictures)].flatten(0, 1) for r in rows]))
        wanted = torch.full_like(ids, -100)
        for n, (row, answer) in enumerate(made):
            wanted[n, len(row) - answer : len(row)] = ids[n, len(row) - answer : len(row)]
        target = wanted[:, head + 1 :]
        asked = target >= 0
        said = self.model.lm_head(logits[:, :-1][asked])
        loss = F.cross_entropy(said, target[asked])
        return loss, {f"right{count}": (said.argmax(-1) == target[asked]).float().mean()}

    def _read(self, ids: Tensor, head: int, where: Tensor, seen: Tensor) -> Tensor:
        """Hidden states (rows, tokens after the head, width); the head, the same for all, is read once."""
        text = self.model.model.language_model
        cache = DynamicCache(config=text.config)
        text(input_ids=ids[:1, :head], position_ids=where[:, :1, :head], past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(len(ids))
        rest = text.embed_tokens(ids[:, head:])
        mask = (ids[:, head:] == self.model.config.image_token_id)[..., None].expand_as(rest)
        rest = rest.masked_scatter(mask, seen)
        return text(
            inputs_embeds=rest, position_ids=where[:, :, head:], past_key_values=cache, use_cache=True
        ).last_hidden_state
