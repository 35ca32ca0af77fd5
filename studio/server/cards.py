"""Model cards: those there are with their rates, and running one."""

from dataclasses import asdict
from typing import NotRequired
from urllib.parse import quote

from fastapi import APIRouter, Response
from typing_extensions import TypedDict

from pipelines.domain.presets import CardCell
from pipelines.domain.records import Card, Character, LoraRecord
from pipelines.domain.stopping import Advice
from pipelines.practice import reviewer
from pipelines.workflow import card as cards
from pipelines.workflow import card_analysis, card_report, datasets, loras, reading, render, rounds
from pipelines.workflow.card import CardOptions
from studio.server import card_setup
from studio.server.captions import JobBegun
from studio.server.card_setup import CardSetup
from studio.server.in_words import STILL, Begun, InWords
from studio.server.shown import for_the_shown
from studio.server.state import Studio
from studio.server.tags import ReaderTold, reader_told
from studio.server.tiles import Tile, tile


class RateTold(TypedDict):
    """How many cells are right at the first try, of how many; the 95 % interval; in words, too."""

    right: int
    total: int
    low: float
    high: float
    target: float
    unsure: int
    missing: int
    judged: int
    seeds: int
    open: bool
    words: str


class CardPlace(TypedDict):
    """A cell of a card that was run: its picture, who judged it how, and which readers see what in it."""

    name: str
    image: Tile | None
    verdict: cards.CellVerdict
    by: str
    why: str
    read: str


class CardSummary(TypedDict):
    """A card that was run; ``lora`` in words, with its strength and what was beside it, ``lora_id`` empty for the base
    model. ``cells`` are of the first seed, ``further`` of the others; ``parts`` and ``drift`` in words."""

    id: str
    version: str
    lora: str
    lora_id: str
    seed: int
    rate: RateTold
    cells: list[CardPlace]
    further: list[list[CardPlace]]
    parts: list[str]
    drift: str


class CardLora(TypedDict):
    """A LoRA that a card can be run for: the character's ``own``, or another, and of whom; the ``weight`` it starts
    with."""

    id: str
    name: str
    weight: float
    origin: str
    own: bool
    whose: str


class CellTold(TypedDict):
    """A cell of the benchmark."""

    name: str
    title: str
    angle: str
    expression: str
    pose: str


class CardAhead(TypedDict):
    """Before a card is run: why it cannot be, short (``obstacle``; empty: it can), what is missing, in words, and the
    model whose weights can be got (empty: none), how many GB they are."""

    obstacle: str
    words: list[str]
    get: str
    gib: float


class Cards(TypedDict):
    """The cards of the character with their rates, the cells of the benchmark, and the LoRAs it can be run for.
    ``rule``: whether to turn the wheel again. ``report`` and ``unread``: of a practice character. ``reader``: who can
    read angle and expression off the pictures of a card (``None``: there is no character). ``setup``: what the next
    card is run with; ``generate``: the stack in Generate (ids and weights)."""

    report: NotRequired[bool]
    unread: NotRequired[int]
    cards: list[CardSummary]
    loras: list[CardLora]
    cells: list[CellTold]
    seed: int
    ahead: CardAhead
    rule: Advice | None
    reader: ReaderTold | None
    setup: CardSetup
    generate: dict[str, float]


class CardsCompared(TypedDict):
    """Two cards held against each other: cells that are right in the second alone, in the first alone, McNemar's p, and
    what that says."""

    gained: list[str]
    lost: list[str]
    p: float
    words: str


class FailedCells(TypedDict):
    """Chains of edits that make pictures for cells that failed."""

    chains: list[str]


MEDIA: dict[card_report.Form, str] = {
    "md": "text/markdown; charset=utf-8",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
    "png": "image/png",
}


def card_routes(studio: Studio) -> APIRouter:
    """Cards that were run, and running one."""
    router = APIRouter(route_class=InWords)

    @router.get("/cards")
    def card_list() -> Cards:
        return told(studio)

    @router.post("/cards", dependencies=[for_the_shown(studio)])
    def run_card(asked: CardSetup) -> Begun:
        """Run a card; without a LoRA that of the base model."""
        beside = loras.stack(studio.session, asked.beside.items())
        wanted = CardOptions(asked.lora or "", asked.strength, asked.seed, beside, asked.seeds)
        return {"job": cards.submit(studio.session, studio.character_id, wanted).id}

    @router.post("/cards/setup", status_code=204, dependencies=[for_the_shown(studio)])
    def keep_setup(setup: CardSetup) -> None:
        """Keep what the next card is to be run with."""
        card_setup.keep(studio, setup, _usable(studio, studio.session.character(studio.character_id)))

    return router


def card_report_routes(studio: Studio) -> APIRouter:
    """What is done with cards that were judged."""
    router = APIRouter(route_class=InWords)

    def of(version: str) -> Card:
        return card_report.of_version(studio.session, studio.character_id, version)

    @router.get("/cards/compare")
    def compare(first: str, second: str) -> CardsCompared:
        """Cells gained and lost from the first card to the second."""
        found = card_report.compare(studio.session, of(first), of(second))
        return {"gained": list(found.gained), "lost": list(found.lost), "p": found.p, "words": found.words}

    @router.post("/cards/{version}/read", dependencies=[for_the_shown(studio)])
    def read(version: str) -> JobBegun:
        """Have angle and expression read off the pictures of a card."""
        images = datasets.pictures(studio.session, studio.character_id, "card", of(version).version)
        job = reading.read(studio.session, studio.character_id, images)
        return {"job": job.id, "title": job.title}

    @router.get("/cards/{version}/failed")
    def failed(version: str) -> FailedCells:
        """The chains of edits that make pictures for the cells of a card that failed."""
        return {"chains": list(card_report.chains_for(studio.session, of(version)))}

    @router.get("/cards/{version}/export.{form}")
    def export(version: str, form: card_report.Form) -> Response:
        """A card written down, as a file to keep."""
        made = card_report.export(studio.session, of(version), form)
        name = f"{studio.character_id}-card-{version}.{form}"
        headers = STILL | {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
        return Response(made, media_type=MEDIA[form], headers=headers)

    return router


def told(studio: Studio) -> Cards:
    """The cards of the character with their rates, the cells of the benchmark, and the LoRAs it can be run for."""
    session, character = studio.session, studio.character
    if character is None:
        nothing = CardAhead(obstacle="", words=[], get="", gib=0.0)
        return {
            "cards": [],
            "loras": [],
            "cells": [],
            "seed": session.presets.card.seed,
            "ahead": nothing,
            "rule": None,
            "reader": None,
            "setup": CardSetup(),
            "generate": {},
        }
    made, usable = cards.cards(session, character.id), _usable(studio, character)
    return {
        "report": bool(made) and character.practice is not None,
        "unread": len(reviewer.unread(session, character.id)) if made and character.practice is not None else 0,
        "cards": [_card_summary(studio, card) for card in made],
        "loras": _offered(studio, usable, character),
        "cells": [_told(c) for c in session.presets.card.cells],
        "seed": session.presets.card.seed,
        "ahead": studio.remembered("card ahead", lambda: _ahead(studio, character)),
        "rule": rounds.stop_rule(session, character.id) if made else None,
        "reader": studio.remembered("card reader", lambda: reader_told(studio)),
        "setup": card_setup.read(studio, usable),
        "generate": card_setup.of_generate(studio, usable),
    }


def _ahead(studio: Studio, character: Character) -> CardAhead:
    """What a new card takes, whichever LoRA it is of."""
    session = studio.session
    if character.generator not in session.presets.models:  # told on the rail
        return CardAhead(obstacle="", words=[], get="", gib=0.0)
    seen = render.estimate(session, cards.plan(session, character.id, CardOptions()))
    lacking = seen.lacking
    can_get = lacking is not None and lacking.how != "reinstall" and not seen.coming
    told = [lacking.what if lacking else seen.words, seen.note] if lacking or not seen.fits or seen.slow else []
    return CardAhead(
        obstacle=seen.obstacle,
        words=[line for line in told if line],
        get=character.generator if can_get else "",
        gib=lacking.gib if lacking else 0.0,
    )


def _usable(studio: Studio, character: Character) -> list[LoraRecord]:
    """The character's own first, each part newest first."""
    found = loras.usable(studio.session, character.generator)
    return sorted(found, key=lambda lora: lora.character != character.id)


def _offered(studio: Studio, usable: list[LoraRecord], character: Character) -> list[CardLora]:
    names = {c.id: c.name for c in studio.session.store.all(Character)}
    called = loras.titles(usable)
    return [
        CardLora(
            id=x.id,
            name=called[x.id],
            weight=loras.weight_of(studio.session, x),
            origin=x.origin,
            own=x.character == character.id,
            whose="" if x.character in ("", character.id) else names.get(x.character, x.character),
        )
        for x in usable
    ]


def _card_summary(studio: Studio, card: Card) -> CardSummary:
    lora = studio.session.store.get(LoraRecord, card.lora) if card.lora else None
    first, *further = ([_cell(studio, c) for c in board] for board in cards.boards(studio.session, card))
    rate = cards.whole_rate(studio.session, card)
    return {
        "id": card.id,
        "version": card.version,
        "lora": _made_with(card, lora.name if lora else "base model"),
        "lora_id": lora.id if lora else "",
        "seed": card.seed,
        "rate": RateTold(**asdict(rate), open=rate.open, words=rate.words),
        "cells": first,
        "further": further,
        "parts": [part.words for part in card_analysis.parts(studio.session, card)],
        "drift": card_analysis.drift(studio.session, card).words,
    }


def _made_with(card: Card, name: str) -> str:
    strength = f" at {card.strength:g}" if card.lora and card.strength != 1 else ""
    return name + strength + (f" + {card.beside.label}" if card.beside.adapters else "")


def _cell(studio: Studio, cell: cards.Cell) -> CardPlace:
    image = tile(cell.image, studio.session.store.verdict(cell.image.id)) if cell.image else None
    return {
        "name": cell.cell.name,
        "image": image,
        "verdict": cell.verdict,
        "by": cell.by,
        "why": cell.why,
        "read": cell.read,
    }


def _told(cell: CardCell) -> CellTold:
    return {
        "name": cell.name,
        "title": cell.title,
        "angle": cell.angle,
        "expression": cell.expression,
        "pose": cell.pose,
    }
