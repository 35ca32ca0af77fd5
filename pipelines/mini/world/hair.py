"""Hairstyles and beards: clay clumps around the skull. Each style is a function of its own."""

import math
from collections.abc import Callable

from pipelines.mini.world.characters import RGB, Character
from pipelines.mini.world.geometry import Clay, Figure, _shade, eye_place, mouth_height, on_skull, skull


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


def _fringe(clay: Clay, c: Character, colour: RGB, low: float, part: float, spread: float = 62) -> None:
    """Clumps over the forehead, swept away from the parting (degrees)."""
    for k in range(5):
        azimuth = -spread + k * spread / 2
        near = 1 - min(1.0, abs(azimuth - part) / 60)
        y = low + 0.16 * near
        a, b = math.radians(azimuth * 0.75 + part * 0.25), math.radians(azimuth)
        clay.limb(on_skull(c, a, 0.80, 0.03), on_skull(c, b, y, 0.035), 0.17, colour, True, 0.8)


def _sides(clay: Clay, c: Character, colour: RGB, low: float, radius: float, azimuth: float = 84) -> None:
    x = skull(c)[1][0]
    for side in (-1, 1):
        a = math.radians(azimuth)
        top = on_skull(c, side * a, 0.35, 0.03)
        clay.limb(top, (side * (x + 0.03), low, -0.10), radius, colour, True, 1.25)


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
    a = math.radians(part * -0.4)
    clay.limb(on_skull(c, a, 0.86, 0.10), on_skull(c, a * 2.4, 0.66, 0.06), 0.22, colour, True)


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
    long = 0.34 + 0.10 * c.shape.hair_length
    for azimuth, tilt in ((-50, 40), (0, 36), (50, 40), (-110, 44), (110, 44), (180, 40), (-20, 72), (150, 74)):
        a, e = math.radians(azimuth), math.radians(tilt)
        d = (math.sin(a) * math.cos(e), math.sin(e), math.cos(a) * math.cos(e))
        foot = (d[0] * 0.80, 0.24 + d[1] * 0.74, -0.08 + d[2] * 0.78)
        tip = (foot[0] + d[0] * long, foot[1] + d[1] * long + 0.10, foot[2] + d[2] * long)
        clay.limb(foot, tip, 0.17, colour, True)


def _bob(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.10)
    _fringe(clay, c, colour, 0.50, 0.4 * _parting(c))
    low = -0.62 - 0.14 * c.shape.hair_length
    _sides(clay, c, colour, low, 0.24)
    clay.add((0, -0.16 + 0.3 * (low + 0.62), -0.36), (0.98 + 0.05 * c.shape.hair_volume, 0.72, 0.72), colour)


def _long(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.09)
    _fringe(clay, c, colour, 0.56, _parting(c))
    low = -1.20 - 0.25 * c.shape.hair_length
    _sides(clay, c, colour, low, 0.21)
    clay.add((0, (low + 0.2) / 2, -0.46), (0.92 + 0.06 * c.shape.hair_volume, 0.30 - low / 1.6, 0.52), colour)


def _afro(clay: Clay, c: Character, colour: RGB) -> None:
    v = 0.12 * c.shape.hair_volume
    clay.add((0, 0.46, -0.26), (1.20 + v, 1.04 + v, 1.06 + v), colour)
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
    _fringe(clay, c, colour, 0.66, _parting(c), 56)
    _sides(clay, c, colour, -0.04, 0.12, 78)
    long = 0.95 + 0.35 * c.shape.hair_length
    clay.add((0, 0.72, -0.98), (0.20, 0.20, 0.20), c.colours.extra)
    clay.limb((0, 0.72, -1.10), (0, 0.40, -1.36), 0.26, colour, True)
    clay.limb((0, 0.42, -1.36), (0, 0.60 - long, -1.26), 0.27, colour, True)


def _bun(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.05)
    _fringe(clay, c, colour, 0.68, _parting(c), 56)
    _sides(clay, c, colour, -0.02, 0.11, 78)
    r = 0.36 + 0.06 * c.shape.hair_volume
    clay.add((0, 0.98, -0.24), (0.30, 0.12, 0.30), c.colours.extra)
    clay.add((0, 1.20, -0.28), (r, r * 0.86, r), colour)


def _pigtails(clay: Clay, c: Character, colour: RGB) -> None:
    _cap(clay, c, colour, 0.06)
    _fringe(clay, c, colour, 0.54, 0.0)
    long = 0.85 + 0.30 * c.shape.hair_length
    x = skull(c)[1][0]
    for side in (-1, 1):
        clay.add((side * (x + 0.06), 0.42, -0.32), (0.17, 0.17, 0.17), c.colours.extra)
        clay.limb((side * (x + 0.16), 0.42, -0.32), (side * (x + 0.34), 0.14, -0.32), 0.23, colour, True)
        clay.limb((side * (x + 0.32), 0.16, -0.32), (side * (x + 0.30), 0.42 - long, -0.26), 0.25, colour, True)


def _mohawk(clay: Clay, c: Character, colour: RGB) -> None:
    high = 0.30 + 0.09 * c.shape.hair_length
    for e in (28, 55, 82, 110, 138, 166):
        a = math.radians(e)
        d = (0.0, math.sin(a), math.cos(a))
        foot = (0.0, 0.16 + 0.76 * d[1], -0.06 + 0.84 * d[2])
        clay.limb(foot, (0.0, foot[1] + high * d[1] + 0.06, foot[2] + high * d[2]), 0.17, colour, True)


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


__all__ = ["STYLE", "eye_place", "hair"]
