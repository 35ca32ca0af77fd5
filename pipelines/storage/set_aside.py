"""Records that cannot be read: moved, as they are, to a table of their own, so that they keep nobody from the rest."""

from typing import Any

from pydantic import ValidationError

from pipelines.domain.records import now
from pipelines.storage.journal_lines import Changes, Document, Tables

TABLE = "set_aside"


def entry(table: str, name: str, document: Any, why: str) -> Document:
    """What is kept of a record that cannot be read. ``name`` is its id, as far as it has one."""
    at = now().isoformat()
    return {"id": f"{table}/{name}/{at}", "table": table, "why": why, "at": at, "document": document}


def words(table: str, name: str, why: str) -> str:
    """The same for the user."""
    return f"A record of {table!r} ({name}) could not be read and was set aside; it is kept. {why}"


def reasons(error: ValidationError) -> str:
    """What is wrong with a document, field by field, in one line."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'it'}: {e['msg']}" for e in error.errors())


def misshapen(tables: Tables) -> tuple[Changes, list[str]]:
    """The changes that set aside what is no document with an id in a numbered row, and words about each."""
    changes: Changes = {}
    notes: list[str] = []
    place = max((int(row) for row in tables.get(TABLE, {}) if row.isdigit()), default=0)
    for table, rows in tables.items():
        for row, document in rows.items():
            if row.isdigit() and isinstance(document, dict) and isinstance(document.get("id"), str):
                continue
            place, why = place + 1, "It has no id, or no place in its table."
            changes.setdefault(table, {})[row] = None
            changes.setdefault(TABLE, {})[str(place)] = entry(table, f"row {row}", document, why)
            notes.append(words(table, f"row {row}", why))
    return changes, notes
