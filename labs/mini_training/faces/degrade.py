"""What happens to a picture between the renderer and a reader: made small and large again, softened as a VAE softens,
squeezed as JPEG squeezes, noise, another exposure. And the crops that readers look at."""

import math

import numpy as np
import torch
import torch.nn.functional as F

Tensor = torch.Tensor
# Where ArcFace wants eyes, nose and corners of the mouth in its 112 pixels (insightface, face_align.arcface_dst).
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]], np.float32
)
CROP = 112


def degraded(x: Tensor, rng: np.random.Generator, parts: int = 4) -> Tensor:
    """Pictures (N, 3, s, s) in 0..1, each quarter of the batch spoiled in its own way."""
    out = [_spoil(chunk, rng) for chunk in x.chunk(parts)]
    x = torch.cat(out)
    g = torch.from_numpy(rng.normal(size=(len(x), 5)).astype(np.float32))[..., None, None]
    gain = 1 + 0.05 * g[:, :1] + 0.02 * g[:, 1:4]
    # A few sheets of noise do for a batch: drawing normal numbers costs more than all else here.
    noise = torch.randn((9, *x.shape[1:]), generator=_torch(rng))[torch.from_numpy(rng.integers(9, size=len(x)))]
    x = (x - 0.5) * (1 + 0.05 * g[:, 4:5]) + 0.5
    return (x * gain + noise * (0.02 * torch.from_numpy(rng.random((len(x), 1, 1, 1)).astype(np.float32)))).clamp(0, 1)


def _torch(rng: np.random.Generator) -> torch.Generator:
    return torch.Generator().manual_seed(int(rng.integers(2**31)))


def _spoil(x: Tensor, rng: np.random.Generator) -> Tensor:
    size = x.shape[-1]
    small = int(rng.choice([size, size // 2, size // 2, int(size * rng.uniform(0.28, 0.6))]))
    if small < size:
        x = F.interpolate(x, (small, small), mode="area")
    kind = rng.integers(4)
    if kind == 1:
        x = soften(x, rng)
    elif kind == 2:
        x = squeezed(x, float(rng.uniform(0.02, 0.12)))
    elif kind == 3:
        x = blurred(x, float(rng.uniform(0.3, 0.9)))
    if small < size:
        x = F.interpolate(x, (size, size), mode="bilinear", align_corners=False)
    return x


def blurred(x: Tensor, sigma: float) -> Tensor:
    """Gaussian blur, ``sigma`` in pixels."""
    reach = max(1, math.ceil(2 * sigma))
    axis = torch.arange(-reach, reach + 1, dtype=x.dtype)
    k = torch.exp(-0.5 * (axis / sigma) ** 2)
    k = (k / k.sum()).expand(3, 1, 1, -1)
    x = F.conv2d(F.pad(x, (reach, reach, 0, 0), mode="replicate"), k, groups=3)
    return F.conv2d(F.pad(x, (0, 0, reach, reach), mode="replicate"), k.mT.contiguous(), groups=3)


def soften(x: Tensor, rng: np.random.Generator) -> Tensor:
    """As a small VAE does: fine detail lost in part, colour more than light, blotches of a few pixels put in."""
    soft = blurred(x, float(rng.uniform(0.6, 1.4)))
    light = (x - soft).mean(1, keepdim=True) * float(rng.uniform(0.3, 0.9))
    n = max(2, x.shape[-1] // 4)
    blotch = torch.randn(len(x), 3, n, n, generator=_torch(rng)) * float(rng.uniform(0, 0.05))
    return soft + light + F.interpolate(blotch, x.shape[-2:], mode="bilinear", align_corners=False)


def _cosines(n: int = 8) -> Tensor:
    k, i = torch.arange(n)[:, None], torch.arange(n)[None]
    basis = torch.cos(math.pi * (i + 0.5) * k / n) * math.sqrt(2 / n)
    basis[0] /= math.sqrt(2)
    return basis


def squeezed(x: Tensor, step: float) -> Tensor:
    """Blocks of 8 x 8 in the cosine basis, rounded in steps that grow with frequency (ITU-T T.81, without colour
    conversion)."""
    n = x.shape[-1] // 8 * 8
    basis = _cosines()
    blocks = x[..., :n, :n].unflatten(-1, (-1, 8)).unflatten(-3, (-1, 8)).transpose(-3, -2)
    waves = basis @ blocks @ basis.mT
    order = torch.arange(8)
    table = step * (1 + 0.5 * (order[:, None] + order[None]))
    blocks = basis.mT @ ((waves / table).round() * table) @ basis
    out = x.clone()
    out[..., :n, :n] = blocks.transpose(-3, -2).flatten(-2).flatten(-3, -2)
    return out


def similarity(points: np.ndarray) -> np.ndarray:
    """The rotations, scales and shifts (N, 2, 3) that bring keypoints (N, 5, 2) in pixels nearest to the template, as
    ``insightface.utils.face_align`` does (Umeyama 1991), all at once."""
    mean, goal = points.mean(1, keepdims=True), TEMPLATE.mean(0)
    p, q = points - mean, TEMPLATE - goal
    dot = (p * q).sum((1, 2))
    cross = (p[..., 0] * q[:, 1] - p[..., 1] * q[:, 0]).sum(1)
    size = (p**2).sum((1, 2)) + 1e-9
    a, b = dot / size, cross / size
    out = np.zeros((len(points), 2, 3), np.float32)
    out[:, 0, 0], out[:, 0, 1], out[:, 1, 0], out[:, 1, 1] = a, -b, b, a
    out[:, :, 2] = goal - (out[:, :, :2] @ mean.transpose(0, 2, 1))[..., 0]
    return out


def _sample(x: Tensor, forth: np.ndarray, size: int) -> Tensor:
    """``x`` (N, 3, s, s) seen through the affine maps ``forth`` (N, 2, 3) from its pixels to those of the result."""
    s = x.shape[-1]
    full = np.concatenate([forth, np.tile(np.array([[[0, 0, 1]]], np.float32), (len(forth), 1, 1))], 1)
    back = np.linalg.inv(full)[:, :2]
    # grid_sample counts -1..1 over pixel edges, warpAffine pixels by their centres
    to_pixels = np.array([[size / 2, 0, size / 2 - 0.5], [0, size / 2, size / 2 - 0.5], [0, 0, 1]], np.float32)
    theta = back @ to_pixels
    theta = (theta + np.array([[0, 0, 0.5], [0, 0, 0.5]])) * 2 / s - np.array([[0, 0, 1], [0, 0, 1]])
    grid = F.affine_grid(torch.from_numpy(theta.astype(np.float32)), [len(x), 3, size, size], align_corners=False)
    return F.grid_sample(x, grid, padding_mode="zeros", align_corners=False)


def aligned(x: Tensor, keypoints: np.ndarray) -> Tensor:
    """Crops (N, 3, 112, 112) as ArcFace gets them, of pictures (N, 3, s, s) with keypoints in shares (N, 5, 2)."""
    return _sample(x, similarity(keypoints * x.shape[-1] - 0.5), CROP)


def boxed(x: Tensor, boxes: np.ndarray, size: int = 64, margin: float = 0.42) -> Tensor:
    """Upright square crops around boxes (N, 4) in shares, a ``margin`` of the box's longer side on each side."""
    return _sample(x, box_maps(boxes * x.shape[-1], size, margin), size)


def box_maps(boxes: np.ndarray, size: int, margin: float = 0.42) -> np.ndarray:
    """The maps (N, 2, 3) of :func:`boxed`; boxes in pixels."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    side = (boxes[:, 2:] - boxes[:, :2]).max(1) * (1 + 2 * margin)
    scale = size / np.maximum(side, 1e-3)
    out = np.zeros((len(boxes), 2, 3), np.float32)
    out[:, 0, 0] = out[:, 1, 1] = scale
    out[:, :, 2] = size / 2 - 0.5 - (centre - 0.5) * scale[:, None]
    return out


def mirrored(pictures: Tensor, table: dict[str, Tensor], numbers: tuple[str, ...]) -> tuple[Tensor, dict[str, Tensor]]:
    """All of a batch seen in a mirror, and what is true then."""
    out = dict(table)
    turn, keys, box, own = (table[k].clone() for k in ("turn", "keypoints", "box", "numbers"))
    turn[:, 0] *= -1
    keys[..., 0] = 1 - keys[..., 0]
    own[:, numbers.index("parting")] *= -1
    out |= {"turn": turn, "keypoints": keys[:, [1, 0, 2, 4, 3]], "numbers": own}
    out["box"] = torch.stack([1 - box[:, 2], box[:, 1], 1 - box[:, 0], box[:, 3]], 1)
    return pictures.flip(-1), out
