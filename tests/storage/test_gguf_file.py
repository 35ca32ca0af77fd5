"""GGUF headers that lie: refused in words, at once, with nothing read that is not there."""

import struct
from pathlib import Path

import pytest

from pipelines.storage.gguf_file import NotGguf, read_gguf

UINT32, TEXT, LIST = 4, 8, 9


def text(said: str) -> bytes:
    return struct.pack("<Q", len(said)) + said.encode()


def head(tensors: int, values: int) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, values)


def tensor(name: str, *shape: int, kind: int = 0, at: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, at)


def aligned(kind: int, value: bytes) -> bytes:
    return head(1, 1) + text("general.alignment") + struct.pack("<I", kind) + value + tensor("w", 4) + bytes(400)


LIES = {
    "tensors without end": head(2**60, 0),
    "values without end": head(1, 2**40),
    "a name without end": head(1, 0) + struct.pack("<Q", 2**50),
    "a list without end": head(0, 1) + text("a") + struct.pack("<IIQ", LIST, UINT32, 2**40),
    "a list of lists": head(0, 1) + text("a") + struct.pack("<IIQ", LIST, LIST, 2),
    "data that is not there": head(1, 0) + tensor("w", 1024, 1024),
    "data beyond the end": head(1, 0) + tensor("w", 4, at=2**40),
    "sides that overflow": head(1, 0) + tensor("w", 2**40, 2**40),
    "a tensor twice": head(2, 0) + tensor("w", 4) * 2,
    "a million sides": head(1, 0) + text("w") + struct.pack("<I", 2**20),
    "an unknown type": head(1, 0) + tensor("w", 4, kind=4000),
    "no alignment": aligned(UINT32, struct.pack("<I", 0)),
    "an odd alignment": aligned(UINT32, struct.pack("<I", 3)),
    "an alignment in words": aligned(TEXT, text("wide")),
    "a negative alignment": aligned(5, struct.pack("<i", -32)),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_refused_in_words(lie: str, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(LIES[lie] + bytes(64))
    with pytest.raises(NotGguf) as refusal:
        read_gguf(path)
    assert str(refusal.value) and "Traceback" not in str(refusal.value)


def test_an_alignment_is_heeded(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    data = aligned(UINT32, struct.pack("<I", 256))
    path.write_bytes(data)
    header = read_gguf(path)
    assert header.start % 256 == 0 and header.tensors["w"].shape == (4,)
