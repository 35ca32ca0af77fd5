"""What the copies of the records beside the files know (``storage.mirror``), read as records again. Who wrote a folder
is not known, so each is checked, and a character's folder speaks of that character alone."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from pipelines.domain import verdicts
from pipelines.domain.calibrations import Calibration
from pipelines.domain.lora_notes import LoraNotes
from pipelines.domain.records import (
    CaptionEdit,
    Card,
    Character,
    Correction,
    CurvePart,
    DatasetVersion,
    Decision,
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
from pipelines.domain.words import count
from pipelines.storage import mirror, set_aside
from pipelines.storage.migrations import TABLE as MIGRATIONS
from pipelines.storage.migrations import MadeByNewer
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

KINDS: dict[str, type[Record]] = {
    kind.table: kind
    for kind in (
        Character, ImageRecord, LoraRecord, LoraNotes, SavedStack, DatasetVersion, CurvePart, TrainingRun, Survey, Card,
        Correction, Job, JobProgress, Calibration, CaptionEdit, Decision,
    )
}  # fmt: skip
STOPPED = "The records were lost while this was waiting or running. What was finished is kept; resume goes on there."


@dataclass
class Copies:
    """The records that the copies hold and the store does not, or not as they are now, each with its place; ``lost``
    says in words what cannot be had from them, ``newer`` names the files of a newer FLENwheel."""

    kept: dict[tuple[str, str], tuple[int, Record]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    newer: list[str] = field(default_factory=list)

    def of(self, kind: type[Record]) -> list[tuple[int, Record]]:
        """Those of one kind, in the order in which they were made."""
        return sorted((kept for kept in self.kept.values() if type(kept[1]) is kind), key=lambda kept: kept[0])


def read_copies(workspace: Workspace, store: Store) -> Copies:
    """Read all copies. Raises OSError."""
    store.mirrored()
    copies = Copies()
    for path in mirror.files(workspace):
        name = workspace.relative(path)
        try:
            found = mirror.read(path)
        except MadeByNewer:
            copies.newer.append(name)
            continue
        if found.damaged:
            copies.lost.append(f"{name}: {count(found.damaged, 'damaged line')} left out.")
        _check(copies, workspace, path, found, store)
    return copies


def _check(copies: Copies, workspace: Workspace, path: Path, found: mirror.Mirrored, store: Store) -> None:
    homes = mirror.Homes(workspace, found.tables())
    refused: Counter[str] = Counter()
    for (table, name), kept in found.kept.items():
        if table == MIGRATIONS:
            continue
        if table not in KINDS or homes.path(homes.character(table, kept.document)) != path:
            refused[f"records of {table!r} that do not belong there"] += 1
            continue
        try:
            record = _record(table, kept.document)
            workspace.path(getattr(record, "path", ""))  # OutsideWorkspace is a ValueError
        except (ValidationError, ValueError) as error:
            why = set_aside.reasons(error) if isinstance(error, ValidationError) else str(error)
            copies.lost.append(f"{workspace.relative(path)}: a record of {table!r} ({name}) cannot be read. {why}")
            continue
        known = store.get(type(record), name)
        if known != record:
            copies.kept[table, name] = (kept.row, _stopped(record) if known is None else record)
    copies.lost += [f"{workspace.relative(path)}: {what}, {n} left out." for what, n in refused.items()]


def _record(table: str, document: dict[str, object]) -> Record:
    record = KINDS[table].model_validate(document)
    if isinstance(record, Decision):
        verdicts.check(record)
    return record


def _stopped(record: Record) -> Record:
    """A job that waited or ran is not begun by itself: who asked for it may be gone with the records."""
    if isinstance(record, Job) and record.state in ("queued", "running"):
        return record.model_copy(update={"state": "interrupted", "error": STOPPED, "ended": now()})
    return record
