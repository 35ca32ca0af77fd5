"""Tensors of a file, read one at a time: nothing but the one that is asked for is held."""

from collections.abc import Iterator
from pathlib import Path

import torch

from pipelines.engine.shards import TYPES
from pipelines.storage.safetensors_header import Entry, Header, read_header


class TensorFile:
    """The tensors of a safetensors file by name. Raises NotSafetensors, OSError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: Header = read_header(path)

    def __iter__(self) -> Iterator[str]:
        return iter(self.header.tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor as it will be read."""
        return self.header.tensors[name].shape

    def bytes_of(self, name: str) -> int:
        """Bytes of a tensor in the file."""
        entry = self.header.tensors[name]
        return entry.last - entry.first

    def read(self, name: str) -> torch.Tensor:
        """A tensor in memory of its own. Raises OSError."""
        return stored(self.path, self.header, self.header.tensors[name])


def stored(path: Path, header: Header, entry: Entry) -> torch.Tensor:
    """The numbers of a tensor as they stand in the file. Raises OSError, also where the file ends too early."""
    size = entry.last - entry.first
    if not size:
        return torch.empty(entry.shape, dtype=TYPES[entry.dtype])
    data = bytearray(size)
    with path.open("rb") as file:
        file.seek(header.start + entry.first)
        if file.readinto(data) != size:
            raise OSError(f"{path} ended early: it was cut while it was read")
    return torch.frombuffer(data, dtype=TYPES[entry.dtype]).reshape(entry.shape)
