"""What is behind a figure: plain colours with a soft vignette, a studio, and simple scenes out of focus."""

import random
from collections.abc import Callable

import torch

from pipelines.world.renderer.characters import RGB

Tensor = torch.Tensor
PLAIN: dict[str, RGB] = {
    "grey": (0.72, 0.73, 0.76),
    "white": (0.95, 0.95, 0.95),
    "blue": (0.60, 0.77, 0.95),
    "green": (0.66, 0.85, 0.68),
    "pink": (0.97, 0.77, 0.81),
    "beige": (0.93, 0.86, 0.74),
    "yellow": (0.98, 0.88, 0.58),
    "lilac": (0.80, 0.74, 0.93),
    "dark": (0.27, 0.29, 0.36),
}
DRAWS = 16


def backgrounds(names: list[str], scenes: list[int], size: int, device: torch.device | str = "cpu") -> Tensor:
    """(B, 3, size * size) in 0..1. ``KeyError`` for a name that is neither in ``PLAIN`` nor in ``SCENES``."""
    grid = (torch.arange(size, device=device) + 0.5) / size * 2 - 1
    y, x = (axis.reshape(-1) for axis in torch.meshgrid(-grid, grid, indexing="ij"))
    out = torch.empty(len(names), 3, size * size, device=device)
    draws = torch.tensor([_draws(scene) for scene in scenes], device=device)
    for name in sorted(set(names)):
        rows = [i for i, other in enumerate(names) if other == name]
        paint = SCENES.get(name) or _plain(PLAIN[name])
        out[rows] = paint(x[None], y[None], draws[rows])
    return out


def _draws(scene: int) -> list[float]:
    rng = random.Random(scene)  # noqa: S311
    return [rng.random() for _ in range(DRAWS)]


def _rgb(x: Tensor, *colour: float) -> Tensor:
    return x.new_tensor(colour)[None, :, None]


def _step(x: Tensor, low: float, high: float) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _over(base: Tensor, colour: Tensor, mask: Tensor) -> Tensor:
    return base + (colour - base) * mask[:, None]


def _plain(colour: RGB) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    def paint(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
        glow = torch.exp(-(x * x + (y - 0.15) ** 2) / 1.1)
        tint = 1 + 0.05 * (r[:, :3, None] - 0.5)
        return (_rgb(x, *colour) * tint * (0.86 + 0.17 * glow + 0.04 * y)[:, None]).clamp(0, 1)

    return paint


def _studio(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    """A light grey backdrop that bends into the floor, lit from the middle."""
    glow = torch.exp(-(x * x * 0.8 + (y - 0.2) ** 2) / 0.9)
    level = 0.70 + 0.20 * glow + 0.03 * (r[:, :1] - 0.5) - 0.05 * _step(-y, 0.45, 1.0)
    return (_rgb(x, 0.985, 0.99, 1.01) * level[:, None]).clamp(0, 1)


def _forest(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    light = torch.exp(-((x - r[:, :1] + 0.5) ** 2 + (y - 0.55) ** 2) / 0.55)
    base = _rgb(x, 0.33, 0.58, 0.36) + _rgb(x, 0.42, 0.34, 0.16) * light[:, None]
    for k in range(5):
        at = -0.95 + 0.45 * k + 0.25 * (r[:, k + 1 : k + 2] - 0.5)
        trunk = 1 - _step((x - at).abs(), 0.055, 0.125)
        base = _over(base, _rgb(x, 0.36, 0.29, 0.21), 0.75 * trunk * _step(y, -0.75, -0.45))
    for k in range(6):
        cx, cy = 2.2 * (r[:, k + 6 : k + 7] - 0.5), 0.62 + 0.45 * r[:, k : k + 1]
        leaf = torch.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (0.05 + 0.04 * (k % 3)))
        base = _over(base, _rgb(x, 0.42 + 0.06 * (k % 3), 0.72, 0.36), 0.55 * leaf)
    return _over(base, _rgb(x, 0.30, 0.47, 0.24), 1 - _step(y, -0.72, -0.52)).clamp(0, 1)


def _beach(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    high = _step(y, -0.2, 1.0)[:, None]
    base = _rgb(x, 0.78, 0.91, 0.98) * (1 - high) + _rgb(x, 0.42, 0.71, 0.96) * high
    sun = ((x - 1.5 * (r[:, :1] - 0.5)) ** 2 + (y - 0.68) ** 2).sqrt()
    base = _over(base, _rgb(x, 1.0, 0.96, 0.74), 0.95 * (1 - _step(sun, 0.13, 0.20)) + 0.20 * torch.exp(-sun * 4))
    for k in range(3):
        cx, cy = 2.4 * (r[:, k + 1 : k + 2] - 0.5), 0.30 + 0.5 * r[:, k + 4 : k + 5]
        cloud = torch.exp(-((x - cx) ** 2 / 0.10 + (y - cy) ** 2 / 0.008))
        base = _over(base, _rgb(x, 1.0, 1.0, 1.0), 0.75 * cloud)
    base = _over(base, _rgb(x, 0.20, 0.60, 0.75), 1 - _step(y, -0.27, -0.23))
    shore = -0.58 + 0.03 * torch.sin(5 * x + 6 * r[:, 7:8])
    foam = y - shore
    base = _over(base, _rgb(x, 0.96, 0.98, 0.98), 1 - _step(foam, 0.00, 0.07))
    return _over(base, _rgb(x, 0.95, 0.85, 0.64), 1 - _step(foam, -0.06, -0.02)).clamp(0, 1)


def _city(x: Tensor, y: Tensor, r: Tensor) -> Tensor:
    high = _step(y, -0.4, 1.0)[:, None]
    base = _rgb(x, 0.98, 0.86, 0.78) * (1 - high) + _rgb(x, 0.62, 0.74, 0.92) * high
    for k in range(6):
        at = -0.92 + 0.37 * k + 0.10 * (r[:, k : k + 1] - 0.5)
        top = 0.05 + 0.85 * r[:, k + 6 : k + 7]
        house = (1 - _step((x - at).abs(), 0.165, 0.195)) * (1 - _step(y - top, -0.015, 0.015))
        tone = 0.46 + 0.07 * (k % 3)
        base = _over(base, _rgb(x, tone * 0.92, tone * 0.98, tone * 1.16), house)
        panes = _step(torch.sin((x - at) * 42), 0.15, 0.6) * _step(torch.sin(y * 30 + k), 0.1, 0.6)
        lit = panes * house * _step(top - y, 0.05, 0.09)
        base = _over(base, _rgb(x, 1.0, 0.88, 0.58), 0.70 * lit)
    return _over(base, _rgb(x, 0.52, 0.51, 0.54), 1 - _step(y, -0.74, -0.70)).clamp(0, 1)


SCENES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "studio": _studio,
    "forest": _forest,
    "beach": _beach,
    "city": _city,
}
NAMES = (*PLAIN, *SCENES)
