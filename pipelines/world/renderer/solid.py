"""Many ellipsoids, one smooth surface: batched ray casting of melted clay.

Ellipsoid i gives a point p the weight exp(k_i (1 - q_i(p))), where q_i is its quadratic form (1 on its surface); the
clay's surface is where the weights of a group sum to 1 (Blinn, "A generalization of algebraic surface drawing", 1982).
Along a ray parallel to z every exponent is a parabola, so from a point inside, the weighted mean of the parabolas is a
lower bound of log F that touches it there (Jensen): its front root is again inside, and nearer. A few such steps from
the front of the nearest ellipsoid reach the surface. All of it is matrix products over (batch, ellipsoid, pixel).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from pipelines.world.renderer.geometry import Figure

# Blending per group: larger is crisper; in 1/head units.
CRISP = {"head": 8.0, "hair": 17.0, "brows": 14.0, "body": 10.0, "clothes": 10.0, "trousers": 12.0, "extra": 14.0}
STEPS = 2
MISS = 0.3
BEHIND = 40.0
FAR = -9.0
ROW = 19
NOWHERE = -500.0

Four = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass
class Clump:
    """The ellipsoids of one group for a batch, in the picture's frame (x, y in -1..1 on screen, z toward the viewer).

    The exponent of ellipsoid i along a ray is ``peak - (root z + shift)^2``. ``shift`` (B, N, 3) and ``peak`` (B, N, 6)
    are coefficients over [1, x, y] and [1, x, y, xx, xy, yy]; ``root`` (B, N, 1). ``sums`` (B, 5, N) are what weights
    are summed with to get the mean parabola, ``form`` (B, 9, N) k S and k S c for normals, ``colour`` (B, 3, N).
    ``crisp`` (B, N) is k, and ``edges`` (N, 4) what each covers in any picture: left, low, right, high.
    """

    shift: torch.Tensor
    peak: torch.Tensor
    root: torch.Tensor
    sums: torch.Tensor
    form: torch.Tensor
    colour: torch.Tensor
    crisp: torch.Tensor
    edges: torch.Tensor

    @property
    def box(self) -> list[float]:
        """What all of it covers: left, low, right, high."""
        return [*self.edges[:, :2].amin(0).tolist(), *self.edges[:, 2:].amax(0).tolist()]

    def to(self, device: torch.device | str) -> "Clump":
        """The same on a device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})

    def part(self, of: slice | torch.Tensor) -> "Clump":
        """Some of the ellipsoids."""
        rows = {n: getattr(self, n)[:, of] for n in ("shift", "peak", "root", "crisp")}
        columns = {n: getattr(self, n)[:, :, of] for n in ("sums", "form", "colour")}
        return replace(self, **rows, **columns, edges=self.edges[of])

    def softer(self, crisp: float) -> "Clump":
        """The same with another blending, for :func:`crowding`: everything in an exponent is proportional to k."""
        by = (crisp / self.crisp)[..., None]
        return replace(self, peak=self.peak * by, shift=self.shift * by.sqrt(), root=self.root * by.sqrt())


@dataclass
class Hit:
    """A group's surface at each pixel: ``z`` (B, P), ``there`` (B, P), ``normal`` and ``colour`` (B, 3, P)."""

    z: torch.Tensor
    there: torch.Tensor
    normal: torch.Tensor
    colour: torch.Tensor


def rows(figures: list[Figure], groups: Sequence[str]) -> tuple[torch.Tensor, dict[str, slice]]:
    """The ellipsoids of every figure, (B, N, 19), and where in N each group is. Padded by ellipsoids that are nowhere;
    empty groups are left out."""
    most = {group: max(len(f[group].rows) for f in figures) for group in groups}
    out = np.zeros((len(figures), sum(most.values()), ROW), np.float32)
    out[:, :, 2], out[:, :, 3:6] = NOWHERE, 0.01
    out[:, :, 6], out[:, :, 10], out[:, :, 14] = 1, 1, 1
    where, start = {}, 0
    for group, number in most.items():
        for b, figure in enumerate(figures):
            if figure[group].rows:
                out[b, start : start + len(figure[group].rows)] = figure[group].rows
        if number:
            where[group] = slice(start, start + number)
            start += number
    return torch.from_numpy(out), where


def clump(
    data: torch.Tensor, frames: torch.Tensor, origin: torch.Tensor, half: torch.Tensor, crisp: torch.Tensor
) -> Clump:
    """Place ellipsoids on the screen. ``frames`` (B, 2, 3, 3) turn body and head, ``origin`` (B, 3) is where the
    head's centre is seen, ``half`` (B,) half the picture's height, all in head units; ``crisp`` (N,)."""
    turn = torch.where(data[..., 18, None, None] > 0.5, frames[:, None, 1], frames[:, None, 0])
    centre = ((turn @ data[..., :3, None])[..., 0] + origin[:, None]) / half[:, None, None]
    axes = data[..., 6:15].unflatten(-1, (3, 3)) @ turn.transpose(-1, -2)
    k = (crisp * data[..., 3:6].amin(-1)).clamp(1.2, 9.0)
    scaled = axes / (data[..., 3:6, None] / half[:, None, None, None])
    s = scaled.transpose(-1, -2) @ scaled * k[..., None, None]
    extent = ((axes * data[..., 3:6, None]) ** 2).sum(-2).sqrt() / half[:, None, None]
    extent = torch.where(data[..., 2:3] > NOWHERE / 2, extent, -99.0)[..., :2]
    edges = torch.cat([(centre[..., :2] - extent).amin(0), (centre[..., :2] + extent).amax(0)], -1)
    colour = data[..., 15:18].transpose(1, 2).contiguous()
    return Clump(*_parabolas(centre, s, k), _form(centre, s), colour, k, edges)


def _parabolas(c: torch.Tensor, s: torch.Tensor, k: torch.Tensor) -> Four:
    a = s[..., 2, 2]
    gx, gy = s[..., 0, 2] / a, s[..., 1, 2] / a
    cx, cy, cz = c.unbind(-1)
    vertex = torch.stack([cz + gx * cx + gy * cy, -gx, -gy], -1)
    xx = s[..., 0, 0] - s[..., 0, 2] * gx
    xy = 2 * (s[..., 0, 1] - s[..., 0, 2] * gy)
    yy = s[..., 1, 1] - s[..., 1, 2] * gy
    peak = [k - xx * cx * cx - xy * cx * cy - yy * cy * cy, 2 * xx * cx + xy * cy, 2 * yy * cy + xy * cx, -xx, -xy, -yy]
    root = a.sqrt()[..., None]
    sums = torch.cat([torch.ones_like(root), root * root, root * root * vertex], -1).mT.contiguous()
    return -root * vertex, torch.stack(peak, -1), root, sums


def _form(c: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
    flat = torch.stack([s[..., i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))], -1)
    return torch.cat([flat, torch.einsum("bnij,bnj->bni", s, c)], -1).transpose(1, 2).contiguous()


def basis(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """[1, x, y, xx, xy, yy] stacked before the last axis."""
    return torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], -2)


def _weight(clay: Clump, peak: torch.Tensor, shift: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """The weights at depth ``z`` (B, P). exp is kept away from where it underflows: there it is ten times as slow."""
    away = torch.addcmul(shift, clay.root, z[:, None])
    return torch.addcmul(peak, away, away, value=-1).clamp_(-40, 30).exp_()


def cast(clay: Clump, x: torch.Tensor, y: torch.Tensor, block: int = 1 << 30, steps: int = STEPS) -> Hit:
    """The surface of a clump under the pixels ``x``, ``y`` (P,), at most ``block`` pixels at a time (cache, memory),
    after ``steps`` steps."""
    parts = [_cast(clay, xs, ys, steps) for xs, ys in zip(x.split(block), y.split(block), strict=True)]
    if len(parts) == 1:
        return parts[0]
    return Hit(*(torch.cat([getattr(part, name) for part in parts], -1) for name in ("z", "there", "normal", "colour")))


def _cast(clay: Clump, x: torch.Tensor, y: torch.Tensor, steps: int) -> Hit:
    monomials = basis(x, y)
    shift, peak = clay.shift @ monomials[:3], clay.peak @ monomials
    # The front of the nearest ellipsoid; beside all of them, about the middle of the one that is least far.
    front = peak.clamp(min=0).sqrt_().sub_(shift).mul_(1 / clay.root)
    z = torch.where(peak > 0, front, (peak * MISS + front).sub_(BEHIND)).amax(1)
    z = torch.where(z < -BEHIND / 2, z + BEHIND, z)
    for _ in range(steps):
        z = _nearer(clay.sums @ _weight(clay, peak, shift, z), x, y, z)
    return _hit(clay, _weight(clay, peak, shift, z), x, y, z)


def _vertex(total: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Curvature and place of the vertex of the mean parabola."""
    f = total[:, 0].clamp(min=1e-30)
    bend = total[:, 1] / f + 1e-9
    return bend, (total[:, 2] + total[:, 3] * x + total[:, 4] * y) / f / bend


def _nearer(total: torch.Tensor, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """The front root of the mean parabola through (z, log F), or its vertex when it has none."""
    bend, vertex = _vertex(total, x, y)
    height = total[:, 0].clamp(min=1e-30).log() + bend * (z - vertex) ** 2
    return vertex + (height.clamp(min=0) / bend).sqrt()


def _hit(clay: Clump, weight: torch.Tensor, x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> Hit:
    there = weight.sum(1) > 0.93
    s = clay.form @ weight
    normal = torch.stack(
        [
            s[:, 0] * x + s[:, 1] * y + s[:, 2] * z - s[:, 6],
            s[:, 1] * x + s[:, 3] * y + s[:, 4] * z - s[:, 7],
            s[:, 2] * x + s[:, 4] * y + s[:, 5] * z - s[:, 8],
        ],
        1,
    )
    normal = normal * (normal.square().sum(1, keepdim=True) + 1e-12).rsqrt()
    sharp = weight * weight
    colour = (clay.colour @ sharp) / sharp.sum(1, keepdim=True).clamp(min=1e-30)
    return Hit(torch.where(there, z, FAR), there, normal, colour)


def crowding(clay: Clump, points: torch.Tensor) -> torch.Tensor:
    """How much clay is at ``points`` (B, 3, P): the sum of weights. For soft shadows."""
    x, y, z = points.unbind(1)
    monomials = basis(x, y)
    return _weight(clay, clay.peak @ monomials, clay.shift @ monomials[:, :3], z).sum(1)
