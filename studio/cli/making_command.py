"""``flenwheel enrich`` and ``flenwheel generate``: pictures of the character, edited and drawn anew."""

import argparse
import sys
from dataclasses import asdict

from pipelines.session import Session
from pipelines.workflow import card_report, loras
from pipelines.workflow import enrich as enriching
from pipelines.workflow import generate as generating
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
