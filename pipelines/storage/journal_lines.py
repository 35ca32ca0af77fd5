"""Lines of the journal: written with all that is needed to place them again, read from whatever became of the file.

A line says itself which it is and whether it is whole, so that damage costs what it touched and nothing beside it.
"""

import json
import re
import zlib
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Document = dict[str, Any]
Tables = dict[str, dict[str, Document]]
Changes = dict[str, dict[str, Document | None]]

# where a line begins; not within a text in JSON, where quotes stand behind a backslash
_BEGIN = re.compile(rb'[0-9a-f]{8} \{"seq":')


class Damaged(ValueError):
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
        seq, changes = entry["seq"], entry["set"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return (seq, changes) if type(seq) is int and _are_changes(changes) else None


def _are_changes(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(rows, dict) for rows in value.values())


@dataclass(frozen=True)
class Line:
    """A line of the journal ``file``: its number and what it changes, or None when it is damaged."""

    file: str
    entry: tuple[int, Changes] | None


def lines_in(data: bytes, file: str) -> list[Line]:
    """The lines in ``data``, of the journal ``file``. An empty line is none; lines that grew together, because what was
    between them is damaged, are told apart."""
    found: list[Line] = []
    for text in filter(None, data.split(b"\n")):
        whole = decode_line(text)
        found += [Line(file, entry) for entry in ([whole] if whole else _grown_together(text))]
    return found


def _grown_together(text: bytes) -> list[tuple[int, Changes] | None]:
    begins = [match.start() for match in _BEGIN.finditer(text)]
    before: list[tuple[int, Changes] | None] = [] if begins[:1] == [0] else [None]
    pieces = [text[first:last] for first, last in pairwise([*begins, len(text)])]
    return before + [decode_line(piece) or decode_line(piece[:-1]) for piece in pieces]


class Replay:
    """Lines applied to tables, in order. ``seq`` is the number of the last, ``applied`` how many there were, ``notes``
    what is damaged, in words."""

    def __init__(self, tables: Tables, start: int) -> None:
        self.tables, self.seq, self.applied = tables, start, 0
        self.notes: list[str] = []
        self._damaged = 0

    def apply(self, line: Line) -> None:
        """The next line. Raises Damaged when some before it are not there at all: whole files are missing."""
        if line.entry is None:
            self._damaged += 1
            return
        number, changes = line.entry
        if number > self.seq + 1 and not self._damaged:
            raise Damaged(f"lines {self.seq + 1} to {number - 1} of the journal are missing")
        if number > self.seq:
            # documents are whole, so what follows damaged lines is still right
            self._lose(number - 1, line.file)
            adopt(self.tables, changes)
            self.seq, self.applied = number, self.applied + 1
        self._damaged = 0

    def end_of_file(self, file: str, last: int | None) -> None:
        """The end of a journal file. ``last``: the number of its last line, where that is known; else damaged lines at
        its end count one each, so that their numbers are not given again."""
        self._lose(self.seq + self._damaged if last is None else last, file)
        self._damaged = 0

    def _lose(self, last: int, file: str) -> None:
        first = self.seq + 1
        if last == first:
            self.notes.append(f"line {first} of the journal is damaged and was left out ({file})")
        elif last > first:
            self.notes.append(f"lines {first} to {last} of the journal are damaged and were left out ({file})")
        self.seq = max(self.seq, last)
