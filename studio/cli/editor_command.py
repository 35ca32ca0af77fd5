"""``flenwheel editor``: what corrections can teach, the proof of an editor LoRA, and its way into Enrich."""

import argparse
from dataclasses import asdict

from pipelines.domain.records import TrainingRun
from pipelines.domain.words import count
from pipelines.session import Session
from pipelines.workflow import editor_trial, triplets
from studio.cli.answers import Answer, Told, Usage, character_of, command, in_session, in_session_or_beside, work


def options(p: argparse.ArgumentParser) -> None:
    """What ``editor`` takes."""
    p.add_argument("--version", default="", metavar="vN", help="which editor LoRA (default: the newest)")
    p.add_argument("--prove", action="store_true", help="make the held-out edits by the base, Enrich's LoRAs and it")
    p.add_argument("--promote", action="store_true", help="let Enrich edit with it, if it won")
    p.add_argument("--anyway", action="store_true", help="with --promote: though it has not won")


@command
def editor(options: argparse.Namespace) -> Answer:
    """Tell how flywheel 2 stands; prove its LoRA, or let Enrich use it."""
    if options.anyway and not options.promote:
        raise Usage("--anyway goes with --promote: it lets Enrich use a LoRA that has not won.")
    beside = options.prove and not options.promote  # a promotion is written, which only who has the workspace can
    opened = in_session_or_beside(options) if beside else in_session(options, read_only=not options.promote)
    with opened as session:
        character = character_of(session, options)
        if not (options.prove or options.promote):
            return _stands(session, character.id, options.version)
        run = editor_trial.newest(session, character.id, options.version)
        if options.prove:
            data, words = work(session, editor_trial.submit(session, run))
            if not data["ok"]:
                return data, words
        told = _proof(session, run)
        if options.promote:
            editor_trial.promote(session, run, anyway=options.anyway)
            told = _proof(session, run)
            told[1].append(f"Enrich edits with editor {run.version} now.")
        return told[0], "\n".join(told[1])


def _stands(session: Session, character_id: str, version: str) -> Answer:
    found = triplets.triplets(session, character_id)
    data: Told = {
        "taught": [c.id for c in found.taught],
        "held_out": [c.id for c in found.held_out],
        "barred": [c.id for c in found.barred],
        "unfit": {unfit.correction.id: list(unfit.why) for unfit in found.unfit},
    }
    lines = [f"{count(found.given, 'correction')}, {len(found.taught)} to learn from", *triplets.words(found)]
    if found.barred:
        lines.append(f"{count(len(found.barred), 'correction')}: {triplets.LEFT_OUT}.")
    if version or found.given:
        lines += _told_of(session, character_id, version, data)
    return data, "\n".join(lines)


def _told_of(session: Session, character_id: str, version: str, data: Told) -> list[str]:
    if not version and not editor_trial.trained(session, character_id):
        return ["No editor LoRA is trained yet: flenwheel train --target editor"]
    told, lines = _proof(session, editor_trial.newest(session, character_id, version))
    data |= told
    return lines


def _proof(session: Session, run: TrainingRun) -> tuple[Told, list[str]]:
    proof = editor_trial.trial(session, run)
    data: Told = {"trial": asdict(proof) | {"won": proof.won, "words": proof.words}}
    measured = [f"  {m.candidate:9} {m.distance:.3f} from the corrected pictures ({m.stack})" for m in proof.measured]
    return data, [proof.words, *measured, *(["Enrich edits with it."] if proof.promoted else [])]
