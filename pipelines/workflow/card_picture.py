"""A judged card as one picture to be shown around: its title and rate, then the poster, once for each seed."""

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont, ImageOps

from pipelines.domain.scores import ANGLES, EXPRESSIONS
from pipelines.session import Session
from pipelines.storage.pictures import thumbnail
from pipelines.workflow.card import Cell, CellVerdict

CELL, GAP, EDGE, WORDS, SIDE = 160, 10, 28, 22, 84
"""Pixels: a picture, between pictures, around all, the line of words under each, the names of the rows."""
HEAD, COLUMNS = 96, 34
"""Pixels: title and rate, the names of the columns."""
GROUND, INK, DIM, EMPTY = "#f7f6f3", "#1c1b19", "#6f6b64", "#e4e1db"
FRAMES: dict[CellVerdict, str] = {"right": "#2f7d4f", "wrong": "#b3352b", "unsure": "#b07a1e", "missing": "#c9c5bd"}
FRAME = 4
ACROSS = len(ANGLES) + 1
"""The angles, and a column of whole figures."""
HIGH = COLUMNS + len(EXPRESSIONS) * (CELL + WORDS + GAP)
"""Pixels of one poster."""


def draw(session: Session, boards: Sequence[Sequence[Cell]], title: str, rate: str) -> bytes:
    """A PNG, RGB, about 1,150 px wide and 950 px high for one seed. ``boards`` are the cells of each seed; a picture
    whose file is gone leaves its place empty."""
    width = 2 * EDGE + SIDE + ACROSS * (CELL + GAP) - GAP
    image = Image.new("RGB", (width, 2 * EDGE + HEAD + len(boards) * HIGH), GROUND)
    pen = ImageDraw.Draw(image)
    for y, words, colour, size in ((EDGE, title, INK, 26), (EDGE + 42, rate, DIM, 18)):
        pen.text((EDGE, y), words, colour, _font(pen, words, size, width - 2 * EDGE))
    for n, board in enumerate(boards):
        _poster(session, image, board, EDGE + HEAD + n * HIGH)
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def _font(pen: ImageDraw.ImageDraw, words: str, size: int, room: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """As large as ``size``, smaller where the words would not go into ``room`` pixels."""
    font = ImageFont.load_default(size)
    wide = pen.textlength(words, font)
    return font if wide <= room else ImageFont.load_default(max(8, int(size * room / wide)))


def _poster(session: Session, image: Image.Image, board: Sequence[Cell], top: int) -> None:
    pen, small = ImageDraw.Draw(image), ImageFont.load_default(16)
    for column, name in enumerate((*ANGLES, "body")):
        x = EDGE + SIDE + column * (CELL + GAP) + CELL // 2
        pen.text((x, top + COLUMNS // 2), name.replace("-", " "), DIM, small, anchor="mm")
    for row, name in enumerate(EXPRESSIONS):
        y = top + COLUMNS + row * (CELL + WORDS + GAP) + CELL // 2
        pen.text((EDGE, y), name, DIM, small, anchor="lm")
    bodies = [c for c in board if c.cell.pose]
    for cell in board:
        if cell.cell.pose:
            _paint(session, image, cell, ACROSS - 1, bodies.index(cell), top)
        elif cell.cell.angle in ANGLES and cell.cell.expression in EXPRESSIONS:
            _paint(session, image, cell, ANGLES.index(cell.cell.angle), EXPRESSIONS.index(cell.cell.expression), top)


def _paint(session: Session, image: Image.Image, cell: Cell, column: int, row: int, top: int) -> None:
    """A picture in the frame of its verdict, which is said under it, too: colours alone are not for every eye."""
    x, y = EDGE + SIDE + column * (CELL + GAP), top + COLUMNS + row * (CELL + WORDS + GAP)
    image.paste(_picture(session, cell), (x, y))
    pen = ImageDraw.Draw(image)
    pen.rectangle((x, y, x + CELL - 1, y + CELL - 1), outline=FRAMES[cell.verdict], width=FRAME)
    said = f"{cell.cell.pose}: {cell.verdict}" if cell.cell.pose else cell.verdict
    under = x + CELL // 2, y + CELL + WORDS // 2
    pen.text(under, said, FRAMES[cell.verdict], ImageFont.load_default(14), anchor="mm")


def _picture(session: Session, cell: Cell) -> Image.Image:
    """The picture whole, in a square."""
    try:
        if cell.image is None:
            raise FileNotFoundError(cell.cell.name)
        with Image.open(thumbnail(session.workspace, cell.image, CELL)) as file:
            return ImageOps.pad(file.convert("RGB"), (CELL, CELL), Image.Resampling.LANCZOS, color=EMPTY)
    except OSError:
        return Image.new("RGB", (CELL, CELL), EMPTY)
