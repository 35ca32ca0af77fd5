"""The trainings: each draws its own batches from the pool and says how wrong its network is."""

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from labs.mini_training.faces import anchors, degrade, nets
from labs.mini_training.faces.pool import Pool, Stream
from labs.mini_training.faces.targets import FACE_HEADS, NUMBERS, SCENE_HEADS, WORDS
from labs.mini_training.precision import autocast

Tensor = torch.Tensor
Rows = dict[str, Tensor]
# How much each answer counts; what is not named counts 1.
WEIGHTS = {"expression": 3.0, "extra": 0.5, "lashes": 0.5, "clothes": 1.5, "pose": 4.0, "framing": 2.0}


def words_loss(said: Mapping[str, Tensor], true: Rows, names: Mapping[str, tuple[str, ...]]) -> tuple[Tensor, Rows]:
    """Sum of cross entropies in the order of ``names``, and the share of right answers by name."""
    total = torch.zeros(())
    right: Rows = {}
    for name in names:
        total = total + WEIGHTS.get(name, 1.0) * F.cross_entropy(said[name].float(), true[name])
        right[name] = (said[name].argmax(-1) == true[name]).float().mean()
    return total, right


def face_loss(said: Mapping[str, Tensor], true: Rows) -> tuple[Tensor, dict[str, float]]:
    """Loss of a face reader over words, numbers, expression and how the head is turned."""
    total, right = words_loss(said, true, WORDS | FACE_HEADS)
    numbers = F.mse_loss(said["numbers"].float(), true["numbers"])
    turn = F.mse_loss(said["turn"].float(), true["turn"])
    short = {k: float(right[k]) for k in ("expression", "skin", "hair", "style", "eyes", "glasses")}
    return total + 12 * numbers + 4 * turn, short | {"numbers": float(numbers), "turn": float(turn)}


class _FromPool:
    """What all trainings share: a network made from a seed, and degraded batches, half of them mirrored."""

    batch = 128
    sees = 12.0
    bodies = 0.0

    def __init__(self, pool: Pool, net: nn.Module, seed: int, salt: int) -> None:
        self.stream = Stream(pool, self.batch, self.sees, bodies=self.bodies)
        self.net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.seed, self.salt = seed, salt

    def _draw(self, step: int, flip: bool = True) -> tuple[Tensor, Rows, np.random.Generator]:
        rng = np.random.default_rng((self.seed, self.salt, step))
        batch = self.stream.at(step)
        pictures, rows = batch.pictures.float() / 255, batch.table
        if flip and step % 2:
            pictures, rows = degrade.mirrored(pictures, rows, NUMBERS)
        return degrade.degraded(pictures, rng), rows, rng


def _facing(pictures: Tensor, rows: Rows) -> tuple[Tensor, Rows]:
    keep = rows["face"] == 1
    return pictures[keep], {k: v[keep] for k, v in rows.items()}


def _input(x: Tensor) -> Tensor:
    return (x * 2 - 1).contiguous(memory_format=torch.channels_last)


class Gate(_FromPool):
    """The reader behind the recogniser and the heads of the pack: faces aligned by keypoints."""

    name = "gate"
    sees = 18.0
    bodies = 0.25

    def __init__(self, pool: Pool, seed: int) -> None:
        torch.manual_seed(seed)
        super().__init__(pool, nets.GateReader(), seed, 1)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """See ``Task``. Keypoints are shaken as a detector shakes them."""
        pictures, rows, rng = self._draw(step)
        pictures, rows = _facing(pictures, rows)
        crops = degrade.aligned(pictures, shaken(rows["keypoints"].numpy(), rows["box"].numpy(), rng))
        with autocast():
            said = self.net(_input(crops))
        return face_loss(said, rows)


def shaken(points: np.ndarray, boxes: np.ndarray, rng: np.random.Generator, by: float = 0.02) -> np.ndarray:
    """Points (N, k, 2) each off by ``by`` of the box's width, and all of a face together by the same again."""
    wide = (boxes[:, 2] - boxes[:, 0])[:, None, None]
    own, shared = rng.normal(size=points.shape), rng.normal(size=(len(points), 1, 2))
    return (points + by * wide * (own + shared)).astype(np.float32)


class JudgeNet(nn.Module):
    """Finder and reader of the judge."""

    def __init__(self) -> None:
        super().__init__()
        self.finder, self.reader = nets.Finder(), nets.JudgeReader()


class Judge(_FromPool):
    """The judge: finds one face in a picture by itself and reads an upright square around it. Its own characters."""

    name = "judge"

    def __init__(self, pool: Pool, seed: int) -> None:
        torch.manual_seed(seed + 1_000)
        super().__init__(pool, JudgeNet(), seed + 1_000, 2)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """See ``Task``."""
        assert isinstance(self.net, JudgeNet)
        pictures, rows, rng = self._draw(step)
        with autocast():
            found = self.net.finder(_input(F.avg_pool2d(pictures, 2))).float()
        presence = F.binary_cross_entropy_with_logits(found[:, 4], rows["face"].float())
        pictures, kept = _facing(pictures, rows)
        place = F.smooth_l1_loss(found[rows["face"] == 1, :4], kept["box"], beta=0.02)
        corners = shaken(kept["box"].numpy().reshape(-1, 2, 2), kept["box"].numpy(), rng, 0.025).reshape(-1, 4)
        with autocast():
            said = self.net.reader(_input(degrade.boxed(pictures, corners)))
        loss, figures = face_loss(said, kept)
        return loss + 20 * place + presence, figures | {"place": float(place), "presence": float(presence)}


class Scene(_FromPool):
    """The scene reader: whole pictures, most with a body: an arm that points at the viewer is hard to see."""

    name = "scene"
    sees = 24.0
    bodies = 0.6

    def __init__(self, pool: Pool, seed: int) -> None:
        torch.manual_seed(seed + 2_000)
        super().__init__(pool, nets.SceneReader(), seed + 2_000, 3)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """See ``Task``. No mirror: light has a side."""
        pictures, rows, _ = self._draw(step, flip=False)
        with autocast():
            said = self.net(_input(F.avg_pool2d(pictures, 2)))
        total, right = words_loss(said, rows, SCENE_HEADS)
        return total, {k: float(v) for k, v in right.items()}


class Detect(_FromPool):
    """The detector: pictures made smaller and larger, two beside each other, and none at all."""

    name = "detector"
    batch = 64

    def __init__(self, pool: Pool, seed: int) -> None:
        torch.manual_seed(seed + 3_000)
        super().__init__(pool, nets.Detector(), seed + 3_000, 4)

    def loss(self, step: int) -> tuple[Tensor, dict[str, float]]:
        """See ``Task``."""
        pictures, rows, rng = self._draw(step)
        pictures, faces = anchors.collage(pictures, rows, rng)
        with autocast():
            maps = self.net((pictures * 255 - 127.5).div(128).contiguous(memory_format=torch.channels_last))
        return anchors.loss([m.float() for m in maps], anchors.targets(faces, pictures.shape[-1]))
