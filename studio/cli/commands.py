"""What each command of ``flenwheel`` does."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

from pipelines.domain.records import Card, Character, Decision, Survey
from pipelines.domain.requests import ScoreRequest
from pipelines.domain.shots import LoraStack
from pipelines.domain.words import count
from pipelines.practice.choices import kept_at_once
from pipelines.session import NotFound, Session
from pipelines.storage.atomic import write_durably
from pipelines.storage.given import look_through
from pipelines.workflow import calibration as calibrating
from pipelines.workflow import card as cards
from pipelines.workflow import (
    card_report,
    characters,
    datasets,
    few_sources,
    flywheel,
    framing,
    judges,
    loras,
    outsiders,
    pristine,
    sources,
    training,
)
from pipelines.workflow import enrich as enriching
from pipelines.workflow import generate as generating
from pipelines.workflow import presets as own_presets
from pipelines.workflow import review as reviewing
from pipelines.workflow import survey as surveying
from studio.cli import doctor as health
from studio.cli.answers import (
    NOBODY,
    Answer,
    Told,
    Usage,
    beside_of,
    character_of,
    command,
    doubtful_sources,
    in_session,
    in_session_or_beside,
    lora_of,
    lora_rows,
    make_pictures,
    picture_ids,
    work,
    workspace_of,
)
from studio.cli.speech import say

WHICH = "Say which pictures: ids as `flenwheel review` lists them."

JUDGED = {"face": "its face", "look": "its look", "none": "your eyes alone"}


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
                chains=(*options.chain, *_failed_cells(session, options)),
                stack=loras.stack(session, lora_rows(session, options.lora)),
                per_source=options.per_source,
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
                seed=options.seed,
                steps=options.steps,
                guidance=options.guidance,
            ),
        )
        return make_pictures(session, plan, generating.submit(session, plan))


@command
def survey(options: argparse.Namespace) -> Answer:
    """Compare stacks, or write the decision on the newest survey down."""
    with in_session(options) if options.decide else in_session_or_beside(options) as session:
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


@command
def review(options: argparse.Namespace) -> Answer:
    """List a gate, decide, correct, filter, or keep the best."""
    with in_session(options) as session:
        character = character_of(session, options)
        chosen = picture_ids(session, options, options.images)
        if options.correct or options.better:
            return _correct(session, options)
        if options.filter:
            sorted_out = reviewing.apply_filter(session, character.id, cut=options.cut)
            return asdict(sorted_out), f"{len(sorted_out.rejected)} sorted out, {sorted_out.left} left for you"
        if options.pristine:
            found = pristine.candidates(session, character.id)
            best = [image.id for image in found[: kept_at_once(session, character, found)]]
            made = pristine.keep(session, character.id, chosen or best)
            return {"dataset": made.model_dump(mode="json")}, f"{made.id}: {count(len(made.images), 'picture')}"
        if options.failure:
            return _failure(session, chosen, options)
        if options.label:
            return _label(session, chosen, options)
        items = reviewing.pile(session, character.id, options.gate)
        rows = [{"id": i.image.id, "path": i.image.path, **i.verdict.model_dump(mode="json")} for i in items]
        words = [f"{row['id'][:12]}  {row['label'] or 'undecided':17} {row['path']}" for row in rows]
        return {"images": rows}, "\n".join(words) or "Nothing here yet."


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


def _failure(session: Session, chosen: list[str], options: argparse.Namespace) -> Answer:
    """Note a failure mode, by its name or its letter, or take it back."""
    modes = session.presets.failures
    found = next((mode for mode in modes if options.failure in (mode.name, mode.key)), None)
    if found is None:
        known = ", ".join(f"{mode.key} {mode.name}" for mode in modes)
        raise Usage(f"There is no failure mode {options.failure!r} (known: {known}).")
    if not chosen:
        raise Usage(WHICH)
    noted = [Decision(image=i, who="human", action="failure", value=found.name) for i in chosen]
    reviewing.decide(session, noted)
    failures = {i: list(session.store.verdict(i).failures) for i in chosen}
    words = [f"{i[:12]}  {', '.join(names) or 'no failures'}" for i, names in failures.items()]
    return {"failures": failures}, "\n".join(words)


def _label(session: Session, chosen: list[str], options: argparse.Namespace) -> Answer:
    if not chosen:
        raise Usage(WHICH)
    value = None if options.label == "clear" else options.label
    reviewing.decide(
        session,
        [Decision(image=i, who="human", action="label", value=value, reason=options.reason) for i in chosen],
    )
    return {"decided": chosen, "label": value}, f"{count(len(chosen), 'picture')}: {options.label}"


@command
def train(options: argparse.Namespace) -> Answer:
    """Train the next version of a LoRA, or say what it would learn from."""
    with in_session(options, read_only=True) if options.dry_run else in_session_or_beside(options) as session:
        character = character_of(session, options)
        wanted = training.TrainOptions(options.target, options.preset, dict(_set(options.set)))
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


def _set(changes: Iterable[str]) -> Iterator[tuple[str, str]]:
    """``KEY=VALUE`` to (key, value)."""
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise Usage(f"{change!r}: a setting is given as KEY=VALUE, such as steps=500.")
        yield key.strip(), value.strip()


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
def card(options: argparse.Namespace) -> Answer:
    """Run the model card, or show one that was run: with what another had, or written down."""
    with in_session(options, read_only=True) if options.show else in_session_or_beside(options) as session:
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
            told.append(_export_card(session, made, options.export))
        return data, "\n".join(told)


def _export_card(session: Session, made: Card, file: Path) -> str:
    form = file.suffix.removeprefix(".").lower()
    if form not in card_report.FORMS:
        raise Usage(f"A card is written as .{', .'.join(card_report.FORMS)}: {file.name} is none of these.")
    if file.exists():
        raise Usage(f"{file} is there already, and nothing is overwritten: name another file.")
    write_durably(file, card_report.export(session, made, form).encode(), sync=False)
    return f"Written to {file}."


def _shown_card(session: Session, character: Character, version: str | None) -> Card:
    made = [c for c in cards.cards(session, character.id) if version in (None, c.version)]
    if not made:
        raise NotFound(f"{character.name} has no card {version or ''}.")
    return made[-1]


@command
def status(options: argparse.Namespace) -> Answer:
    """Where the wheel stands. Only reads: works beside a running studio."""
    with in_session(options, read_only=True) as session:
        everyone = session.store.all(Character)
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
