"""Safetensors files without torch: metadata read, and bfloat16 tensors written in an order that never varies.

Layout: eight bytes of length, a JSON header (names, types, shapes, places, ``__metadata__``), then the tensors. Arrays
bring what is done with them here along: numpy itself is not loaded for those who only read metadata.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.storage.safetensors_header import NotSafetensors, read_header

if TYPE_CHECKING:
    import numpy as np

PAYLOAD_HASH = "modelspec.hash_sha256"


def to_bfloat16(numbers: np.ndarray) -> np.ndarray:
    """The upper half of float32 ``numbers`` as uint16 of the same shape, rounded to nearest, ties to even, as torch
    rounds. What is no number stays none."""
    bits = numbers.astype("float32", order="C").view("uint32")
    rounded = ((bits + (0x7FFF + (bits >> 16 & 1))) >> 16).astype("uint16")
    rounded[numbers != numbers] = 0x7FC0  # only what is no number is unlike itself
    return rounded


def encoded(tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> bytes:
    """A file of bfloat16 ``tensors`` (uint16, see ``to_bfloat16``) and ``metadata``, both in the order of their names.

    The SHA-256 of the tensors' bytes goes into the header as ``modelspec.hash_sha256`` (Stability model spec 1.0.0).
    """
    names = sorted(tensors)
    payload = b"".join(tensors[name].astype("<u2").tobytes() for name in names)
    told = {**metadata, PAYLOAD_HASH: "0x" + hashlib.sha256(payload).hexdigest()}
    entries: dict[str, object] = {"__metadata__": dict(sorted(told.items()))}
    at = 0
    for name in names:
        end = at + 2 * tensors[name].size
        entries[name] = {"dtype": "BF16", "shape": list(tensors[name].shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(entries, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + payload


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of the file at ``path``; empty when there is no such file or its header cannot be read."""
    try:
        return dict(read_header(path).metadata)
    except (OSError, NotSafetensors):
        return {}
