"""Practice characters: a fixed few of the mini world, for a first turn of the wheel without a camera or a download."""

import random
from dataclasses import dataclass
from typing import Any

from PIL import Image

from pipelines.mini.world import Character, Truth, View, render

# What a real bootstrap has: three angles, two expressions, heads and shoulders, the light and places of a few days.
_SHOTS: tuple[tuple[str, str, str, str, str], ...] = (
    ("front", "neutral", "front", "studio", "portrait"),
    ("front", "smiling", "daylight", "beach", "bust"),
    ("front", "neutral", "left", "blue", "portrait"),
    ("front", "smiling", "front", "forest", "portrait"),
    ("half-left", "neutral", "front", "beige", "portrait"),
    ("half-left", "smiling", "daylight", "city", "portrait"),
    ("half-left", "neutral", "neutral", "forest", "bust"),
    ("half-left", "smiling", "right", "studio", "portrait"),
    ("half-right", "neutral", "front", "pink", "portrait"),
    ("half-right", "smiling", "sunset", "beach", "portrait"),
    ("half-right", "neutral", "right", "green", "portrait"),
    ("half-right", "smiling", "neutral", "studio", "bust"),
)


@dataclass(frozen=True)
class Practice:
    """One practice character: what users see (``number``, ``name``) and the seed it comes from."""

    number: int
    name: str
    seed: int

    @property
    def character(self) -> Character:
        """Who it is."""
        return Character.from_seed(self.seed)


CAST = (
    Practice(1, "Ada", 48),
    Practice(2, "Bo", 41),
    Practice(3, "Cleo", 86),
    Practice(4, "Dot", 59),
    Practice(5, "Emil", 66),
    Practice(6, "Fay", 16),
    Practice(7, "Gus", 42),
    Practice(8, "Hana", 31),
    Practice(9, "Ivo", 56),
    Practice(10, "June", 63),
)


@dataclass(frozen=True)
class Source:
    """A source picture as a user would bring it, and what is true of it (which a user would not be told)."""

    filename: str
    image: Image.Image
    truth: Truth


def member(number: int) -> Practice:
    """The practice character of this number. ``KeyError`` in words if there is none."""
    found = [p for p in CAST if p.number == number]
    if not found:
        raise KeyError(f"no practice character {number}: 1 to {len(CAST)}")
    return found[0]


def views(number: int) -> list[View]:
    """The twelve views of the sources: three angles, two expressions, no full body; the same at every call."""
    rng = random.Random(f"practice {number}")  # noqa: S311
    shots: list[dict[str, Any]] = [
        dict(zip(("expression", "light", "background", "framing"), rest, strict=True)) for _, *rest in _SHOTS
    ]
    return [View.at(shot[0], **rest).jittered(rng) for shot, rest in zip(_SHOTS, shots, strict=True)]


def sources(number: int, size: int = 256) -> list[Source]:
    """The twelve source pictures of a practice character, ``size`` pixels square, with their truth."""
    who, looks = member(number), views(number)
    pixels, truths = render([who.character] * len(looks), looks, size)
    names = [f"{who.name.lower()}-{i:02}.png" for i in range(1, len(looks) + 1)]
    return [Source(n, Image.fromarray(p), t) for n, p, t in zip(names, pixels, truths, strict=True)]
