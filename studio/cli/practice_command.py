"""``flenwheel practice``: begin without pictures of one's own, or watch a simulated reviewer turn the whole wheel."""

import argparse
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.domain.bounds import Seed, Tries, fits
from pipelines.domain.records import Job
from pipelines.practice import report, several
from pipelines.practice.choices import choices
from pipelines.practice.figures import Figures, figures
from pipelines.practice.run import Halted, PracticeRun, Wish
from pipelines.queue.status import Status
from pipelines.session import Session
from pipelines.workflow import practice as practising
from pipelines.workflow import sources
from studio.cli.answers import Answer, Usage, command, in_session, work
from studio.cli.progress import follow
from studio.cli.speech import say, say_json
from studio.cli.values import number

MOST_ROUNDS, MOST_CHARACTERS = 100, 1000
TICK = 2.0
"""Seconds between two lines of progress, in JSON."""


def options(p: argparse.ArgumentParser) -> None:
    """``--character`` takes a number here. Without it, or with ``--list``: who there is."""
    p.add_argument("--list", action="store_true", help="say who there is; the same as without a number")
    p.add_argument(
        "--start", type=number(Seed), metavar="NUMBER", help="begin with a practice character and its 12 sources"
    )
    p.add_argument(
        "--sources", type=number(int), metavar="N",
        help="with N of the 12 sources (1 to 12), such as 3; without --character or --start: for ten characters",
    )  # fmt: skip
    p.add_argument(
        "--characters", type=number(int), metavar="N",
        help="the whole run for N characters, from --character on or with some that no model knows, with intervals",
    )  # fmt: skip
    p.add_argument("--rounds", type=number(int), help="how often to train (2)")
    p.add_argument("--seed", type=number(Seed), default=Wish.seed)
    p.add_argument(
        "--error", type=number(float), help="share of decisions that the simulated reviewer gets wrong (0.05)"
    )
    p.add_argument("--corrections", action="store_true", help="correct wrong edits and train the editor with them")
    p.add_argument(
        "--failed-cells", type=number(Tries), default=Wish.tries, metavar="TRIES",
        help="from the second round on, edit the cells that failed on the last card anew: the best of so many tries",
    )  # fmt: skip


@command
def practice(options: argparse.Namespace) -> Answer:
    """Who can be practised with, a start with one of them, or the whole run."""
    rounds, error = _bounded(options)
    if options.start is not None:
        return _start(options)
    many = options.characters is not None or (options.sources is not None and not options.character)
    if many and not options.list:
        return _several(options, rounds, error)
    if options.character and not options.list:
        return _run(options, rounds, error)
    cast = practising.cast()
    words = [f"{who.number:3}  {who.name:6} seed {who.seed:<3} {who.looks}" for who in cast]
    words.append("Turn the wheel with one:  flenwheel practice --character NUMBER")
    words.append("Only begin with one:      flenwheel practice --start NUMBER")
    words.append("From three sources:       flenwheel practice --sources 3")
    return {"practice": [asdict(who) for who in cast]}, "\n".join(words)


def _start(options: argparse.Namespace) -> Answer:
    with in_session(options) as session:
        character, job = practising.start(session, options.start, count=_sources(options))
        data, words = work(session, job)
        for after in session.store.all(Job, character=character.id):
            if after.state in ("queued", "running"):  # what follows from it: the pictures are looked at
                work(session, after)
        there = sources.sources(session, character.id)
        data |= {"character": character.id, "sources": [i.id for i in there]}
        return data, f"{words}\n{character.name} ({character.id}) has {len(there)} sources."


def _run(options: argparse.Namespace, rounds: int, error: float) -> Answer:
    wish = _wish(options, _number(options), rounds, error)
    with in_session(options) as session:
        try:
            told, path = _turned(session, wish, options)
        except (Halted, KeyboardInterrupt) as end:
            return _ended_early(end)
        data = {"event": "summary", "report": str(path), **told.model_dump(mode="json", exclude={"pictures"})}
        return data, "\n".join([*summary(told), f"Report: {path}"])


def _wish(options: argparse.Namespace, number: int, rounds: int, error: float) -> Wish:
    corrections, tries = options.corrections, options.failed_cells
    return Wish(number, rounds, error, options.seed, corrections, sources=_sources(options), tries=tries)


def _several(options: argparse.Namespace, rounds: int, error: float) -> Answer:
    """The same for several characters, one after the other; one that is done already is not turned again."""
    first = _number(options) if options.character else several.FIRST
    wanted = several.CHARACTERS if options.characters is None else options.characters
    if not 1 <= wanted <= MOST_CHARACTERS:
        raise Usage(f"--characters is a number from 1 to {MOST_CHARACTERS}.")
    wish = _wish(options, first, rounds, error)
    found, reports = [], []
    with in_session(options) as session:
        for number in range(first, first + wanted):
            try:
                told, path = _turned(session, replace(wish, number=number), options)
            except (Halted, KeyboardInterrupt) as end:
                data, words = _ended_early(end)
                return data | _together(found, wish), "\n".join([words, *several.words(found, wish.sources)])
            found.append(told)
            reports.append(str(path))
            if options.json:
                say_json({"event": "turned", "number": number, "report": str(path)})
            else:
                say("\n".join([f"{told.name}:", *summary(told)]))
    data = {"event": "summary", "reports": reports} | _together(found, wish)
    return data, "\n".join(several.words(found, wish.sources))


def _together(found: list[Figures], wish: Wish) -> dict[str, Any]:
    made = [one.model_dump(mode="json") for one in several.rounds(found)]
    return {"sources": wish.sources, "characters": [told.number for told in found], "rounds": made}


def _turned(session: Session, wish: Wish, options: argparse.Namespace) -> tuple[Figures, Path]:
    """One run to its end, with its figures and report. Raises Halted."""
    teller = Teller(session, in_json=options.json)
    character = PracticeRun(session, wish, follow=teller.follow, tell=teller.tell).go()
    told = figures(session, character.id)
    return told, report.write(session, told)


def _ended_early(end: BaseException) -> Answer:
    words = f"{end} The same command goes on here." if str(end) else "Stopped. The same command goes on here."
    return {"ok": False, "event": "halted", "error": words}, words


def _sources(options: argparse.Namespace) -> int:
    """How many of the twelve sources. Raises Usage."""
    wanted = practising.SOURCES if options.sources is None else options.sources
    if not 1 <= wanted <= practising.SOURCES:
        raise Usage(f"--sources is a number from 1 to {practising.SOURCES}.")
    return wanted


def _bounded(options: argparse.Namespace) -> tuple[int, float]:
    """How often to train, and the share of wrong decisions. Raises Usage."""
    known = choices()
    rounds = known.rounds if options.rounds is None else options.rounds
    error = known.error if options.error is None else options.error
    if not 1 <= rounds <= MOST_ROUNDS or not 0 <= error <= 0.5:
        raise Usage(f"--rounds is at least 1 (and at most {MOST_ROUNDS}), --error between 0 and 0.5.")
    return rounds, error


def _number(options: argparse.Namespace) -> int:
    try:
        return fits(Seed, options.character)
    except ValidationError:
        raise Usage("--character takes the number of a practice character: flenwheel practice lists them.") from None


@dataclass
class Teller:
    """Tells a run as it goes: one JSON object a line, or calm words."""

    session: Session
    in_json: bool
    _told: float = 0.0

    def follow(self, job: Job) -> Job:
        """Wait for a job with progress."""
        return follow(self.session.jobs, job, self._progress if self.in_json else None)

    def tell(self, event: dict[str, Any]) -> None:
        """An event of the run."""
        if self.in_json:
            say_json(event)
        elif words := _words(event):
            say(words)

    def _progress(self, status: Status) -> None:
        if status.job is None or time.monotonic() - self._told < TICK:
            return
        self._told = time.monotonic()
        self.tell(
            {"event": "progress", "job": status.job.id, "title": status.job.title, "done": status.job.done,
             "total": status.job.total, "left": status.seconds_left, "note": status.job.note}
        )  # fmt: skip


def _words(event: dict[str, Any]) -> str:
    """An event in words; empty for what a person need not hear."""
    match event["event"]:
        case "character":
            return f"{event['character']}: {event['sources']} sources"
        case "ended" if event["step"] != "look":
            return "\n".join([f"{event['title']}: {event['state']} ({event['seconds']:.0f} s)", *event["warnings"]])
        case "decided":
            counts = {k: v for k, v in event.items() if k not in ("event", "gate", "by")}
            return f"  {event['gate']}: " + ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items())
        case "not resumed":
            return f"{event['title']} is not gone on with. {event['why']}"
        case "filtered":
            return f"  filter: {event['rejected']} sorted out, {event['left']} left"
        case "pristine":
            return f"  pristine {event['version']}: {event['pictures']} pictures"
        case "corrected":
            return f"  corrections: {event['triplets']} triplets"
        case "card":
            return f"  {event['lora']}: {event['words']}"
    return ""


def summary(told: Figures) -> list[str]:
    """The outcome in a few lines."""
    lines = [f"{card.lora}: {card.words}" for card in told.cards]
    if told.gain:
        lines.append(told.gain.words)
    lines.append(f"{told.minutes:.1f} minutes: " + ", ".join(f"{name} {m:.1f}" for name, m in told.by_step.items()))
    return lines
