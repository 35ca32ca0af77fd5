"""What is done with a card that was judged: held against another, written down to be shown around, and its failed cells
taken up as the next plan."""

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from html import escape
from typing import Literal, get_args

from pipelines.domain.presets import CardCell
from pipelines.domain.rates import mcnemar
from pipelines.domain.records import Card, LoraRecord
from pipelines.domain.shots import THEN
from pipelines.domain.stopping import SURE
from pipelines.domain.words import count
from pipelines.planning.axes import offered
from pipelines.session import NotFound, Session
from pipelines.storage import markdown
from pipelines.storage.markdown import plain
from pipelines.storage.pages import document, table
from pipelines.storage.pictures import thumbnail
from pipelines.workflow import card as cards
from pipelines.workflow import card_analysis, card_picture
from pipelines.workflow.card import Cell, CellVerdict
from pipelines.workflow.characters import NotAllowed

Form = Literal["md", "json", "html", "png"]
FORMS: tuple[Form, ...] = get_args(Form)
SIDE = 512
"""Of a picture in the page, pixels."""
COLUMNS = ("cell", "verdict", "by", "why", "identity")


@dataclass(frozen=True)
class Compared:
    """Two cards cell by cell. ``gained`` are right in the second alone, ``lost`` in the first alone; ``pairs`` cells
    were judged right or wrong in both. ``p`` is McNemar's (exact, two-sided)."""

    first: str
    second: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    pairs: int
    p: float
    same_seed: bool

    @property
    def words(self) -> str:
        """What can be said of it."""
        if not self.pairs:
            return f"No cell is judged in both {self.first} and {self.second} yet."
        told = f"{self.first} to {self.second}, {count(self.pairs, 'cell')} judged in both: {len(self.gained)} gained"
        told += f" ({', '.join(self.gained)})" if self.gained else ""
        told += f", {len(self.lost)} lost" + (f" ({', '.join(self.lost)})" if self.lost else "")
        said = "a difference" if self.p < SURE else "no difference is proven"
        told += f"; McNemar p = {self.p:.2g}: {said}."
        return told if self.same_seed else f"{told} The seeds differ: compare the rates, not cell by cell."


def of_version(session: Session, character_id: str, version: str) -> Card:
    """The card of that version. Raises NotFound."""
    found = [card for card in cards.cards(session, character_id) if card.version == version]
    if not found:
        raise NotFound(f"There is no card {version} of {session.character(character_id).name}.")
    return found[-1]


def compare(session: Session, first: Card, second: Card) -> Compared:
    """Hold two cards of a character against each other. A cell that waits for eyes or is missing in either counts
    nowhere."""
    known = [_verdicts(session, card) for card in (first, second)]
    one, two = ({n: v for n, v in found.items() if v in ("right", "wrong")} for found in known)
    both = [name for name in one if name in two]
    gained = tuple(name for name in both if (one[name], two[name]) == ("wrong", "right"))
    lost = tuple(name for name in both if (one[name], two[name]) == ("right", "wrong"))
    return Compared(
        first.version, second.version, gained, lost, len(both), mcnemar(len(gained), len(lost)),
        first.seed == second.seed,
    )  # fmt: skip


def _verdicts(session: Session, card: Card) -> dict[str, CellVerdict]:
    """The verdict of each picture, by its cell; those of further seeds are numbered (``front/sad #2``)."""
    found: dict[str, CellVerdict] = {}
    for number, cells in enumerate(cards.boards(session, card), 1):
        found |= {c.cell.name + (f" #{number}" if number > 1 else ""): c.verdict for c in cells}
    return found


def failed(board: list[Cell]) -> list[str]:
    """The cells that are wrong."""
    return list(dict.fromkeys(c.cell.name for c in board if c.verdict == "wrong"))


def chains_for(session: Session, card: Card) -> tuple[str, ...]:
    """The chains of edits that make pictures for the failed cells of a card: a turn and then the expression, or the
    pose where the editor can show it, of which each source takes what it does not show. Raises NotAllowed when there is
    nothing to make."""
    board = [c for cells in cards.boards(session, card) for c in cells]
    wrong = list({c.cell.name: c.cell for c in board if c.verdict == "wrong"}.values())
    if not wrong:
        raise NotAllowed(f"No cell of card {card.version} failed: judge it first, or be glad.")
    family = session.family(session.character(card.character).editor)
    edits = [(f"{axis.name}/{e.value}", e.pose) for axis in offered(session.presets.edits, family) for e in axis.edits]
    poses = {pose: name for name, pose in edits if pose and not family.world}  # editors of drawn worlds know heads
    ways = [_way_to(cell, poses.get(cell.pose, "")) for cell in wrong if not cell.pose or cell.pose in poses]
    if not ways:
        raise NotAllowed("Only whole figures failed: this editor edits heads. Generate makes more of these poses.")
    return tuple(ways)


def _way_to(cell: CardCell, pose: str) -> str:
    if pose:
        return THEN.join((f"angle/{cell.angle}", pose))
    return f"angle/{cell.angle}{THEN}expression/{cell.expression}"


def export(session: Session, card: Card, form: Form) -> bytes:
    """A card as a file: ``md`` and ``json`` for texts, ``html`` is one page with its pictures, ``png`` one picture."""
    if form == "png":
        rate = cards.whole_rate(session, card).words
        return card_picture.draw(session, cards.boards(session, card), _title(session, card), rate)
    write = {"md": _markdown, "json": _json, "html": _page}[form]
    return write(session, card).encode()


def _all(session: Session, card: Card) -> list[Cell]:
    return [cell for cells in cards.boards(session, card) for cell in cells]


def _title(session: Session, card: Card) -> str:
    lora = session.store.get(LoraRecord, card.lora) if card.lora else None
    made_with = lora.name if lora else "a LoRA that is not here any more" if card.lora else "the base model"
    made_with += f" at {card.strength:g}" if card.lora and card.strength != 1 else ""
    made_with += f" beside {card.beside.label}" if card.beside.adapters else ""
    seeds = f"seed {card.seed}" + (f" and {card.seeds - 1} more" if card.seeds > 1 else "")
    return f"Model card {card.version} of {session.character(card.character).name}: {made_with}, {seeds}"


def _rows(board: list[Cell]) -> Iterator[tuple[str, ...]]:
    for c in board:
        who = c.image.scores.identity if c.image else None
        score = f"{who.score:.2f}" if who and who.score is not None else ""
        yield c.cell.name, c.verdict, c.by, c.why, score


def _markdown(session: Session, card: Card) -> str:
    board = _all(session, card)
    lines = [f"# {plain(_title(session, card))}", "", cards.whole_rate(session, card).words, ""]
    for part in card_analysis.parts(session, card):
        lines.append(f"- {part.words}")
    lines += ["", plain(card_analysis.drift(session, card).words), ""]
    return "\n".join(lines) + "\n" + markdown.table(COLUMNS, list(_rows(board)))


def _json(session: Session, card: Card) -> str:
    board = _all(session, card)
    rate = cards.whole_rate(session, card)
    told = {
        "title": _title(session, card),
        "card": card.model_dump(mode="json"),
        "rate": asdict(rate) | {"words": rate.words},
        "parts": [asdict(part) for part in card_analysis.parts(session, card)],
        "drift": asdict(card_analysis.drift(session, card)),
        "failed": failed(board),
        "cells": [
            dict(zip(COLUMNS, row, strict=True)) | {"image": c.image.id if c.image else None}
            for c, row in zip(board, _rows(board), strict=True)
        ],
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def _page(session: Session, card: Card) -> str:
    board, title = _all(session, card), _title(session, card)
    figures = "".join(_figure(session, cell) for cell in board)
    body = (
        f"<h1>{escape(title)}</h1><p>{escape(cards.whole_rate(session, card).words)}</p>"
        f"<ul>{''.join(f'<li>{escape(p.words)}</li>' for p in card_analysis.parts(session, card))}</ul>"
        f"<p>{escape(card_analysis.drift(session, card).words)}</p>"
        f'<section style="display:grid;grid-template-columns:repeat(5,1fr);gap:8px">{figures}</section>'
        f"<section>{table(COLUMNS, list(_rows(board)))}</section>"
    )
    return document(title, body)


def _figure(session: Session, cell: Cell) -> str:
    words = f"<figcaption>{escape(cell.cell.name)}: {escape(cell.verdict)}</figcaption>"
    data = _picture(session, cell)
    image = f'<img style="width:100%" alt="" src="{data}">' if data else ""
    return f'<figure style="margin:0">{image}{words}</figure>'


def _picture(session: Session, cell: Cell) -> str:
    """A thumbnail as a data address; "" where the picture or its file is missing."""
    if cell.image is None:
        return ""
    try:
        path = thumbnail(session.workspace, cell.image, SIDE)
        kind = path.suffix.removeprefix(".")
        return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
    except OSError:
        return ""
