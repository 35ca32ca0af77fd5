"""The store on disk: a snapshot and a journal of what changed since.

``flenwheel.json`` is a snapshot in TinyDB's own JSON layout. Every write appends one line to ``flenwheel.journal`` and
syncs it: checksum, space, JSON ``{"seq": n, "set": {table: {row: document or null}}}``. Lines are numbered without
gaps and hold whole documents, so replaying a line twice does no harm.

To compact, the journal is first rotated to ``flenwheel.journal.<last seq>``; then a new snapshot is written beside the
old one, which becomes ``flenwheel.json.bak``; then the segments that the backup already holds are deleted. So at any
instant each snapshot on disk has all the lines that follow it, and a kill anywhere loses nothing.
"""

import json
import logging
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipelines.storage.atomic import Appender, link_second_name, read_bytes, remove, replace, write_durably

FORMAT = 2
"""1: before records had migrations. Raised so that a FLENwheel of that time refuses, in words, what came after it."""
META = "_flenwheel"

Document = dict[str, Any]
Tables = dict[str, dict[str, Document]]
Changes = dict[str, dict[str, Document | None]]

log = logging.getLogger(__name__)


class StoreUnreadable(RuntimeError):
    """Neither the snapshot nor its backup can be read together with the journal. Nothing has been changed."""


class StoreWriteFailed(RuntimeError):
    """A write did not reach the disk and has been taken back, in memory and in the file."""


class _Damaged(ValueError):
    """One way of loading does not work out; there may be another."""


def adopt(tables: Tables, changes: Changes) -> None:
    """Apply ``changes`` to ``tables``. Documents are replaced, never altered, so shallow copies stay as they are."""
    for name, rows in changes.items():
        table = tables.setdefault(name, {})
        for row, document in rows.items():
            if document is None:
                table.pop(row, None)
            else:
                table[row] = document


def difference(old: Tables, new: Tables) -> Changes:
    """The changes that make ``new`` of ``old``."""
    changes: Changes = {}
    for name in {*old, *new}:
        before, after = old.get(name, {}), new.get(name, {})
        changed: dict[str, Document | None] = {row: doc for row, doc in after.items() if before.get(row) != doc}
        changed.update(dict.fromkeys(before.keys() - after.keys()))
        if changed:
            changes[name] = changed
    return changes


def encode_line(seq: int, changes: Changes) -> bytes:
    """One journal line."""
    body = json.dumps({"seq": seq, "set": changes}, ensure_ascii=False, separators=(",", ":")).encode()
    return b"%08x %s\n" % (zlib.crc32(body), body)


def decode_line(line: bytes) -> tuple[int, Changes] | None:
    """``(seq, changes)`` of a line without its newline, or None when it is damaged."""
    try:
        if line[8:9] != b" " or int(line[:8], 16) != zlib.crc32(line[9:]):
            return None
        entry = json.loads(line[9:])
        return entry["seq"], entry["set"]
    except (ValueError, KeyError, TypeError):
        return None


def encode_snapshot(tables: Tables, seq: int) -> Iterator[bytes]:
    """The snapshot, document by document: one big ``json.dumps`` would stall the other threads while it runs."""
    meta = {"1": {"format": FORMAT, "seq": seq}}
    yield b'{"%s": %s' % (META.encode(), json.dumps(meta).encode())
    for name, table in tables.items():
        yield b",\n%s: {" % json.dumps(name).encode()
        separator = b"\n"
        for row, document in table.items():
            text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
            yield b"%s%s: %s" % (separator, json.dumps(row).encode(), text.encode())
            separator = b",\n"
        yield b"}"
    yield b"}\n"


def decode_snapshot(data: bytes, name: str) -> tuple[Tables, int]:
    """``(tables, seq)``. Raises _Damaged, or StoreUnreadable when a newer program wrote it."""
    try:
        tables = json.loads(data)
        meta = tables.pop(META)["1"]
        form, seq = int(meta["format"]), int(meta["seq"])
        if not all(isinstance(table, dict) for table in tables.values()):
            raise TypeError("a table is none")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _Damaged(f"{name} is damaged ({error})") from error
    if form > FORMAT:
        raise StoreUnreadable(
            f"{name} was written by a newer FLENwheel (format {form}, this one reads {FORMAT}). Nothing was changed. "
            "Update FLENwheel, or open another workspace."
        )
    return tables, seq


class Journal:
    """The files of one store. ``load`` first; then ``start`` to write. Not thread-safe: the store sees to that.

    ``seq`` is the number of the last line, ``notes`` what had to be repaired while loading, in words.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.snapshot = root / "flenwheel.json"
        self.backup = root / "flenwheel.json.bak"
        self.current = root / "flenwheel.journal"
        self.seq = 0
        self.notes: list[str] = []
        self._snapshot_seq = 0
        self._backup_seq = 0
        self._whole = 0
        self._file: Appender | None = None

    @property
    def size(self) -> int:
        """Bytes of whole lines in the present journal file."""
        return self._whole if self._file is None else self._file.size

    # ---- reading

    def load(self) -> Tables:
        """The tables as last written. Changes no file. Raises StoreUnreadable.

        A writer may compact while a reader loads, so a load during which the snapshot changed is done again.
        """
        for _ in range(20):
            before = self._stamp()
            try:
                tables = self._load()
            except StoreUnreadable:
                if before == self._stamp():
                    raise
            else:
                if before == self._stamp():
                    return tables
            time.sleep(0.05)
        raise StoreUnreadable(f"The records in {self.root} change faster than they can be read. Try again.")

    def _stamp(self) -> tuple[int, ...]:
        names = sorted(str(path) for path in self._segments())
        try:
            status = self.snapshot.stat()
        except FileNotFoundError:
            return (0, hash(tuple(names)))
        return (status.st_ino, status.st_mtime_ns, status.st_size, hash(tuple(names)))

    def _load(self) -> Tables:
        self.notes = []
        found = [path for path in (self.snapshot, self.backup) if path.exists()]
        problems: list[str] = []
        for path in found:
            try:
                tables, seq = decode_snapshot(read_bytes(path), path.name)
                return self._replay(tables, seq, fallback=path != self.snapshot)
            except (_Damaged, FileNotFoundError) as error:
                problems.append(str(error))
        try:
            return self._replay({}, 0, fallback=bool(found))
        except _Damaged as error:
            problems.append(str(error))
        raise StoreUnreadable(
            f"The records in {self.root} cannot be read: {'; '.join(problems)}. Nothing was changed. Put back a copy "
            "of the flenwheel.* files, or move them away and run `flenwheel rebuild` to restore the pictures' records."
        )

    def _replay(self, tables: Tables, start: int, fallback: bool) -> Tables:
        """Apply the lines after ``start``. A fallback must find some: by construction they are always kept."""
        seq, notes = start, []
        for path in [*self._segments(), self.current]:
            for number, changes in self._read_lines(path):
                if number <= seq:
                    continue
                if number > seq + 1:
                    raise _Damaged(f"lines {seq + 1} to {number - 1} of the journal are missing")
                seq = number
                if changes is None:
                    # documents are whole, so what follows is still right
                    notes.append(f"line {number} of the journal is damaged and was left out ({path.name})")
                else:
                    adopt(tables, changes)
        if fallback and seq == start:
            raise _Damaged("the journal that should follow the backup is missing")
        if fallback:
            notes.append(f"{self.snapshot.name} was missing or damaged; restored from the backup and the journal")
        self.seq, self.notes = seq, notes
        self._snapshot_seq = self._backup_seq = start
        return tables

    def _segments(self) -> list[Path]:
        return sorted(p for p in self.root.glob("flenwheel.journal.*") if p.suffix[1:].isdigit())

    def _read_lines(self, path: Path) -> list[tuple[int, Changes | None]]:
        """The lines of a journal file with their numbers, None for a damaged one. Sets ``size`` from the present file.

        A last line there that is incomplete was never acknowledged: it is dropped.
        """
        try:
            data = read_bytes(path)
        except FileNotFoundError:
            data = b""
        lines = [decode_line(line) for line in data.split(b"\n")[:-1]]
        size = data.rfind(b"\n") + 1
        if path == self.current:
            if lines and lines[-1] is None:
                lines.pop()
                size = data.rfind(b"\n", 0, size - 1) + 1
            self._whole = size
        first = next(((entry[0] - n) for n, entry in enumerate(lines) if entry), None)
        if lines and first is None:
            raise _Damaged(f"{path.name} is damaged throughout")
        return [(n + (first or 0), entry and entry[1]) for n, entry in enumerate(lines)]

    def files(self) -> list[Path]:
        """All files of the store that are there: together they are a copy of it."""
        named = [self.snapshot, self.backup, *self._segments(), self.current]
        return [path for path in named if path.exists()]

    # ---- writing

    def start(self) -> None:
        """Open for appending: cut off a torn last line, set a damaged snapshot aside, log what was repaired."""
        for note in self.notes:
            log.warning("%s: %s", self.root, note)
        if any(self.snapshot.name in note for note in self.notes) and self.snapshot.exists():
            replace(self.snapshot, self.snapshot.with_name(f"flenwheel.json.damaged-{self.seq}"))
        self._file = Appender(self.current, self._whole)

    def append(self, changes: Changes) -> None:
        """Write one line; it is on the disk when this returns. Raises StoreWriteFailed."""
        if self._file is None or self._file.closed:
            raise StoreWriteFailed(f"The records in {self.root} are not open for writing.")
        try:
            self._file.append(encode_line(self.seq + 1, changes))
        except OSError as error:
            if self._file.closed:
                log.exception("%s cannot be repaired; writing stops until the workspace is opened again", self.current)
            raise StoreWriteFailed(f"Could not write {self.current}: {error.strerror}. Nothing was changed.") from error
        self.seq += 1

    def rotate(self) -> int:
        """First step of compacting: begin a new journal file. Returns the seq that a snapshot of now has."""
        if self._file is not None and self.size:
            whole = self.size
            self._file.close()
            try:
                replace(self.current, self.root / f"flenwheel.journal.{self.seq:012d}")
                whole = 0
            finally:
                self._file = Appender(self.current, whole)
        return self.seq

    def write_snapshot(self, tables: Tables, seq: int) -> None:
        """Second step: write a snapshot of ``tables`` as they were at ``rotate``. Touches nothing that ``append`` does,
        so it may run in another thread. Raises OSError, with the old snapshot in place."""
        if seq == self._snapshot_seq and self.snapshot.exists():
            return
        fresh = self.snapshot.with_name("flenwheel.json.new")
        write_durably(fresh, encode_snapshot(tables, seq))
        if self.snapshot.exists():
            link_second_name(self.snapshot, self.backup)
            self._backup_seq = self._snapshot_seq
        replace(fresh, self.snapshot)
        self._snapshot_seq = seq
        self._delete_segments()

    def _delete_segments(self) -> None:
        kept = self._backup_seq if self.backup.exists() else 0
        for path in self._segments():
            if int(path.suffix[1:]) <= kept:
                remove(path)

    def close(self) -> None:
        """Stop writing. Without effect when closed."""
        if self._file is not None:
            self._file.close()
