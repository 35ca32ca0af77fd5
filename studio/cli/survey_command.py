"""``flenwheel survey``: stacks compared, and what was decided."""

import argparse
from dataclasses import asdict
from typing import get_args

from pipelines.domain.bounds import Tries
from pipelines.domain.records import Character, Survey, Way
from pipelines.domain.shots import LoraStack
from pipelines.session import Session
from pipelines.workflow import loras, survey_analysis, survey_export
from pipelines.workflow import survey as surveying
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.survey import SurveyOptions
from studio.cli import asked
from studio.cli.answers import (
    Answer,
    Told,
    beside_of,
    character_of,
    command,
    in_session,
    in_session_or_beside,
    lora_rows,
    make_pictures,
    picture_ids,
    written,
)
from studio.cli.values import file, number

RECOMMENDED = "recommended"
"""What ``--decide`` takes beside the ways: that which the rules recommend."""


def options(p: argparse.ArgumentParser) -> None:
    """What ``survey`` takes."""
    asked.sampling(p, SurveyOptions)
    asked.beside(p)
    p.add_argument("--stack", action="append", default=[], metavar="A=1.0+B=0.8", help="a LoRA or a combination")
    p.add_argument("--prompt", action="append", default=[], help="preset such as background/forest, or your own words")
    p.add_argument("--image", action="append", default=[], help="id of a source (default: the first five)")
    p.add_argument(
        "--seeds", type=number(Tries), default=SurveyOptions.seeds, metavar="N", help="so many pictures of each cell"
    )
    p.add_argument(
        "--add-to", metavar="vN",
        help="add these stacks, prompts, pictures and seeds to that survey: what it has is kept",
    )  # fmt: skip
    p.add_argument(
        "--show", nargs="?", const="newest", metavar="vN", help="say what a survey has shown (default: the newest)"
    )
    p.add_argument("--export", type=file, metavar="FILE", help="write it down: a file .html, .md, .csv or .json")
    p.add_argument(
        "--decide", choices=(*get_args(Way), RECOMMENDED),
        help="write down the decision on the newest survey, or that of --show; what the rules recommend, if you like",
    )  # fmt: skip
    p.add_argument("--reasons", default="")


@command
def survey(options: argparse.Namespace) -> Answer:
    """Compare stacks, add to a survey, show what one has shown, write it or the decision on it down."""
    if options.decide:
        with in_session(options) as session:
            return _decide(session, character_of(session, options), options)
    shown = options.show or options.export
    with in_session(options, read_only=True) if shown else in_session_or_beside(options) as session:
        character = character_of(session, options)
        if shown:
            return _show(session, surveying.of_version(session, character.id, _version(options)), options)
        wanted = _wanted(session, options)
        plan = surveying.plan(session, character.id, wanted)
        data, words = make_pictures(session, plan, surveying.submit(session, plan, wanted))
        told, said = _show(session, surveying.of_version(session, character.id, plan.version), options)
        return data | told, "\n".join([words, said])


def _version(options: argparse.Namespace) -> str:
    return "" if options.show in (None, "newest") else options.show


def _wanted(session: Session, options: argparse.Namespace) -> surveying.SurveyOptions:
    stacks: list[LoraStack] = [loras.stack(session, lora_rows(session, s.split("+"))) for s in options.stack]
    return surveying.SurveyOptions(
        images=tuple(picture_ids(session, options, options.image)),
        stacks=tuple(stacks),
        prompts=tuple(options.prompt),
        seed=options.seed,
        seeds=options.seeds,
        steps=options.steps,
        guidance=options.guidance,
        beside=beside_of(session, options),
        onto=options.add_to or "",
    )


def _show(session: Session, made: Survey, options: argparse.Namespace) -> Answer:
    """How the stacks did, what is proven, and what the rules recommend; written to a file where that is asked for."""
    standings, found = surveying.standings(session, made), survey_analysis.recommend(session, made)
    pairs, agreed = survey_analysis.pairwise(session, made), survey_analysis.agreement(session, made)
    told = [f"{s.stack}: identity {s.identity}, {s.seconds} s" for s in standings]
    told += [f"{p.first}, {p.second}: {p.words}" for p in pairs] + [agreed.words]
    way = f"{found.way}: {surveying.CHOICES[found.way]} ({found.stack})" if found.way else "nothing yet"
    told += [f"recommended by the rules: {way}", *(f"  {why}" for why in found.reasons)]
    if options.export:
        told.append(
            written(
                options.export,
                survey_export.FORMS,
                "A survey",
                lambda form: survey_export.export(session, made.id, form),
            )
        )
    data: Told = {"survey": made.model_dump(mode="json"), "standings": [asdict(s) for s in standings]}
    data |= {"pairs": [asdict(p) for p in pairs], "agreement": asdict(agreed), "recommendation": asdict(found)}
    return data, "\n".join(told)


def _decide(session: Session, character: Character, options: argparse.Namespace) -> Answer:
    made = surveying.of_version(session, character.id, _version(options))
    way, reasons = options.decide, options.reasons
    if way == RECOMMENDED:
        found = survey_analysis.recommend(session, made)
        if found.way is None:
            raise NotAllowed(f"The rules recommend nothing yet: {' '.join(found.reasons)}")
        way, reasons = found.way, reasons or " ".join(found.reasons)
    made = surveying.decide(session, made.id, way, reasons)
    return {"survey": made.model_dump(mode="json")}, f"{made.id}: {made.decision}"
