"""What is painted on the clay: eyes, mouth, cheeks, marks, glasses, strands of hair, patterns of cloth.

Points are in head (or body) units; a mask is soft over one sample, so that painted edges are antialiased.
"""

from dataclasses import dataclass

import torch

from pipelines.world.renderer.characters import Character
from pipelines.world.renderer.geometry import ROUND, eye_place, lip_colour, mouth_height, mouth_width
from pipelines.world.renderer.views import Face

Tensor = torch.Tensor


class Sheet:
    """A table of numbers, one row a picture; ``sheet.name`` is a (B, 1) column, ``sheet.rgb("name")`` (B, 3, 1)."""

    def __init__(self, rows: list[dict[str, float]], device: torch.device | str = "cpu") -> None:
        self._at = {name: i for i, name in enumerate(rows[0])}
        self._table = torch.tensor([list(row.values()) for row in rows], dtype=torch.float32).to(device)

    def __getattr__(self, name: str) -> Tensor:
        i = self._at[name]
        return self._table[:, i : i + 1]

    def rgb(self, name: str) -> Tensor:
        """A colour that was put in as ``name_r``, ``name_g``, ``name_b``."""
        i = self._at[name + "_r"]
        return self._table[:, i : i + 3, None]


def numbers(c: Character, face: Face, pixel: float) -> dict[str, float]:
    """All the painters need to know of one picture; ``pixel`` is the width of a sample in head units."""
    s = c.shape
    gap, height = eye_place(c)
    out = {
        "px": 1.3 * pixel,
        "ex": gap,
        "ey": height,
        "ew": 0.185 * (1 + 0.20 * s.eye_wide),
        "eh": 0.235 * (1 + 0.23 * s.eye_tall),
        "slant": 0.20 * s.eye_slant,
        "lashes": float(c.lashes),
        "my": mouth_height(c),
        "mw": mouth_width(c) * face.wide,
        "lips": (0.034 + 0.016 * s.lips) * (1.15 if c.lashes else 0.85),
        "parting": s.parting,
    }
    out |= {f"f_{name}": getattr(face, name) for name in Face.__dataclass_fields__}
    out |= {f"mark_{m}": float(c.mark == m) for m in ("freckles", "scar", "stripes", "mole", "gem")}
    out |= {f"glasses_{g}": float(c.glasses == g) for g in ("round", "square", "shades")}
    out |= {f"top_{t}": float(c.top == w) for t, w in (("stripes", "striped shirt"), ("v", "v-neck"))}
    out |= {f"top_{t}": float(c.top == t) for t in ("shirt", "jacket", "hoodie")}
    out |= {"headband": float(c.extra == "headband"), "curly": float(c.style in ("afro", "curly"))}
    out |= {"stubble": float(c.beard == "full"), "side": 1.0 if c.seed % 2 else -1.0}
    colours = {name: getattr(c.colours, name) for name in ("skin", "hair", "eyes", "trim", "extra")}
    for name, colour in (colours | {"lip": lip_colour(c)}).items():
        out |= {f"{name}_{axis}": value for axis, value in zip("rgb", colour, strict=True)}
    return out


@dataclass
class Points:
    """Surface points of a batch: head coordinates, ``u`` the distance along the face from the middle line."""

    x: Tensor
    y: Tensor
    z: Tensor

    def __post_init__(self) -> None:
        self.u = torch.atan2(self.x, self.z) * ROUND
        self.au = self.u.abs()


def lay(base: Tensor, colour: Tensor | tuple[float, float, float], mask: Tensor) -> Tensor:
    """``colour`` over ``base`` (B, 3, P) where ``mask`` (B, P) is 1."""
    if isinstance(colour, tuple):
        colour = base.new_tensor(colour)[None, :, None]
    return torch.lerp(base, colour.expand_as(base), mask[:, None].expand_as(base))


def soft(distance: Tensor, width: Tensor) -> Tensor:
    """1 inside (negative distance), 0 outside, a ramp of ``width`` between."""
    return (0.5 - distance / width).clamp(0, 1)


def _ramp(x: Tensor, low: float, high: float) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def face(base: Tensor, p: Points, s: Sheet) -> tuple[Tensor, None]:
    """Paint the skin of a head: cheeks, marks, eyes, mouth, headband."""
    base = _skin(base, p, s)
    base = _marks(base, p, s)
    base = _mouth(base, p, s)
    base = _eyes(base, p, s)
    return _headband(base, p, s), None


def _skin(base: Tensor, p: Points, s: Sheet) -> Tensor:
    blush = torch.exp(-((p.au - 0.60) ** 2 / 0.045 + (p.y + 0.30) ** 2 / 0.020)) * (0.30 + 0.14 * s.f_cheeks)
    base = lay(base, (0.96, 0.42, 0.40), blush)
    beard = s.stubble * _ramp(-(p.y - s.my) + 0.55 * (p.au - 0.42), 0.05, 0.22) * _ramp(-p.au, -1.25, -1.05)
    return lay(base, s.rgb("hair") * 0.9, 0.9 * beard * _ramp(-p.y, -0.05, 0.1))


def _marks(base: Tensor, p: Points, s: Sheet) -> Tensor:
    dots = torch.full_like(p.y, 9.0)
    for u, y in ((0.44, -0.22), (0.58, -0.30), (0.71, -0.21), (0.50, -0.38), (0.10, -0.10), (0.66, -0.39)):
        dots = torch.minimum(dots, ((p.au - u) ** 2 + (p.y - y) ** 2).sqrt() - 0.034)
    base = lay(
        base, s.rgb("skin") * base.new_tensor([0.70, 0.52, 0.44])[None, :, None], s.mark_freckles * soft(dots, s.px)
    )
    u, y = p.u * s.side - 0.62, p.y + 0.20
    scar = torch.maximum((0.40 * u + 0.92 * y).abs() - 0.26, (0.92 * u - 0.40 * y).abs() - 0.028)
    base = lay(base, (0.80, 0.36, 0.36), 0.85 * s.mark_scar * soft(scar, s.px))
    bars = torch.maximum(((p.y + 0.32).abs() - 0.075).abs() - 0.038, (p.au - 0.72).abs() - 0.17)
    base = lay(base, s.rgb("extra"), s.mark_stripes * soft(bars, s.px))
    mole = ((p.u * s.side - 0.33) ** 2 + (p.y - s.my - 0.13) ** 2).sqrt() - 0.036
    base = lay(base, (0.27, 0.15, 0.12), s.mark_mole * soft(mole, s.px))
    gem = (p.au / 0.085 + (p.y - 0.40).abs() / 0.12 - 1) * 0.06
    base = lay(base, s.rgb("extra"), s.mark_gem * soft(gem, s.px))
    return lay(base, (1.0, 1.0, 1.0), 0.7 * s.mark_gem * soft(gem + 0.035 + 0.25 * (p.u + 0.02).abs(), s.px))


def _eyes(base: Tensor, p: Points, s: Sheet) -> Tensor:
    a = (p.au - s.ex) / s.ew
    b = (p.y - s.ey - s.slant * a * s.eh) / s.eh
    oval = ((a * a + b * b).sqrt() - 1) * s.ew
    top = (b - (1.12 - 2 * s.f_lid_top + s.f_lid_slope * a - 0.38 * a * a)) * s.eh
    low = ((-1 + 2 * s.f_lid_low - 0.45 * s.f_lid_low * a * a) - b) * s.eh
    upper = torch.maximum(oval, top)
    base = lay(base, s.rgb("skin") * 0.88, soft(oval, s.px) * (b > 0))
    base = lay(base, _eyeball(base, p, s, b), soft(torch.maximum(upper, low), s.px))
    weight = (0.024 + 0.014 * s.lashes) * (0.15 + 0.85 * _ramp(b + 0.45 * a, -0.35, 0.75))
    lash = torch.maximum((upper - 0.4 * weight).abs() - weight, (-0.30 - b) * s.eh)
    wing = ((a - 1.08) ** 2 / 0.09 + (b - 0.30 - 0.8 * (a - 1)) ** 2 / 0.025).sqrt() * 0.05 - 0.05
    lash = torch.minimum(lash, wing + (1 - s.lashes) * 9)
    return lay(base, (0.13, 0.08, 0.09), soft(lash, s.px))


def _eyeball(base: Tensor, p: Points, s: Sheet, b: Tensor) -> Tensor:
    """White, iris, pupil and two highlights, all over the face: the caller cuts the eye out."""
    ball = base.new_tensor([0.985, 0.98, 0.975])[None, :, None] * (1 - 0.20 * _ramp(b, 0.1, 1.0))[:, None]
    r = 0.80 * torch.minimum(s.ew, s.eh)
    du, dv = p.au - s.ex + 0.012, (p.y - s.ey) * 0.88
    away = (du * du + dv * dv).sqrt()
    glow = (0.80 - 0.55 * dv / r).clamp(0.35, 1.35)
    iris = (s.rgb("eyes") * glow[:, None]).clamp(0, 1)
    iris = torch.where((away > 0.82 * r)[:, None], iris * 0.55, iris)
    ball = lay(ball, iris, soft(away - r, s.px))
    ball = lay(ball, (0.06, 0.04, 0.06), soft(away - 0.50 * r, s.px))
    right = torch.where(p.u < 0, -du, du)
    shine = ((right + 0.32 * r) ** 2 + (dv - 0.40 * r) ** 2).sqrt() - 0.30 * r
    spark = ((right - 0.36 * r) ** 2 + (dv + 0.40 * r) ** 2).sqrt() - 0.15 * r
    return lay(ball, (1.0, 1.0, 1.0), soft(torch.minimum(shine, spark), s.px))


def _mouth(base: Tensor, p: Points, s: Sheet) -> Tensor:
    m = p.au / s.mw
    m2 = (m * m).clamp(max=1.5)
    middle = s.my + s.f_curve * (m2 - 0.45)
    height = s.f_open * torch.lerp(1 - m2, 1 - m2 * m2 * m2, s.f_square.expand_as(m)).clamp(min=0)
    # An open mouth's upper edge is flatter than its lower: a D lying on its back.
    up = s.my + s.f_curve * (0.62 * m2 - 0.30) + 0.28 * height
    up = torch.lerp(middle, up, (s.f_open * 20).clamp(0, 1).expand_as(m))
    down = up - height
    end = (m - 1) * s.mw
    hole = torch.maximum(torch.maximum(p.y - up, down - p.y), end)
    lips = s.rgb("lip")
    thick = s.lips * (1.25 - m2.clamp(max=1)) + 0.008
    base = lay(base, lips, 0.85 * soft(hole - thick, s.px + 0.02))
    open_ = (s.f_open > 0.04).float()
    line = torch.maximum((p.y - middle).abs() - 0.019 * (1.25 - 0.75 * m2.clamp(max=1)), end - 0.02)
    base = lay(base, lips * 0.46, (1 - open_) * soft(line, s.px))
    base = lay(base, (0.42, 0.11, 0.13), open_ * soft(hole, s.px))
    tongue = torch.maximum(hole + 0.012, p.y - down - 0.34 * height)
    base = lay(base, (0.93, 0.47, 0.46), open_ * (1 - s.f_square) * soft(tongue, s.px))
    teeth = torch.maximum(hole + 0.010, up - (0.40 + 0.6 * s.f_square) * height - p.y)
    base = lay(base, (0.99, 0.98, 0.95), open_ * soft(teeth, s.px))
    clench = torch.maximum((p.y - (up + down) / 2).abs() - 0.012, hole + 0.02)
    return lay(base, (0.45, 0.30, 0.30), open_ * s.f_square * soft(clench, s.px))


def _headband(base: Tensor, p: Points, s: Sheet) -> Tensor:
    """A band around the head, over hair and skin."""
    band = (p.y - 0.60 + 0.10 * (p.z - 0.8)).abs() - 0.095
    return lay(base, s.rgb("extra"), s.headband * soft(band, s.px))


def glasses(base: Tensor, p: Points, s: Sheet) -> tuple[Tensor, Tensor]:
    """Frames (and shades' dark lenses) on a clear shell before the face: their colour, and where they are."""
    du, dv = p.au - s.ex - 0.01, p.y - s.ey + 0.01
    round_ = (du * du + dv * dv).sqrt() - 0.285
    box = torch.maximum(du.abs() - 0.285, dv.abs() - 0.235)
    corner = ((du.abs() - 0.20).clamp(min=0) ** 2 + (dv.abs() - 0.15).clamp(min=0) ** 2).sqrt() - 0.085
    square = torch.maximum(box, corner)
    lens = torch.lerp(square, round_, s.glasses_round.expand_as(square))
    frame = lens.abs() - 0.036
    bridge = torch.maximum((dv - 0.05).abs() - 0.030, p.au - s.ex + 0.25)
    arm = torch.maximum(torch.maximum((dv - 0.06).abs() - 0.032, s.ex + 0.26 - p.au), p.au - 1.42)
    rim = soft(torch.minimum(torch.minimum(frame, bridge), arm), s.px)
    dark = s.glasses_shades * soft(lens, s.px)
    return lay(base, (0.10, 0.09, 0.12), dark * (1 - rim)), torch.maximum(rim, dark) > 0.5


def hair(base: Tensor, p: Points, s: Sheet) -> tuple[Tensor, None]:
    """Soft strands that run down from the crown; curls for curly hair."""
    turn = torch.atan2(p.x, p.z + 0.25)
    strand = torch.sin(turn * 15 + 2.2 * torch.sin(p.y * 3.1 + 3 * s.parting))
    curl = torch.sin(p.x * 15) * torch.sin(p.y * 15 + 1) * torch.sin(p.z * 15)
    wave = torch.lerp(strand, 1.4 * curl, s.curly.expand_as(strand))
    return _headband((base * (1 + 0.085 * wave)[:, None]).clamp(0, 1), p, s), None


def clothes(base: Tensor, p: Points, s: Sheet) -> tuple[Tensor, None]:
    """Stripes, neckline, zip and collar, in body coordinates."""
    front = (p.z > -0.05).float()
    trim, px = s.rgb("trim"), s.px
    base = lay(base, trim, s.top_stripes * soft(torch.sin(p.y * 17.0) / 17.0 + 0.01, px))
    collar = ((p.x * p.x + (p.z + 0.12) ** 2).sqrt() - 0.42 - 0.4 * (p.y + 1.28).clamp(min=-0.4)) * 0.8
    base = lay(base, trim, (s.top_shirt + s.top_stripes) * soft(collar + 0.05, px))
    v = (p.x.abs() - 0.62 * (p.y + 1.78)) * 0.8
    base = lay(base, trim, s.top_v * front * soft(v - 0.07, px))
    base = lay(base, s.rgb("skin") * 0.95, s.top_v * front * soft(v, px))
    base = lay(base, trim, s.top_jacket * front * soft(p.x.abs() - 0.17 - 0.10 * (p.y + 1.4), px))
    strings = torch.maximum((p.x.abs() - 0.14).abs() - 0.028, (p.y + 1.55).abs() - 0.24)
    base = lay(base, trim, s.top_hoodie * front * soft(strings, px))
    badge = ((p.x - 0.26) ** 2 + (p.y + 1.70) ** 2).sqrt() - 0.095
    return lay(base, trim, s.top_shirt * front * soft(badge, px)), None
