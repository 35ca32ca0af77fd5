"""Pictures to learn editing from: groups of views of one character that differ from each other in known ways.

A group begins with any view; each of the next shows the same but for ONE factor, the last is another day altogether.
Shard ``k`` is the same whenever and by whomever it is drawn.
"""

import os
import random
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from labs.mini_training.faces.pool import keep, kept
from pipelines.world.renderer import (
    BACKGROUNDS,
    EXPRESSIONS,
    FRAMINGS,
    LIGHTS,
    POSES,
    YAWS,
    Character,
    View,
    render_tensor,
)
from pipelines.world.renderer.truth import box

SIZE = 64
SHARD = 250
CHUNK = {"cpu": 2, "cuda": 256}
"""Pictures that are drawn together, of 128 samples a side."""
# Inside the gate's range of seeds: the gate never judges training pictures, and the tests begin at 8,000,000.
SEEDS = (1_000_000, 2_000_000)
SLOTS = ("base", "turn", "turn", "expression", "light", "place", "other")
STYLES = ("plain", "black-and-white", "film")
# Beyond this a face is a profile's back: nobody asks for that.
WIDEST = 100.0

Tensor = torch.Tensor
Table = dict[str, np.ndarray]


def draw_yaw(rng: random.Random, profiles: float = 0.2) -> float:
    """Mostly near the named angles, as sources and wishes are; ``profiles``: how often each profile."""
    if rng.random() < 0.8:
        rest = (1 - 2 * profiles) / 3
        return rng.choices(list(YAWS.values()), (profiles, rest, rest, rest, profiles))[0] + rng.gauss(0, 4)
    return rng.uniform(-WIDEST, WIDEST)


def draw_view(rng: random.Random) -> View:
    """Any view that a source picture may be: mostly portraits, profiles less often, never from behind."""
    return View(
        yaw=draw_yaw(rng, profiles=0.12),
        expression=rng.choice(list(EXPRESSIONS)),
        light=rng.choice(list(LIGHTS)),
        background=rng.choice(list(BACKGROUNDS)),
        framing=rng.choices(FRAMINGS, (80, 16, 4))[0],
        pose=rng.choices(POSES, (8, 1, 1))[0],
        pitch=rng.gauss(0, 3),
        roll=rng.gauss(0, 2),
        strength=rng.uniform(0.9, 1.1),
        zoom=rng.uniform(0.92, 1.06),
        shift=(rng.gauss(0, 0.03), rng.gauss(0, 0.02)),
        scene=rng.randrange(1000),
    )


def _turned(rng: random.Random, base: View, taken: list[float]) -> View:
    """Turned by at least 15 degrees from all that are there; now and then only slightly, as the survey asks."""
    if rng.random() < 0.15:
        yaw = base.yaw + rng.choice((-1, 1)) * rng.uniform(16, 26)
        if abs(yaw) < WIDEST:
            return replace(base, yaw=yaw)
    yaw = draw_yaw(rng)
    while min(abs(yaw - other) for other in taken) < 15:
        yaw = draw_yaw(rng)
    return replace(base, yaw=yaw)


def _other(rng: random.Random, known: tuple[str, ...], now: str) -> str:
    return rng.choice([word for word in known if word != now])


def draw_group(rng: random.Random) -> tuple[list[View], list[str]]:
    """Seven views, one for each of ``SLOTS``, and the style (one of ``STYLES``) of each."""
    base = draw_view(rng)
    first = _turned(rng, base, [base.yaw])
    second = _turned(rng, base, [base.yaw, first.yaw])
    views = [
        base,
        first,
        second,
        replace(base, expression=_other(rng, tuple(EXPRESSIONS), base.expression)),
        replace(base, light=_other(rng, tuple(LIGHTS), base.light)),
    ]
    styles = ["plain"] * len(SLOTS)
    place = rng.choices(("background", "framing", "style"), (55, 25, 20))[0]
    if place == "background":
        views.append(replace(base, background=_other(rng, BACKGROUNDS, base.background), scene=rng.randrange(1000)))
    elif place == "framing":
        views.append(replace(base, framing=_other(rng, FRAMINGS, base.framing)))  # type: ignore[arg-type]
    else:
        views.append(base)
        styles[5] = rng.choice(STYLES[1:])
    views.append(draw_view(rng))
    return views, styles


def styled(picture: Tensor, style: str, seed: int) -> Tensor:
    """A picture (3, h, w) in 0..1 as black and white, or with the faded blacks, warm lights and grain of film."""
    if style == "plain":
        return picture
    if style == "black-and-white":
        grey = (picture * picture.new_tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0)
        return grey.expand_as(picture)
    grain = torch.randn(picture.shape[1:], generator=torch.Generator().manual_seed(seed)) * 0.03
    toned = 0.08 + 0.84 * picture
    warm = toned.new_tensor([1.06, 1.0, 0.86]).view(3, 1, 1)
    return (toned * warm + grain).clamp(0, 1)


@dataclass
class Shard:
    """``pictures`` (N, 7, 3, 64, 64) uint8; ``table``: for each picture ``yaw`` in degrees and the places of
    expression, light, background, framing and style in the lists of that name, all (N, 7), and the ``box`` of the face
    (N, 7, 4), left, top, right, bottom in shares of the picture."""

    pictures: Tensor
    table: Table

    def __len__(self) -> int:
        return len(self.pictures)


def draw(number: int, count: int = SHARD, seeds: tuple[int, int] = SEEDS, device: str = "cpu") -> Shard:
    """Shard ``number``. The same at every call, on one machine's CPU."""
    rng = random.Random(f"editor {number}")  # noqa: S311  a world to look at, no secrets
    people = [Character.from_seed(rng.randrange(*seeds)) for _ in range(count)]
    groups = [draw_group(rng) for _ in people]
    views = [view for group, _ in groups for view in group]
    who = [character for character in people for _ in SLOTS]
    pictures = render_tensor(who, views, SIZE, device=device, chunk=CHUNK[device]).cpu()
    styles = [style for _, group in groups for style in group]
    for i, style in enumerate(styles):
        pictures[i] = styled(pictures[i], style, number * count + i)
    shape = (count, len(SLOTS))
    rows = {name: rows.reshape(shape + rows.shape[1:]) for name, rows in table(who, views, styles).items()}
    pixels = (pictures * 255).round().to(torch.uint8)
    return Shard(pixels.view(*shape, 3, SIZE, SIZE), rows)


def table(who: list[Character], views: list[View], styles: list[str]) -> Table:
    """What is true of pictures, one row each; see :class:`Shard`."""
    out: Table = {"yaw": np.array([v.yaw for v in views], np.float32)}
    out["box"] = np.array([box(c, v) for c, v in zip(who, views, strict=True)], np.float32)
    words = (("expression", EXPRESSIONS), ("light", LIGHTS), ("background", BACKGROUNDS), ("framing", FRAMINGS))
    for name, known in words:
        place = {word: i for i, word in enumerate(known)}
        out[name] = np.array([place[getattr(v, name)] for v in views], np.int64)
    out["style"] = np.array([STYLES.index(style) for style in styles], np.int64)
    return out


class Pool:
    """Shards of ``each`` groups in a folder; what is missing is drawn, on ``device``."""

    def __init__(self, folder: Path, each: int = SHARD, device: str = "cpu") -> None:
        self.folder, self.each, self.device = folder, each, device
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, number: int) -> Path:
        """Where shard ``number`` is, or will be."""
        return self.folder / f"{number:04}.safetensors"

    def ready(self) -> int:
        """How many shards lie there, from the first on without a gap."""
        return next(n for n in range(10**6) if not self.path(n).exists())

    def get(self, number: int) -> Shard:
        """Shard ``number``, drawn if it is not there."""
        self.offer(number)
        arrays = kept(self.path(number))
        return Shard(torch.from_numpy(arrays.pop("pictures")), arrays)

    def offer(self, number: int) -> None:
        """Draw shard ``number`` unless it is there."""
        if self.path(number).exists():
            return
        shard = draw(number, self.each, device=self.device)
        part = self.path(number).with_suffix(f".{os.getpid()}")
        keep(part, {"pictures": shard.pictures.numpy()} | shard.table)
        part.replace(self.path(number))
