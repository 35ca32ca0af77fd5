"""A second copy of the records, beside the files that they speak of: ``characters/<id>/records.jsonl`` for what belongs
to a character, ``loras/records.jsonl`` for the rest. ``flenwheel rebuild`` reads it when the records are lost.

Each line is as in the journal: checksum, number, changes. A thread of its own writes them, some tenths of a second
after the journal, so no decision waits; what a kill keeps it from writing is made up for at the next opening, for which
the file of the rest notes at each closing how far all of them reach. A number smaller than that before it says that the
records went back to there: lines in between are ahead of them, and are not written over.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeGuard

from pipelines.storage.atomic import append_line, read_bytes, write_durably
from pipelines.storage.journal_lines import Changes, Document, Tables, encode_line, lines_in
from pipelines.storage.migrations import TABLE as MIGRATIONS
from pipelines.storage.migrations import migrate, pending
from pipelines.storage.workspace import OutsideWorkspace, Workspace

NAME = "records.jsonl"
KNOWS_MORE = (
    "The copies of the records beside the pictures know more than the records themselves: some were lost, or a "
    "character's folder was copied here. `flenwheel rebuild` puts back what is missing."
)
PAUSE = 0.3
"""Seconds in which changes are gathered before they are written."""
TAIL = 2**16
SLACK = 2**22
"""Bytes that a file may hold beside twice what is needed before it is written anew."""
LINE = 200
"""Records that one line holds at most when a file is written anew."""
# what belongs to a character by way of another record: table -> (that record's table, the field that names it)
_THROUGH = {"decisions": ("images", "image"), "curves": ("runs", "run"), "progress": ("jobs", "id")}
_ROW = re.compile(r"[0-9]{1,18}")
_OWNERS = {owner for owner, _ in _THROUGH.values()}
log = logging.getLogger(__name__)

Placed = tuple[str, str, Document]
"""A table, a row in it, the record there."""


def _is_record(document: Document | None, row: str) -> TypeGuard[Document]:
    return isinstance(document, dict) and isinstance(document.get("id"), str) and bool(_ROW.fullmatch(row))


@dataclass(frozen=True)
class Kept:
    """A record as a mirror has it: its place in its table, the number of its line, itself."""

    row: int
    seq: int
    document: Document


@dataclass
class Mirrored:
    """What a file of the mirror holds. ``ahead`` are the keys, ``(table, id)``, of what is newer than the records were
    when they were opened; ``damaged`` counts lines that could not be read."""

    kept: dict[tuple[str, str], Kept] = field(default_factory=dict)
    ahead: set[tuple[str, str]] = field(default_factory=set)
    damaged: int = 0
    last: int = 0

    def apply(self, seq: int, changes: Changes) -> None:
        """The next line."""
        if seq < self.last:
            self.ahead |= {key for key, kept in self.kept.items() if kept.seq > seq}
        self.last = seq
        for table, rows in changes.items():
            for row, document in rows.items():
                if _is_record(document, row):
                    key = (table, document["id"])
                    self.kept[key] = Kept(int(row), seq, document)
                    self.ahead.discard(key)

    def tables(self) -> Tables:
        """The records, numbered anew: places from before and after a loss may be the same."""
        tables: Tables = {}
        for number, ((table, _), kept) in enumerate(self.kept.items(), 1):
            tables.setdefault(table, {})[str(number)] = kept.document
        return tables

    def bring_up_to_date(self) -> None:
        """Take the records of an older FLENwheel through what has changed since. Raises MadeByNewer."""
        numbered = {(key[0], str(number)): kept for number, (key, kept) in enumerate(self.kept.items(), 1)}
        tables = self.tables()
        todo = pending(tables)
        if not todo or not self.kept:
            return
        self.kept = {}
        for table, rows in migrate(tables, todo).items():
            for row, document in rows.items():
                known = numbered.get((table, row), Kept(int(row), self.last, document))
                self.kept[table, document["id"]] = Kept(known.row, known.seq, document)


def read(path: Path) -> Mirrored:
    """A file of the mirror, as this version keeps records; empty when there is none. Raises MadeByNewer, OSError."""
    found = Mirrored()
    try:
        data = read_bytes(path)
    except FileNotFoundError:
        return found
    for line in lines_in(data, path.name):
        if line.entry is None:
            found.damaged += 1
        else:
            found.apply(*line.entry)
    found.bring_up_to_date()
    return found


def files(workspace: Workspace) -> list[Path]:
    """The files of the mirror that are there: the characters', then that of the rest."""
    named = [*sorted((workspace.root / "characters").glob(f"*/{NAME}")), workspace.root / workspace.loras() / NAME]
    return [path for path in named if path.is_file() and workspace.holds(path)]


def _last(path: Path) -> int | None:
    """The number of the last line of a file; None when there is none, or none that can be read."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            entries = [line.entry for line in lines_in(file.read(), path.name)[-1:]]
    except OSError:
        return None
    return entries[0][0] if entries and entries[0] else None


def _is_older(path: Path) -> bool:
    """Whether an older FLENwheel wrote the file: its first line says what its records have been through. Raises
    MadeByNewer."""
    try:
        with path.open("rb") as file:
            first = lines_in(file.readline(TAIL), path.name)[:1]
    except OSError:
        return False
    return not (first and first[0].entry) or bool(pending({MIGRATIONS: _documents(first[0].entry[1], MIGRATIONS)}))


def _documents(changes: Changes, table: str) -> dict[str, Document]:
    return {row: document for row, document in changes.get(table, {}).items() if isinstance(document, dict)}


def reach(root: Path) -> int:
    """The highest number of a line with which a file of the mirror ends: beside an open store at most that of the
    journal, when this is asked before the journal is read."""
    return max((number for path in files(Workspace(root)) if (number := _last(path))), default=0)


class Homes:
    """Which file each record belongs to. Learns as records come: a decision names a picture, which names a
    character."""

    def __init__(self, workspace: Workspace, tables: Tables) -> None:
        self._workspace = workspace
        self._owner: dict[tuple[str, str], str] = {}
        self.learn(tables)

    def learn(self, tables: Tables | Changes) -> None:
        """Remember whose the pictures, trainings and jobs among these are."""
        for table in _OWNERS & tables.keys():
            for document in tables[table].values():
                if document is not None and isinstance(document.get("id"), str):
                    self._owner[table, document["id"]] = str(document.get("character", ""))

    def character(self, table: str, document: Document) -> str:
        """The id of the character whose record this is; empty for none."""
        if table == "characters":
            return str(document["id"])
        if table in _THROUGH:
            owner, by = _THROUGH[table]
            return self._owner.get((owner, str(document.get(by, ""))), "")
        return str(document.get("character", ""))

    def path(self, character: str) -> Path:
        """The file of a character's records; that of the rest for none, and for one that can have no folder."""
        try:
            return self._workspace.path(f"{self._workspace.character(character)}/{NAME}")
        except OutsideWorkspace:
            return self._workspace.root / self._workspace.loras() / NAME

    def split(self, changes: Tables | Changes) -> dict[Path, Changes]:
        """The changes by the file that they belong into. What all files must tell, the migrations, is left out."""
        self.learn(changes)
        found: dict[Path, Changes] = {}
        for table, rows in changes.items():
            for row, document in rows.items():
                if table != MIGRATIONS and _is_record(document, row):
                    path = self.path(self.character(table, document))
                    found.setdefault(path, {}).setdefault(table, {})[row] = document
        return found


class Mirror:
    """Writes the second copy of one open store. ``begin`` it, ``note`` every change, ``close`` it. Thread-safe."""

    def __init__(self, root: Path) -> None:
        self._workspace = Workspace(root)
        self._rest = self._workspace.root / self._workspace.loras() / NAME
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, Changes]] = []
        self._to_compare: Tables | None = None
        self._busy, self._closing, self._whole = False, False, True
        self._touched: set[Path] = set()
        self._needed: dict[Path, int] = {}
        self._reach = 0
        self._thread: threading.Thread | None = None

    def begin(self, tables: Tables, loaded: int, seq: int) -> bool:
        """Start. ``tables`` are the records at line ``seq`` of the journal, ``loaded`` is the line as which they were
        found. Returns whether the mirror knows what they do not."""
        self._reach, self._busy = seq, True
        self._marks = dict(tables.get(MIGRATIONS, {}))
        self._homes = Homes(self._workspace, tables)
        last = {path: _last(path) for path in files(self._workspace)}
        ahead = [path for path, number in last.items() if (number or 0) > loaded]
        whole = loaded == seq == last.get(self._rest) and not ahead and self._all_there(tables, last)
        frozen = None if whole else {name: dict(table) for name, table in tables.items()}
        self._thread = threading.Thread(target=self._run, args=(frozen, ahead, loaded), name="mirror", daemon=True)
        self._thread.start()
        return bool(ahead)

    def _all_there(self, tables: Tables, last: Iterable[Path]) -> bool:
        there = set(last)
        return all(self._homes.path(str(c.get("id"))) in there for c in tables.get("characters", {}).values())

    def note(self, seq: int, changes: Changes) -> None:
        """Something was written to the journal, as its line ``seq``."""
        with self._changed:
            self._waiting.append((seq, changes))
            self._changed.notify_all()

    def compare(self, tables: Tables) -> None:
        """Look whether the files hold all of ``tables``, the records as they are now, and write what they lack."""
        with self._changed:
            self._to_compare = {name: dict(table) for name, table in tables.items()}
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all that was noted is written."""
        with self._changed:
            self._changed.wait_for(lambda: not (self._busy or self._has_work()) or not self._alive())

    def _has_work(self) -> bool:
        return bool(self._waiting) or self._to_compare is not None

    def close(self) -> None:
        """Write what waits, and how far it reaches. Without effect when closed."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    # ---- in the thread

    def _run(self, tables: Tables | None, ahead: list[Path], loaded: int) -> None:
        if tables is not None:
            self._guarded(lambda: self._catch_up(tables, ahead, loaded))
        closing = False
        while not closing:
            with self._changed:
                self._busy = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._has_work() or self._closing)
                closing = self._changed.wait_for(lambda: self._closing, PAUSE)
                batch, self._waiting, self._busy = self._waiting, [], True
                compared, self._to_compare = self._to_compare, None
            self._guarded(lambda batch=batch: self._write(batch))
            if compared is not None:
                self._guarded(lambda tables=compared: self._catch_up(tables, [], self._reach))
        self._guarded(self._note_reach)

    def _guarded(self, action: Callable[[], None]) -> None:
        """A copy that cannot be written stops nobody: the next opening makes up for it."""
        try:
            action()
        except Exception:
            self._whole = False
            log.exception("the copies of the records in %s could not be written", self._workspace.root)

    def _catch_up(self, tables: Tables, ahead: list[Path], loaded: int) -> None:
        """Write what the files lack, and damaged ones anew; what they know that the records do not stays."""
        for path in ahead:
            append_line(path, encode_line(loaded, {}))
        for path, changes in self._homes.split(tables).items():
            found = read(path)
            if found.damaged:
                write_durably(path, self._anew(found))
            if lacking := _lacking(found, changes):
                self._append(path, [*_lines(self._reach, lacking)])
        self._touched.add(self._rest)

    def _append(self, path: Path, lines: list[bytes]) -> None:
        if not path.exists():
            lines = [self._header(), *lines]
        elif path not in self._touched and _is_older(path):
            write_durably(path, self._anew(read(path)))
        append_line(path, b"".join(lines))
        self._touched.add(path)
        self._tidy(path)

    def _header(self) -> bytes:
        return encode_line(self._reach, {MIGRATIONS: {**self._marks}})

    def _write(self, batch: list[tuple[int, Changes]]) -> None:
        data: dict[Path, list[bytes]] = {}
        for seq, changes in batch:
            for path, part in self._homes.split(changes).items():
                data.setdefault(path, []).append(encode_line(seq, part))
        for path, lines in data.items():
            self._append(path, lines)
        self._reach = batch[-1][0] if batch else self._reach

    def _tidy(self, path: Path) -> None:
        """Write a file anew when most of it has been written over since."""
        if path.stat().st_size <= 2 * self._needed.get(path, 0) + SLACK:
            return
        write_durably(path, self._anew(read(path)))
        self._needed[path] = path.stat().st_size

    def _anew(self, found: Mirrored) -> Iterator[bytes]:
        old: list[Placed] = []
        new: list[Placed] = []
        for key, kept in found.kept.items():
            if key[0] != MIGRATIONS:
                (old if key in found.ahead else new).append((key[0], str(kept.row), kept.document))
        yield self._header()
        yield from _lines(self._reach + 1, old)
        yield from _lines(self._reach, new)
        yield encode_line(self._reach, {})

    def _note_reach(self) -> None:
        if not self._touched or not self._whole:
            return
        for path in sorted(self._touched - {self._rest}):
            if path.exists():
                append_line(path, encode_line(self._reach, {}), sync=True)
        lines = [] if self._rest.exists() else [self._header()]
        append_line(self._rest, b"".join([*lines, encode_line(self._reach, {})]), sync=True)


def _lacking(found: Mirrored, changes: Changes) -> list[Placed]:
    lacking: list[Placed] = []
    for table, rows in changes.items():
        for row, document in rows.items():
            key = (table, document["id"])  # type: ignore[index]
            known = found.kept.get(key)
            if key not in found.ahead and (known is None or known.document != document):
                lacking.append((table, row, document))  # type: ignore[arg-type]
    return lacking


def _lines(seq: int, records: Iterable[Placed]) -> Iterator[bytes]:
    """Lines of some records each; two that had the same place, before and after a loss, never share one."""
    line: dict[str, Document] = {}
    name = ""
    for table, row, document in records:
        if line and (table != name or row in line or len(line) == LINE):
            yield encode_line(seq, {name: {**line}})
            line = {}
        name, line[row] = table, document
    if line:
        yield encode_line(seq, {name: {**line}})
