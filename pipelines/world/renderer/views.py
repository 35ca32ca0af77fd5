"""How a character is seen: angle, expression, light, background, framing, pose."""

import random
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from pipelines.world.renderer.backgrounds import NAMES as BACKGROUNDS

Framing = Literal["portrait", "bust", "full"]
Pose = Literal["standing", "t-pose", "sitting"]

# "left" says that the nose points toward the picture's left edge; yaw > 0 is a nose toward the right (degrees).
YAWS = {"profile-left": -90.0, "half-left": -45.0, "front": 0.0, "half-right": 45.0, "profile-right": 90.0}
POSES: tuple[Pose, ...] = ("standing", "t-pose", "sitting")
FRAMINGS: tuple[Framing, ...] = ("portrait", "bust", "full")


@dataclass(frozen=True)
class Light:
    """Where the key light comes from (x right, y up, z toward the viewer), its colour, how much fills the rest, and
    how bright the outline is on the light's side."""

    towards: tuple[float, float, float]
    key: tuple[float, float, float] = (1.0, 0.97, 0.93)
    fill: float = 0.5
    rim: float = 1.0


LIGHTS = {
    "neutral": Light((0.0, 0.25, 1.0), (0.62, 0.62, 0.62), 0.78),
    "front": Light((0.25, 0.50, 1.0)),
    "left": Light((-1.0, 0.30, 0.42), (1.18, 1.13, 1.06), 0.25),
    "right": Light((1.0, 0.30, 0.42), (1.18, 1.13, 1.06), 0.25),
    "above": Light((0.0, 1.0, 0.26), (1.20, 1.17, 1.12), 0.30),
    "rear": Light((0.60, 0.55, -0.60), (1.20, 1.15, 1.05), 0.56, 7.0),
    "sunset": Light((0.75, 0.25, 0.62), (1.22, 0.84, 0.50), 0.42),
    "daylight": Light((-0.35, 0.70, 0.80), (1.12, 1.10, 1.04), 0.56),
}


@dataclass(frozen=True)
class Face:
    """What an expression does, in head units and shares; names as in faces.py. ``jut`` moves lips, ``furrow`` brows
    out of the face, so that a profile's silhouette tells the expression too."""

    curve: float = 0.06
    open: float = 0.0
    square: float = 0.0
    wide: float = 1.0
    brow_tilt: float = 0.0
    brow_up: float = 0.0
    lid_top: float = 0.06
    lid_slope: float = 0.0
    lid_low: float = 0.0
    cheeks: float = 0.0
    jut: float = 0.0
    furrow: float = 0.0


EXPRESSIONS = {
    "neutral": Face(),
    "smiling": Face(0.17, 0.24, 0.0, 1.75, -0.03, 0.07, 0.04, 0.0, 0.20, 1.0, 0.0, 0.0),
    "angry": Face(-0.08, 0.15, 1.0, 1.65, 0.34, -0.13, 0.22, 0.36, 0.08, 0.1, 0.03, 0.06),
    "sad": Face(-0.19, 0.0, 0.0, 1.55, -0.38, 0.06, 0.26, -0.40, 0.0, -0.2, 0.08, 0.01),
}


def blend(expression: str, strength: float) -> Face:
    """The expression's numbers, ``strength`` of the way from neutral (1: as listed)."""
    a, b = EXPRESSIONS["neutral"], EXPRESSIONS[expression]
    return Face(
        **{f.name: getattr(a, f.name) + strength * (getattr(b, f.name) - getattr(a, f.name)) for f in fields(a)}
    )


@dataclass(frozen=True)
class View:
    """One way to look. ``yaw``, ``pitch`` (up is positive) and ``roll`` in degrees; ``shift`` in shares of half the
    picture; ``scene`` varies what a background has in it. A pose shows in framings ``bust`` and ``full``."""

    yaw: float = 0.0
    expression: str = "neutral"
    light: str = "front"
    background: str = "studio"
    framing: Framing = "portrait"
    pose: Pose = "standing"
    pitch: float = 0.0
    roll: float = 0.0
    strength: float = 1.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    scene: int = 0

    def __post_init__(self) -> None:
        for value, known, what in (
            (self.expression, EXPRESSIONS, "expression"),
            (self.light, LIGHTS, "light"),
            (self.framing, FRAMINGS, "framing"),
            (self.pose, POSES, "pose"),
        ):
            if value not in known:
                raise ValueError(f"no {what} {value!r}: one of {', '.join(known)}")

    @classmethod
    def at(cls, angle: str, **rest: Any) -> "View":
        """The view at a named angle: ``View.at("half-left", expression="sad")``. ``KeyError`` for an unknown name."""
        return cls(yaw=YAWS[angle], **rest)

    @property
    def angle(self) -> str:
        """The named angle nearest to the yaw."""
        return min(YAWS, key=lambda name: abs(YAWS[name] - self.yaw))

    def jittered(self, rng: random.Random, amount: float = 1.0) -> "View":
        """The same view as a photographer's second try: a little turned, tilted, shifted, nearer or farther."""
        g = lambda s: max(-2.0, min(2.0, rng.gauss(0, 1))) * s * amount  # noqa: E731
        return replace(
            self,
            yaw=self.yaw + g(3.0),
            pitch=self.pitch + g(2.5),
            roll=self.roll + g(1.5),
            strength=self.strength + g(0.08),
            zoom=self.zoom * (1 + g(0.02)),
            shift=(self.shift[0] + g(0.02), self.shift[1] + g(0.015)),
            scene=rng.randrange(1000),
        )


def sample_view(rng: random.Random, bodies: float = 0.2) -> View:
    """A view for training: everything drawn at random and jittered; ``bodies``: the share of busts and full figures."""
    framing = rng.choice(FRAMINGS[1:]) if rng.random() < bodies else "portrait"
    view = View.at(
        rng.choice(list(YAWS)),
        expression=rng.choice(list(EXPRESSIONS)),
        light=rng.choice(list(LIGHTS)),
        background=rng.choice(BACKGROUNDS),
        framing=framing,
        pose=rng.choice(POSES),
    )
    return view.jittered(rng)
