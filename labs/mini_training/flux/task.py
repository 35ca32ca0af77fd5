"""Teaching FLUX: first pictures from captions, then what guidance would do, from itself."""

import random
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from labs.mini_training.checkpoints import flux, tokenizers
from labs.mini_training.feed import Feed
from labs.mini_training.flux.attention import Products
from labs.mini_training.flux.captions import Facts, caption
from labs.mini_training.flux.latents import Copy, Drawn, Latents
from labs.mini_training.loop import Figures
from labs.mini_training.precision import autocast
from pipelines.faces.features import features
from pipelines.models.denoiser import shift_mu
from pipelines.training import flow_matching
from pipelines.training.emphasis import emphasis

SIDE = 8
"""Tokens on a side of a picture of 64 px."""
FACE, FACE_UNTIL = 6.0, 0.95
"""How much more a face weighs at its middle, and the share of the training after which it does no more: the end is what
LoRA trainings do."""
GUIDANCE = (1.0, 5.0)


class Said(NamedTuple):
    """Captions as numbers: T5's (N, 48), padded and not masked as ``FluxPipeline`` has them, and CLIP's (N, longest).
    What follows the end is nothing to CLIP: it looks back only."""

    t5: Tensor
    clip: Tensor


def said(captions: Sequence[str]) -> Said:
    """Captions through both tokenizers."""
    t5, clip = _tokenizers()
    padded = t5(list(captions), padding="max_length", max_length=flux.TEXT_LENGTH, truncation=True)
    short = clip(list(captions), padding="longest", max_length=77, truncation=True)
    return Said(*(torch.tensor(ids["input_ids"]) for ids in (padded, short)))


@cache
def _tokenizers() -> tuple[Any, Any]:
    return tokenizers.t5(), tokenizers.clip()


class Model:
    """The parts that are trained, on ``device``, asked as the pipeline asks them. ``compiled`` makes a CPU a fifth
    faster, for a minute and a half at the start."""

    def __init__(self, seed: int, compiled: bool = False, device: str = "cpu") -> None:
        self.net = nn.ModuleDict(flux.untrained(seed)).to(device)
        self.parts: Any = self.net
        self.transformer, self.clip, self.t5 = (self.parts[name] for name in flux.PARTS)
        self.transformer.set_attn_processor(Products())
        self.clip.set_attn_implementation("eager")
        ids = torch.zeros(SIDE * SIDE, 3)
        ids[:, 1], ids[:, 2] = torch.arange(len(ids)) // SIDE, torch.arange(len(ids)) % SIDE
        self.places = {"img_ids": ids.to(device), "txt_ids": torch.zeros(flux.TEXT_LENGTH, 3, device=device)}
        self.device = device
        self._ask = torch.compile(self.transformer, dynamic=False) if compiled else self.transformer

    def words(self, ids: Said) -> tuple[Tensor, Tensor]:
        """Embeddings (N, 48, 128) of T5 and CLIP's (N, 64)."""
        return self.t5(ids.t5)[0], self.clip(ids.clip).pooler_output

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


class Batch(NamedTuple):
    """Pictures (N, 64, 64) bf16 and their captions, noise of the pictures' shape, sigmas (N,), and how much each token
    counts, (N, 64)."""

    tokens: Tensor
    t5: Tensor
    clip: Tensor
    noise: Tensor
    sigma: Tensor
    weights: Tensor


class Batches:
    """The batch of a step, the same whenever it is asked for. ``share``: how much of the training counts as done, that
    is, how much of the data is open; by default as much as is done at the step."""

    def __init__(self, data: Latents, steps: int, seed: int, size: int = 48, share: float | None = None) -> None:
        self.data, self.steps, self.seed, self.size, self.share = data, steps, seed, size, share
        self.mu = shift_mu(flux.scheduler().config, SIDE * SIDE)

    def at(self, step: int) -> Batch:
        """The batch of ``step``; a face counts more until ``FACE_UNTIL`` of the steps."""
        drawn, captions = self.drawn(step)
        chance = flow_matching.generator("mini flux", self.seed, step)
        noise = torch.randn(drawn.tokens.shape, generator=chance)
        plain = step >= FACE_UNTIL * self.steps
        weights = torch.ones(noise.shape[:2]) if plain else face_weights(drawn.copies, drawn.rows)
        return Batch(drawn.tokens, *said(captions), noise, self._sigmas(chance), weights)

    def drawn(self, step: int) -> tuple[Drawn, list[str]]:
        """Which pictures, and what is said of them."""
        share = step / self.steps if self.share is None else self.share
        drawn = self.data.draw(np.random.default_rng((self.seed, step)), share, self.size)
        rng = random.Random(f"captions {self.seed} {step}")  # noqa: S311
        facts = (Facts.of(c.table, row, c.mirrored) for c, row in zip(drawn.copies, drawn.rows, strict=True))
        return drawn, [caption(one, rng) for one in facts]

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

    def __init__(self, model: Model, batches: Batches, workers: int = 0) -> None:
        self.model, self.feed = model, Feed[Batch](batches, model.device, workers)
        self.net: nn.Module = model.net

    def loss(self, step: int) -> tuple[Tensor, Figures]:
        """See ``Task``; the figure is the loss without weights."""
        batch = self.feed.at(step)
        clean, sigma = batch.tokens.float(), batch.sigma
        with autocast(self.model.device):
            words = self.model.words(Said(batch.t5, batch.clip))
            noisy = flow_matching.mix(clean, batch.noise, sigma)
            told = self.model.velocity(noisy, sigma, words, torch.ones_like(sigma))
        off = (told - flow_matching.target(clean, batch.noise)).square().mean(-1)
        return (off * batch.weights).mean(), {"plain": off.detach().mean()}


class Guided:
    """Guidance distillation (Meng et al. 2023, arXiv 2210.03142): at guidance g the student says what the teacher says
    under classifier-free guidance g. On half of every batch; the other half stays what it was at guidance 1."""

    name = "flux guided"

    def __init__(self, model: Model, teacher: Model, batches: Batches, workers: int = 0) -> None:
        self.model, self.teacher, self.seed = model, teacher, batches.seed
        self.feed = Feed[Batch](batches, model.device, workers)
        self.net: nn.Module = model.net
        self.nothing = Said(*(ids.to(model.device) for ids in said([""])))
        teacher.net.requires_grad_(False).eval()

    def loss(self, step: int) -> tuple[Tensor, Figures]:
        """See ``Task``."""
        batch = self.feed.at(step)
        clean, sigma, words = batch.tokens.float(), batch.sigma, Said(batch.t5, batch.clip)
        half = len(clean) // 2
        chance = flow_matching.generator("mini flux guidance", self.seed, step)
        guidance = torch.ones(len(clean))
        guidance[:half].uniform_(*GUIDANCE, generator=chance)
        guidance = guidance.to(sigma.device)
        noisy = flow_matching.mix(clean, batch.noise, sigma)
        goal = flow_matching.target(clean, batch.noise)
        with autocast(self.model.device):
            first = Said(*(ids[:half] for ids in words))
            goal[:half] = self._taught(noisy[:half], sigma[:half], first, guidance[:half])
            off = (self.model.velocity(noisy, sigma, self.model.words(words), guidance) - goal).square().mean((1, 2))
        return off.mean(), {"guided": off[:half].detach().mean(), "plain": off[half:].detach().mean()}

    @torch.no_grad()
    def _taught(self, noisy: Tensor, sigma: Tensor, words: Said, guidance: Tensor) -> Tensor:
        told, untold = self.teacher.words(words), self.teacher.words(self.nothing)
        embeds, pooled = (torch.cat([one, none.expand_as(one)]) for one, none in zip(told, untold, strict=True))
        noisy, sigma = torch.cat([noisy, noisy]), torch.cat([sigma, sigma])
        both = self.teacher.velocity(noisy, sigma, (embeds, pooled), torch.ones_like(sigma))
        with_words, without = both.chunk(2)
        return without + guidance[:, None, None] * (with_words - without)


def face_weights(copies: Sequence[Copy], rows: Sequence[int]) -> Tensor:
    """(N, 64), mean 1: how much each token counts, more where eyes and mouth are; all alike without a face."""
    tables = list(zip(copies, rows, strict=True))
    sine = np.array([float(copy.table["turn"][row, 0]) for copy, row in tables])
    found = features(np.stack([copy.table["box"][row] for copy, row in tables]), sine)
    x = np.where([copy.mirrored for copy in copies], 1 - np.asarray(found.x), found.x)
    here = torch.tensor([[int(copy.table["face"][row])] for copy, row in tables])
    weights = emphasis(replace(found, x=x), SIDE, SIDE, FACE).flatten(1)
    return torch.where(here > 0, weights, torch.ones_like(weights))
