"""What each command of ``flenwheel`` does."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from pipelines.domain.bounds import Fraction
from pipelines.domain.records import Character, ImageKind, JudgedBy, Target
from pipelines.domain.requests import ScoreRequest
from pipelines.domain.words import count
from pipelines.session import NotFound, Session
from pipelines.storage.given import look_through
from pipelines.workflow import calibration as calibrating
from pipelines.workflow import (
    characters,
    datasets,
    few_sources,
    flywheel,
    framing,
    judges,
    outsiders,
    sources,
    training,
)
from pipelines.workflow import presets as own_presets
from pipelines.workflow.calibration import CalibrateOptions
from pipelines.workflow.training import TrainOptions
from studio.cli import doctor as health
from studio.cli.answers import (
    NOBODY,
    Answer,
    Told,
    character_of,
    command,
    doubtful_sources,
    in_session,
    in_session_or_beside,
    pairs,
    picture_ids,
    work,
    workspace_of,
)
from studio.cli.speech import say
from studio.cli.values import file, number

JUDGED = {"face": "its face", "look": "its look", "none": "your eyes alone"}


def train_options(p: argparse.ArgumentParser) -> None:
    """What ``train`` takes."""
    p.add_argument("--target", choices=get_args(Target), default=TrainOptions.target)
    p.add_argument("--preset", default=TrainOptions.preset, help="training preset (default: the one for the model)")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as steps=500 or rank=32")
    p.add_argument("--dry-run", action="store_true", help="only say what it would learn from")


def score_options(p: argparse.ArgumentParser) -> None:
    """What ``score`` takes."""
    p.add_argument("--kind", choices=get_args(ImageKind), default="source")
    p.add_argument(
        "--confirm",
        action="append",
        default=[],
        metavar="ID",
        help="this source does show the character, though it is doubted",
    )
    p.add_argument("--calibrate", action="store_true", help="draw the character's own identity line, with a report")
    p.add_argument(
        "--others", action="append", type=file, default=[], metavar="DIR",
        help="with --calibrate: pictures of other people to hold against; a file or a subfolder is a person",
    )  # fmt: skip
    p.add_argument(
        "--draw-strangers", action="store_true", help="draw 120 strangers with the base model alone, to calibrate with"
    )
    far = CalibrateOptions.far
    p.add_argument(
        "--far", type=number(Fraction), default=far, help=f"with --calibrate: share of others that may pass ({far})"
    )


def judge_options(p: argparse.ArgumentParser) -> None:
    """What ``judge`` takes."""
    p.add_argument("by", nargs="?", choices=get_args(JudgedBy), help="from now on; without it: show what it is")


def presets_options(p: argparse.ArgumentParser) -> None:
    """What ``presets`` takes."""
    p.add_argument("--init", action="store_true", help="make the folder, with a commented example of each kind")


@command
def train(options: argparse.Namespace) -> Answer:
    """Train the next version of a LoRA, or say what it would learn from."""
    with in_session(options, read_only=True) if options.dry_run else in_session_or_beside(options) as session:
        character = character_of(session, options)
        wanted = training.TrainOptions(
            options.target, options.preset, dict(pairs(options.set, "a setting", "steps=500"))
        )
        learning = training.dataset(session, character.id, wanted.target)
        told = {
            "pictures": dict(learning.by_origin),
            "angles": dict(learning.by_angle),
            "blockers": learning.blockers,
            "warnings": learning.warnings,
        }
        if options.dry_run:
            return told, "\n".join([str(dict(learning.by_origin)), *learning.blockers, *learning.warnings])
        data, words = work(session, training.submit(session, character.id, wanted))
        return told | data, words


@command
def score(options: argparse.Namespace) -> Answer:
    """Judge pictures again against the present sources."""
    writing = options.confirm or options.others
    with in_session(options) if writing else in_session_or_beside(options) as session:
        character = character_of(session, options)
        for image_id in picture_ids(session, options, options.confirm):
            sources.confirm(session, image_id)
        brought: Told = {}
        if options.others:
            brought = _bring_in_others(session, options.others)
        if options.draw_strangers:
            data, words = work(session, calibrating.draw_strangers(session, character.id))
            if not data["ok"] or not options.calibrate:
                return data, words
        if options.calibrate:
            data, words = _calibrate(session, character, calibrating.CalibrateOptions(options.far))
            return brought | data, words
        if brought:
            kept = f"{brought['pictures']} pictures of {brought['people']} others kept"
            return brought, f"{kept}: flenwheel score --calibrate"
        images = datasets.pictures(session, character.id, options.kind)
        if not images:
            raise NotFound(f"{character.name} has no {options.kind} pictures yet.")
        spec = sources.scoring_spec(session, character.id, character.generator)
        request = ScoreRequest(character=character.id, images=tuple(i.ref for i in images), scoring=spec)
        data, words = work(
            session, session.jobs.submit(request, f"Judge {count(len(images), 'picture')}", character.id)
        )
        found = datasets.pictures(session, character.id, options.kind)
        data["scores"] = {i.id: i.scores.model_dump(mode="json") for i in found}
        told = doubtful_sources(session, character, data) if options.kind == "source" else []
        return data, "\n".join((words, *told))


@command
def judge(options: argparse.Namespace) -> Answer:
    """By what the character is told from others: say it anew, or show it."""
    with in_session(options) as session:
        character = character_of(session, options)
        if options.by:
            character = characters.judge_by(session, character.id, options.by)
        by = judges.judge(session, character, session.family(character.generator))
        data: Told = {"character": character.id, "judged_by": character.judged_by, "recogniser": by.recogniser}
        words = f"{character.name} is judged by {JUDGED[character.judged_by]}"
        words += f" ({by.recogniser})." if by.recogniser else "."
        return data, "\n".join((words, *doubtful_sources(session, character, data)))


def _bring_in_others(session: Session, named: list[Path]) -> Told:
    given = look_through(named)
    kept = outsiders.bring_in(session, given.files)
    refused = [*given.refused, *kept.refused]
    for name, why in refused:
        say(f"not taken in: {name}: {why}", sys.stderr)
    if not kept.taken:
        raise NotFound("There is no picture of others in what was named: a file or a subfolder is a person.")
    people = len(kept.people)
    return {"pictures": kept.taken, "people": people, "refused": [{"file": n, "reason": w} for n, w in refused]}


def _calibrate(session: Session, character: Character, wanted: calibrating.CalibrateOptions) -> Answer:
    data, words = work(session, calibrating.submit(session, character.id, wanted))
    if not data["ok"]:
        return data, words
    found = calibrating.current(session, character.id)
    data["calibration"] = found.model_dump(mode="json", exclude={"seen", "references"})
    return data, calibrating.words(session, found)


@command
def status(options: argparse.Namespace) -> Answer:
    """Where the wheel stands. Only reads: works beside a running studio."""
    with in_session(options, read_only=True) as session:
        everyone = characters.listed(session)
        data: Told = {"workspace": str(session.workspace.root), "characters": [c.id for c in everyone]}
        data["repairs"] = list(session.store.repairs)
        data["presets"] = list(own_presets.read(session).problems)
        for problem in data["presets"]:
            say(f"your presets: {problem}", sys.stderr)
        if not everyone:
            return data | {"rail": None}, NOBODY
        character = character_of(session, options)
        rail = flywheel.status(session, character.id)
        words = [f"{character.name}, round {rail.round}"]
        words += [f"  {s.state:5} {s.title:10} {'' if s.count is None else s.count:>5}  {s.why}" for s in rail.steps]
        words.append(f"next: {rail.next.title} ({rail.next.why})")
        few, mixed = few_sources.words(session, character.id), framing.mix(session, character.id)
        words += [f"  {line}" for line in (*few, *([mixed.words] if any(mixed.have.values()) else []))]
        data |= {"few": few, "mix": asdict(mixed) | {"lacking": mixed.lacking}}
        return data | {"character": character.id, "rail": asdict(rail)}, "\n".join(words)


@command
def presets(options: argparse.Namespace) -> Answer:
    """What was read of the user's own presets, or a folder to begin with. Works beside a running studio."""
    with in_session(options, read_only=True) as session:
        written = own_presets.begin(session) if options.init else []
        found = own_presets.read(session)
        words = [str(found.folder) + ("" if found.there else " (not there yet: flenwheel presets --init)")]
        words += [f"  wrote {file}" for file in written]
        for kind in found.kinds:
            mine = f", yours: {', '.join(kind.own)}" if kind.own else ""
            words.append(f"  {kind.title:15} {kind.count:3}  {kind.files}{mine}")
        words += [f"  {problem}" for problem in found.problems]
        told: Told = asdict(found) | {"written": written, "ok": not found.problems}
        return told, "\n".join(words)


@command
def doctor(options: argparse.Namespace) -> Answer:
    """What this machine has and what fits."""
    report = health.examine(workspace_of(options))
    return report, health.words(report)
