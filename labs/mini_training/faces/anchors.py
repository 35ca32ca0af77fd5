"""What a detector of SCRFD's shape is to say at each cell of its three maps, and how wrong it is."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from labs.mini_training.faces.degrade import _sample

Tensor = torch.Tensor
STRIDES = (8, 16, 32)
# The longer side of a face (pixels of the input) up to which a stride answers for it.
REACH = (34.0, 68.0, 1e9)


@dataclass
class Faces:
    """Faces of a batch: which picture (F,), boxes (F, 4) and keypoints (F, 5, 2) in pixels of the input."""

    picture: np.ndarray
    box: np.ndarray
    keypoints: np.ndarray


def collage(x: Tensor, rows: dict[str, Tensor], rng: np.random.Generator) -> tuple[Tensor, Faces]:
    """Of every eight pictures five are moved and scaled a little, one is made small, one is set beside another, and
    one stays; what a picture does not cover is black, as insightface pads, or a plain colour."""
    n, s = len(x), x.shape[-1]
    kind = rng.choice(4, size=n, p=[0.15, 0.55, 0.15, 0.15])
    scale = np.where(kind == 1, rng.uniform(0.75, 1.15, n), np.where(kind >= 2, rng.uniform(0.38, 0.62, n), 1.0))
    room = (1 - scale) * s
    shift = np.stack([rng.uniform(0, 1, n) * room, rng.uniform(0, 1, n) * room], 1)
    shift[kind == 3, 0] = 0
    forth = _maps(scale, shift)
    out = _sample(x, forth, s)
    cover = _sample(torch.ones_like(x[:, :1]), forth, s)
    ground = torch.from_numpy(rng.random((n, 3, 1, 1)).astype(np.float32)) * torch.from_numpy(
        (rng.random((n, 1, 1, 1)) < 0.6).astype(np.float32)
    )
    which, maps = [np.arange(n)], [forth]
    pairs = np.flatnonzero(kind == 3)
    if len(pairs):
        beside = _maps(scale[pairs], np.stack([(1 - scale[pairs]) * s, shift[pairs, 1]], 1))
        other = rng.permutation(n)[: len(pairs)]
        keep = torch.from_numpy((np.arange(s) >= s / 2).astype(np.float32))
        second, there = _sample(x[other], beside, s), _sample(torch.ones_like(x[other, :1]), beside, s) * keep
        out[pairs] = out[pairs] * (1 - there) + second * there
        cover[pairs] = torch.maximum(cover[pairs], there)
        which.append(other)
        maps.append(beside)
    places = [np.arange(n), pairs] if len(pairs) else [np.arange(n)]
    return out + ground * (1 - cover), _moved(rows, which, maps, places, s)


def _maps(scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    out = np.zeros((len(scale), 2, 3), np.float32)
    out[:, 0, 0] = out[:, 1, 1] = scale
    out[:, :, 2] = shift
    return out


def _moved(
    rows: dict[str, Tensor], which: list[np.ndarray], maps: list[np.ndarray], places: list[np.ndarray], s: int
) -> Faces:
    parts = []
    for own, forth, place in zip(which, maps, places, strict=True):
        scale, shift = forth[:, 0, 0], forth[:, :, 2]
        box = rows["box"].numpy()[own].reshape(-1, 2, 2) * s * scale[:, None, None] + shift[:, None]
        keys = rows["keypoints"].numpy()[own] * s * scale[:, None, None] + shift[:, None]
        there = rows["face"].numpy()[own] == 1
        middle = box.mean(1)
        there &= ((middle > 0) & (middle < s)).all(1)
        parts.append((place[there], box.reshape(-1, 4)[there], keys[there]))
    return Faces(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def targets(faces: Faces, size: int) -> list[dict[str, Tensor]]:
    """For each stride: ``where`` (3, K) the picture, row and column of cells that answer for a face, ``says`` (K, 14)
    what they say, ``side`` (K,) the face's longer side in strides; ``mute`` (3, M) cells around those, which may say
    what they like. A stride that does not answer for a face is silent there: else one face is found at several sizes.
    """
    side = (faces.box[:, 2:] - faces.box[:, :2]).max(1)
    middle = (faces.box[:, :2] + faces.box[:, 2:]) / 2
    level = np.searchsorted(np.array(REACH), side)
    out = []
    for k, stride in enumerate(STRIDES):
        cells = np.stack(np.meshgrid(*(np.arange(size // stride),) * 2, indexing="xy"), -1) * float(stride)
        away = np.abs(cells[None] - middle[:, None, None]).max(-1)
        near = away <= np.maximum(0.22 * side, 0.55 * stride)[:, None, None]
        own = (level == k)[:, None, None]
        inside = own & (away <= 0.45 * side[:, None, None])
        mine = own & near
        f, y, x = np.nonzero(mine)
        point = np.stack([x, y], 1) * float(stride)
        box = faces.box[f]
        distance = np.concatenate([point - box[:, :2], box[:, 2:] - point], 1) / stride
        keys = ((faces.keypoints[f] - point[:, None]) / stride).reshape(-1, 10)
        g, my, mx = np.nonzero(inside)
        out.append(
            {
                "where": torch.from_numpy(np.stack([faces.picture[f], y, x])),
                "mute": torch.from_numpy(np.stack([faces.picture[g], my, mx])),
                "says": torch.from_numpy(np.concatenate([distance, keys], 1).astype(np.float32)),
                "side": torch.from_numpy((side[f] / stride).astype(np.float32)),
            }
        )
    return out


def loss(maps: list[Tensor], goals: list[dict[str, Tensor]]) -> tuple[Tensor, dict[str, float]]:
    """Focal loss over scores (Lin et al. 2017, gamma 2), and distances and keypoints relative to the face's size."""
    score, place, count = torch.zeros(()), torch.zeros(()), 1
    for seen, goal in zip(maps, goals, strict=True):
        b, _, h, w = seen.shape
        cells = seen.view(b, 2, 15, h, w)
        true, counts = torch.zeros(b, h, w), torch.ones(b, h, w)
        counts[tuple(goal["mute"])] = 0
        true[tuple(goal["where"])], counts[tuple(goal["where"])] = 1, 1
        logit = cells[:, :, 0]
        p = torch.sigmoid(logit)
        t = true[:, None].expand_as(p)
        focal = F.binary_cross_entropy_with_logits(logit, t, reduction="none") * (t - p).abs() ** 2
        score = score + (focal * counts[:, None]).sum()
        i, y, x = goal["where"]
        said = cells[i, :, 1:, y, x]
        wrong = F.smooth_l1_loss(said, goal["says"][:, None].expand_as(said), reduction="none", beta=0.05)
        place = place + (wrong / goal["side"][:, None, None]).sum() / 14
        count += len(i)
    count *= 2
    figures = {"score": float(score.detach()) / count, "place": float(place.detach()) / count}
    return score / count + 8 * place / count, figures
