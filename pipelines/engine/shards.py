"""Safetensors files written tensor by tensor: what is written is never held, so memory does not grow with the file."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import torch

from pipelines.storage.atomic import replace, write_durably

LIMIT = 4 * 2**30
"""Bytes from which on a new file is begun."""
_NAMES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2",
}  # fmt: skip
TYPES = {name: dtype for dtype, name in _NAMES.items()}
"""Types of numbers by the format's names."""
_ENTRY = 160
"""Bytes of a header's entry besides the tensor's name, at most."""


class Shards:
    """Files ``<stem>.safetensors`` in ``folder``, or several and their index as the libraries write them. The room that
    the header needs is kept free before the tensors and filled at the end (the format allows spaces after it)."""

    def __init__(self, folder: Path, stem: str, room: int) -> None:
        """``room``: bytes of all names of tensors that may come, and ``_ENTRY`` for each."""
        self.folder, self.stem, self.room = folder, stem, 8 * (room // 8 + 64)
        self._file: IO[bytes] | None = None
        self._entries: dict[str, Any] = {}
        self._at = self._total = 0
        self._parts: list[tuple[Path, list[str]]] = []

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            self._end()
            self._name()
        elif self._file is not None:
            self._file.close()

    def add(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Write tensors that belong together into one file. Raises OSError."""
        if self._file is None or self._at > LIMIT:
            self._begin()
        assert self._file is not None
        for name, tensor in tensors.items():
            flat = tensor.detach().to("cpu").contiguous()
            data = flat.reshape(-1).view(torch.uint8).numpy().data if flat.numel() else b""
            self._file.write(data)
            offsets = [self._at, self._at + flat.nbytes]
            self._entries[name] = {"dtype": _NAMES[flat.dtype], "shape": list(flat.shape), "data_offsets": offsets}
            self._at = offsets[1]

    def _begin(self) -> None:
        self._end()
        path = self.folder / f"{self.stem}-{len(self._parts) + 1}.part"
        self._parts.append((path, []))
        self._file = path.open("w+b")
        self._file.seek(8 + self.room)
        self._at = 0

    def _end(self) -> None:
        if self._file is None:
            return
        text = json.dumps({"__metadata__": {"format": "pt"}, **self._entries}).encode()
        if len(text) > self.room:
            raise AssertionError(f"the header of {self.stem} takes {len(text)} bytes, {self.room} were kept free")
        self._file.seek(0)
        self._file.write(self.room.to_bytes(8, "little") + text.ljust(self.room))
        self._file.close()
        self._parts[-1][1].extend(self._entries)
        self._total += self._at
        self._file, self._entries = None, {}

    def _name(self) -> None:
        many = len(self._parts)
        if many == 1:
            replace(self._parts[0][0], self.folder / f"{self.stem}.safetensors", sync=False)
            return
        places: dict[str, str] = {}
        for n, (path, names) in enumerate(self._parts, 1):
            name = f"{self.stem}-{n:05d}-of-{many:05d}.safetensors"
            replace(path, self.folder / name, sync=False)
            places |= dict.fromkeys(names, name)
        index = {"metadata": {"total_size": self._total}, "weight_map": places}
        write_durably(self.folder / f"{self.stem}.safetensors.index.json", json.dumps(index).encode(), sync=False)


def room_for(names: Mapping[str, int]) -> int:
    """The room for a header of tensors: by name how many there are of it (a quantized one becomes six, whose names are
    up to 40 bytes longer)."""
    return sum(count * (len(name.encode()) + 40 * (count > 1) + _ENTRY) for name, count in names.items())
