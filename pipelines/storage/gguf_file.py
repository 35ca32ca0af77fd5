"""The header of a GGUF file, and its tensors unpacked. Without torch.

Layout (ggml, docs/gguf.md): magic, version, counts, values by name, then name, sides (the fastest first), type and
place of each tensor, then the data, aligned. Block types: ggml-common.h; each block has its scales beside its numbers.

Not the ``gguf`` package: it maps files into memory, but trusts them (a header that claims a list of 2**40 numbers keeps
it reading without end, a file that is cut off is told as "index 0 is out of bounds"), takes 0.5 s instead of 0.01 s for
the header of 1200 tensors, and needs numpy, yaml, requests and tqdm to list a folder. The numbers that both unpack are
the same, here in a fifth of the time (gguf 0.19: blocks of Q6_K, compared bit for bit).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pipelines.storage.atomic import check_file
from pipelines.storage.safetensors_header import Entry, Header, NotSafetensors

if TYPE_CHECKING:
    import numpy as np

MAGIC = b"GGUF"
_ALIGNMENT = 32
_MOST = 1_000_000
"""Tensors or values that are believed; a file that claims more is broken."""
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_TEXT, _LIST = 8, 9


class NotGguf(NotSafetensors):
    """A file that cannot be read as GGUF. The message says why, without the file's name and without a full stop."""


@dataclass(frozen=True)
class Block:
    """A type of numbers: how many stand in a block, the block's bytes, and how it is unpacked (bytes of blocks, a row
    each, to float32; None: plain numbers)."""

    numbers: int
    size: int
    unpack: Callable[[np.ndarray], np.ndarray] | None = None


def read_gguf(path: Path) -> Header:
    """Names, types, shapes (as torch has them) and places of the tensors. Raises NotGguf, OSError."""
    check_file(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            return _read(file, size)
        except (struct.error, UnicodeDecodeError, OverflowError, MemoryError) as error:
            raise NotGguf("this GGUF file is cut off within its header, or broken. Download it again") from error


def _read(file: IO[bytes], size: int) -> Header:
    if file.read(4) != MAGIC:
        raise NotGguf("this is not a GGUF file: it does not begin as one")
    (version,) = _take(file, "<I")
    if version not in (2, 3):
        raise NotGguf(f"its GGUF version is {version}; 2 and 3 can be read")
    count, values = _take(file, "<QQ")
    if max(count, values) > _MOST:
        raise NotGguf("this GGUF file is broken: it claims more tensors than a model has. Download it again")
    told = {_text(file): _value(file, *_take(file, "<I")) for _ in range(values)}
    infos = [_info(file) for _ in range(count)]
    alignment = _alignment(told)
    start = -(-file.tell() // alignment) * alignment
    tensors = {name: _placed(name, kind, shape, at, told) for name, shape, kind, at in infos}
    if len(tensors) != count:
        raise NotGguf("its header is broken: it names a tensor twice")
    end = start + max((entry.last for entry in tensors.values()), default=0)
    if end > size:
        raise NotGguf(f"the file is cut off: {size / 2**20:.1f} of {end / 2**20:.1f} MiB are there. Get it again")
    return Header(told, tensors, start)


def _alignment(told: Mapping[str, str]) -> int:
    said = told.get("general.alignment", str(_ALIGNMENT))
    if not said.isdecimal() or not 0 < int(said) <= _MOST or int(said) & (int(said) - 1):
        raise NotGguf(f"its header is broken: it says that tensors stand at multiples of {said[:20]!r} bytes")
    return int(said)


def _info(file: IO[bytes]) -> tuple[str, tuple[int, ...], int, int]:
    name, (sides,) = _text(file), _take(file, "<I")
    if sides > 8:
        raise NotGguf(f"its header is broken: {name} has {sides} sides")
    shape = _take(file, f"<{sides}Q")[::-1]
    kind, at = _take(file, "<IQ")
    return name, shape, kind, at


def _placed(name: str, kind: int, shape: tuple[int, ...], at: int, told: Mapping[str, str]) -> Entry:
    known = KINDS.get(kind)
    if known is None:
        raise NotGguf(f"its header says that {name} has numbers of type {kind}, which is not known here")
    block = BLOCKS.get(known, Block(1, 0))
    numbers = prod(shape)
    if numbers % block.numbers:
        raise NotGguf(f"its header contradicts itself: the size of {name} is not what its type says")
    # one-dimensional and odd tensors are stored in another shape, which is told beside them
    original = told.get(f"comfy.gguf.orig_shape.{name}", "")
    whole = tuple(int(side) for side in original.split(",") if side.strip().isdigit())
    return Entry(
        known, whole if prod(whole) == numbers and whole else shape, at, at + numbers // block.numbers * block.size
    )


def _take(file: IO[bytes], kind: str) -> tuple:
    return struct.unpack(kind, file.read(struct.calcsize(kind)))


def _text(file: IO[bytes]) -> str:
    (length,) = _take(file, "<Q")
    if length > 2**24:
        raise NotGguf("this GGUF file is broken: a name in it has no end. Download it again")
    return file.read(length).decode("utf-8")


def _value(file: IO[bytes], kind: int) -> str:
    if kind == _TEXT:
        return _text(file)
    if kind == _LIST:
        inner, length = _take(file, "<IQ")
        if length > 2**24 or inner == _LIST:
            raise NotGguf("this GGUF file is broken: a list in it has no end. Download it again")
        return ",".join(_value(file, inner) for _ in range(length))
    if kind not in _SCALARS:
        raise NotGguf(f"this GGUF file has a value of type {kind}, which is not known here")
    return str(_take(file, _SCALARS[kind])[0])


def unpacked(path: Path, header: Header, name: str) -> np.ndarray:
    """The numbers of a packed tensor, float32, in its shape. Raises NotGguf for a type that is not unpacked here,
    OSError."""
    import numpy as np

    entry = header.tensors[name]
    block = BLOCKS.get(entry.dtype)
    if block is None or block.unpack is None:
        raise NotGguf(f"{name} has numbers of the type {entry.dtype}, which are not unpacked here")
    with path.open("rb") as file:
        file.seek(header.start + entry.first)
        data = np.frombuffer(file.read(entry.last - entry.first), np.uint8)
    return block.unpack(data.reshape(-1, block.size)).astype(np.float32).reshape(entry.shape)


# ---- blocks: rows of bytes to rows of numbers


def _half(rows: np.ndarray, at: int) -> np.ndarray:
    """The float16 that stands at byte ``at`` of each row, float32, a column."""
    return rows[:, at : at + 2].copy().view("<f2").astype("float32")


def _nibbles(packed: np.ndarray) -> np.ndarray:
    """Low halves of all bytes, then the high ones."""
    import numpy as np

    return np.concatenate([packed & 15, packed >> 4], axis=1)


def _fifth(rows: np.ndarray, at: int) -> np.ndarray:
    """The fifth bits of 32 numbers, from four bytes."""
    import numpy as np

    bits = rows[:, at : at + 4].copy().view("<u4")
    return ((bits >> np.arange(32, dtype=np.uint32)) & 1).astype(np.uint8) << 4


def _q8_0(rows: np.ndarray) -> np.ndarray:
    return _half(rows, 0) * rows[:, 2:].copy().view("int8")


def _q4_0(rows: np.ndarray) -> np.ndarray:
    return _half(rows, 0) * (_nibbles(rows[:, 2:]).astype("int8") - 8)


def _q4_1(rows: np.ndarray) -> np.ndarray:
    return _half(rows, 0) * _nibbles(rows[:, 4:]) + _half(rows, 2)


def _q5_0(rows: np.ndarray) -> np.ndarray:
    return _half(rows, 0) * ((_nibbles(rows[:, 6:]) | _fifth(rows, 2)).astype("int8") - 16)


def _q5_1(rows: np.ndarray) -> np.ndarray:
    return _half(rows, 0) * (_nibbles(rows[:, 8:]) | _fifth(rows, 4)) + _half(rows, 2)


def _scales(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eight scales and eight minima of six bits each, from twelve bytes."""
    import numpy as np

    low, mid, high = packed[:, 0:4], packed[:, 4:8], packed[:, 8:12]
    scale = np.concatenate([low & 63, (high & 15) | (low >> 6 << 4)], axis=1)
    least = np.concatenate([mid & 63, (high >> 4) | (mid >> 6 << 4)], axis=1)
    return scale.astype(np.float32), least.astype(np.float32)


def _by_eighths(rows: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """``numbers`` (rows, 8, 32) with the scale and the minimum of each eighth."""
    scale, least = _scales(rows[:, 4:16])
    value = (_half(rows, 0) * scale)[:, :, None] * numbers - (_half(rows, 2) * least)[:, :, None]
    return value.reshape(len(rows), 256)


def _quarters(packed: np.ndarray) -> np.ndarray:
    """128 bytes as (rows, 8, 32): each 32 bytes hold 32 numbers in their low halves and the next 32 in the high."""
    import numpy as np

    quarters = packed.reshape(len(packed), 4, 1, 32)
    return np.concatenate([quarters & 15, quarters >> 4], axis=2).reshape(len(packed), 8, 32)


def _q4_k(rows: np.ndarray) -> np.ndarray:
    return _by_eighths(rows, _quarters(rows[:, 16:]))


def _q5_k(rows: np.ndarray) -> np.ndarray:
    import numpy as np

    bits = (rows[:, None, 16:48] >> np.arange(8, dtype=np.uint8)[:, None]) & 1
    return _by_eighths(rows, _quarters(rows[:, 48:]) | bits << 4)


def _q6_k(rows: np.ndarray) -> np.ndarray:
    import numpy as np

    low = rows[:, :128].reshape(-1, 2, 64)
    low = np.concatenate([low & 15, low >> 4], axis=2).reshape(-1, 2, 4, 32)
    high = rows[:, 128:192].reshape(-1, 2, 1, 32) >> np.array([0, 2, 4, 6], np.uint8)[:, None] & 3
    numbers = (low | high << 4).astype(np.int8) - 32
    scales = rows[:, 192:208].copy().view(np.int8).astype(np.float32)
    return (_half(rows, 208) * scales)[:, :, None].repeat(16, axis=2).reshape(-1, 256) * numbers.reshape(-1, 256)


BLOCKS = {
    "F32": Block(1, 4), "F16": Block(1, 2), "BF16": Block(1, 2),
    "Q8_0": Block(32, 34, _q8_0), "Q6_K": Block(256, 210, _q6_k),
    "Q5_K": Block(256, 176, _q5_k), "Q5_1": Block(32, 24, _q5_1), "Q5_0": Block(32, 22, _q5_0),
    "Q4_K": Block(256, 144, _q4_k), "Q4_1": Block(32, 20, _q4_1), "Q4_0": Block(32, 18, _q4_0),
}  # fmt: skip
"""The types that are unpacked here, the finest first."""
KINDS = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K",
    13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL",
    21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 29: "IQ1_M", 30: "BF16",
}  # fmt: skip
"""Types by ggml's numbers."""
