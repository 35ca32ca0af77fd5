"""``flenwheel review``: the gates, without a screen."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from pipelines.domain.bounds import Cosine, Fraction, Wanted
from pipelines.domain.records import Character, Decision, Label, new_id
from pipelines.domain.words import count
from pipelines.practice.choices import kept_at_once
from pipelines.session import Session
from pipelines.workflow import goals, pristine, review_history, second_look
from pipelines.workflow import review as reviewing
from pipelines.workflow.review_order import ORDERS, alike, keeping_one, ordered
from studio.cli.answers import Answer, Usage, character_of, command, in_session, picture_ids
from studio.cli.values import number

WHICH = "Say which pictures: ids as `flenwheel review` lists them."
CHANGES = ("label", "failure", "note", "undo", "keep_one", "wanted", "correct", "better", "filter", "pristine")


def options(p: argparse.ArgumentParser) -> None:
    """What the command takes."""
    p.add_argument("--gate", choices=reviewing.GATES, default=reviewing.GATES[0])
    p.add_argument("--label", choices=[*get_args(Label), "clear"], help="decide on IMAGE")
    p.add_argument("--failure", metavar="NAME", help="note a failure mode on IMAGE, by name or letter; again: undo it")
    p.add_argument("--note", metavar="WORDS", help="note something on IMAGE; empty words clear it")
    p.add_argument("--reason", default="")
    p.add_argument("--undo", action="store_true", help="take back what a human decided last at this gate")
    p.add_argument(
        "--keep-one", metavar="IMAGE", help="IMAGE is good, and those that are nearly the same as it are rejected"
    )
    p.add_argument("--wanted", type=number(Wanted), metavar="N", help="how many good pictures you want of this gate")
    p.add_argument(
        "--second-look", action="store_true",
        help="which pictures to judge once more, and how often you judged the same; with --label: your second look",
    )  # fmt: skip
    p.add_argument(
        "--share", type=number(Fraction), default=second_look.SHARE,
        help=f"with --second-look: how much of what is judged (default {second_look.SHARE})",
    )  # fmt: skip
    _listing(p)
    _selecting(p)
    p.add_argument("images", nargs="*", metavar="IMAGE", help="ids of pictures, or their first characters")


def _listing(p: argparse.ArgumentParser) -> None:
    told = "; ".join(f"{name}: {words[0].lower()}{words[1:]}" for name, words in ORDERS.items())
    p.add_argument("--order", choices=tuple(ORDERS), default="made", help=f"in which order to list them. {told}")
    p.add_argument("--alike", action="store_true", help="list near duplicates alone, the best of each group first")


def _selecting(p: argparse.ArgumentParser) -> None:
    """Corrections, the filter, what is kept."""
    p.add_argument(
        "--correct", metavar="IMAGE", help="a picture that needs correction: with --with it teaches the editor"
    )
    p.add_argument(
        "--with", dest="better", metavar="IMAGE",
        help="what corrects it: a better try of the same source, or the file of a corrected picture",
    )  # fmt: skip
    p.add_argument("--filter", action="store_true", help="sort out synthetic pictures by rule")
    p.add_argument("--cut", type=number(Cosine), help="with --filter: sort out below this identity score")
    p.add_argument(
        "--pristine", action="store_true", help="keep IMAGE as the next pristine version; without IMAGE the best 20"
    )


@command
def review(options: argparse.Namespace) -> Answer:
    """List a gate, decide, take back, correct, filter, or keep the best. Listing works beside a running studio."""
    changing = any(getattr(options, name) not in (None, False) for name in CHANGES)
    with in_session(options, read_only=not changing) as session:
        character = character_of(session, options)
        chosen = picture_ids(session, options, options.images)
        if options.correct or options.better:
            return _correct(session, options)
        if options.filter:
            sorted_out = reviewing.apply_filter(session, character.id, cut=options.cut)
            return asdict(sorted_out), f"{len(sorted_out.rejected)} sorted out, {sorted_out.left} left for you"
        if options.pristine:
            return _pristine(session, character, chosen)
        if options.wanted is not None:
            goals.want(session, character.id, options.gate, options.wanted)
            return _list(session, session.character(character.id), options)
        if options.undo:
            step = review_history.undo(session, character.id, options.gate)
            images = [d.image for d in step.decisions]
            return {"undone": images}, f"Taken back on {count(len(images), 'picture')}."
        if options.keep_one:
            return _keep_one(session, character, options)
        if any((options.failure, options.label, options.note is not None)):
            return _decide(session, chosen, options)
        return _second(session, character, options) if options.second_look else _list(session, character, options)


def _pristine(session: Session, character: Character, chosen: list[str]) -> Answer:
    found = pristine.candidates(session, character.id)
    best = [image.id for image in found[: kept_at_once(session, character, found)]]
    made = pristine.keep(session, character.id, chosen or best)
    return {"dataset": made.model_dump(mode="json")}, f"{made.id}: {count(len(made.images), 'picture')}"


def _list(session: Session, character: Character, options: argparse.Namespace) -> Answer:
    items = ordered(
        session, character.id, options.gate, reviewing.pile(session, character.id, options.gate), options.order
    )
    if options.alike:
        groups = alike(items)
        lines = ["  ".join(image[:12] for image in ids) for ids in groups.values()]
        return {"alike": list(groups.values())}, "\n".join(lines) or "No two pictures are nearly the same."
    rows = [{"id": i.image.id, "path": i.image.path, **i.verdict.model_dump(mode="json")} for i in items]
    words = [f"{row['id'][:12]}  {row['label'] or 'undecided':17} {row['path']}" for row in rows]
    good, waiting = (sum(test(i.verdict) for i in items) for test in (reviewing.let_through, lambda v: v.label is None))
    wanted = goals.wanted(character, options.gate)
    pace = review_history.pace(session, character.id, options.gate, waiting)
    goal = [f"{good} good, {wanted} wanted"] if wanted else []
    told = ", ".join([*goal, *([pace.words] if pace else [])])
    data: dict[str, object] = {"images": rows, "good": good, "wanted": wanted, "pace": asdict(pace) if pace else None}
    return data, "\n".join([*words, *([told] if told and words else [])]) or "Nothing here yet."


def _second(session: Session, character: Character, options: argparse.Namespace) -> Answer:
    images = second_look.to_look_at(session, character.id, options.gate, options.share)
    told = second_look.consistency(session, character.id, options.gate)
    differing = second_look.differing(session, character.id, options.gate)
    data: dict[str, object] = {"images": images, "differing": differing, "consistency": asdict(told)}
    paths = [f"{i[:12]}  {reviewing.get(session, i).path}" for i in images]
    return data, "\n".join([*paths, told.words])


def _keep_one(session: Session, character: Character, options: argparse.Namespace) -> Answer:
    (kept,) = picture_ids(session, options, [options.keep_one])
    decided = keeping_one(reviewing.pile(session, character.id, options.gate), kept)
    reviewing.decide(session, decided)
    rejected = [d.image for d in decided if d.image != kept]
    return {"kept": kept, "rejected": rejected}, f"{kept[:12]} is good, {count(len(rejected), 'picture')} rejected"


def _correct(session: Session, options: argparse.Namespace) -> Answer:
    """``--with`` is a picture of the workspace, or the file of a corrected one."""
    if not options.correct or not options.better:
        raise Usage("A correction takes both: --correct IMAGE --with IMAGE (a better try, or a corrected file).")
    (wrong,) = picture_ids(session, options, [options.correct])
    file = Path(options.better)
    if file.is_file():
        made = reviewing.correct(session, wrong, file.name, file, options.reason)
    else:
        (better,) = picture_ids(session, options, [options.better])
        made = reviewing.correct_with(session, wrong, better, options.reason)
    return {"correction": made.model_dump(mode="json")}, f"{made.wrong.id[:12]} is corrected by {made.target.path}"


def _decide(session: Session, chosen: list[str], options: argparse.Namespace) -> Answer:
    """A failure mode, a label or a note, on all that are named: with one word, taken back with one."""
    if not chosen:
        raise Usage(WHICH)
    batch = new_id()
    if options.failure:
        name = _failure_mode(session, options.failure)
        noted = [Decision(image=i, who="human", action="failure", value=name, batch=batch) for i in chosen]
        reviewing.decide(session, noted)
        failures = {i: list(session.store.verdict(i).failures) for i in chosen}
        words = [f"{i[:12]}  {', '.join(names) or 'no failures'}" for i, names in failures.items()]
        return {"failures": failures}, "\n".join(words)
    if options.label:
        value = None if options.label == "clear" else options.label
        where = {"where": second_look.WHERE} if options.second_look else {}
        said = {"action": "label", "value": value, "reason": options.reason, "batch": batch, **where}
        reviewing.decide(session, [Decision(image=i, who="human", **said) for i in chosen])
        return {"decided": chosen, "label": value}, f"{count(len(chosen), 'picture')}: {options.label}"
    said = [Decision(image=i, who="human", action="note", value=options.note, batch=batch) for i in chosen]
    reviewing.decide(session, said)
    words = session.store.verdict(chosen[0]).note
    return {"noted": chosen, "note": words}, f"{count(len(chosen), 'picture')}: {words or 'note cleared'}"


def _failure_mode(session: Session, named: str) -> str:
    modes = session.presets.failures
    found = next((mode for mode in modes if named in (mode.name, mode.key)), None)
    if found is None:
        known = ", ".join(f"{mode.key} {mode.name}" for mode in modes)
        raise Usage(f"There is no failure mode {named!r} (known: {known}).")
    return found.name
