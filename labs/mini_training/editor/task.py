"""The editor's training: which pictures become which, in which words, and how wrong the prediction is."""

import random
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from labs.mini_training.checkpoints import qwen
from labs.mini_training.editor.attention import Products
from labs.mini_training.editor.instructions import EMPTY, Seen, instruction
from labs.mini_training.editor.latents import Latents
from labs.mini_training.editor.pool import SLOTS, STYLES, Pool
from labs.mini_training.editor.reading import Reader
from labs.mini_training.feed import Feed
from labs.mini_training.loop import Figures
from labs.mini_training.precision import autocast
from pipelines.faces.features import features
from pipelines.models.denoiser import shift_mu
from pipelines.training.emphasis import emphasis
from pipelines.training.flow_matching import mix, target
from pipelines.world.renderer import BACKGROUNDS, EXPRESSIONS, FRAMINGS, LIGHTS

Tensor = torch.Tensor
SIDE = 8
TOKENS = SIDE * SIDE
CHANGE, FACE, PLAIN_FROM = 2.0, 6.0, 0.9
"""How many parts of the loss go to what an edit changes, and how much more a face weighs at its middle, until this
share of the steps is done: the end is the loss that LoRAs train with."""
UNGUIDED = 0.1
SOURCES = (0.76, 0.15, 0.09)
"""How many batches have one, two and three source pictures."""
JOINING = 0.4
"""Over this share of the steps the pool's shards join, so that a training can begin before all is drawn."""
WISHES = {"turn": 32, "expression": 34, "light": 22, "place": 8, "two": 4}
TURNS, OTHER = (0, 1, 2), 6
OTHERS = {"expression": SLOTS.index("expression"), "light": SLOTS.index("light"), "place": SLOTS.index("place")}
WORDS = {
    "expression": tuple(EXPRESSIONS),
    "light": tuple(LIGHTS),
    "background": tuple(BACKGROUNDS),
    "framing": FRAMINGS,
    "style": STYLES,
}
MORE = ("", " Picture 2 shows the same person.", " Pictures 2 and 3 show the same person.")


def pair(rng: random.Random) -> tuple[int, int]:
    """Source and target: two slots of a group whose views differ in one factor, seldom in two."""
    wish = rng.choices(list(WISHES), list(WISHES.values()))[0]
    if wish == "turn":
        before, after = rng.sample(TURNS, 2)
    elif wish == "two":
        kinds = rng.sample(("turn", *OTHERS), 2)
        before, after = (rng.choice(TURNS[1:]) if kind == "turn" else OTHERS[kind] for kind in kinds)
    else:
        before, after = rng.sample((0, OTHERS[wish]), 2)
    return before, after


def extras(rng: random.Random, before: int, after: int, count: int) -> list[int]:
    """Further pictures of the same character, most often from another day."""
    rest = [slot for slot in range(len(SLOTS)) if slot not in (before, after, OTHER)]
    chosen = [OTHER, *rng.sample(rest, count)] if rng.random() < 0.7 else rng.sample(rest, count)
    return chosen[:count]


class Drawn(NamedTuple):
    """Groups (n,) and slots of some edits: the target's (n,), the sources' (n, k); and the instructions."""

    groups: Tensor
    target: Tensor
    sources: Tensor
    texts: list[str]


class Batch(NamedTuple):
    """:class:`Drawn` with its instructions as :meth:`Reader.rows` makes them, and how much each token counts where a
    face is, (n, 64, 1)."""

    groups: Tensor
    target: Tensor
    sources: Tensor
    words: Tensor
    idle: Tensor
    faces: Tensor


class Data:
    """As much of the pool as has joined: pictures and latents, on ``device``, and what is true of them."""

    def __init__(self, pool: Pool, latents: Latents, shards: int, device: str = "cpu") -> None:
        self.pool, self.latents, self.shards, self.device = pool, latents, shards, device
        self.pictures = torch.empty(0, len(SLOTS), 3, 64, 64, dtype=torch.uint8, device=device)
        self.tokens = torch.empty(0, len(SLOTS), TOKENS, qwen.CHANNELS, dtype=torch.bfloat16, device=device)
        self.table: dict[str, np.ndarray] = {}
        self.joined = 0
        self.size = 0

    def join(self, count: int) -> None:
        """Let the first ``count`` shards be there."""
        while self.joined < min(count, self.shards):
            shard = self.pool.get(self.joined)
            self._room(len(shard))
            here = slice(self.size, self.size + len(shard))
            self.pictures[here], self.tokens[here] = shard.pictures, self.latents.get(self.joined, shard)
            for name, rows in shard.table.items():
                self.table[name] = np.concatenate([self.table[name], rows]) if name in self.table else rows
            self.joined += 1
            self.size = here.stop

    def _room(self, each: int) -> None:
        """Memory for all shards at once: pages that nobody has written to cost nothing."""
        if not len(self.pictures):
            self.pictures = self.pictures.new_empty(self.shards * each, *self.pictures.shape[1:])
            self.tokens = self.tokens.new_empty(self.shards * each, *self.tokens.shape[1:])

    def seen(self, group: int, slot: int) -> Seen:
        """What a picture shows, in words."""
        words = {name: known[int(self.table[name][group, slot])] for name, known in WORDS.items()}
        return Seen(yaw=float(self.table["yaw"][group, slot]), **words)

    def draw(self, rng: random.Random, size: int) -> Drawn:
        """Some edits. A batch has one number of sources, and instructions all long or all brief."""
        count = rng.choices((1, 2, 3), SOURCES)[0]
        brief = rng.random() < 0.5
        groups, targets, sources, texts = [], [], [], []
        for _ in range(size):
            group = rng.randrange(self.size)
            before, after = pair(rng)
            groups.append(group)
            targets.append(after)
            sources.append([before, *extras(rng, before, after, count - 1)])
            texts.append(self.words(rng, group, before, after, brief, count))
        return Drawn(torch.tensor(groups), torch.tensor(targets), torch.tensor(sources), texts)

    def words(self, rng: random.Random, group: int, before: int, after: int, brief: bool, count: int) -> str:
        """The instruction; now and then nothing, now and then a word on the further pictures."""
        if rng.random() < UNGUIDED:
            return EMPTY
        text = instruction(self.seen(group, before), self.seen(group, after), rng, brief)
        return text + (MORE[count - 1] if text != EMPTY and rng.random() < 0.3 else "")


class Batches:
    """The batch of a step, the same whenever it is asked for while the same shards have joined."""

    def __init__(self, data: Data, reader: Reader, steps: int, seed: int, size: int) -> None:
        self.data, self.reader, self.steps, self.seed, self.size = data, reader, steps, seed, size

    def at(self, step: int) -> Batch:
        """The batch of ``step``; a face counts more until ``PLAIN_FROM`` of the steps."""
        drawn = self.data.draw(random.Random(f"{self.seed} {step}"), self.size)  # noqa: S311
        rows, column = drawn.groups.numpy(), drawn.target.numpy()
        faces = face_weights(*(self.data.table[name][rows, column] for name in ("yaw", "box")))
        return Batch(*drawn[:3], *self.reader.rows(drawn.texts), faces)


def change_weights(clean: Tensor, source: Tensor) -> Tensor:
    """(n, 64, 1), mean 1: how much each token counts. ``CHANGE`` parts of it are shared out by how far (squared) the
    target (n, 64, 64) is from the source there: a smile is two tokens of 64, and copying gets all others right."""
    apart = (clean - source).square().mean(-1, keepdim=True)
    return (1 + CHANGE * apart / apart.mean(1, keepdim=True).clamp(min=1e-6)) / (1 + CHANGE)


def face_weights(yaw: np.ndarray, box: np.ndarray) -> Tensor:
    """(n, 64, 1), mean 1: how much each token counts, more where a face has eyes and mouth; of faces in ``box`` (n, 4)
    that are turned by ``yaw`` (n,) degrees."""
    found = features(box, np.sin(np.radians(yaw)))
    return emphasis(found, SIDE, SIDE, FACE).flatten(1)[..., None]


def sigmas(count: int, mu: float) -> Tensor:
    """Noise levels of a batch: logit-normal, shifted as at inference; one from each of ``count`` equal shares of the
    distribution, which leaves its mean as it is and makes batches alike."""
    share = (torch.randperm(count) + torch.rand(count)) / count
    return torch.sigmoid(torch.special.ndtri(share.clamp(1e-4, 1 - 1e-4)) + mu)


def predict(transformer: Any, noisy: Tensor, controls: Tensor, sigma: Tensor, words: Tensor, real: Tensor) -> Tensor:
    """The predicted direction (n, 64, 64): target tokens first, then those of the sources (n, k, 64, 64)."""
    shapes = [[(1, SIDE, SIDE)] * (1 + controls.shape[1])] * len(noisy)
    return transformer(
        hidden_states=torch.cat([noisy, controls.flatten(1, 2)], 1),
        timestep=sigma,
        encoder_hidden_states=words,
        encoder_hidden_states_mask=real,
        img_shapes=shapes,
        return_dict=False,
    )[0][:, :TOKENS]


class EditTask:
    """See :class:`~labs.mini_training.loop.Task`."""

    name = "qwen-edit"

    def __init__(self, data: Data, steps: int, seed: int = 1, batch: int = 40, workers: int = 0) -> None:
        self.data, self.steps, self.batch = data, steps, batch
        self.parts: dict[str, Any] = {name: part.to(data.device) for name, part in qwen.untrained(seed).items()}
        self.parts["transformer"].set_attn_processor(Products())
        encoder = self.parts["text_encoder"]
        self.net: nn.Module = nn.ModuleDict({"transformer": self.parts["transformer"], "text": encoder.model})
        self.reader = Reader(encoder)
        self.feed = Feed[Batch](Batches(data, self.reader, steps, seed, batch), data.device, workers)
        self.mu = shift_mu(qwen.scheduler().config, TOKENS)

    def loss(self, step: int) -> tuple[Tensor, Figures]:
        """See ``Task``: mean squared error of the direction."""
        self.data.join(1 + int(self.data.shards * step / (JOINING * self.steps)))
        batch = self.feed.at(step)
        rows, columns = batch.groups[:, None], batch.sources
        clean = self.data.tokens[batch.groups, batch.target].float()
        sigma, noise = sigmas(self.batch, self.mu).to(clean.device), torch.randn_like(clean)
        with autocast(self.data.device):
            words, real = self.reader(batch.words, batch.idle, self.data.pictures[rows, columns])
            noisy, controls = mix(clean, noise, sigma), self.data.tokens[rows, columns].float()
            said = predict(self.parts["transformer"], noisy, controls, sigma, words, real)
        error = (said.float() - target(clean, noise)).square()
        plain = error.detach().mean()
        if step < PLAIN_FROM * self.steps:
            weights = change_weights(clean, controls[:, 0]) * batch.faces
            error = error * (weights / weights.mean(1, keepdim=True))
        return error.mean(), {"plain": plain, "words": float(words.shape[1])}
