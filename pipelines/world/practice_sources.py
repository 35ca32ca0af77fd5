"""Source pictures of the practice characters, for a first turn of the wheel without a camera or a download."""

import random
from dataclasses import dataclass
from typing import Any

from PIL import Image

from pipelines.world.cast import CAST, Practice, member
from pipelines.world.renderer import Character, Truth, View, render

__all__ = ["CAST", "Practice", "Source", "member", "sources", "views"]

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
class Source:
    """A source picture as a user would bring it, and what is true of it (which a user would not be told)."""

    filename: str
    image: Image.Image
    truth: Truth


def views(number: int, count: int = len(_SHOTS)) -> list[View]:
    """The twelve views of the sources: three angles, two expressions, no full body; the same at every call. Fewer are
    some of these, from as many angles as can be."""
    rng = random.Random(f"practice {number}")  # noqa: S311
    shots: list[dict[str, Any]] = [
        dict(zip(("expression", "light", "background", "framing"), rest, strict=True)) for _, *rest in _SHOTS
    ]
    everything = [View.at(shot[0], **rest).jittered(rng) for shot, rest in zip(_SHOTS, shots, strict=True)]
    return [everything[len(everything) * i // count] for i in range(count)]


def sources(number: int, size: int = 256, *, count: int = len(_SHOTS), held_out: bool = False) -> list[Source]:
    """The twelve source pictures of a practice character (or ``count`` of them), ``size`` pixels square, with their
    truth. ``HeldOut`` for a seed that is kept for the last examination, without saying so."""
    who, looks = member(number), views(number, count)
    pixels, truths = render([Character.from_seed(who.seed, held_out)] * len(looks), looks, size)
    stem = who.name.lower().replace(" ", "-")
    names = [f"{stem}-{i:02}.png" for i in range(1, len(looks) + 1)]
    return [Source(n, Image.fromarray(p), t) for n, p, t in zip(names, pixels, truths, strict=True)]
