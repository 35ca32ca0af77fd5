"""The clay a figure is made of: ellipsoids in head units (a head's radius is about 1), in named groups that each melt
into one smooth surface (solid.py). Head parts are placed around the head's centre, body parts below it.
"""

import math
from dataclasses import dataclass, field

from pipelines.world.renderer.characters import RGB, Character
from pipelines.world.renderer.views import Face, View

Vec = tuple[float, float, float]

# Painted and lit one after the other; the nearest surface wins. head: skin of the head; body: skin elsewhere.
GROUPS = ("head", "hair", "brows", "body", "clothes", "trousers", "shoes", "extra", "chair", "glasses")
# Hair that lies over the ears.
COVERED = ("bob", "long", "afro")
# Distance along the face from its middle line, per radian of azimuth.
ROUND = 0.88
WOOD: RGB = (0.78, 0.56, 0.36)
DARK: RGB = (0.12, 0.11, 0.13)
SHOE: RGB = (0.24, 0.23, 0.27)


@dataclass
class Clay:
    """The ellipsoids of one group: centre, radii, rows of unit axes (9 numbers), colour; ``turning`` 1 for the head's
    frame, 0 for the body's."""

    rows: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, at: Vec, radii: Vec, colour: RGB, head: bool = True, axes: tuple[float, ...] | None = None) -> None:
        """One ellipsoid; ``axes`` are three unit vectors in a row (default: the frame's own)."""
        self.rows.append((*at, *radii, *(axes or (1, 0, 0, 0, 1, 0, 0, 0, 1)), *colour, float(head)))

    def limb(self, a: Vec, b: Vec, radius: float, colour: RGB, head: bool = False, flat: float = 1.0) -> None:
        """A long ellipsoid from ``a`` to ``b``, ``flat`` times as thick in its third axis."""
        middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2)
        along, length = _unit((b[0] - a[0], b[1] - a[1], b[2] - a[2]))
        across, _ = _unit(_cross((0.0, 0.0, 1.0) if abs(along[2]) < 0.9 else (1.0, 0.0, 0.0), along))
        self.add(
            middle,
            (length / 2 + 0.6 * radius, radius, radius * flat),
            colour,
            head,
            (*along, *across, *_cross(along, across)),
        )


Figure = dict[str, Clay]


def _cross(a: Vec, b: Vec) -> Vec:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def _unit(v: Vec) -> tuple[Vec, float]:
    n = math.sqrt(v[0] ** 2 + v[1] ** 2 + v[2] ** 2) or 1e-6
    return (v[0] / n, v[1] / n, v[2] / n), n


def _shade(colour: RGB, by: float) -> RGB:
    return min(1.0, colour[0] * by), min(1.0, colour[1] * by), min(1.0, colour[2] * by)


def _mix(a: RGB, b: RGB, share: float) -> RGB:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share


def skull(c: Character) -> tuple[Vec, Vec]:
    """Centre and radii of the upper head, on which brows and hair are placed."""
    return (0.0, 0.16, -0.06), (0.93 * (1 + 0.11 * c.shape.head_width), 0.86, 0.93)


def jaw(c: Character) -> tuple[Vec, Vec]:
    """Centre and radii of the lower face, on which the mouth is."""
    drop = 0.07 * c.shape.face_length
    return (0.0, -0.30 - drop, 0.08), (0.76 * (1 + 0.17 * c.shape.jaw_width), 0.62 + drop, 0.74)


def on_skull(c: Character, azimuth: float, y: float, lift: float = 0.0) -> Vec:
    """A point of the upper head at ``azimuth`` (radians from the nose, positive to the right) and height ``y``."""
    (cx, cy, cz), (rx, ry, rz) = skull(c)
    s = math.sqrt(max(0.02, 1 - ((y - cy) / ry) ** 2))
    return cx + (rx * s + lift) * math.sin(azimuth), y, cz + (rz * s + lift) * math.cos(azimuth)


def head(figure: Figure, c: Character, face: Face) -> None:
    """Skull, jaw, cheeks, chin, nose, ears and lips."""
    s, clay, skin = c.shape, figure["head"], c.colours.skin
    centre, radii = skull(c)
    drop = 0.07 * s.face_length
    clay.add(centre, radii, skin)
    clay.add(*jaw(c), skin)
    clay.add((0, -0.80 - 1.6 * drop, 0.42), (0.22 * (1 + 0.45 * s.chin), 0.15, 0.17 * (1 + 0.35 * s.chin)), skin)
    puff = 1 + 0.18 * s.cheeks + 0.08 * face.cheeks
    for side in (-1, 1):
        clay.add((side * 0.45, -0.33 + 0.05 * face.cheeks, 0.42), (0.33 * puff, 0.27 * puff, 0.30 * puff), skin)
        if c.style in COVERED:
            continue
        size = 1 + 0.35 * s.ears
        x = radii[0] + 0.02
        clay.add((side * x, -0.08, -0.06), (0.12 * size, 0.21 * size, 0.15 * size), _mix(skin, (0.9, 0.35, 0.3), 0.10))
    tip = _mix(skin, (0.92, 0.35, 0.28), 0.16)
    long, out = 0.085 * s.nose_length, 0.085 * s.nose_out
    clay.add((0, -0.08 - long / 2, 0.84 + out / 2), (0.09, 0.20 + long, 0.10), skin)
    clay.add((0, -0.22 - long, 0.92 + out), (0.135 * (1 + 0.46 * s.nose_width), 0.105, 0.13), tip)
    _lips(clay, c, face, drop)


def mouth_height(c: Character) -> float:
    """Where the middle of the mouth is."""
    return -0.53 - 0.065 * c.shape.mouth_height - 0.05 * c.shape.face_length


def mouth_width(c: Character) -> float:
    """Half the width of a resting mouth, along the face."""
    return 0.25 * (1 + 0.30 * c.shape.mouth_width)


def lip_colour(c: Character) -> RGB:
    """A rosier skin: what lips, closed or open, are painted with."""
    return _mix(_shade(c.colours.skin, 0.84), (0.83, 0.30, 0.33), 0.42 if c.lashes else 0.30)


def _lips(clay: Clay, c: Character, face: Face, drop: float) -> None:
    """Lips and chin as clay: an open mouth opens the silhouette, an angry or sad one pushes a lip out."""
    y, full, skin = mouth_height(c), 1 + 0.3 * c.shape.lips, c.colours.skin
    gap, wide = face.open, 0.17 * face.wide
    clay.add((0, y + 0.05 + 0.05 * face.curve, 0.74 + 0.4 * face.jut), (wide, 0.055 * full, 0.10), skin)
    clay.add(
        (0, y - 0.06 - 0.72 * gap, 0.71 - drop + 1.1 * face.jut - 0.60 * gap), (wide * 0.7, 0.06 * full, 0.10), skin
    )


def brows(figure: Figure, c: Character, face: Face) -> None:
    """Two arches that stand out of the face, so that their tilt shows in profile too."""
    s = c.shape
    colour = _mix(_shade(c.colours.hair, 0.62), (0.16, 0.10, 0.09), 0.35)
    if c.style == "bald" and c.hair == "white":
        colour = (0.5, 0.47, 0.46)
    thick = 0.058 * (1 + 0.42 * s.brow_thick)
    tilt = face.brow_tilt + 0.11 * s.brow_tilt
    eye = eye_place(c)
    for side in (-1, 1):
        points = []
        for t, arch in ((-1.0, 0.0), (0.15, 0.035), (1.0, -0.015)):
            azimuth = eye[0] / ROUND + 0.03 + t * 0.27
            y = eye[1] + 0.37 + 0.04 * s.brow_height + face.brow_up + 0.42 * tilt * t + arch
            points.append(on_skull(c, side * azimuth, y, 0.025 + face.furrow * (1.2 if t < 0 else 0.6)))
        figure["brows"].limb(points[0], points[1], thick, colour, True)
        figure["brows"].limb(points[1], points[2], thick * 0.82, colour, True)


def eye_place(c: Character) -> tuple[float, float]:
    """Middle of an eye: distance from the middle line along the face, and height."""
    return 0.415 + 0.07 * c.shape.eye_gap, -0.03 + 0.065 * c.shape.eye_height


def body(figure: Figure, c: Character, view: View) -> None:
    """Neck, torso, arms and legs of a small figure of about two and a half heads."""
    s, skin = c.shape, c.colours.skin
    wide, round_ = 1 + 0.14 * s.shoulders, 1 + 0.14 * s.build
    sitting = view.pose == "sitting" and view.framing != "portrait"
    figure["body"].add((0, -1.00, -0.12), (0.25 * (1 + 0.15 * s.neck), 0.42, 0.25), _shade(skin, 0.94), False)
    cloth, main = figure["clothes"], c.colours.clothes
    cloth.add((0, -1.56, -0.10), (0.64 * wide, 0.48, 0.42 * round_), main, False)
    cloth.add((0, -2.12, -0.08), (0.52 * round_, 0.52, 0.43 * round_), main, False)
    for side in (-1, 1):
        cloth.add((side * 0.54 * wide, -1.34, -0.10), (0.27, 0.23, 0.27), main, False)
    if c.top == "hoodie":
        cloth.add((0, -1.14, -0.14), (0.48, 0.15, 0.44), main, False)
    if view.framing == "portrait":
        return
    _arms(figure, c, view, wide, sitting)
    _legs(figure, c, sitting, round_)
    if sitting:
        _chair(figure["chair"])


def _arms(figure: Figure, c: Character, view: View, wide: float, sitting: bool) -> None:
    sleeve = c.colours.clothes if c.top in ("jacket", "hoodie") else c.colours.skin
    for side in (-1, 1):
        shoulder = (side * 0.58 * wide, -1.38, -0.10)
        if view.pose == "t-pose":
            elbow, wrist = (side * 1.22, -1.36, -0.10), (side * 1.82, -1.34, -0.10)
        elif sitting:
            elbow, wrist = (side * 0.76, -2.05, 0.10), (side * 0.42, -2.28, 0.62)
        else:
            elbow, wrist = (side * 0.88 * wide, -1.98, -0.08), (side * 0.94 * wide, -2.46, 0.06)
        figure["clothes"].limb(shoulder, elbow, 0.20, c.colours.clothes)
        lower = figure["clothes"] if sleeve == c.colours.clothes else figure["body"]
        lower.limb(elbow, wrist, 0.16, sleeve)
        figure["body"].add(wrist, (0.18, 0.19, 0.18), c.colours.skin, False)


def _legs(figure: Figure, c: Character, sitting: bool, round_: float) -> None:
    colour = c.colours.trousers
    figure["trousers"].add((0, -2.52, -0.07), (0.50 * round_, 0.30, 0.41 * round_), colour, False)
    for side in (-1, 1):
        hip = (side * 0.25, -2.60, -0.05)
        knee = (side * 0.28, -2.66, 0.82) if sitting else (side * 0.27, -3.25, 0.0)
        foot = (side * 0.28, -3.62, 0.86) if sitting else (side * 0.28, -3.95, -0.04)
        figure["trousers"].limb(hip, knee, 0.26, colour)
        figure["trousers"].limb(knee, foot, 0.21, colour)
        figure["shoes"].add((foot[0], foot[1] - 0.10, foot[2] + 0.12), (0.22, 0.17, 0.34), SHOE, False)


def _chair(clay: Clay) -> None:
    clay.add((0, -2.96, 0.18), (0.66, 0.10, 0.66), WOOD, False)
    clay.add((0, -2.12, -0.62), (0.56, 0.40, 0.08), WOOD, False)
    for side in (-1, 1):
        clay.limb((side * 0.44, -2.95, -0.55), (side * 0.44, -2.2, -0.62), 0.08, WOOD)
        for z in (-0.34, 0.62):
            clay.limb((side * 0.44, -2.98, z), (side * 0.50, -3.70, z * 1.15), 0.08, WOOD)


def extras(figure: Figure, c: Character) -> None:
    """Earrings, and the clear shell that glasses are painted on (paint.py; a headband is painted on hair and skin)."""
    (_, _, cz), (rx, _, _) = skull(c)
    if c.extra == "earrings":
        for side in (-1, 1):
            figure["extra"].add((side * (rx + 0.07), -0.36, -0.04), (0.085, 0.10, 0.085), c.colours.extra)
    if c.glasses != "none":
        frame = DARK if c.seed % 3 else c.colours.extra
        figure["glasses"].add((0, 0.05, cz), (rx + 0.06, 0.98, 1.06), frame)
