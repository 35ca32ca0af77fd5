"""The whole run in one picture: sources, what the editor made of them, the first card and the last."""

from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw, ImageFont

from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import ANGLES, EXPRESSIONS
from pipelines.practice.figures import CardFigures, Figures
from pipelines.session import Session
from pipelines.storage.presets import shipped

CELL, GAP, HEAD, ARROW, EDGE = 84, 6, 64, 54, 24
"""Pixels: a picture, between pictures, above them, between panels, around all."""
ROWS = 5
GROUND, INK, DIM, GOOD, BAD = "#f7f6f3", "#1c1b19", "#6f6b64", "#2f7d4f", "#b3352b"
ENRICHED = 20

Tile = tuple[str, str]
"""Image id and the colour of its frame, empty for none."""


def poster(session: Session, told: Figures) -> Image.Image:
    """RGB, about 1,700 x 560 px; narrower with fewer than two cards."""
    good = [(i, "") for i, label in told.pictures.enriched if label == "good"]
    panels = [_Panel("Sources", f"{len(told.pictures.sources)} pictures", 3, [(i, "") for i in told.pictures.sources])]
    panels += [_Panel("Enriched", f"{len(good)} passed review", 4, _spread(good, ENRICHED))] if good else []
    shown = told.cards[:1] + told.cards[1:][-1:]
    panels += [_Panel(f"Card of {c.lora.rpartition('_')[2]}", c.rate.words, len(ANGLES), _cells(c)) for c in shown]
    width = 2 * EDGE + sum(p.width for p in panels) + ARROW * (len(panels) - 1)
    image = Image.new("RGB", (width, 2 * EDGE + HEAD + ROWS * (CELL + GAP) - GAP), GROUND)
    draw, x = ImageDraw.Draw(image), EDGE
    for n, panel in enumerate(panels):
        if n:
            _arrow(draw, x - ARROW // 2, EDGE + HEAD + (ROWS * (CELL + GAP) - GAP) // 2)
        panel.paint(draw, image, x, _opener(session))
        x += panel.width + ARROW
    return image


class _Panel:
    """A titled grid of pictures, ``across`` in a row."""

    def __init__(self, title: str, said: str, across: int, tiles: Sequence[Tile]) -> None:
        self.title, self.said, self.across, self.tiles = title, said, across, tiles

    @property
    def width(self) -> int:
        return self.across * (CELL + GAP) - GAP

    def paint(
        self, draw: ImageDraw.ImageDraw, image: Image.Image, x: int, opened: Callable[[str], Image.Image]
    ) -> None:
        draw.text((x, EDGE), self.title, INK, ImageFont.load_default(24))
        draw.text((x, EDGE + 33), self.said, DIM, ImageFont.load_default(16))
        for k, (picture, frame) in enumerate(self.tiles):
            at = x + k % self.across * (CELL + GAP), EDGE + HEAD + k // self.across * (CELL + GAP)
            image.paste(opened(picture), at)
            if frame:
                draw.rectangle((at[0], at[1], at[0] + CELL - 1, at[1] + CELL - 1), outline=frame, width=3)


def _spread(tiles: Sequence[Tile], most: int) -> list[Tile]:
    """At most so many, evenly out of all: they come source by source."""
    count = min(most, len(tiles))
    return [tiles[k * len(tiles) // count] for k in range(count)]


def _cells(card: CardFigures) -> list[Tile]:
    """In the card's order: angles across, expressions down, whole figures last; green for right, red for wrong."""
    shown = {cell.name: cell for cell in card.cells}
    names = [f"{angle}/{expression}" for expression in EXPRESSIONS for angle in ANGLES]
    names += [cell.name for cell in shipped().card.cells if cell.name not in names]
    colours = {"right": GOOD, "wrong": BAD}
    return [(shown[n].image, colours.get(shown[n].verdict, "")) if n in shown else ("", "") for n in names]


def _arrow(draw: ImageDraw.ImageDraw, x: int, y: int) -> None:
    draw.line((x - 14, y, x + 8, y), DIM, 3)
    draw.polygon(((x + 6, y - 8), (x + 16, y), (x + 6, y + 8)), DIM)


def _opener(session: Session) -> Callable[[str], Image.Image]:
    """Opens pictures by id at the size of a cell; an empty one for what is not there."""

    def opened(image_id: str) -> Image.Image:
        record = session.store.get(ImageRecord, image_id) if image_id else None
        try:
            with Image.open(session.workspace.path(record.path if record else "")) as file:
                return file.convert("RGB").resize((CELL, CELL), Image.Resampling.LANCZOS)
        except OSError:
            return Image.new("RGB", (CELL, CELL), "#e4e1db")

    return opened
