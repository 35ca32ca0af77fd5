"""Characters that are put away: archived, or in the trash. Nothing of a character's files is touched until the trash is
emptied; until then all of it comes back by one word."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.domain.calibrations import Calibration
from pipelines.domain.records import (
    CaptionEdit,
    Card,
    Character,
    Correction,
    CurvePart,
    DatasetVersion,
    ImageRecord,
    Job,
    JobProgress,
    LoraRecord,
    Record,
    SavedStack,
    Survey,
    TrainingRun,
    now,
)
from pipelines.domain.spelling import same
from pipelines.session import NotFound, Session
from pipelines.workflow.characters import NotAllowed

OF_A_CHARACTER: tuple[type[Record], ...] = (
    ImageRecord, SavedStack, CaptionEdit, DatasetVersion, TrainingRun, Survey, Card, Correction, Calibration, Job,
    LoraRecord,
)  # fmt: skip
"""Records that name a character."""


@dataclass(frozen=True)
class Away:
    """Characters that stand in no list: archived ones, and those in the trash."""

    archived: tuple[Character, ...]
    trash: tuple[Character, ...]


@dataclass(frozen=True)
class Emptied:
    """Who was removed for good, and folders that could not be removed, with the reason."""

    removed: tuple[str, ...]
    left: tuple[tuple[str, str], ...]


def away(session: Session) -> Away:
    """Who is put away, the first put away first."""
    known = session.store.all(Character)
    trashed = sorted((c for c in known if c.trashed), key=lambda c: str(c.trashed))
    return Away(tuple(c for c in known if c.archived and not c.trashed), tuple(trashed))


def archive(session: Session, character_id: str, archived: bool = True) -> Character:
    """Take a character out of all lists, or put it back into them. Raises NotFound."""
    with session.store.alone():
        changed = session.character(character_id).model_copy(update={"archived": archived})
        session.store.put(changed)
    return changed


def delete(session: Session, character_id: str) -> Character:
    """Put a character into the trash. Raises NotFound, and NotAllowed while a job of it is at work or waits."""
    _refuse_at_work(session, session.character(character_id))
    with session.store.alone():
        trashed = session.character(character_id).model_copy(update={"trashed": now()})
        session.store.put(trashed)
    return trashed


def _refuse_at_work(session: Session, character: Character) -> None:
    status = session.jobs.status()
    going = [job for job in (status.job, *status.queued) if job and job.character == character.id]
    if going:
        titles = ", ".join(job.title for job in going[:3])
        raise NotAllowed(f"{character.name} has work to be done: {titles}. Wait for it or stop it first.")


def restore(session: Session, name: str) -> Character:
    """Take a character (id or name) out of the trash, or back into the lists. Raises NotFound, also when several go by
    that name."""
    with session.store.alone():
        back = _put_away(session, name).model_copy(update={"archived": False, "trashed": None})
        session.store.put(back)
    return back


def _put_away(session: Session, name: str) -> Character:
    found = away(session)
    known = (*found.trash, *found.archived)
    match = [c for c in known if c.id == name] or [c for c in known if same(c.name, name)]
    if len(match) != 1:
        who = ", ".join(c.id for c in known) or "nobody"
        raise NotFound(f"{name!r} names {len(match)} characters that are put away ({who}).")
    return match[0]


def empty_trash(session: Session) -> Emptied:
    """Remove for good who is in the trash: records and files. A folder that is a link, or that cannot be removed, is
    left, and told of."""
    removed, left = [], []
    for character in away(session).trash:
        _refuse_at_work(session, character)
        session.store.remove(*_records(session, character))
        session.store.mirrored()  # else its second copy is written into the folder that goes
        folder = session.workspace.path(session.workspace.character(character.id))
        if why := _remove(folder):
            left.append((str(folder), why))
        removed.append(character.name)
    return Emptied(tuple(removed), tuple(left))


def _records(session: Session, character: Character) -> Iterator[Record]:
    """All that is remembered of a character, itself last."""
    store = session.store
    for cls in OF_A_CHARACTER:
        found = store.all(cls, character=character.id)
        yield from found
        if cls is TrainingRun:
            for run in found:
                yield from store.all(CurvePart, run=run.id)
        if cls is Job:
            yield from (p for job in found if (p := store.get(JobProgress, job.id)))
    yield character


def _remove(folder: Path) -> str:
    """Remove a folder with all below it; why it was not, "" when it was."""
    if folder.is_symlink():
        return "it is a link to another place: remove its files there"
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return error.strerror or str(error)
    return ""
