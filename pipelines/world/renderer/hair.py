"""Hairstyles and beards: clay clumps around the skull. Each style is a function of its own."""

import math
from collections.abc import Callable

from pipelines.world.renderer.characters import RGB, Character
from pipelines.world.renderer.geometry import Clay, Figure, Vec, _cross, _shade, _unit, mouth_height, on_skull, skull


def hair(figure: Figure, c: Character) -> None:
    """Hair and beard of the character, into the group ``hair``."""
    clay = figure["hair"]
    if c.style != "bald":
        STYLE[c.style](clay, c, c.colours.hair)
    _beard(clay, c, _shade(c.colours.hair, 0.9))


def _cap(clay: Clay, c: Character, colour: RGB, lift: float = 0.07, back: float = 0.10) -> None:
    """The hair that covers the skull; set back, so that its edge with the forehead is the hairline."""
    (_, cy, cz), (rx, ry, rz) = skull(c)
    v = lift + 0.025 * c.shape.hair_volume
    clay.add((0, cy + 0.10, cz - back), (rx + v, ry + v - 0.02, rz + v - 0.02), colour)


def _lock(clay: Clay, c: Character, azimuth: float, top: float, low: float, radius: float, colour: RGB) -> None:
    """A clump on the head from height ``top`` down to ``low`` at an azimuth in degrees."""
    a = math.radians(azimuth)
    clay.limb(on_skull(c, a, top, 0.03), on_skull(c, a, low, 0.05), radius, colour, True)


def _petal(clay: Clay, c: Character, at: tuple[float, float], tilt: float, size: Vec, colour: RGB) -> None:
    """A flat clump that lies on the head at (azimuth in degrees, height), turned by ``tilt`` degrees in its plane;
    ``size``: half its width, half its length, half its thickness."""
    azimuth, t = math.radians(at[0]), math.radians(tilt)
    x, y, z = on_skull(c, azimuth, at[1])
    (_, cy, cz), (rx, ry, rz) = skull(c)
    out, _ = _unit((x / rx**2, (y - cy) / ry**2, (z - cz) / rz**2))
    side, _ = _unit(_cross((0.0, 1.0, 0.0), out))
    up = _cross(out, side)
    across = tuple(math.cos(t) * s + math.sin(t) * u for s, u in zip(side, up, strict=True))
    along = tuple(math.cos(t) * u - math.sin(t) * s for s, u in zip(side, up, strict=True))
    clay.add((x, y, z), size, colour, True, (*across, *along, *out))


def _fringe(clay: Clay, c: Character, colour: RGB, low: float, part: float, thick: float = 0.17) -> None:
    """Petals over the forehead that fall away from the parting (degrees of azimuth) down to about ``low``."""
    for k in (-1.7, -0.6, 0.6, 1.7):
        azimuth = part * 0.6 + k * 27
        fall = (azimuth - part) * 0.75
        y = low + 0.25 - 0.030 * abs(k) ** 2
        _petal(clay, c, (max(-54.0, min(54.0, azimuth)), y), -fall, (0.25, 0.36, thick), colour)


def _sides(clay: Clay, c: Character, colour: RGB, low: float, radius: float, azimuth: float = 98) -> None:
    x = skull(c)[1][0]
    for side in (-1, 1):
        top = on_skull(c, side * math.radians(azimuth), 0.35, 0.02)
        clay.limb(top, (side * (x - 0.02 - 0.16 * max(0.0, -low)), low, -0.28), radius, colour, True, 1.5)


def _parting(c: Character) -> float:
    return 34.0 * (1 if c.shape.parting > 0 else -1) * (0.55 + 0.45 * abs(c.shape.parting))


def _buzz(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.015, 0.075)
    _sides(clay, c, colour, -0.02, 0.10, 80)


def _short(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour)
    part = _parting(c)
    _fringe(clay, c, colour, 0.60, part)
    _sides(clay, c, colour, -0.10, 0.13, 78)
    _petal(clay, c, (-0.9 * part, 0.88), part * 0.9, (0.42, 0.30, 0.24), colour)


def _quiff(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.04)
    _sides(clay, c, colour, -0.10, 0.11, 78)
    up = 0.10 * c.shape.hair_length
    for k in (-1, 0, 1):
        x = k * 0.30 + 0.08 * c.shape.parting
        clay.limb(
            (x * 0.9, 0.74, 0.58), (x + 0.10 * c.shape.parting, 1.10 + up, 0.50 - 0.12 * abs(k)), 0.22, colour, True
        )
    clay.add((0, 0.98 + up / 2, 0.12), (0.52, 0.26, 0.55), colour)


def _spiky(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.05)
    _sides(clay, c, colour, -0.12, 0.13, 78)
    long = 0.27 + 0.08 * c.shape.hair_length
    for azimuth, tilt in ((-50, 40), (0, 36), (50, 40), (-110, 44), (110, 44), (180, 40), (-25, 66), (150, 66)):
        a, e = math.radians(azimuth), math.radians(tilt)
        d = (math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e))
        foot = (d[0] * 0.80, 0.24 + d[1] * 0.74, -0.08 + d[2] * 0.78)
        tip = (foot[0] + d[0] * long, foot[1] + d[1] * long * 0.75 + 0.06, foot[2] + d[2] * long)
        clay.limb(foot, tip, 0.17, colour, True)


def _bob(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.10)
    _fringe(clay, c, colour, 0.66, 0.4 * _parting(c))
    low = -0.62 - 0.14 * c.shape.hair_length
    _sides(clay, c, colour, low, 0.24)
    clay.add((0, -0.16 + 0.3 * (low + 0.62), -0.46), (1.02 + 0.05 * c.shape.hair_volume, 0.74, 0.68), colour)


def _long(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.09)
    _fringe(clay, c, colour, 0.66, _parting(c))
    low = -1.20 - 0.25 * c.shape.hair_length
    _sides(clay, c, colour, low, 0.21)
    clay.add((0, (low + 0.2) / 2, -0.50), (0.98 + 0.06 * c.shape.hair_volume, 0.30 - low / 1.6, 0.52), colour)


def _afro(clay: Clay, c: Character, colour: RGB) -> None:
    v = 0.12 * c.shape.hair_volume
    clay.add((0, 0.36, -0.26), (1.16 + v, 1.00 + v, 1.04 + v), colour)
    for azimuth in (-75, -38, 0, 38, 75):
        a = math.radians(azimuth)
        clay.add(on_skull(c, a, 0.76 - abs(azimuth) * 0.003, 0.14), (0.30 + v, 0.26 + v, 0.28 + v), colour)
    for side in (-1, 1):
        clay.add((side * 0.95, 0.10, -0.20), (0.32 + v, 0.44, 0.46), colour)


def _curly(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.06)
    r = 0.25 + 0.04 * c.shape.hair_volume
    for azimuth, y in (
        (-58, 0.60),
        (-20, 0.74),
        (20, 0.74),
        (58, 0.60),
        (0, 1.02),
        (-75, 0.92),
        (75, 0.92),
        (150, 0.9),
    ):
        clay.add(on_skull(c, math.radians(azimuth), y, 0.09), (r, r, r), colour)
    low = 0.15 * c.shape.hair_length
    for azimuth in (-92, 92, -130, 130, 180):
        a = math.radians(azimuth)
        clay.add(on_skull(c, a, 0.22, 0.14), (r, r, r), colour)
        clay.add(on_skull(c, a, -0.22 - low, 0.14), (r, r, r), colour)


def _ponytail(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.05)
    _fringe(clay, c, colour, 0.62, _parting(c))
    _sides(clay, c, colour, -0.04, 0.12, 78)
    long = 0.95 + 0.35 * c.shape.hair_length
    clay.add((0, 0.72, -0.98), (0.20, 0.20, 0.20), c.colours.extra)
    clay.limb((0, 0.72, -1.04), (0, 0.40, -1.22), 0.26, colour, True)
    clay.limb((0, 0.44, -1.22), (0, 0.60 - long, -1.10), 0.27, colour, True)


def _bun(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.05)
    _fringe(clay, c, colour, 0.66, _parting(c), 0.13)
    _sides(clay, c, colour, -0.02, 0.11, 78)
    r = 0.36 + 0.06 * c.shape.hair_volume
    clay.add((0, 0.96, -0.26), (0.30, 0.12, 0.30), c.colours.extra)
    clay.add((0, 1.14, -0.30), (r, r * 0.82, r), colour)


def _pigtails(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.06)
    _fringe(clay, c, colour, 0.60, 0.0)
    long = 0.85 + 0.30 * c.shape.hair_length
    x = skull(c)[1][0]
    for side in (-1, 1):
        clay.add((side * (x + 0.06), 0.42, -0.32), (0.17, 0.17, 0.17), c.colours.extra)
        clay.limb((side * (x + 0.10), 0.42, -0.32), (side * (x + 0.22), 0.14, -0.32), 0.22, colour, True)
        clay.limb((side * (x + 0.22), 0.16, -0.32), (side * (x + 0.14), 0.42 - long, -0.26), 0.24, colour, True)


def _mohawk(clay: Clay, c: Character, colour: RGB) -> None:
    high = 0.26 + 0.08 * c.shape.hair_length
    for e in (30, 48, 66, 84, 102, 120, 140, 162):
        a = math.radians(e)
        d = (0.0, math.sin(a), math.cos(a))
        foot = (0.0, 0.16 + 0.76 * d[1], -0.06 + 0.84 * d[2])
        clay.limb(foot, (0.0, foot[1] + high * d[1] + 0.06, foot[2] + high * d[2]), 0.21, colour, True)


STYLE: dict[str, Callable[[Clay, Character, RGB], None]] = {
    "buzz": _buzz,
    "short": _short,
    "quiff": _quiff,
    "spiky": _spiky,
    "bob": _bob,
    "long": _long,
    "afro": _afro,
    "curly": _curly,
    "ponytail": _ponytail,
    "bun": _bun,
    "pigtails": _pigtails,
    "mohawk": _mohawk,
}


def _beard(clay: Clay, c: Character, colour: RGB) -> None:
    y, s = mouth_height(c), c.shape
    drop = 0.07 * s.face_length
    if c.beard in ("full", "moustache"):
        for side in (-1, 1):
            clay.limb((side * 0.05, y + 0.13, 0.80), (side * 0.27, y + 0.08, 0.72), 0.075, colour, True)
    if c.beard == "full":
        wide = 0.74 * (1 + 0.13 * s.jaw_width)
        for side in (-1, 1):
            clay.limb((side * (wide + 0.08), -0.10, -0.02), (side * wide * 0.80, y - 0.10, 0.34), 0.15, colour, True)
            clay.limb((side * wide * 0.80, y - 0.10, 0.36), (side * 0.16, y - 0.36 - drop, 0.58), 0.19, colour, True)
    if c.beard in ("full", "goatee"):
        clay.add((0, y - 0.33 - drop, 0.60), (0.22, 0.17, 0.17), colour)
