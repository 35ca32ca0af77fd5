"""``flenwheel survey``: stacks compared, and what was decided."""

import argparse
from dataclasses import asdict

from pipelines.domain.records import Character, Survey
from pipelines.domain.shots import LoraStack
from pipelines.session import NotFound, Session
from pipelines.workflow import loras
from pipelines.workflow import survey as surveying
from studio.cli.answers import (
    Answer,
    beside_of,
    character_of,
    command,
    in_session,
    lora_rows,
    make_pictures,
    picture_ids,
)


@command
def survey(options: argparse.Namespace) -> Answer:
    """Compare stacks, or write the decision on the newest survey down."""
    with in_session(options) as session:
        character = character_of(session, options)
        if options.decide:
            made = _newest_survey(session, character)
            made = surveying.decide(session, made.id, options.decide, options.reasons)
            return {"survey": made.model_dump(mode="json")}, f"{made.id}: {made.decision}"
        stacks: list[LoraStack] = [loras.stack(session, lora_rows(session, s.split("+"))) for s in options.stack]
        plan = surveying.plan(
            session,
            character.id,
            surveying.SurveyOptions(
                images=tuple(picture_ids(session, options, options.image)),
                stacks=tuple(stacks),
                prompts=tuple(options.prompt),
                seed=options.seed,
                steps=options.steps,
                guidance=options.guidance,
                beside=beside_of(session, options),
            ),
        )
        data, words = make_pictures(session, plan, surveying.submit(session, plan))
        standings = surveying.standings(session, _newest_survey(session, character))
        data["standings"] = [asdict(s) for s in standings]
        return data, "\n".join([words, *(f"{s.stack}: identity {s.identity}, {s.seconds} s" for s in standings)])


def _newest_survey(session: Session, character: Character) -> Survey:
    made = surveying.surveys(session, character.id)
    if not made:
        raise NotFound("There is no survey yet.")
    return made[-1]
