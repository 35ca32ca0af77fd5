"""Contact sheets of the mini world: ``python tests/benchmarks/sheets_world.py FOLDER [docs]``; into the second folder
go those that the README shows.

cells: three practice characters in the 23 cells of the model card; identities: 40 characters; twins: side by side, by
feature; practice: the sources of three practice characters.
"""

import random
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from pipelines.world import practice_sources
from pipelines.world.renderer import EXPRESSIONS, TWINS, YAWS, Character, View, render, sample_view, twin


def sheet(pictures: np.ndarray, columns: int, gap: int = 3) -> Image.Image:
    """Pictures (N, S, S, 3) in rows of ``columns`` on white."""
    size, rows = pictures.shape[1], -(-len(pictures) // columns)
    out = Image.new("RGB", (columns * (size + gap) + gap, rows * (size + gap) + gap), "white")
    for i, picture in enumerate(pictures):
        row, column = divmod(i, columns)
        out.paste(Image.fromarray(picture), (gap + column * (size + gap), gap + row * (size + gap)))
    return out


def card() -> list[View]:
    """The 23 cells of the model card."""
    heads = [View.at(angle, expression=mood) for mood in EXPRESSIONS for angle in YAWS]
    bodies = [View(framing="full", pose="t-pose"), View(framing="full")]
    return [*heads, *bodies, View.at("profile-left", framing="full", pose="sitting")]


def pairs() -> tuple[list[Character], list[View]]:
    """Twins beside each other, from the front and half left, a row a feature."""
    people, views = [], []
    for row, feature in enumerate(TWINS):
        for seed in (16, 101 + row):
            one = Character.from_seed(seed)
            people += [one, twin(one, feature)] * 2
            views += [View(), View(), View.at("half-left"), View.at("half-left")]
    return people, views


def main(folder: Path, readme: Path | None = None) -> None:
    """Write the sheets, and those of the README as WebP to ``readme``."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    stars = [Character.from_seed(practice_sources.member(n).seed) for n in (6, 7, 4)]
    for size, columns in ((160, 23), (64, 23)):
        pictures, _ = render([c for c in stars for _ in card()], card() * 3, size)
        sheet(pictures, columns).save(folder / f"cells_{size}px.png")
    rng = random.Random(3)
    crowd = [Character.from_seed(seed) for seed in range(100, 140)]
    pictures, _ = render(crowd, [sample_view(rng, bodies=0.1) for _ in crowd], 192)
    sheet(pictures, 8).save(folder / "identities.png")
    sheet(render(*pairs(), 128)[0], 8).save(folder / "twins.png")
    brought = [np.asarray(s.image) for n in (1, 6, 7) for s in practice_sources.sources(n, 160)]
    sheet(np.stack(brought), 12).save(folder / "practice.png")
    if readme:
        for name in ("identities", "twins"):
            with Image.open(folder / f"{name}.png") as image:
                image.save(readme / f"{name}.webp", quality=82, method=6)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
