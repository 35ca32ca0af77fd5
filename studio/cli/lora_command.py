"""``flenwheel loras``: the LoRA files of the workspace, and what each asks of the sampling."""

import argparse
from typing import Any

from pipelines.domain.bounds import Guidance, Steps
from pipelines.domain.faults import shown
from pipelines.domain.lora_notes import AXES, LOOKED, LoraNotes, Stars
from pipelines.domain.records import LoraRecord
from pipelines.domain.sampling import NoiseSchedule, Sampling
from pipelines.session import Session
from pipelines.workflow import lora_notes, loras, shared_loras
from studio.cli.answers import Answer, Usage, command, in_session, work
from studio.cli.values import number


def options(p: argparse.ArgumentParser) -> None:
    """What ``loras`` takes."""
    p.add_argument("name", nargs="?", default="", help="name or id of a LoRA (default: list all)")
    p.add_argument("--steps", type=number(Steps), help="it was made for so many steps")
    p.add_argument("--guidance", type=number(Guidance), help="it was made for this guidance scale")
    p.add_argument(
        "--schedule", action="append", default=[], metavar="KEY=VALUE",
        help="a value of the noise schedule that it was made for, such as base_shift=1.0986",
    )  # fmt: skip
    p.add_argument("--as-known", action="store_true", help="forget what you said: what the catalogue knows holds again")
    p.add_argument(
        "--get", default="", metavar="WHAT",
        help="download one: an entry of the catalogue, owner/name, owner/name/file.safetensors, or an address",
    )  # fmt: skip
    p.add_argument("--catalogue", action="store_true", help="list the LoRAs that are known, here or not")
    p.add_argument(
        "--score", action="append", default=[], metavar="AXIS=1-5", type=_score,
        help=f"what you found out about one, of the library or the catalogue: {', '.join(AXES)}; AXIS= takes it away",
    )  # fmt: skip
    p.add_argument("--note", help="your note on it")
    p.add_argument("--looked", choices=LOOKED, help="how far you looked into it")


@command
def lora_files(options: argparse.Namespace) -> Answer:
    """List the LoRAs, say what one of them asks for, or download one."""
    if options.get:
        return _got(options)
    if options.catalogue:
        return _catalogue(options)
    if options.score or options.note is not None or options.looked is not None:
        return _noted(options)
    said = _said(options)
    changing = bool(said or options.as_known)
    if changing and not options.name:
        raise Usage("Say which LoRA: flenwheel loras NAME --steps 4 --guidance 1")
    with in_session(options, read_only=not changing) as session:
        if not options.name:
            found = loras.everyone(session)
        elif not changing:
            found = [loras.by_name(session, options.name)]
        else:
            chosen = loras.get(session, loras.by_name(session, options.name).id)
            found = [_changed(session, chosen, None if options.as_known else said)]
        rows = [_row(session, lora) for lora in found]
        refused = [] if options.name else shared_loras.refused(session)
        lines = [*(_line(row) for row in rows), *(f"not usable     {bad.path}: {bad.why}" for bad in refused)]
        told = {"loras": rows, "refused": [{"file": str(bad.path), "reason": bad.why} for bad in refused]}
        return told, "\n".join(lines) or "There is no LoRA here yet: flenwheel import"


def _got(options: argparse.Namespace) -> Answer:
    """Download a LoRA into the library."""
    if options.name or options.as_known or _said(options):
        raise Usage("--get downloads a LoRA, and goes alone: say afterwards what it asks for.")
    with in_session(options) as session:
        data, words = work(session, loras.obtain(session, options.get))
        return data, words


def _catalogue(options: argparse.Namespace) -> Answer:
    with in_session(options, read_only=True) as session:
        here = loras.everyone(session)
        notes = lora_notes.notes_on(session, [e.name for e in session.presets.catalogue])
        rows = [
            {
                **e.model_dump(mode="json"),
                "here": bool(e.shipped) or any(loras.catalogued((e,), x) for x in here),
                "notes": notes[e.name].model_dump(mode="json", include={"scores", "note", "looked"}),
                "found": _found(notes[e.name]),
            }
            for e in session.presets.catalogue
        ]
    return {"catalogue": rows}, "\n".join(_entry(row) for row in rows)


def _score(text: str) -> tuple[str, int | None]:
    """An axis and its stars; ``None`` takes them away."""
    axis, _, stars = text.partition("=")
    if axis not in AXES:
        raise argparse.ArgumentTypeError(f"{shown(axis)} is no axis (there is: {', '.join(AXES)})")
    return axis, number(Stars)(stars) if stars.strip() else None


def _noted(options: argparse.Namespace) -> Answer:
    """Keep what was found out about a LoRA."""
    if not options.name or options.as_known or _said(options):
        raise Usage("Say which LoRA: flenwheel loras NAME --score angle=4 --note WORDS (and nothing else)")
    with in_session(options) as session:
        key = lora_notes.key_of(session, options.name)
        kept = lora_notes.write(session, key, scores=dict(options.score), note=options.note, looked=options.looked)
        return {"notes": kept.model_dump(mode="json")}, f"{options.name}: {_found(kept)}"


def _found(notes: LoraNotes) -> str:
    """What the user found out, in words."""
    scores = ", ".join(f"{axis} {stars} of 5" for axis, stars in notes.scores.items())
    return "; ".join(part for part in (notes.looked, scores, notes.note) if part) or "nothing noted"


def _entry(row: dict[str, Any]) -> str:
    place = "here" if row["here"] else f"not here ({row['repo']})"
    warning = f". {row['warning']}" if row["warning"] else ""
    return f"{row['name']}: {row['kind']}, {place}{warning}; {row['found']}"


def _said(options: argparse.Namespace) -> dict[str, Any]:
    said: dict[str, Any] = {"steps": options.steps, "guidance": options.guidance}
    schedule = dict(pair.partition("=")[::2] for pair in options.schedule)
    if unknown := sorted(schedule.keys() - NoiseSchedule.model_fields):
        known = ", ".join(NoiseSchedule.model_fields)
        raise Usage(f"{', '.join(unknown)}: no value of a noise schedule (there is: {known}).")
    return {name: value for name, value in {**said, "schedule": schedule}.items() if value not in (None, {})}


def _changed(session: Session, lora: LoraRecord, said: dict[str, Any] | None) -> LoraRecord:
    known = loras.sampling_of(session, lora).model_dump()
    return loras.ask_for(session, lora.id, None if said is None else Sampling.model_validate({**known, **said}))


def _row(session: Session, lora: LoraRecord) -> dict[str, Any]:
    asked = loras.sampling_of(session, lora)
    by = "you" if lora.sampling else "the catalogue" if asked != Sampling() else ""
    facts = lora.model_dump(mode="json", include={"id", "name", "path", "family", "rank", "trigger", "version"})
    shared = {"shared": bool(lora.changed), "here": shared_loras.is_here(session, lora)}
    return {**facts, **shared, "sampling": asked.model_dump(mode="json"), "asks_for": asked.words, "says": by}


def _line(row: dict[str, Any]) -> str:
    asked = f"; {row['asks_for']} (says {row['says']})" if row["asks_for"] else ""
    place = f"; in a shared folder: {row['path']}" if row["shared"] else ""
    gone = "" if row["here"] else f"; its file is gone{'' if row['shared'] else ' from the workspace'}"
    known = "not used yet" if shared_loras.is_passing(row["id"]) else row["id"][:12]
    return f"{known}  {row['name']}: {row['family']}, rank {row['rank']}{asked}{place}{gone}"
