"""The snapshot of a store: TinyDB's own JSON layout, with a checksum of all that is before it at its end.

What another program writes, TinyDB itself for one, ends otherwise and is taken as it stands. A checksum that is not
that of the content is damage, even where that is still good JSON.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.storage.journal_lines import Damaged, Tables

FORMAT = 2
"""1: before records had migrations. Raised so that a FLENwheel of that time refuses, in words, what came after it."""
META = "_flenwheel"
CHECKSUM = "_checksum"
MARK = b',\n"_checksum": {"1": {"crc32": '


class StoreUnreadable(RuntimeError):
    """Neither the snapshot nor its backup can be read together with the journal. Nothing has been changed."""


class StoreDamaged(StoreUnreadable):
    """The files of the records are damaged or do not belong together: a rebuild may begin anew without them."""


@dataclass(frozen=True)
class Snapshot:
    """The tables as they were at line ``seq`` of the journal; ``doubt`` says in words what is odd about their file."""

    tables: Tables
    seq: int
    doubt: str = ""


class Touched(Damaged):
    """A snapshot that is not what was written, although it can be read: to be taken only if there is nothing better."""

    def __init__(self, name: str, snapshot: Snapshot) -> None:
        super().__init__(f"{name} is damaged (its checksum is not that of its content)")
        doubt = f"{name} is damaged, and there is nothing to restore it from: some record in it may be wrong"
        self.snapshot = Snapshot(snapshot.tables, snapshot.seq, doubt)


def encode_snapshot(tables: Tables, seq: int) -> Iterator[bytes]:
    """The snapshot, piece by piece, and the checksum of all pieces."""
    crc = 0
    for piece in _pieces(tables, seq):
        crc = zlib.crc32(piece, crc)
        yield piece
    yield _ending(crc)


def _pieces(tables: Tables, seq: int) -> Iterator[bytes]:
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


def _ending(crc: int) -> bytes:
    return b"%s%d}}}\n" % (MARK, crc)


def decode_snapshot(data: bytes, name: str) -> Snapshot:
    """What ``data``, the content of the file ``name``, holds. Raises Damaged, and StoreUnreadable when a newer program
    wrote it."""
    content = data.rpartition(MARK)[0]
    try:
        tables = json.loads(data, object_pairs_hook=_without_twins)
        meta = tables.pop(META)["1"]
        tables.pop(CHECKSUM, None)
        form, seq = int(meta["format"]), int(meta["seq"])
        if not all(isinstance(table, dict) for table in tables.values()):
            raise TypeError("a table is none")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Damaged(f"{name} is damaged ({error})") from error
    if content and data != content + _ending(zlib.crc32(content)):
        raise Touched(name, Snapshot(tables, seq))
    if form > FORMAT:
        raise StoreUnreadable(
            f"{name} was written by a newer FLENwheel (format {form}, this one reads {FORMAT}). Nothing was changed. "
            "Update FLENwheel, or open another workspace."
        )
    return Snapshot(tables, seq)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name comes twice")
    return found
