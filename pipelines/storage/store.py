"""The records of a workspace: the only writer of TinyDB. What ``put`` and ``decide`` have returned from is on disk."""

import logging
import threading
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar, cast, get_args

from pydantic import ValidationError
from tinydb import TinyDB

from pipelines.domain import verdicts
from pipelines.domain.records import Decision, ImageRecord, Record, Verdict
from pipelines.storage import mirror, set_aside
from pipelines.storage.checked import BadRecord, gaps_filled, read_again
from pipelines.storage.journal import Journal, StoreUnreadable, StoreWriteFailed
from pipelines.storage.journal_lines import Document, Tables
from pipelines.storage.lock import WorkspaceBusy, WorkspaceLock
from pipelines.storage.tables import JournalStorage, RecordTable
from pipelines.storage.upgrade import upgrade, upgraded

__all__ = ["BadRecord", "Store", "StoreReadOnly", "StoreUnreadable", "StoreWriteFailed", "WorkspaceBusy"]

R = TypeVar("R", bound=Record)
COMPACT_BYTES = 16 * 2**20

log = logging.getLogger(__name__)


def _is_plain(cls: type[Record], field: str) -> bool:
    """Whether the field's values are stored as JSON scalars, which can be looked up."""
    annotation = cls.model_fields[field].annotation
    kinds = get_args(annotation) or (annotation,)
    return all(kind in (str, int, bool, float, type(None)) or isinstance(kind, str) for kind in kinds)


class StoreReadOnly(RuntimeError):
    """A write to a store that was opened to be read."""


class _Database(TinyDB):
    table_class = RecordTable


class Store:
    """Records by class and id. Thread-safe. ``open`` it; ``close`` it, or use it as a context manager.

    Records are cached and shared between callers: they are frozen, and dicts inside them are not to be altered.
    ``revision`` grows with every change since the store was opened.
    """

    def __init__(self, journal: Journal, tables: Tables, lock: WorkspaceLock | None, notes: Iterable[str] = ()) -> None:
        self.root = journal.root
        self.revision = 0
        self._notes = [*(f"The records were repaired: {note}." for note in journal.notes), *notes]
        self._journal = journal
        self._workspace_lock = lock
        self._lock = threading.RLock()
        self._mirror = mirror.Mirror(journal.root)
        self._storage = JournalStorage(journal, tables, self._mirror.note)
        self._storage.sort()
        self._db = _Database(storage=lambda: self._storage)
        self._parsed: dict[str, dict[str, Record]] = {}
        self._indexes: dict[tuple[str, str], dict[Any, dict[str, None]]] = {}
        self._verdicts: dict[str, Verdict] = {}
        self._compacting: threading.Thread | None = None
        self._compact_at = COMPACT_BYTES
        # now, while someone expects to wait, instead of at the first decision
        self._index(Decision, "image")
        self._table(Decision.table).by_id("")

    @classmethod
    def open(cls, root: Path, read_only: bool = False) -> "Store":
        """Open the records in ``root``, which is made if need be. Those of an older FLENwheel are brought up to this
        one: when writing, on disk, after a copy; else in memory.

        Writing takes the workspace's lock. Raises WorkspaceBusy, StoreUnreadable (also for the records of a newer
        FLENwheel), StoreWriteFailed, OSError.
        """
        journal = Journal(Path(root).resolve())
        if read_only:
            reach = mirror.reach(journal.root)
            tables, notes = upgraded(journal, journal.load())
            return cls(journal, tables, None, [*notes, *[mirror.KNOWS_MORE] * (reach > journal.seq)])
        lock = WorkspaceLock(journal.root)
        lock.acquire()
        try:
            tables = journal.load()
            loaded = journal.seq
            notes = upgrade(journal, tables)
            store = cls(journal, tables, lock, notes)
            store._compact_now()
            if store._mirror.begin(tables, loaded, journal.seq):
                store.tell(mirror.KNOWS_MORE)
        except BaseException:
            journal.close()
            lock.release()
            raise
        return store

    @property
    def read_only(self) -> bool:
        """Whether this store may only be read."""
        return self._workspace_lock is None

    @property
    def repairs(self) -> tuple[str, ...]:
        """What was repaired, set aside or brought up to date, in words for the user; usually nothing."""
        return tuple(self._notes)

    def tell(self, *notes: str) -> None:
        """Say more of what was not right when the workspace was opened."""
        self._notes += notes

    def announce(self, address: str) -> None:
        """Say where the studio answers, for whoever finds the workspace busy."""
        if self._workspace_lock:
            self._workspace_lock.announce(address)

    # ---- records

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else writes meanwhile: a record that is written from what it was is read and put within, else what
        another thread changed in between is lost. For moments only: all who read wait."""
        with self._lock:
            yield

    def put(self, *records: Record, decided: Iterable[Decision] = ()) -> None:
        """Insert records, or replace those of the same class and id, and append decisions (as ``decide`` does): all or
        none, durable on return.

        Raises BadRecord for one that could not be read again, StoreWriteFailed, and StoreReadOnly, with nothing
        changed.
        """
        if any(isinstance(record, Decision) for record in records):
            raise TypeError("Decisions are only ever appended: use decide().")
        for decision in (decided := tuple(decided)):
            verdicts.check(decision)
        with self._lock:
            fresh = self._unknown(decided)
            self._write((*records, *fresh))
            for decision in fresh:
                self._judge(decision)

    def add(self, record: R, *others: Record, decided: Iterable[Decision] = ()) -> R:
        """Keep the record of some content, whose hash is its id, and return it. One that is known stays as it is: only
        what it leaves open is filled in. ``others`` and ``decided`` are kept with it. Raises as ``put`` does."""
        with self.alone():
            known = self.get(type(record), record.id)
            kept = record if known is None else gaps_filled(known, record)
            self.put(*([] if kept == known else [kept]), *others, decided=decided)
            return kept

    def put_back(self, *kept: tuple[int, Record]) -> None:
        """Put what was lost, each record with the row that it had (0: none): it gets that again where all are free;
        else what is here and what comes back are put in order by their times, so that decisions count as they were
        made. Raises as ``put`` does."""
        with self._lock:
            places: dict[str, dict[str, int]] = {}
            for row, record in kept:
                places.setdefault(record.table, {})[record.id] = row
            known = {name: {document["id"] for document in self._table(name).documents()} for name in places}
            free = {name for name in places if self._table(name).has_free(places[name])}
            self._write(tuple(record for _, record in kept), {name: places[name] for name in free})
            for name in places.keys() - free:
                self._table(name).merge(known[name])
            self._storage.sort()
            for name in places:
                self._table(name).renumber()
            self._indexes.clear()
            self._verdicts.clear()

    def remove(self, *records: Record) -> None:
        """Take records out for good, and the decisions about pictures among them: all or none, durable on return.
        Raises StoreWriteFailed and StoreReadOnly."""
        if self.read_only:
            raise StoreReadOnly(f"The workspace {self.root} is closed, or was opened only to be read.")
        with self._lock:
            said = [d for r in records if isinstance(r, ImageRecord) for d in self.decisions(r.id)]
            gone = [r for r in {(r.table, r.id): r for r in (*records, *said)}.values() if self._has(r)]
            documents = [(r, self._table(r.table).by_id(r.id)) for r in gone]
            with self._storage.one_line():
                for record in gone:
                    self._table(record.table).take_out(record.id)
            for name in {r.table for r in gone}:
                self._table(name).renumber()
            for record, document in documents:
                self._parsed.get(record.table, {}).pop(record.id, None)
                self._verdicts.pop(record.id, None)
                self._reindex(record.table, document, None)
            self.revision += 1

    def _has(self, record: Record) -> bool:
        return self._table(record.table).by_id(record.id) is not None

    def mirrored(self, *, compare: bool = False) -> None:
        """Wait until the copies beside the files hold all that is kept; ``compare`` looks at each of them."""
        if compare:
            with self._lock:
                self._mirror.compare(self._storage.tables)
        self._mirror.flush()

    def get(self, cls: type[R], id: str) -> R | None:
        """The record of this class and id, or None; one that cannot be read is set aside (``repairs`` names it)."""
        with self._lock:
            cached = self._parsed.setdefault(cls.table, {}).get(id)
            if cached is not None:
                return cast(R, cached)
            document = self._table(cls.table).by_id(id)
            return None if document is None else self._parse(cls, document)

    def all(self, cls: type[R], **equals: str | int | None) -> list[R]:
        """Records of a class in the order of insertion, those whose fields have these values.

        The first query by a field indexes it; from then on a query costs what it finds. Raises TypeError for a field
        that the class lacks, or that holds more than a word or a number.
        """
        for field in equals:
            if field not in cls.model_fields or not _is_plain(cls, field):
                raise TypeError(f"{cls.__name__} has no field {field!r} that holds a word or a number.")
        with self._lock:
            table = self._table(cls.table)
            if not equals:
                found = [document["id"] for document in table.documents()]
            else:
                buckets = sorted((self._index(cls, f).get(v, {}) for f, v in equals.items()), key=len)
                found = [id for id in buckets[0] if all(id in other for other in buckets[1:])]
                found.sort(key=table.row)
            cache = self._parsed.setdefault(cls.table, {})
            return [record for id in found if (record := cast("R | None", cache.get(id)) or self.get(cls, id))]

    def newest(self, cls: type[R]) -> Iterator[R]:
        """Records of a class, the last inserted first; those there are now, read one by one as they are asked for."""
        with self._lock:
            ids = [document["id"] for document in self._table(cls.table).documents()]
        return (record for id in reversed(ids) if (record := self.get(cls, id)))

    # ---- decisions

    def decide(self, *decisions: Decision) -> None:
        """Append decisions, durable on return. One whose id is known is ignored, so a retry does no harm.

        Raises ValueError for a value that does not suit its action, StoreWriteFailed and StoreReadOnly.
        """
        self.put(decided=decisions)

    def _unknown(self, decisions: tuple[Decision, ...]) -> tuple[Decision, ...]:
        """Those that are not kept yet, each once, in their order."""
        table = self._table(Decision.table)
        fresh = {d.id: d for d in reversed(decisions) if table.by_id(d.id) is None}
        return tuple(fresh.values())[::-1]

    def verdict(self, image_id: str) -> Verdict:
        """What the decisions about a picture add up to; an empty verdict if there are none."""
        with self._lock:
            if image_id not in self._verdicts:
                ids = self._index(Decision, "image").get(image_id)
                if not ids:
                    return Verdict()
                table = self._table(Decision.table)
                documents = list(filter(None, map(table.by_id, ids)))
                try:
                    self._verdicts[image_id] = verdicts.derive_documents(documents)
                except (KeyError, TypeError, ValueError):
                    readable = (decision.model_dump() for decision in self._readable(documents))
                    self._verdicts[image_id] = verdicts.derive_documents(readable)
            return self._verdicts[image_id]

    def decisions(self, image_id: str) -> list[Decision]:
        """All decisions about a picture in the order they were made, undone ones and undo events included."""
        return self.all(Decision, image=image_id)

    def _readable(self, documents: list[Document]) -> list[Decision]:
        """The decisions among ``documents`` that can be read; the others are set aside."""
        found: list[Decision] = []
        for document in documents:
            decision = self._parse(Decision, document)
            try:
                if decision is not None:
                    verdicts.check(decision)
                    found.append(decision)
            except ValueError as error:
                self._set_aside(Decision.table, document, str(error))
        return found

    def _judge(self, decision: Decision) -> None:
        """Bring the verdict up to date. Unknown verdicts are derived when they are asked for."""
        if decision.action == "undo":
            self._verdicts.pop(decision.image, None)
        elif decision.image in self._verdicts:
            self._verdicts[decision.image] = verdicts.after(self._verdicts[decision.image], decision)

    # ---- inside

    def _table(self, name: str) -> RecordTable:
        return cast(RecordTable, self._db.table(name))

    def _parse(self, cls: type[R], document: Document) -> R | None:
        try:
            record = cls.model_validate(document)
        except ValidationError as error:
            self._set_aside(cls.table, document, set_aside.reasons(error))
            return None
        self._parsed.setdefault(cls.table, {})[record.id] = record
        return record

    def _set_aside(self, table: str, document: Document, why: str) -> None:
        """Move a document that cannot be read out of the way, as it is; a store opened for reading passes it over."""
        name = document["id"]
        note = set_aside.words(table, name, why)
        if note in self._notes:
            return
        self._notes.append(note)
        log.warning("%s: %s", self.root, note)
        if self.read_only:
            return
        try:
            with self._storage.one_line():
                self._table(table).take_out(name)
                self._table(set_aside.TABLE).put([set_aside.entry(table, name, document, why)])
        except StoreWriteFailed:
            # it stays where it is and is passed over until the disk has room
            log.exception("could not set a record aside")
            return
        self._table(table).renumber()
        self._parsed.get(table, {}).pop(name, None)
        self._reindex(table, document, None)
        self.revision += 1

    def _write(self, records: tuple[Record, ...], places: Mapping[str, Mapping[str, int]] | None = None) -> None:
        if self.read_only:
            raise StoreReadOnly(f"The workspace {self.root} is closed, or was opened only to be read.")
        if not records:
            return
        groups: dict[str, dict[str, Record]] = {}
        documents: dict[str, list[Document]] = {}
        for record, document in [read_again(record) for record in {(r.table, r.id): r for r in records}.values()]:
            groups.setdefault(record.table, {})[record.id] = record
            documents.setdefault(record.table, []).append(document)
        replaced = {name: [self._table(name).by_id(id) for id in group] for name, group in groups.items()}
        with self._storage.one_line():
            for name, fresh in documents.items():
                self._table(name).put(fresh, (places or {}).get(name))
        for name, group in groups.items():
            self._parsed.setdefault(name, {}).update(group)
            for old, new in zip(replaced[name], documents[name], strict=True):
                self._reindex(name, old, new)
        self.revision += 1
        self._compact_when_large()

    def _reindex(self, table: str, old: Document | None, new: Document | None) -> None:
        for (name, field), index in self._indexes.items():
            if name != table:
                continue
            if old is not None and isinstance(old.get(field), Hashable):
                index.get(old.get(field), {}).pop(old["id"], None)
            if new is not None:
                index.setdefault(new[field], {})[new["id"]] = None

    def _index(self, cls: type[Record], field: str) -> dict[Any, dict[str, None]]:
        key = (cls.table, field)
        if key not in self._indexes:
            index: dict[Any, dict[str, None]] = {}
            for document in self._table(cls.table).documents():
                value = document.get(field)
                if isinstance(value, Hashable):
                    index.setdefault(value, {})[document["id"]] = None
                else:
                    self._parse(cls, document)
            self._indexes[key] = index
        return self._indexes[key]

    # ---- compacting and closing

    def _compact_now(self) -> None:
        """Write a snapshot, if there is room for one: the lines hold all that it would."""
        try:
            self._journal.write_snapshot(self._storage.tables, self._journal.rotate())
        except OSError:
            log.exception("could not write a new snapshot of %s", self.root)

    def _compact_when_large(self) -> None:
        """Write a new snapshot in the background: the lines that come meanwhile go to a journal file of their own."""
        if self._journal.size < self._compact_at or (self._compacting and self._compacting.is_alive()):
            return
        try:
            seq = self._journal.rotate()
        except OSError:
            log.exception("could not begin a new journal of %s", self.root)
            return
        frozen = {name: dict(table) for name, table in self._storage.tables.items()}
        self._compacting = threading.Thread(target=self._compact, args=(frozen, seq), name="compact", daemon=True)
        self._compacting.start()

    def _compact(self, tables: dict[str, dict[str, Document]], seq: int) -> None:
        try:
            self._journal.write_snapshot(tables, seq)
        except OSError:
            # the old snapshot and all the lines are still there
            log.exception("could not write a new snapshot of %s", self.root)

    def close(self) -> None:
        """Write a snapshot and give the workspace back. Without effect when closed."""
        with self._lock:
            lock, self._workspace_lock = self._workspace_lock, None
            if lock is None:
                return
            try:
                if self._compacting:
                    self._compacting.join()
                self._compact_now()
            finally:
                self._mirror.close()
                self._journal.close()
                lock.release()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()
