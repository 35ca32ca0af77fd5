"""``flenwheel card``: the model card, run or shown."""

import argparse
from dataclasses import asdict

from pipelines.domain.records import Card, Character
from pipelines.session import NotFound, Session
from pipelines.workflow import card as cards
from pipelines.workflow import card_report
from studio.cli.answers import Answer, Told, Usage, character_of, command, in_session, lora_of, work, written


@command
def card(options: argparse.Namespace) -> Answer:
    """Run the model card, or show one that was run: with what another had, or written down."""
    with in_session(options) as session:
        character = character_of(session, options)
        data: Told = {}
        if options.against and not options.show:
            raise Usage("Say which card is held against which: --show v2 --against v1.")
        if not options.show:
            lora = lora_of(session, character, options.version)
            wanted = cards.CardOptions(lora, options.strength, options.seed)
            data, _ = work(session, cards.submit(session, character.id, wanted))
        made = _shown_card(session, character, options.show)
        board = cards.board(session, made)
        rate = cards.rate(board)
        data["card"] = made.model_dump(mode="json")
        data["rate"] = asdict(rate) | {"words": rate.words}
        data["cells"] = [
            {"cell": c.cell.name, "verdict": c.verdict, "by": c.by, "why": c.why, "image": c.image and c.image.id}
            for c in board
        ]
        told = [rate.words]
        if options.against:
            before = card_report.of_version(session, character.id, options.against)
            compared = card_report.compare(session, before, made)
            data["against"] = asdict(compared) | {"words": compared.words}
            told.append(compared.words)
        if options.export:
            told.append(written(options.export, card_report.FORMS, "A card", lambda form: _text(session, made, form)))
        return data, "\n".join(told)


def _shown_card(session: Session, character: Character, version: str | None) -> Card:
    made = [c for c in cards.cards(session, character.id) if version in (None, c.version)]
    if not made:
        raise NotFound(f"{character.name} has no card {version or ''}.")
    return made[-1]


def _text(session: Session, made: Card, form: str) -> str:
    return card_report.export(session, made, form)  # type: ignore[arg-type]
