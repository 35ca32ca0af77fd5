"""The store on disk: a snapshot and a journal of what changed since.

``flenwheel.json`` is a snapshot in TinyDB's own JSON layout, with a checksum of all that is before it at its end. Every
write appends one line to ``flenwheel.journal`` and syncs it: checksum, space, JSON ``{"seq": n, "set": {table: {row:
document or null}}}``. Lines are numbered without gaps and hold whole documents, so replaying a line twice does no harm,
and each says itself where it belongs: a damaged one costs only itself, wherever it stands.

To compact, the journal is first rotated to ``flenwheel.journal.<last seq>``; then a new snapshot is written beside the
old one, which becomes ``flenwheel.json.bak``; then the segments that the backup already holds are deleted. So at any
instant each snapshot on disk has all the lines that follow it, and a kill anywhere loses nothing.
"""

import errno
import logging
import time
from contextlib import suppress
from pathlib import Path

from pipelines.storage.atomic import Appender, link_second_name, read_bytes, remove, replace, write_durably
from pipelines.storage.journal_lines import Changes, Damaged, Line, Replay, Tables, encode_line, lines_in
from pipelines.storage.snapshot import (
    Snapshot,
    StoreDamaged,
    StoreUnreadable,
    Touched,
    decode_snapshot,
    encode_snapshot,
)

# what a file answers whose disk was taken away
_DEAD = {errno.EIO, errno.EBADF, errno.ENODEV, errno.ENXIO, errno.ESTALE}
log = logging.getLogger(__name__)


class StoreWriteFailed(RuntimeError):
    """A write did not reach the disk and has been taken back, in memory and in the file."""


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
        self._set_damaged_aside = False
        self._unended: list[Line] = []
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
        touched: Snapshot | None = None
        for path in found:
            try:
                snapshot = decode_snapshot(read_bytes(path), path.name)
                return self._replay(snapshot, fallback=path != self.snapshot)
            except Touched as error:
                touched = touched or error.snapshot
                problems.append(str(error))
            except (Damaged, FileNotFoundError) as error:
                problems.append(str(error))
        for other in [Snapshot({}, 0), *([touched] if touched else [])]:
            try:
                return self._replay(other, fallback=bool(found) and other is not touched)
            except Damaged as error:
                problems.append(str(error))
        raise StoreDamaged(
            f"The records in {self.root} cannot be read: {'; '.join(problems)}. Nothing was changed. Put back a copy "
            "of the flenwheel.* files, or run `flenwheel rebuild`: it moves them into backups and restores the records "
            "from their copies beside the pictures."
        )

    def _replay(self, snapshot: Snapshot, fallback: bool) -> Tables:
        """Apply the lines after those that ``snapshot`` holds. A fallback must find some: by construction they are
        always kept."""
        replay = Replay(snapshot.tables, snapshot.seq)
        for path in [*self._segments(), self.current]:
            for line in self._read_lines(path):
                replay.apply(line)
            replay.end_of_file(path.name, None if path == self.current else _last_of(path))
        if fallback and not replay.applied:
            raise Damaged("the journal that should follow the backup is missing")
        if not snapshot.seq and replay.notes and not replay.applied:
            raise Damaged("the journal is damaged throughout")
        restored = f"{self.snapshot.name} was missing or damaged; restored from the backup and the journal"
        self._set_damaged_aside = fallback
        self.seq = replay.seq
        self.notes = [*replay.notes, *([restored] if fallback else []), *([snapshot.doubt] if snapshot.doubt else [])]
        self._snapshot_seq = self._backup_seq = snapshot.seq
        return replay.tables

    def _segments(self) -> list[Path]:
        return sorted(p for p in self.root.glob("flenwheel.journal.*") if p.suffix[1:].isdigit())

    def _read_lines(self, path: Path) -> list[Line]:
        """The lines of a journal file. Sets ``size`` from the present file.

        A last line there without its end was never acknowledged: it is dropped, unless its checksum says that only the
        end is damaged.
        """
        try:
            data = read_bytes(path)
        except FileNotFoundError:
            data = b""
        end = data.rfind(b"\n") + 1
        found, rest = lines_in(data[:end], path.name), lines_in(data[end:], path.name)
        if path == self.current:
            rest = [line for line in rest if line.entry]
            self._whole, self._unended = end, rest
        return [*found, *rest]

    def files(self) -> list[Path]:
        """All files of the store that are there: together they are a copy of it."""
        named = [self.snapshot, self.backup, *self._segments(), self.current]
        return [path for path in named if path.exists()]

    # ---- writing

    def start(self) -> None:
        """Open for appending: cut off a torn last line, set a damaged snapshot aside, log what was repaired."""
        for note in self.notes:
            log.warning("%s: %s", self.root, note)
        if self._set_damaged_aside and self.snapshot.exists():
            replace(self.snapshot, self.snapshot.with_name(f"flenwheel.json.damaged-{self.seq}"))
        self._file = Appender(self.current, self._whole)
        for line in self._unended:
            if line.entry:
                self._file.append(encode_line(*line.entry))
        self._unended = []

    def append(self, changes: Changes) -> None:
        """Write one line; it is on the disk when this returns. Raises StoreWriteFailed."""
        if self._file is None:
            raise StoreWriteFailed(f"The records in {self.root} are not open for writing.")
        line = encode_line(self.seq + 1, changes)
        try:
            if self._file.closed:  # ``rotate`` could not open it
                there = self.current.stat().st_size if self.current.exists() else 0
                self._file = Appender(self.current, min(self._file.size, there))
            self._file.append(line)
        except OSError as error:
            if error.errno in _DEAD:  # what was open is no file any more, also when the disk is back: it is opened anew
                with suppress(OSError):
                    self._file.close()
            raise StoreWriteFailed(f"Could not write {self.current}: {error.strerror}. Nothing was changed.") from error
        self.seq += 1

    def rotate(self) -> int:
        """First step of compacting: begin a new journal file. Returns the seq that a snapshot of now has."""
        if self._file is not None and self.size:
            self._file.close()
            replace(self.current, self.root / f"flenwheel.journal.{self.seq:012d}")
            self._file.size = 0
            with suppress(OSError):  # the next line tries again
                self._file = Appender(self.current, 0)
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
            if _last_of(path) <= kept:
                remove(path)

    def close(self) -> None:
        """Stop writing. Without effect when closed."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _last_of(segment: Path) -> int:
    """The number of the last line of a segment, which its name tells."""
    return int(segment.suffix[1:])
