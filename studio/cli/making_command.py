"""``flenwheel enrich`` and ``flenwheel generate``: pictures of the character, edited and drawn anew."""

import argparse
import sys
from dataclasses import asdict

from pipelines.domain.bounds import Count, Each, Tries, Weight
from pipelines.session import Session
from pipelines.workflow import card_report, loras
from pipelines.workflow import enrich as enriching
from pipelines.workflow import generate as generating
from pipelines.workflow.enrich import EnrichOptions
from pipelines.workflow.generate import GenerateOptions
from studio.cli import asked
from studio.cli.answers import (
    Answer,
    beside_of,
    character_of,
    command,
    in_session_or_beside,
    lora_of,
    lora_rows,
    make_pictures,
    pairs,
    picture_ids,
)
from studio.cli.speech import say
from studio.cli.values import number


def enrich_options(p: argparse.ArgumentParser) -> None:
    """What ``enrich`` takes."""
    asked.sampling(p, EnrichOptions)
    asked.beside(p)
    asked.lora_rows(p)
    p.add_argument("--source", action="append", default=[], help="id of a source (default: all)")
    p.add_argument(
        "--edit", action="append", default=[],
        help="such as angle/half-left (default: all, or the chains alone)",
    )  # fmt: skip
    p.add_argument(
        "--chain", action="append", default=[], metavar="EDIT,EDIT",
        help="edits in their order, each made of what the one before gave, such as angle/profile-left,expression/angry;"
        " it stops where it shows someone else",
    )  # fmt: skip
    p.add_argument(
        "--instruction", action="append", default=[], metavar="WORDS",
        help='an edit in your own words, such as "Give the person a red hat | wearing a red hat": what stands behind'
        " the | goes into the caption",
    )  # fmt: skip
    p.add_argument(
        "--word", action="append", default=[], metavar="EDIT=WORDS",
        help='an edit in other words, such as "expression/angry=The person is furious | furious"',
    )  # fmt: skip
    p.add_argument(
        "--best-of", type=number(Tries), default=EnrichOptions.best_of, metavar="N",
        help="try each with N seeds and keep the best; the others are set aside in Review",
    )  # fmt: skip
    p.add_argument("--failed-of", metavar="vN", help="chains for the cells of that model card that failed")
    p.add_argument("--per-source", type=number(Each), default=EnrichOptions.per_source)
    p.add_argument(
        "--gaps", action=argparse.BooleanOptionalAction, default=EnrichOptions.gaps,
        help="leave out turns and expressions that a source shows already, and turns that others are nearer to",
    )  # fmt: skip
    p.add_argument("--count", type=number(Count), default=EnrichOptions.count, help="at most so many pictures")
    p.add_argument(
        "--few", action="store_true",
        help="for a character of one to three sources: turns, expressions, upper bodies and whole figures of each",
    )  # fmt: skip


def generate_options(p: argparse.ArgumentParser) -> None:
    """What ``generate`` takes."""
    asked.sampling(p, GenerateOptions)
    asked.lora_rows(p)
    p.add_argument("--version", help="version of the character's LoRA (default: newest; 'base' for none)")
    p.add_argument("--strength", type=number(Weight), default=GenerateOptions.strength)
    p.add_argument("--scenario", action="append", default=[])
    p.add_argument(
        "--prompt", action="append", default=[],
        help="your own words; {red|blue} is one of these, __places__ one of the list of that name",
    )  # fmt: skip
    p.add_argument("--gaps", action="store_true", help="what fills the emptiest cells of the coverage grid first")
    p.add_argument(
        "--until", type=number(Count), metavar="N", help="make what is missing until N pictures of Generate are good"
    )
    p.add_argument("--variants", type=number(Each), default=GenerateOptions.variants)
    p.add_argument("--count", type=number(Count), default=GenerateOptions.count)


@command
def enrich(options: argparse.Namespace) -> Answer:
    """Edit the sources."""
    with in_session_or_beside(options) as session:
        plan = enriching.plan(
            session,
            character_of(session, options).id,
            enriching.EnrichOptions(
                sources=tuple(picture_ids(session, options, options.source)),
                edits=tuple(options.edit),
                instructions=tuple(options.instruction),
                words=dict(pairs(options.word, "an edit in other words", "expression/angry=The person is furious")),
                chains=(*options.chain, *_failed_cells(session, options)),
                stack=loras.stack(session, lora_rows(session, options.lora)),
                per_source=options.per_source,
                best_of=options.best_of,
                count=options.count,
                gaps=options.gaps,
                seed=options.seed,
                steps=options.steps,
                guidance=options.guidance,
                beside=beside_of(session, options),
                few=options.few,
            ),
        )
        return make_pictures(session, plan, enriching.submit(session, plan))


def _failed_cells(session: Session, options: argparse.Namespace) -> tuple[str, ...]:
    """The chains for the cells of a card that failed."""
    if not options.failed_of:
        return ()
    character = character_of(session, options)
    return card_report.chains_for(session, card_report.of_version(session, character.id, options.failed_of))


@command
def generate(options: argparse.Namespace) -> Answer:
    """Draw the character anew."""
    with in_session_or_beside(options) as session:
        character = character_of(session, options)
        if options.until is not None:
            goal = generating.missing(session, character.id, options.until)
            say(goal.words, sys.stderr)
            if not goal.pictures:
                return {"goal": asdict(goal), "images": []}, goal.words
        plan = generating.plan(
            session,
            character.id,
            generating.GenerateOptions(
                lora=lora_of(session, character, options.version),
                strength=options.strength,
                beside=loras.stack(session, lora_rows(session, options.lora)),
                scenarios=tuple(options.scenario),
                prompts=tuple(options.prompt),
                variants=options.variants,
                count=options.count,
                gaps=options.gaps,
                until=options.until,
                seed=options.seed,
                steps=options.steps,
                guidance=options.guidance,
            ),
        )
        return make_pictures(session, plan, generating.submit(session, plan))
