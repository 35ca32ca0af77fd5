"""TinyDB on the journal: tables live in memory, a write costs one journal line of what changed.

TinyDB's own storages rewrite the whole database at each write, and its tables copy themselves to be updated. Here the
updater works on a ``Recording`` of the table, which notes what it changes; only that is written and then adopted.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Set
from contextlib import contextmanager
from typing import Any, cast

from tinydb.storages import Storage
from tinydb.table import Table

from pipelines.storage.journal import Journal
from pipelines.storage.journal_lines import Changes, Document, Tables, adopt, difference


class Recording(MutableMapping[int, Document]):
    """A table under change: reads fall through to the table, which itself stays as it is until ``changes`` are kept."""

    def __init__(self, table: dict[str, Document]) -> None:
        self._table = table
        self._touched: dict[str, Document | None] = {}

    def __getitem__(self, row: int) -> Document:
        key = str(row)
        if key not in self._touched:
            # a copy, since TinyDB's updates alter what they get
            self._touched[key] = dict(self._table[key])
        document = self._touched[key]
        if document is None:
            raise KeyError(row)
        return document

    def __setitem__(self, row: int, document: Document) -> None:
        self._touched[str(row)] = document

    def __delitem__(self, row: int) -> None:
        if row not in self:
            raise KeyError(row)
        self._touched[str(row)] = None

    def __contains__(self, row: object) -> bool:
        key = str(row)
        return self._touched[key] is not None if key in self._touched else key in self._table

    def __iter__(self) -> Iterator[int]:
        yield from (int(key) for key in self._table if self._touched.get(key, ...) is not None)
        yield from (int(key) for key, doc in self._touched.items() if key not in self._table and doc is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def changes(self) -> dict[str, Document | None]:
        """What is to be written: rows that differ from the table; None for those that are gone."""
        return {row: doc for row, doc in self._touched.items() if doc != self._table.get(row)}


class JournalStorage(Storage):
    """TinyDB's storage: ``tables`` in memory, every change through the journal first. ``told`` hears of each, with the
    number of its line."""

    def __init__(self, journal: Journal, tables: Tables, told: Callable[[int, Changes], None]) -> None:
        super().__init__()
        self.tables = tables
        self._journal = journal
        self._told = told
        self._pending: Changes | None = None

    def read(self) -> dict[str, dict[str, Any]]:
        """All tables. Not a copy: only ``commit`` may change them."""
        return self.tables

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Make ``data`` the whole content (TinyDB's ``drop_tables`` does this). Raises StoreWriteFailed."""
        self.commit(difference(self.tables, data))

    def commit(self, changes: Changes) -> None:
        """Write ``changes`` as one journal line, then adopt them. Raises StoreWriteFailed, with nothing changed."""
        changes = {name: rows for name, rows in changes.items() if rows}
        if self._pending is not None:
            for name, rows in changes.items():
                self._pending.setdefault(name, {}).update(rows)
        elif changes:
            self._journal.append(changes)
            adopt(self.tables, changes)
            self._told(self._journal.seq, changes)

    def sort(self) -> None:
        """Put the tables in the order of their rows, which is that of insertion: what was lost and put back stands at
        its old place."""
        for name, rows in self.tables.items():
            places = [*map(int, rows)]
            if places != sorted(places):
                self.tables[name] = {str(place): rows[str(place)] for place in sorted(places)}

    @contextmanager
    def one_line(self) -> Iterator[None]:
        """Writes to any tables within go into one journal line: all of them last, or none. Reads within do not see
        them yet."""
        self._pending = pending = {}
        try:
            yield
        finally:
            self._pending = None
        self.commit(pending)


class RecordTable(Table):
    """A TinyDB table whose documents are found by their ``id`` field without a search."""

    def _update_table(self, updater: Callable[[dict[int, Mapping[str, Any]]], None]) -> None:
        storage = cast(JournalStorage, self._storage)
        recording = Recording(storage.tables.get(self.name, {}))
        updater(cast("dict[int, Mapping[str, Any]]", recording))
        storage.commit({self.name: recording.changes()})
        self.clear_cache()

    def _rows(self) -> dict[str, int]:
        if not hasattr(self, "_row_of"):
            self._row_of = {doc["id"]: int(row) for row, doc in self._read_table().items()}
            self._next_id = max(self._row_of.values(), default=0) + 1
        return self._row_of

    def put(self, documents: Iterable[Document], places: Mapping[str, int] | None = None) -> None:
        """Insert each document, or replace the one of the same ``id`` in its place. ``places`` are the rows that new
        ones are to have, by id: ``has_free`` says whether they can. Raises StoreWriteFailed."""
        rows = self._rows()
        numbered: dict[int, Mapping[str, Any]] = {}
        for document in documents:
            if document["id"] not in rows:
                rows[document["id"]] = places[document["id"]] if places else self._get_next_id()
            numbered[rows[document["id"]]] = document
        self._update_table(lambda table: table.update(numbered))

    def take_out(self, record_id: str) -> None:
        """Remove the document of this ``id``. Raises StoreWriteFailed."""
        row = self._rows()[record_id]
        self._update_table(lambda table: table.__delitem__(row))

    def has_free(self, places: Mapping[str, int]) -> bool:
        """Whether those of these ids that are new could all have their rows."""
        fresh = [row for name, row in places.items() if name not in self._rows()]
        return not {*self._rows().values()}.intersection(fresh) and len({*fresh}) == len(fresh) and 0 not in fresh

    def merge(self, known: Set[str]) -> None:
        """Put what the table has just got among the ``known`` ids, by time; each part keeps its own order. Raises
        StoreWriteFailed."""
        documents = list(self.documents())
        parts = [[d for d in documents if (d["id"] in known) == old] for old in (True, False)]
        # in UTC, and without its Z a shorter time is the earlier one
        merged = heapq.merge(*parts, key=lambda d: str(d.get("at") or d.get("created") or "").rstrip("Z"))
        ordered = dict(zip(sorted(self._rows().values()), merged, strict=True))
        self._update_table(lambda table: table.update(ordered))
        self.renumber()

    def renumber(self) -> None:
        """Look anew where each document lies, after some were taken out."""
        if hasattr(self, "_row_of"):
            del self._row_of

    def by_id(self, record_id: str) -> Document | None:
        """The document of this ``id``. Not a copy: not to be altered."""
        row = self._rows().get(record_id)
        return None if row is None else cast("Document | None", self._read_table().get(str(row)))

    def documents(self) -> Iterator[Document]:
        """All documents, in the order of insertion. Not copies."""
        return iter(cast("list[Document]", list(self._read_table().values())))

    def row(self, record_id: str) -> int:
        """The place of a document in the order of insertion."""
        return self._rows()[record_id]
