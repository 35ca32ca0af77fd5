"""The header of a safetensors file, read as strictly as the format's own library reads it; and, where a file is none,
what it is instead. Without torch: nothing but the header and a few numbers is read.

Layout: eight bytes of length, a JSON header (names, types, shapes, places, ``__metadata__``), then the tensors, one
after another, without gaps.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Never

from pipelines.storage.atomic import check_file

if TYPE_CHECKING:
    import numpy as np

MAX_HEADER = 100_000_000
"""The library's own limit."""
_NAMES = {
    64: "F64 I64 U64 C64",
    32: "F32 I32 U32",
    16: "F16 BF16 I16 U16",
    8: "I8 U8 BOOL F8_E4M3 F8_E5M2 F8_E4M3FNUZ F8_E5M2FNUZ F8_E8M0",
    6: "F6_E2M3 F6_E3M2",
    4: "F4",
}
BITS = {name: bits for bits, names in _NAMES.items() for name in names.split()}
"""Types of numbers by the format's own names, and how many bits one takes."""
FLOATS = ("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2")
"""Types of numbers that weights of a LoRA come in."""
_CHUNK = 4 * 2**20
_STARTS = (
    (b"GGUF", "GGUF files hold quantized models; a LoRA comes as .safetensors"),
    (b"\x1f\x8b", "this is a gzip archive: unpack it, and bring in the .safetensors file inside"),
    (b"7z\xbc\xaf\x27\x1c", "this is a 7-Zip archive: unpack it, and bring in the .safetensors file inside"),
    (b"Rar!", "this is a RAR archive: unpack it, and bring in the .safetensors file inside"),
    (b"\x89PNG", "this is a PNG picture, whatever its name says"),
    (b"\xff\xd8\xff", "this is a JPEG picture, whatever its name says"),
    (b"%PDF", "this is a PDF, whatever its name says"),
    (b"\x93NUMPY", "this is a NumPy array, whatever its name says"),
)
PICKLE = (
    "this is a pickle, which can run any program when it is opened, so it is not taken. Get the .safetensors version of"
    " it"
)


class NotSafetensors(ValueError):
    """A file that cannot be read as safetensors. The message says why, without the file's name and without a full
    stop."""


@dataclass(frozen=True)
class Entry:
    """A tensor's place: its type as the format calls it, its shape, its first byte and the one after its last, counted
    from where the data begins."""

    dtype: str
    shape: tuple[int, ...]
    first: int
    last: int


@dataclass(frozen=True)
class Header:
    """``tensors`` by name; ``start`` is where the data begins in the file."""

    metadata: Mapping[str, str]
    tensors: Mapping[str, Entry]
    start: int


def read_header(path: Path) -> Header:
    """The header of the file at ``path``. Raises NotSafetensors, OSError."""
    check_file(path)
    size = path.stat().st_size
    with path.open("rb") as file:
        begin = file.read(4096)
        if size < 10:
            raise NotSafetensors("the file is empty or cut off. Download it again")
        (length,) = struct.unpack("<Q", begin[:8])
        opens = begin[8:9] == b"{"
        if not opens or length > MAX_HEADER:
            raise NotSafetensors(_what_it_is(begin, path) or _unlike(length, opens))
        if length > size - 8:
            raise NotSafetensors(f"the file is cut off within its header: {size} bytes are there. Get it again")
        file.seek(8)
        text = file.read(length)
    metadata, entries = _parsed(text)
    _check_places(entries, size - 8 - length)
    return Header(metadata, entries, 8 + length)


def _unlike(length: int, opens: bool) -> str:
    if opens:
        return f"this is not a safetensors file: it claims a header of {length} bytes"
    return "this is not a safetensors file: it does not begin as one. Download it again"


def _what_it_is(begin: bytes, path: Path) -> str:
    """What a file that is no safetensors file is instead, by its first bytes; empty when that is not known."""
    # pickles of protocol 2 and later begin with 0x80
    if begin[:1] == b"\x80" and begin[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return PICKLE
    if begin[:4] == b"PK\x03\x04":
        return _archive(path)
    if begin.startswith(b"version https://git-lfs"):
        return (
            "this is a git-lfs pointer, a few lines that stand for the file. Run `git lfs pull` where it comes from, or"
            " download the file itself"
        )
    if begin[4:8] == b"ftyp" or (begin[:4] == b"RIFF" and begin[8:12] == b"WEBP"):
        return "this is a picture or a film, whatever its name says"
    text = begin.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<!--", b"<body")):
        return (
            "this is a web page that was saved under the name of the file. Sign in where it comes from if it asks for"
            " that, and download the file itself"
        )
    if text[:1] in (b"{", b"["):
        return "this is a JSON text, perhaps the error that a download was answered with. Download the file itself"
    return next((words for start, words in _STARTS if begin.startswith(start)), "")


def _archive(path: Path) -> str:
    """A zip is what torch.save writes today; another one is just an archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            pickled = any(name.endswith(".pkl") for name in archive.namelist())
    except (OSError, zipfile.BadZipFile, NotImplementedError):
        pickled = False
    return PICKLE if pickled else "this is a zip archive: unpack it, and bring in the .safetensors file inside"


def _parsed(text: bytes) -> tuple[dict[str, str], dict[str, Entry]]:
    try:
        told = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotSafetensors("this is not a safetensors file, or its header is broken. Download it again") from error
    if not isinstance(told, dict):
        raise NotSafetensors("this is not a safetensors file: its header is no table. Download it again")
    metadata = told.pop("__metadata__", None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise NotSafetensors("its header is broken: what it tells besides the tensors has to be text by name")
    return metadata, {str(name): _entry(str(name), value) for name, value in told.items()}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose names differ: of two tensors of one name nobody could say which is meant."""
    table = dict(pairs)
    if len(table) != len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise NotSafetensors(f"its header is broken: it names {double} twice")
    return table


def _no_number(constant: str) -> Never:
    raise NotSafetensors(f"its header is broken: {constant} is no number there")


def _entry(name: str, value: Any) -> Entry:
    try:
        shape, (first, last), dtype = value["shape"], value["data_offsets"], value["dtype"]
        whole = all(type(n) is int and 0 <= n < 2**63 for n in (*shape, first, last))
    except (KeyError, TypeError, ValueError) as error:
        raise NotSafetensors(f"its header is broken: what it says of {name} is not complete") from error
    if dtype not in BITS:
        raise NotSafetensors(f"its header says that {name} has numbers of the type {dtype!r}, which is not known here")
    if not whole or first > last or 8 * (last - first) != prod(shape) * BITS[dtype]:
        raise NotSafetensors(f"its header contradicts itself: the size of {name} is not what its shape and type say")
    return Entry(dtype, tuple(shape), first, last)


def _check_places(entries: Mapping[str, Entry], available: int) -> None:
    """Tensors lie one after another from the first byte to the last."""
    end = 0
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].first, item[1].last)):
        if entry.first != end:
            fault = "overlaps the tensor before it" if entry.first < end else "leaves a gap before it"
            raise NotSafetensors(f"its header contradicts itself: {name} {fault}")
        end = entry.last
    if end > available:
        there, whole = (f"{n / 2**20:.1f}" for n in (available, end))
        raise NotSafetensors(f"the file is cut off: {there} of {whole} MiB are there. Get it again")
    if end < available:
        raise NotSafetensors(f"{available - end} bytes follow after its last tensor: it is damaged. Get it again")


def numbers(path: Path, header: Header, name: str) -> np.ndarray:
    """The numbers of a small tensor as a flat array of float32. Raises OSError; NotSafetensors for another type."""
    entry = header.tensors[name]
    with path.open("rb") as file:
        file.seek(header.start + entry.first)
        return _as_floats(file.read(entry.last - entry.first), entry.dtype)


def chunks(path: Path, header: Header, name: str) -> Iterator[np.ndarray]:
    """The numbers of a tensor as flat arrays of float32, piece by piece. Raises as ``numbers`` does."""
    entry = header.tensors[name]
    with path.open("rb") as file:
        file.seek(header.start + entry.first)
        for at in range(entry.first, entry.last, _CHUNK):
            yield _as_floats(file.read(min(_CHUNK, entry.last - at)), entry.dtype)


def _as_floats(data: bytes, dtype: str) -> np.ndarray:
    """Numbers as the bits of ``dtype`` say them, float32."""
    import numpy as np

    if dtype == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    if dtype == "F8_E5M2":  # the upper half of float16
        return (np.frombuffer(data, np.uint8).astype(np.uint16) << 8).view(np.float16).astype(np.float32)
    if dtype == "F8_E4M3":
        return _e4m3()[np.frombuffer(data, np.uint8)]
    if dtype in ("F64", "F32", "F16"):
        with np.errstate(over="ignore"):
            return np.frombuffer(data, {"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).astype(np.float32)
    whole = {"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U8": "u1", "BOOL": "u1"}.get(dtype)
    if whole is None:
        raise NotSafetensors(f"numbers of the type {dtype} cannot be read here")
    return np.frombuffer(data, whole).astype(np.float32)


@cache
def _e4m3() -> np.ndarray:
    """All 256 numbers of float8 e4m3fn: a sign, four bits of exponent (bias 7), three of fraction; no infinity, and
    NaN where all seven bits are set (Micikevicius et al. 2022, FP8 formats for deep learning, table 1)."""
    import numpy as np

    bits = np.arange(256)
    exponent, fraction = bits >> 3 & 15, bits & 7
    size = np.where(exponent == 0, fraction / 8 * 2.0**-6, (1 + fraction / 8) * 2.0 ** (exponent - 7.0))
    values = np.where(bits & 128, -size, size).astype(np.float32)
    values[[127, 255]] = np.nan
    return values
