"""People of the mini world that nobody knows: impostors for the threshold of a practice character."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image

from pipelines.world.renderer import BACKGROUNDS, EXPRESSIONS, LIGHTS, YAWS, Character, View, render

BATCH = 40


def views(seed: int) -> list[View]:
    """How the stranger of ``seed`` is seen: once from each of the five angles, each time with another expression,
    light and place; the same at every call."""
    rng = random.Random(f"stranger {seed}")  # noqa: S311

    def how() -> dict[str, Any]:
        return {
            "expression": rng.choice(list(EXPRESSIONS)),
            "light": rng.choice(list(LIGHTS)),
            "background": rng.choice(list(BACKGROUNDS)),
        }

    return [View.at(angle, **how()).jittered(rng) for angle in YAWS]


def pictures(seeds: Sequence[int], size: int) -> Iterator[tuple[int, Image.Image]]:
    """The pictures of all ``seeds``, each with its seed, ``size`` pixels square. Drawn as they are asked for."""
    wanted = [(seed, view) for seed in seeds for view in views(seed)]
    for start in range(0, len(wanted), BATCH):
        part = wanted[start : start + BATCH]
        pixels, _ = render([Character.from_seed(seed) for seed, _ in part], [view for _, view in part], size)
        yield from ((seed, Image.fromarray(p)) for (seed, _), p in zip(part, pixels, strict=True))
