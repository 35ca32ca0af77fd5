"""Bringing the records of an older FLENwheel up to this one: a copy first, then one line in the journal for all of it.

The line is whole or not there, so a kill at any instant leaves the records as they were or as they are to be. What is
no record at all is set aside with it.
"""

import logging
from pathlib import Path

from pipelines.domain.records import now
from pipelines.storage import migrations
from pipelines.storage.atomic import copy_durably, new_folder
from pipelines.storage.journal import Journal, StoreUnreadable
from pipelines.storage.journal_lines import Tables, adopt, difference
from pipelines.storage.migrations import MadeByNewer, Migration
from pipelines.storage.set_aside import misshapen

BACKUPS = "backups"
log = logging.getLogger(__name__)


def upgraded(journal: Journal, tables: Tables) -> tuple[Tables, list[str]]:
    """``tables`` as this version keeps them, in memory alone, and what is not right with them. Raises
    StoreUnreadable."""
    todo = _pending(journal, tables)
    fresh = _migrate(journal, tables, todo) if todo else tables
    changes, notes = misshapen(fresh)
    adopt(fresh, changes)
    return fresh, notes


def upgrade(journal: Journal, tables: Tables) -> list[str]:
    """Bring ``tables``, which have just been loaded, up to this version, in memory and on disk; ``journal`` is not
    started yet. Returns what was done, in words for the user.

    Raises StoreUnreadable, with nothing changed, and OSError when the copy or the line cannot be written.
    """
    todo = _pending(journal, tables)
    fresh = _migrate(journal, tables, todo) if todo else tables
    copied = _copy(journal, todo) if todo and any(tables.values()) else None
    journal.start()
    changes, notes = misshapen(fresh)
    adopt(fresh, changes)
    if changes := difference(tables, fresh) if todo else changes:
        journal.append(changes)
        adopt(tables, changes)
    if copied is None:
        return notes
    done = " ".join(change.words for change in todo)
    kept = f"{BACKUPS}/{copied.name}"
    note = f"The records were brought up to this version of FLENwheel: {done} They are as they were in {kept}."
    log.info("%s: %s", journal.root, note)
    return [note, *notes]


def _pending(journal: Journal, tables: Tables) -> list[Migration]:
    try:
        return migrations.pending(tables)
    except MadeByNewer as error:
        raise StoreUnreadable(
            f"The workspace {journal.root} was made by a newer FLENwheel: {error}. Nothing was changed. Update "
            "FLENwheel, or open another workspace."
        ) from error


def _migrate(journal: Journal, tables: Tables, todo: list[Migration]) -> Tables:
    try:
        return migrations.migrate(tables, todo)
    except Exception as error:
        names = ", ".join(change.name for change in todo)
        raise StoreUnreadable(
            f"The records in {journal.root} are of an older FLENwheel and could not be brought up to this one "
            f"({names}: {type(error).__name__}: {error}). Nothing was changed."
        ) from error


def _copy(journal: Journal, todo: list[Migration]) -> Path:
    """Copy the files of the store into a folder of their own, below ``backups``."""
    named = f"{now():%Y%m%d-%H%M%S-%f}-before-{todo[0].name}"
    with new_folder(journal.root / BACKUPS / named) as folder:
        for path in journal.files():
            copy_durably(path, folder / path.name)
    return journal.root / BACKUPS / named
