"""What may be written of a record: only what can be read again; and what is added to one that is known."""

import json
from typing import TypeVar

from pydantic import ValidationError

from pipelines.domain.records import Record
from pipelines.storage import set_aside
from pipelines.storage.journal_lines import Document

R = TypeVar("R", bound=Record)


class BadRecord(ValueError):
    """A record that could not be read again: it is not written. The message names the field and what is wrong."""


def read_again(record: R) -> tuple[R, Document]:
    """A record as it will be read, and what is written for it. Raises BadRecord when it could not be read."""
    try:
        document = record.model_dump(mode="json", warnings=False)
        read = type(record).model_validate(document)
        if read != record:
            record, document = read, read.model_dump(mode="json")
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except ValidationError as error:
        raise BadRecord(f"This cannot be kept in {record.table!r}: {set_aside.reasons(error)}.") from error
    except (ValueError, TypeError, OverflowError) as error:  # what pydantic's serializer and JSON raise
        raise BadRecord(f"This cannot be kept in {record.table!r} ({record.id!a}): {error}.") from error
    return record, document


def gaps_filled(known: R, fresh: R) -> R:
    """``known``, with what it leaves open as ``fresh`` says."""
    fields = type(known).model_fields
    empty = {name: field.get_default() for name, field in fields.items() if not field.is_required()}
    left = {name: getattr(fresh, name) for name, value in empty.items() if getattr(known, name) == value}
    return known.model_copy(update=left)
