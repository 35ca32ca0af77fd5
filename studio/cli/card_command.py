"""``flenwheel card``: the model card, run or shown."""

import argparse
from dataclasses import asdict

from pipelines.domain.bounds import Count, Seed, Tries, Weight
from pipelines.domain.records import Card, Character, LoraRecord, TrainingRun
from pipelines.session import NotFound, Session
from pipelines.workflow import card as cards
from pipelines.workflow import card_analysis, card_report, checkpoints, loras
from pipelines.workflow.card import CardOptions
from studio.cli import asked
from studio.cli.answers import (
    Answer,
    Told,
    Usage,
    character_of,
    command,
    in_session,
    in_session_or_beside,
    lora_of,
    lora_rows,
    work,
    written,
)
from studio.cli.values import file, number


def options(p: argparse.ArgumentParser) -> None:
    """What ``card`` takes."""
    p.add_argument("--version", help="version of the character's LoRA (default: newest; 'base' for none)")
    p.add_argument("--strength", type=number(Weight), default=CardOptions.strength)
    p.add_argument("--seed", type=number(Seed), default=CardOptions.seed)
    asked.lora_rows(p)
    p.add_argument("--of", default="", metavar="NAME", help="the card of any LoRA, whosever it is, as a yardstick")
    p.add_argument("--step", type=number(Count), metavar="N", help="the LoRA as it was at this step of its training")
    p.add_argument(
        "--seeds", type=number(Tries), default=CardOptions.seeds, metavar="N",
        help="make each cell with N seeds: the rate's interval is over cells then",
    )  # fmt: skip
    p.add_argument("--show", metavar="vN", help="show a card that was run instead of running one")
    p.add_argument("--against", metavar="vN", help="with --show: cells gained and lost since that card (McNemar)")
    p.add_argument("--export", type=file, metavar="FILE", help="write the card down: a file .md, .json, .html or .png")


@command
def card(options: argparse.Namespace) -> Answer:
    """Run the model card, or show one that was run: with what another had, or written down."""
    with in_session(options, read_only=True) if options.show else in_session_or_beside(options) as session:
        character = character_of(session, options)
        data: Told = {}
        if options.against and not options.show:
            raise Usage("Say which card is held against which: --show v2 --against v1.")
        if not options.show:
            data, _ = work(session, cards.submit(session, character.id, _wanted(session, character, options)))
        made = _shown_card(session, character, options.show)
        rate, drift = cards.whole_rate(session, made), card_analysis.drift(session, made)
        parts = card_analysis.parts(session, made)
        data["card"] = made.model_dump(mode="json")
        data["rate"] = asdict(rate) | {"words": rate.words}
        data["parts"] = [asdict(part) for part in parts]
        data["drift"] = asdict(drift) | {"words": drift.words}
        data["cells"] = [
            {
                "cell": c.cell.name,
                "seed": n,
                "verdict": c.verdict,
                "by": c.by,
                "why": c.why,
                "image": c.image and c.image.id,
            }
            for n, board in enumerate(cards.boards(session, made))
            for c in board
        ]
        told = [rate.words, *(f"  {part.words}" for part in parts), drift.words]
        if options.against:
            before = card_report.of_version(session, character.id, options.against)
            compared = card_report.compare(session, before, made)
            data["against"] = asdict(compared) | {"words": compared.words}
            told.append(compared.words)
        if options.export:
            told.append(
                written(
                    options.export, card_report.FORMS, "A card", lambda form: card_report.export(session, made, form)
                )
            )
        return data, "\n".join(told)


def _wanted(session: Session, character: Character, options: argparse.Namespace) -> cards.CardOptions:
    """What is to be proven: a LoRA of the character's, as it was at a step if that is asked for, or any other."""
    if options.of and (options.version or options.step):
        raise Usage("Say one of them: --of NAME for any LoRA, or --version and --step for the character's own.")
    if options.of:
        ((lora, _),) = lora_rows(session, [options.of])
    else:
        lora = lora_of(session, character, options.version)
    if options.step:
        lora = _at_step(session, lora, options.step)
    beside = loras.stack(session, lora_rows(session, options.lora))
    return cards.CardOptions(lora, options.strength, options.seed, beside, options.seeds)


def _at_step(session: Session, lora: str, step: int) -> str:
    record = session.store.get(LoraRecord, lora)
    run = session.store.get(TrainingRun, record.run) if record else None
    if run is None:
        raise NotFound("Only a LoRA that was trained here has steps: leave --step out.")
    return checkpoints.export(session, run, step).id


def _shown_card(session: Session, character: Character, version: str | None) -> Card:
    made = [c for c in cards.cards(session, character.id) if version in (None, c.version)]
    if not made:
        raise NotFound(f"{character.name} has no card {version or ''}.")
    return made[-1]
