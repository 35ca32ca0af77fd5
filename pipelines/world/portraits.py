"""The practice characters' portraits that the start page shows: ``python -m pipelines.world.portraits`` draws them anew
into ``presets/mini/practice`` (the page opens without torch, so it cannot draw them itself)."""

import io
from pathlib import Path

from PIL import Image

from pipelines.storage.atomic import write_durably
from pipelines.storage.preset_files import PRESETS
from pipelines.world.cast import CAST, Practice
from pipelines.world.renderer import Character, View, render

FOLDER = PRESETS / "mini" / "practice"
SIDE = 320
QUALITY = 82
PLACES = ("yellow", "blue", "beige", "lilac", "green", "lilac", "beige", "yellow", "pink", "blue")
"""Whose clothes stand out before what."""


def portrait(who: Practice) -> Image.Image:
    """A friendly face, a little turned, drawn twice as large and made smaller."""
    turned = 16.0 if who.number % 2 else -16.0
    view = View(turned, "smiling", "front", PLACES[who.number - 1], pitch=2.0, strength=0.85, shift=(0.0, 0.02))
    pixels, _ = render([Character.from_seed(who.seed)], [view], 2 * SIDE)
    return Image.fromarray(pixels[0]).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def draw(folder: Path = FOLDER) -> list[Path]:
    """Write every portrait as ``<number>.webp``; returns the files."""
    files = []
    for who in CAST:
        data = io.BytesIO()
        portrait(who).save(data, "WEBP", quality=QUALITY, method=6)
        files.append(folder / f"{who.number}.webp")
        write_durably(files[-1], data.getvalue(), sync=False)
    return files


if __name__ == "__main__":
    for file in draw():
        print(file, file.stat().st_size)  # noqa: T201 - told on the terminal
