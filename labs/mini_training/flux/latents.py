"""The pool's pictures as the trained VAE sees them, encoded once and kept on disk, each with its copy in a mirror."""

import copy
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from labs.mini_training.faces.pool import Pool
from labs.mini_training.faces.targets import SCENE_HEADS, Table
from labs.mini_training.vae.task import halved
from pipelines.engine.precision import native

CHUNK = {"cpu": 50, "cuda": 1000}
"""Pictures that are encoded together."""
FIRST = 6
"""Copies that the first step may draw from; the others come one by one over the first half of the training, so that it
can begin at once."""
EIGHT = ("any", "profile", "any", "body", "profile", "any", "body", "profile")
"""What the pictures of a batch show, by turns: profile portraits, whose expressions are the hardest; whole figures with
a face, whose faces are the smallest; and whatever the pool has."""


@dataclass(frozen=True)
class Copy:
    """One shard, as it is or in a mirror: ``tokens`` (N, 64, 64) bf16, normalised and packed; its truth table as drawn
    (not mirrored)."""

    tokens: Tensor
    table: Table
    mirrored: bool

    def rows(self, kind: str) -> np.ndarray:
        """The rows that show ``kind``: ``profile`` (head and shoulders from the side, within 15 degrees), ``body``
        (a whole figure that shows its face) or ``any``."""
        sideways = np.abs(self.table["turn"][:, 0]) > np.cos(np.radians(15))
        framing, face = self.table["framing"], self.table["face"] > 0
        portrait, full = (framing == SCENE_HEADS["framing"].index(name) for name in ("portrait", "full"))
        shown = {"profile": portrait & face & sideways, "body": full & face, "any": np.full(len(face), True)}
        return np.flatnonzero(shown[kind])


@dataclass(frozen=True)
class Drawn:
    """Pictures of one batch: which copy each is from and its row there, and all their tokens (N, 64, 64) bf16."""

    copies: list[Copy]
    rows: list[int]
    tokens: Tensor


class Latents:
    """What a training draws from. How many shards there are is settled when it begins and kept in its folder, so that
    shards drawn later change nothing; another VAE is refused (``ValueError``)."""

    def __init__(self, folder: Path, pools: Sequence[Pool], vae: Any, device: str = "cpu") -> None:
        self.folder, self.digest = folder, digest(vae)
        # As the product encodes what LoRAs are taught with, and fast.
        self.vae = copy.deepcopy(vae).eval().to(device, native(device), memory_format=torch.channels_last)
        shards = self._settle(pools)
        by_turns = sorted((n, p) for p, pool in enumerate(pools) for n in range(shards[pool.seeds]))
        self.order = [(pools[p], n, mirrored) for mirrored in (False, True) for n, p in by_turns]
        self._held: dict[int, Copy] = {}

    def draw(self, rng: np.random.Generator, share: float, count: int) -> Drawn:
        """``count`` pictures when ``share`` (0 to 1) of the training is done."""
        ready = round(FIRST + (len(self.order) - FIRST) * min(1.0, 2 * share)) if len(self.order) > FIRST else None
        whose = rng.integers(ready or len(self.order), size=count)
        copies = [self.copy(int(k)) for k in whose]
        rows = [int(rng.choice(one.rows(EIGHT[k % len(EIGHT)]))) for k, one in enumerate(copies)]
        tokens = torch.stack([one.tokens[row] for one, row in zip(copies, rows, strict=True)])
        return Drawn(copies, rows, tokens)

    def encode_all(self) -> None:
        """Encode every copy now: processes that make batches cannot, and need not."""
        for number in range(len(self.order)):
            self.copy(number)

    def copy(self, number: int) -> Copy:
        """Copy ``number`` of ``order``, encoded now if nobody has."""
        if number not in self._held:
            pool, shard, mirrored = self.order[number]
            self._held[number] = Copy(*self._encoded(pool, shard, mirrored), mirrored)
        return self._held[number]

    def _settle(self, pools: Sequence[Pool]) -> dict[str, int]:
        note = self.folder / "data.json"
        if not note.exists():
            there = {pool.seeds: len(list(pool.folder.glob("?????.safetensors"))) for pool in pools}
            self.folder.mkdir(parents=True, exist_ok=True)
            note.write_text(json.dumps({"vae": self.digest, "shards": there}) + "\n", encoding="utf-8", newline="\n")
        kept = json.loads(note.read_text(encoding="utf-8"))
        if kept["vae"] != self.digest:
            raise ValueError(f"{self.folder} was begun with another VAE: name another folder or remove it")
        return kept["shards"]

    def _encoded(self, pool: Pool, shard: int, mirrored: bool) -> tuple[Tensor, Table]:
        path = self.folder / "latents" / f"{pool.seeds}-{shard:05}{'-mirrored' if mirrored else ''}.safetensors"
        drawn = pool.get(shard)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            part = path.with_suffix(f".{os.getpid()}")
            save_file({"tokens": encode(self.vae, halved(drawn.pictures), mirrored)}, part)
            part.replace(path)
        return load_file(path)["tokens"], drawn.table


@torch.no_grad()
def encode(vae: Any, pictures: Tensor, mirrored: bool = False) -> Tensor:
    """Packed tokens (N, 64, 64) bf16 of pictures (N, 3, 64, 64) uint8: the latents' mode, as LoRA trainings take it."""
    out = []
    for part in pictures.split(CHUNK[vae.device.type]):
        x = (part.to(vae.device).float() / 127.5 - 1).to(vae.dtype, memory_format=torch.channels_last)
        mode = vae.encode(x.flip(-1) if mirrored else x).latent_dist.mode()
        out.append(pack(((mode - vae.config.shift_factor) * vae.config.scaling_factor).float()).bfloat16().cpu())
    return torch.cat(out)


def pack(latents: Tensor) -> Tensor:
    """(N, c, h, w) to tokens (N, h / 2 * w / 2, 4 c), as ``FluxPipeline._pack_latents``."""
    n, c, h, w = latents.shape
    return latents.view(n, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(n, h * w // 4, 4 * c)


def digest(vae: Any) -> str:
    """Sixteen hexadecimal digits that stand for a VAE's weights and normalisation."""
    said = hashlib.sha256(json.dumps([vae.config.scaling_factor, vae.config.shift_factor]).encode())
    for name, value in sorted(vae.state_dict().items()):
        said.update(name.encode() + value.float().numpy().tobytes())
    return said.hexdigest()[:16]
