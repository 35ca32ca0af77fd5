"""Pictures of the mini world to read, and what is true of them: those that the readers of faces learn from (from
behind, in poses), and groups of views of one character that the editor learns from."""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from labs.mini_training.editor import pool as editor
from labs.mini_training.faces import pool as faces
from labs.mini_training.faces.targets import SCENE_HEADS
from labs.mini_training.reader.rows import Known
from pipelines.world.renderer import BACKGROUNDS, EXPRESSIONS, FRAMINGS, LIGHTS

EDITS_FROM = 100
"""The first shard of the editor's kind: its own training learns from those before."""


@dataclass
class Data:
    """``pictures`` (n, 3, 64, 64) uint8 with what is ``known`` of each; those from ``grouped`` on come in groups of
    seven of one character."""

    pictures: Tensor
    known: list[Known]
    grouped: int

    def any(self, rng: random.Random) -> int:
        """The place of any picture; of every second one from behind or with a body, poses are known."""
        return rng.randrange(self.grouped) if rng.random() < 0.5 else rng.randrange(len(self.known))

    def group(self, rng: random.Random) -> tuple[int, int, int]:
        """Three pictures of one character."""
        each = len(editor.SLOTS)
        first = self.grouped + each * rng.randrange((len(self.known) - self.grouped) // each)
        a, b, c = rng.sample(range(each), 3)
        return first + a, first + b, first + c

    def stranger(self, rng: random.Random, place: int) -> int:
        """A picture of somebody else than at ``place``."""
        while True:
            other = rng.randrange(self.grouped, len(self.known))
            if self.known[other].who != self.known[place].who:
                return other


def load(folder: Path, faces_pool: Path, single: int, groups: int) -> Data:
    """``single`` shards of single pictures and ``groups`` of groups; what is missing is drawn."""
    pictures, known = list[Tensor](), list[Known]()
    alone, together = faces.Pool(faces_pool, "gate"), editor.Pool(folder)
    for number in range(single):
        shard = alone.get(number)
        pictures.append(F.avg_pool2d(shard.pictures.float(), 2).round().to(torch.uint8))
        known += _single(shard.table)
    grouped = len(known)
    for number in range(EDITS_FROM, EDITS_FROM + groups):
        shard = together.get(number)
        pictures.append(shard.pictures.flatten(0, 1))
        known += _grouped(shard.table, len(known))
    return Data(torch.cat(pictures), known, grouped)


def _single(table: faces.Table) -> list[Known]:
    turned = np.degrees(np.arctan2(table["turn"][:, 0], table["turn"][:, 1]))
    return [
        Known(
            float(turned[i]), list(EXPRESSIONS)[table["expression"][i]], FRAMINGS[table["framing"][i]],
            SCENE_HEADS["pose"][table["pose"][i]], list(LIGHTS)[table["light"][i]],
            BACKGROUNDS[table["background"][i]], who=-1 - i,
        )
        for i in range(len(turned))
    ]  # fmt: skip


def _grouped(table: editor.Table, first: int) -> list[Known]:
    count, each = table["yaw"].shape
    return [
        Known(
            float(table["yaw"][g, k]), list(EXPRESSIONS)[table["expression"][g, k]], FRAMINGS[table["framing"][g, k]],
            "none" if FRAMINGS[table["framing"][g, k]] == "portrait" else "", list(LIGHTS)[table["light"][g, k]],
            BACKGROUNDS[table["background"][g, k]], editor.STYLES[table["style"][g, k]], first + g,
        )
        for g in range(count) for k in range(each)
    ]  # fmt: skip


def broken(picture: Tensor, other: Tensor, rng: random.Random) -> Tensor:
    """A picture (3, h, w) in 0..1 as failed drawings are: a piece of another one in it, cut and shifted, smeared, or
    with blocks of noise."""
    side = picture.shape[-1]
    size = rng.randrange(side // 5, side // 2)
    top, left = rng.randrange(side - size), rng.randrange(side - size)
    rows, columns = slice(top, top + size), slice(left, left + size)
    made, kind = picture.clone(), rng.randrange(4)
    if kind == 0:
        made[:, rows, columns] = other[:, rows, columns]
    elif kind == 1:
        made[:, rows] = made[:, rows].roll(rng.choice((-1, 1)) * rng.randrange(side // 8, side // 3), -1)
    elif kind == 2:
        made[:, rows, columns] = made[:, rows, left : left + 1].expand(-1, -1, size)
    else:
        blocks = torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(rng.randrange(2**31)))
        noise = F.interpolate(blocks[None], (size, size))[0]
        made[:, rows, columns] = 0.3 * made[:, rows, columns] + 0.7 * noise
    return made
