"""Teaching FLUX: first pictures from captions, then what guidance would do, from itself."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.faces.features import features
from pipelines.mini import flux, tokenizers
from pipelines.mini.train.flux.attention import Products
from pipelines.mini.train.flux.captions import Facts, caption
from pipelines.mini.train.flux.latents import Copy, Drawn, Latents
from pipelines.mini.train.precision import autocast
from pipelines.train import flow_matching
from pipelines.train.emphasis import emphasis

SIDE = 8
"""Tokens on a side of a picture of 64 px."""
FACE, FACE_UNTIL = 6.0, 0.95
"""How much more a face weighs at its middle, and the share of the training after which it does no more: the end is what
LoRA trainings do."""
GUIDANCE = (1.0, 5.0)


class Model:
    """The parts that are trained, asked as the pipeline asks them. ``compiled`` makes a CPU a fifth faster, for a
    minute and a half at the start."""

    def __init__(self, seed: int, compiled: bool = False) -> None:
        self.net = nn.ModuleDict(flux.untrained(seed))
        self.parts: Any = self.net
        self.transformer, self.clip, self.t5 = (self.parts[name] for name in flux.PARTS)
        self.transformer.set_attn_processor(Products())
        self.clip.set_attn_implementation("eager")
        self.clip_words, self.t5_words = tokenizers.clip(), tokenizers.t5()
        ids = torch.zeros(SIDE * SIDE, 3)
        ids[:, 1], ids[:, 2] = torch.arange(len(ids)) // SIDE, torch.arange(len(ids)) % SIDE
        self.places = {"img_ids": ids, "txt_ids": torch.zeros(flux.TEXT_LENGTH, 3)}
        self._ask = torch.compile(self.transformer, dynamic=False) if compiled else self.transformer

    def words(self, captions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Embeddings (N, 48, 128) of T5, padded and not masked as ``FluxPipeline`` has them, and CLIP's (N, 64)."""
        said = list(captions)
        padded = self.t5_words(said, padding="max_length", max_length=flux.TEXT_LENGTH, truncation=True)
        # What follows the end is nothing to CLIP: it looks back only.
        short = self.clip_words(said, padding="longest", max_length=77, truncation=True)
        t5, clip = (torch.tensor(ids["input_ids"]) for ids in (padded, short))
        return self.t5(t5)[0], self.clip(clip).pooler_output

    def velocity(self, noisy: Tensor, sigma: Tensor, words: tuple[Tensor, Tensor], guidance: Tensor) -> Tensor:
        """The direction (N, 64, 64) from picture to noise."""
        embeds, pooled = words
        return self._ask(
            hidden_states=noisy,
            encoder_hidden_states=embeds,
            pooled_projections=pooled,
            timestep=sigma,
            guidance=guidance,
            return_dict=False,
            **self.places,
        )[0].float()


class Batches:
    """The batch of a step: tokens, captions, noise, sigmas; the same whenever it is asked for."""

    def __init__(self, data: Latents, steps: int, seed: int, size: int = 48) -> None:
        self.data, self.steps, self.seed, self.size = data, steps, seed, size
        self.mu = flow_matching.shift_mu(flux.scheduler().config, SIDE * SIDE)

    def at(self, step: int, share: float | None = None) -> tuple[Drawn, list[str], Tensor, Tensor]:
        """Pictures, captions, noise (N, 64, 64) and sigmas (N,) of ``step``; ``share`` (of the training that is done)
        says how much of the data is open, by default that of the step."""
        drawn = self.data.draw(np.random.default_rng((self.seed, step)), share or step / self.steps, self.size)
        rng = random.Random(f"captions {self.seed} {step}")  # noqa: S311
        facts = (Facts.of(c.table, row, c.mirrored) for c, row in zip(drawn.copies, drawn.rows, strict=True))
        chance = flow_matching.generator("mini flux", self.seed, step)
        noise = torch.randn(drawn.tokens.shape, generator=chance)
        return drawn, [caption(one, rng) for one in facts], noise, self._sigmas(chance)

    def _sigmas(self, chance: torch.Generator) -> Tensor:
        """Half of them logit-normal, half uniform, all shifted: colours of hair and clothes are settled where there is
        almost only noise, and a logit-normal alone looks there once in twenty."""
        half = self.size // 2
        usual = torch.sigmoid(torch.randn(half, generator=chance))
        both = torch.stack([usual, torch.rand(half, generator=chance)], 1).flatten()
        return flow_matching.shifted(both, self.mu)


class Plain:
    """Rectified flow on pictures and captions, guidance 1. See ``loop.Task``."""

    name = "flux"

    def __init__(self, model: Model, batches: Batches) -> None:
        self.model, self.batches = model, batches
        self.net: nn.Module = model.net

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """See ``Task``; the figure is the loss without weights."""
        drawn, captions, noise, sigma = self.batches.at(step)
        with autocast():
            words = self.model.words(captions)
            said = self.model.velocity(
                flow_matching.mix(drawn.tokens, noise, sigma), sigma, words, torch.ones_like(sigma)
            )
        off = (said - flow_matching.target(drawn.tokens, noise)).square().mean(-1)
        faces = step < FACE_UNTIL * self.batches.steps
        weighted = off * face_weights(drawn.copies, drawn.rows) if faces else off
        return weighted.mean(), {"plain": float(off.detach().mean())}


class Guided:
    """Guidance distillation (Meng et al. 2023, arXiv 2210.03142): at guidance g the student says what the teacher says
    under classifier-free guidance g. On half of every batch; the other half stays what it was at guidance 1."""

    name = "flux guided"

    def __init__(self, model: Model, teacher: Model, batches: Batches) -> None:
        self.model, self.teacher, self.batches = model, teacher, batches
        self.net: nn.Module = model.net
        teacher.net.requires_grad_(False).eval()

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """See ``Task``."""
        drawn, captions, noise, sigma = self.batches.at(step, share=1.0)
        half = len(captions) // 2
        guidance = torch.ones_like(sigma)
        chance = flow_matching.generator("mini flux guidance", self.batches.seed, step)
        guidance[:half] = torch.empty(half).uniform_(*GUIDANCE, generator=chance)
        noisy = flow_matching.mix(drawn.tokens, noise, sigma)
        goal = flow_matching.target(drawn.tokens, noise)
        with autocast():
            goal[:half] = self._taught(noisy[:half], sigma[:half], captions[:half], guidance[:half])
            off = (self.model.velocity(noisy, sigma, self.model.words(captions), guidance) - goal).square().mean((1, 2))
        parts = {"guided": off[:half].mean(), "plain": off[half:].mean()}
        return off.mean(), {k: float(v.detach()) for k, v in parts.items()}

    @torch.no_grad()
    def _taught(self, noisy: Tensor, sigma: Tensor, captions: Sequence[str], guidance: Tensor) -> Tensor:
        words = self.teacher.words([*captions, *[""] * len(captions)])
        both = self.teacher.velocity(
            torch.cat([noisy, noisy]), torch.cat([sigma, sigma]), words, torch.ones(2 * len(noisy))
        )
        told, untold = both.chunk(2)
        return untold + guidance[:, None, None] * (told - untold)


def face_weights(copies: Sequence[Copy], rows: Sequence[int]) -> Tensor:
    """(N, 64), mean 1: how much each token counts, more where eyes and mouth are; all alike without a face."""
    tables = list(zip(copies, rows, strict=True))
    sine = np.array([float(copy.table["turn"][row, 0]) for copy, row in tables])
    found = features(np.stack([copy.table["box"][row] for copy, row in tables]), sine)
    x = np.where([copy.mirrored for copy in copies], 1 - np.asarray(found.x), found.x)
    here = torch.tensor([[int(copy.table["face"][row])] for copy, row in tables])
    weights = emphasis(replace(found, x=x), SIDE, SIDE, FACE).flatten(1)
    return torch.where(here > 0, weights, torch.ones_like(weights))
