"""What the commands of ``flenwheel`` share: the session, the names that a person types, and how an answer is told.

Answers go to standard output (one JSON object with ``--json``), progress to standard error.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from pipelines.domain.best import set_aside
from pipelines.domain.bounds import Weight, fits
from pipelines.domain.chains import Broken
from pipelines.domain.faults import shown, wanted
from pipelines.domain.records import Character, ImageRecord, Job, LoraRecord
from pipelines.domain.shots import Plan
from pipelines.domain.words import count
from pipelines.planning.sampling import notes
from pipelines.session import NotFound, Session
from pipelines.storage.atomic import write_durably
from pipelines.storage.store import StoreReadOnly, WorkspaceBusy
from pipelines.workflow import chains, characters, loras, sources
from pipelines.workflow.opening import open_session
from pipelines.workflow.references import Beside
from studio.cli.open_studio import HandedJobs, OpenStudio
from studio.cli.outermost import DONE, FAILED
from studio.cli.progress import follow
from studio.cli.speech import say, say_json

DEFAULT_WORKSPACE = Path("~/FLENwheel")
NOBODY = "There is no character yet: flenwheel import --new NAME --may-use FILES, or flenwheel practice"

Form = TypeVar("Form", bound=str)
Told = dict[str, object]
"""An answer in JSON."""
Answer = tuple[Told, str]


class Usage(ValueError):
    """The command was not understood; the message says what it takes."""


def command(work: Callable[[argparse.Namespace], Answer]) -> Callable[[argparse.Namespace], int]:
    """Turn an answer ``(JSON, words)`` into output and exit code. Failures go on to ``studio.cli.outermost``."""

    def run(options: argparse.Namespace) -> int:
        data, words = work(options)
        ok = bool(data.get("ok", True))
        if options.json:
            say_json({"ok": ok, **data})
        else:
            say(words)
        return DONE if ok else FAILED

    run.__doc__ = work.__doc__
    run.__name__ = work.__name__
    return run


def workspace_of(options: argparse.Namespace) -> Path:
    """The folder that was named, else ``~/FLENwheel``."""
    return (options.workspace or DEFAULT_WORKSPACE).expanduser()


@contextmanager
def in_session(options: argparse.Namespace, *, read_only: bool = False) -> Iterator[Session]:
    """The session of the command's workspace, closed at the end. What had to be repaired is told: this opening is the
    only one that knows of it."""
    with open_session(workspace_of(options), read_only=read_only) as session:
        for words in session.store.repairs:
            say(words, sys.stderr)
        yield session


@contextmanager
def in_session_or_beside(options: argparse.Namespace) -> Iterator[Session]:
    """As ``in_session``, for a command that only reads and asks for jobs: when a studio has the workspace open they are
    handed to it. Raises WorkspaceBusy when that is no studio, or when something is to be written after all."""
    with ExitStack() as open_now:
        try:
            session = open_now.enter_context(in_session(options))
        except WorkspaceBusy as busy:
            if not busy.address:
                raise
            session = open_now.enter_context(in_session(options, read_only=True))
            session.elsewhere = HandedJobs(OpenStudio(busy.address), session.read_again)
            open_now.enter_context(_nothing_written(busy))
            say(f"The studio at {busy.address} has this workspace open: it does the work.", sys.stderr)
        yield session


@contextmanager
def _nothing_written(busy: WorkspaceBusy) -> Iterator[None]:
    try:
        yield
    except StoreReadOnly:
        raise busy from None


def character_of(session: Session, options: argparse.Namespace) -> Character:
    """The named character, else the one chosen in the studio, else the only or newest one."""
    if options.character and characters.present(session):
        return characters.named(session, options.character)
    found = characters.current(session, session.settings.character)
    if found is None:
        raise NotFound(NOBODY)
    return found


def lora_rows(session: Session, rows: Iterable[str]) -> list[tuple[str, float]]:
    """``NAME=WEIGHT`` to (LoRA id, weight)."""
    parsed = []
    for row in rows:
        name, _, weight = row.rpartition("=") if "=" in row else (row, "", "1.0")
        try:
            scale = fits(Weight, weight.strip())
        except ValidationError as error:
            raise Usage(
                f"{shown(row)}: a LoRA is given as NAME=WEIGHT, such as angles=1.0, its weight {wanted(error)}"
            ) from None
        parsed.append((loras.by_name(session, name.strip()).id, scale))
    return parsed


def work(session: Session, job: Job) -> Answer:
    """Follow a job to its end and tell of it."""
    ended = follow(session.jobs, job)
    words = f"{ended.title}: {ended.state}" + (f". {ended.error}" if ended.error else "")
    data: Told = {"ok": ended.state == "done", "job": ended.model_dump(mode="json", exclude={"request", "traceback"})}
    if not data["ok"]:
        data["error"] = ended.error or words
    return data, words


def doubtful_sources(session: Session, character: Character, data: Told) -> list[str]:
    """Which sources look like somebody else, which show several faces, and which judge they ask for; by id into
    ``data``, and in words."""
    doubted, crowded = sources.doubts(session, character.id), sources.crowded(session, character.id)
    proposed = sources.proposed_judge(session, character.id)
    data["doubted"] = {image.id: words for image, words in doubted}
    data["crowded"] = {image.id: words for image, words in crowded}
    data["proposed"] = {"judged_by": proposed[0], "why": proposed[1]} if proposed else None
    confirm = "It is no reference until you say so: flenwheel score --confirm"
    told = [f"{words} {confirm} {image.id[:12]}" for image, words in doubted] + [words for _, words in crowded]
    return [*told, f"{proposed[1]} flenwheel judge {proposed[0]}"] if proposed else told


def make_pictures(session: Session, plan: Plan, job: Job) -> Answer:
    """Follow a job that makes pictures to its end and tell of them."""
    for line in notes(plan):
        print(line, file=sys.stderr)
    data, words = work(session, job)
    data["notes"] = notes(plan)
    data["images"] = [
        {
            "id": i.id,
            "path": i.path,
            "cell": i.shot.purpose.cell,
            "prompt": i.shot.prompt,
            "chosen": not set_aside(session.store.verdict(i.id)),
            "scores": i.scores.model_dump(mode="json"),
        }
        for i in chains.pictures(session, plan)
        if i.shot
    ]
    ended = session.store.get(Job, job.id) or job
    data["broken"] = ended.result.get("broken", [])
    told = [Broken.model_validate(chain).words for chain in data["broken"]]
    aside = sum(not image["chosen"] for image in data["images"])
    told += [f"{aside} of them set aside: of each the best of {plan.tries} was kept."] if aside else []
    return data, "\n".join([f"{words}; {count(len(data['images']), 'picture')} in {plan.folder}", *told])


def pairs(given: Iterable[str], what: str, example: str) -> Iterator[tuple[str, str]]:
    """``KEY=VALUE`` to (key, value). Raises Usage for what is none."""
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise Usage(f"{text!r}: {what} is given as KEY=VALUE, such as {example}.")
        yield key.strip(), value.strip()


def written(file: Path, forms: Sequence[Form], what: str, made: Callable[[Form], str | bytes]) -> str:
    """Write something down in the form that the file's name asks for; says where. Raises Usage for another form, and
    for a file that is there."""
    named = file.suffix.removeprefix(".").lower()
    form = next((form for form in forms if form == named), None)
    if form is None:
        raise Usage(f"{what} is written as .{', .'.join(forms)}: {file.name} is none of these.")
    if file.exists():
        raise Usage(f"{file} is there already, and nothing is overwritten: name another file.")
    content = made(form)
    write_durably(file, content.encode() if isinstance(content, str) else content, sync=False)
    return f"Written to {file}."


def picture_ids(session: Session, options: argparse.Namespace, named: Iterable[str]) -> list[str]:
    """Whole ids for ids or their first characters, or the file names of sources, those that stand first."""
    character = character_of(session, options).id
    known = session.store.all(ImageRecord, character=character)
    standing, all_ = sources.sources(session, character), [i for i in known if i.kind == "source"]
    found = []
    for name in named:
        files = ([i.id for i in images if sources.file_of(i) == name] for images in (standing, all_))
        match = next(filter(None, files), []) or [i.id for i in known if i.id.startswith(name)]
        if len(match) != 1:
            raise NotFound(f"{name!r} names {len(match)} pictures of this character.")
        found += match
    return found


def beside_of(session: Session, options: argparse.Namespace) -> Beside:
    """What the editor is to see beside each source."""
    control = picture_ids(session, options, [options.control] if options.control else [])
    named = picture_ids(session, options, options.reference)
    return Beside(options.references, tuple(named), control[0] if control else "")


def lora_of(session: Session, character: Character, version: str | None) -> str:
    """The id of a character's LoRA of that version; the newest for ``None``; none for ``base``."""
    if version == "base":
        return ""
    made: list[LoraRecord] = loras.trained(session, character.id, "character")
    match = [x for x in made if version in (None, x.version)]
    if not match:
        known = ", ".join(x.version for x in made) or "none trained yet"
        raise NotFound(
            f"{character.name} has no LoRA {version or ''} ({known}). Use --version base for the base model."
        )
    return match[-1].id
