"""From what a reader says to one vector: the same character near, strangers about orthogonal, twins told apart.

The parameters a reader says (probabilities of words, numbers) are centred and whitened by how much they vary *within*
one character, softened by how much they vary at all, so that every parameter counts as far as it can be read. Fitted on
characters of the reader's own range that no training step saw.
"""

import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from labs.mini_training.faces.degrade import degraded
from labs.mini_training.faces.pool import FITTING, SIZE, draw_view, keep, kept
from labs.mini_training.faces.targets import WORDS, Table, table
from pipelines.world.renderer import TWINS, Character, Truth, View, render_tensor, twin

Tensor = torch.Tensor
Reads = Callable[[Tensor, Table], Mapping[str, Tensor]]
DIMENSIONS = 512
VIEWS = 6
# What goes into the vector, in this order.
NAMES = (*WORDS, "numbers")


@dataclass
class Family:
    """Pictures of characters and their twins: ``who`` counts characters (N,), ``twin`` is -1 for the character itself,
    else the place of the feature in ``TWINS``."""

    pictures: Tensor
    table: Table
    who: np.ndarray
    twin: np.ndarray


def family(seeds: tuple[int, int], count: int = 160, salt: str = "fit", views: int = VIEWS, twins: int = 1) -> Family:
    """``count`` characters with seeds of the range, ``views`` pictures of each and ``twins`` of each of its twins."""
    rng = random.Random(f"family {salt} {seeds}")  # noqa: S311
    people: list[tuple[int, int, Character]] = []
    for k in range(count):
        one = Character.from_seed(rng.randrange(*seeds))
        people += [(k, -1, one)] * views
        people += [(k, t, twin(one, feature)) for t, feature in enumerate(TWINS) for _ in range(twins)]
    looks = [_look(rng) for _ in people]
    characters = [c for _, _, c in people]
    pictures = (render_tensor(characters, looks, SIZE, samples=1) * 255).round().to(torch.uint8)
    truths = [Truth.of(c, v) for c, v in zip(characters, looks, strict=True)]
    return Family(pictures, table(truths), np.array([k for k, _, _ in people]), np.array([t for _, t, _ in people]))


def _look(rng: random.Random) -> View:
    """A portrait or a bust at one of the five angles: what identity is measured on."""
    while True:
        view = draw_view(rng, away=0.0)
        if view.framing != "full":
            return view


def fitting_family(folder: Path, seeds: str) -> Family:
    """The family a reader's embedding is fitted on, drawn once and kept in ``folder``."""
    path = folder / f"fitting-{seeds}.safetensors"
    if not path.exists():
        drawn = family(FITTING[seeds])
        rest = {"pictures": drawn.pictures.numpy(), "who": drawn.who, "twin": drawn.twin}
        keep(path, rest | {f"table.{name}": column for name, column in drawn.table.items()})
    held = kept(path)
    columns = {name.removeprefix("table."): array for name, array in held.items() if name.startswith("table.")}
    return Family(torch.from_numpy(held["pictures"]), columns, held["who"], held["twin"])


def features(said: Mapping[str, Tensor]) -> Tensor:
    """(N, F): probabilities of every word, then the numbers."""
    parts = [said[name].softmax(-1) if name in WORDS else said[name] for name in NAMES]
    return torch.cat(parts, -1)


class Whitening(nn.Module):
    """``(features - mean) @ matrix.T``: (N, F) to (N, 512)."""

    def __init__(self, mean: Tensor, matrix: Tensor) -> None:
        super().__init__()
        self.mean, self.matrix = nn.Parameter(mean, False), nn.Parameter(matrix, False)

    def forward(self, x: Tensor) -> Tensor:
        """Not of unit length."""
        return (x - self.mean) @ self.matrix.T


def whitening(
    x: np.ndarray, who: np.ndarray, soft: float, trust: float = 1.0, width: int = DIMENSIONS, seed: int = 0
) -> Whitening:
    """Fit on features (N, F) of characters ``who`` (N,). ``soft``: the share of the whole spread that is added to the
    spread within characters before its inverse square root is taken, so that what is read without fault does not drown
    the rest. Directions then count by the share of their spread that is between characters, to the power of ``trust``
    (Wiener's weight): what cannot be read only adds noise."""
    mean = x.mean(0)
    centred = x - mean
    own = np.concatenate([x[who == k] - x[who == k].mean(0) for k in np.unique(who)])
    within = own.T @ own / max(1, len(own) - len(np.unique(who)))
    whole = centred.T @ centred / len(x)
    values, vectors = np.linalg.eigh(within + soft * whole + 1e-6 * np.eye(len(mean)))
    root = vectors @ np.diag(values**-0.5) @ vectors.T
    noise = root @ within @ root
    spread, directions = np.linalg.eigh(root @ whole @ root)
    lost = np.einsum("ij,ik,kj->j", directions, noise, directions) / np.maximum(spread, 1e-9)
    root = directions @ np.diag(np.clip(1 - lost, 0, 1) ** trust) @ directions.T @ root
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(width, len(mean))))[0]
    return Whitening(torch.from_numpy(mean).float(), torch.from_numpy(turn @ root).float())


def auc(right: np.ndarray, wrong: np.ndarray) -> float:
    """The chance that a right score is above a wrong one (Mann-Whitney), ties half."""
    order = np.sort(wrong)
    below, up_to = np.searchsorted(order, right, "left"), np.searchsorted(order, right, "right")
    return float((below + up_to).mean() / 2 / len(wrong))


def separation(e: np.ndarray, who: np.ndarray, twins: np.ndarray) -> dict[str, float]:
    """AUCs of unit rows (N, d): single pictures against the centroid of a character's other pictures; wrong ones are
    all pictures of other characters (``strangers``), or of its twins by each feature."""
    people = np.unique(who)
    own = {k: e[(who == k) & (twins < 0)] for k in people}
    centres = {k: _unit(v.mean(0)) for k, v in own.items()}
    right = np.concatenate([[v[i] @ _unit(np.delete(v, i, 0).mean(0)) for i in range(len(v))] for v in own.values()])
    plain = twins < 0
    strangers = np.concatenate([e[plain & (who != k)] @ centres[k] for k in people])
    out = {"strangers": auc(right, strangers)}
    for t, feature in enumerate(TWINS):
        rows = np.flatnonzero(twins == t)
        out[feature] = auc(right, np.array([e[i] @ centres[who[i]] for i in rows]))
    return out


def _unit(v: np.ndarray) -> np.ndarray:
    return v / (np.linalg.norm(v, axis=-1, keepdims=True) + 1e-12)


@torch.no_grad()
def fit(read: Reads, held: Family, width: int = DIMENSIONS) -> tuple[Whitening, dict[str, float]]:
    """The whitening whose AUCs are best on mean over strangers and twins, and those. ``read`` (pictures, table) gives
    what the network says of a batch of pictures."""
    rng = np.random.default_rng(5)
    keep = held.table["face"] == 1
    rows = {k: v[keep] for k, v in held.table.items()}
    pictures = held.pictures[torch.from_numpy(keep)]
    said = []
    for k in range(0, len(pictures), 128):
        part = degraded(pictures[k : k + 128].float() / 255, rng)
        said.append(features(read(part, {name: v[k : k + 128] for name, v in rows.items()})).numpy())
    x, who, twins = np.concatenate(said).astype(np.float64), held.who[keep], held.twin[keep]
    best: tuple[float, Whitening, dict[str, float]] | None = None
    for soft, trust in itertools.product((0.03, 0.1, 0.3, 1.0, 3.0, 10.0), (0.0, 0.5, 1.0, 2.0)):
        made = whitening(x[twins < 0], who[twins < 0], soft, trust, width)
        e = _unit(made(torch.from_numpy(x).float()).numpy())
        figures = separation(e, who, twins)
        mean = float(np.mean(list(figures.values()))) + 2 * figures["strangers"]
        if best is None or mean > best[0]:
            best = (mean, made, figures | {"soft": soft, "trust": trust})
    assert best is not None
    return best[1], best[2]
