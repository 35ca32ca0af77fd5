"""Fresh pictures without end: shards of new characters, drawn when they are needed, kept for a while, then left behind.

Shard ``k`` of a range of seeds is the same whenever and by whomever it is drawn, so that a training can be resumed and
several trainings can share the drawing. Every picture shows a character of its own.
"""

import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

from labs.mini_training.faces.targets import Table, table
from pipelines.world.renderer import (
    BACKGROUNDS,
    EXPRESSIONS,
    LIGHTS,
    POSES,
    YAWS,
    Character,
    Truth,
    View,
    render_tensor,
)

SIZE = 128
SHARD = 1000
# Seconds after which a shard that somebody began to draw is drawn by another.
ABANDONED = 900
# The first thousand are practice characters and examples of the documentation; the last ten thousand fit embeddings.
RANGES = {"gate": (1_000, 3_990_000), "judge": (4_000_000, 7_990_000)}
FITTING = {"gate": (3_990_000, 4_000_000), "judge": (7_990_000, 8_000_000)}
TESTS = (8_000_000, 9_000_000)


def draw_view(rng: random.Random, away: float = 0.05) -> View:
    """A view as trainings see them: mostly portraits, mostly near the named angles; ``away`` of them from behind."""
    r = rng.random()
    if r < away:
        yaw = 180 + rng.uniform(-60, 60)
    elif r < 0.65:
        yaw = rng.choice(list(YAWS.values())) + rng.gauss(0, 4)
    else:
        yaw = rng.uniform(-105, 105)
    return View(
        yaw=yaw,
        expression=rng.choice(list(EXPRESSIONS)),
        light=rng.choice(list(LIGHTS)),
        background=rng.choice(list(BACKGROUNDS)),
        framing=rng.choices(("portrait", "bust", "full"), (70, 15, 15))[0],
        pose=rng.choice(POSES),
        pitch=rng.gauss(0, 4),
        roll=rng.gauss(0, 3),
        strength=rng.uniform(0.8, 1.15),
        zoom=rng.uniform(0.88, 1.10),
        shift=(rng.gauss(0, 0.04), rng.gauss(0, 0.03)),
        scene=rng.randrange(1000),
    )


@dataclass
class Shard:
    """``pictures`` (N, 3, 128, 128) uint8, drawn with one sample a pixel (their means over 2 x 2 pixels are the
    renderer's pictures of 64 px), and their :func:`~labs.mini_training.faces.targets.table`."""

    pictures: torch.Tensor
    table: Table

    def __len__(self) -> int:
        return len(self.pictures)


def draw(seeds: str, number: int, count: int = SHARD, device: str = "cpu") -> Shard:
    """Shard ``number`` of the range called ``seeds`` (a key of ``RANGES``). The same at every call."""
    rng = random.Random(f"faces {seeds} {number}")  # noqa: S311
    people = [Character.from_seed(rng.randrange(*RANGES[seeds])) for _ in range(count)]
    views = [draw_view(rng) for _ in people]
    pictures = render_tensor(people, views, SIZE, samples=1, device=device, chunk=2 if device == "cpu" else 256)
    truths = [Truth.of(c, v) for c, v in zip(people, views, strict=True)]
    return Shard((pictures * 255).round().to(torch.uint8).cpu(), table(truths))


def keep(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays of any shape to a file of their own."""
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)


def kept(path: Path) -> dict[str, np.ndarray]:
    """What ``keep`` wrote. Raises OSError, SafetensorError."""
    return load_file(path)


class Pool:
    """Shards on disk. Whoever needs one that is not there draws it; whoever has time draws ahead."""

    def __init__(self, folder: Path, seeds: str, device: str = "cpu") -> None:
        self.folder, self.seeds, self.device = folder / seeds, seeds, device
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, number: int) -> Path:
        """Where shard ``number`` is, or will be."""
        return self.folder / f"{number:05}.safetensors"

    def get(self, number: int) -> Shard:
        """Shard ``number``, drawn if nobody has drawn it (waits for somebody who is at it)."""
        path = self.path(number)
        while not path.exists():
            if not self.offer(number):
                time.sleep(0.5)
        arrays = kept(path)
        return Shard(torch.from_numpy(arrays.pop("pictures")), arrays)

    def offer(self, number: int) -> bool:
        """Draw shard ``number`` unless it is there, or somebody else is at it (then False)."""
        claim = self.path(number).with_suffix(".claim")
        if self.path(number).exists():
            return True
        try:
            claim.touch(exist_ok=False)
        except FileExistsError:
            if time.time() - claim.stat().st_mtime > ABANDONED:
                claim.unlink(missing_ok=True)
            return False
        try:
            self._write(number)
        finally:
            claim.unlink(missing_ok=True)
        return True

    def _write(self, number: int) -> None:
        shard = draw(self.seeds, number, device=self.device)
        part = self.path(number).with_suffix(f".{os.getpid()}")
        keep(part, {"pictures": shard.pictures.numpy()} | shard.table)
        part.replace(self.path(number))


@dataclass
class Batch:
    """Some pictures (N, 3, 128, 128) uint8 and their table as tensors."""

    pictures: torch.Tensor
    table: dict[str, torch.Tensor]


class Stream:
    """Batches for training step by step: a window of shards that moves on one shard every ``stay`` steps. A picture
    is seen ``stay * batch / SHARD`` times on average, each time degraded otherwise, and never again.

    ``bodies``: at least this share of a batch shows busts and full figures (they are 0.3 of a shard)."""

    def __init__(self, pool: Pool, batch: int, sees: float = 12.0, window: int = 8, bodies: float = 0.0) -> None:
        self.pool, self.batch, self.window, self.bodies = pool, batch, window, bodies
        self.stay = max(1, round(sees * SHARD / batch))
        self._held: dict[int, Shard] = {}

    def at(self, step: int) -> Batch:
        """The batch of this step; the same whenever it is asked for."""
        last = step // self.stay
        numbers = range(max(0, last - self.window + 1), last + 1)
        self._held = {n: self._held[n] if n in self._held else self.pool.get(n) for n in numbers}
        rng = np.random.default_rng((7, step))
        whose, which = rng.integers(len(numbers), size=self.batch), rng.integers(SHARD, size=self.batch)
        for k in range(round(self.bodies * self.batch)):
            which[k] = rng.choice(np.flatnonzero(self._held[numbers[whose[k]]].table["framing"]))
        pictures = torch.stack([self._held[numbers[s]].pictures[i] for s, i in zip(whose, which, strict=True)])
        keys = self._held[numbers[0]].table
        rows = {
            k: np.stack([self._held[numbers[s]].table[k][i] for s, i in zip(whose, which, strict=True)]) for k in keys
        }
        return Batch(pictures, {k: torch.from_numpy(v) for k, v in rows.items()})
