"""What a picture shows, known because it was made: the measure of every reader, editor and LoRA."""

import math
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.world.renderer import camera, geometry
from pipelines.world.renderer.characters import Character
from pipelines.world.renderer.views import View, blend

Spot = tuple[float, float]


@dataclass(frozen=True)
class Truth:
    """``identity`` is the character's id; ``pose`` is empty in portraits. Places are shares of the picture (0, 0 its
    upper left corner, 1, 1 its lower right): ``keypoints`` eyes, nose, corners of the mouth, the character's right
    first (the order of insightface); ``box`` left, top, right, bottom of the face without its hair."""

    identity: str
    angle: str
    yaw: float
    expression: str
    light: str
    background: str
    framing: str
    pose: str
    keypoints: tuple[Spot, Spot, Spot, Spot, Spot]
    box: tuple[float, float, float, float]
    view: View
    character: Character

    @classmethod
    def of(cls, character: Character, view: View) -> "Truth":
        """The truth of ``character`` seen by ``view``."""
        return cls(
            character.id,
            view.angle,
            view.yaw,
            view.expression,
            view.light,
            view.background,
            view.framing,
            "" if view.framing == "portrait" else view.pose,
            keypoints(character, view),
            box(character, view),
            view,
            character,
        )

    def parameters(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self)


def _seen(point: tuple[float, float, float], view: View) -> Spot:
    """A point of the head in the picture, in shares."""
    turned = camera.frames(view)[1]
    half, x, y = camera.place(view)
    right, up = (sum(turned[i][k] * point[k] for k in range(3)) for i in (0, 1))
    return 0.5 + (right + x) / half / 2, 0.5 - (up + y) / half / 2


def keypoints(c: Character, view: View) -> tuple[Spot, Spot, Spot, Spot, Spot]:
    """Eyes, nose tip, corners of the mouth, as shares of the picture; also when they are on the far side."""
    face, s = blend(view.expression, view.strength), c.shape
    (gap, eye_y), mouth_y = geometry.eye_place(c), geometry.mouth_height(c)
    (_, y, z), (rx, ry, rz) = geometry.jaw(c)
    corner = mouth_y + (0.35 if face.open > 0.05 else 0.55) * face.curve
    round_ = math.sqrt(max(0.05, 1 - ((corner - y) / ry) ** 2))
    turned = geometry.mouth_width(c) * face.wide / geometry.ROUND
    corners = [(m * rx * round_ * math.sin(turned), corner, z + rz * round_ * math.cos(turned)) for m in (-1, 1)]
    eyes = [geometry.on_skull(c, m * gap / geometry.ROUND, eye_y) for m in (-1, 1)]
    nose = (0.0, -0.22 - 0.085 * s.nose_length, 1.05 + 0.085 * s.nose_out)
    a, b, n, left, right = (_seen(p, view) for p in (*eyes, nose, *corners))
    return a, b, n, left, right


def box(c: Character, view: View) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of the face from the hairline to the chin, as shares of the picture."""
    turned = camera.frames(view)[1]
    half, _, _ = camera.place(view)
    low = -0.93 - 0.12 * c.shape.face_length
    middle = (0.0, (0.66 + low) / 2, 0.05)
    radii = (geometry.skull(c)[1][0], (0.66 - low) / 2, 0.90)
    x, y = _seen(middle, view)
    wide, high = (math.sqrt(sum((turned[i][k] * radii[k]) ** 2 for k in range(3))) / half / 2 for i in (0, 1))
    return x - wide, y - high, x + wide, y + high
