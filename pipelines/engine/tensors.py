"""Tensors of a file, read one at a time: nothing but the one that is asked for is held. What other programs packed or
scaled is undone: fp8 is multiplied by its scale in float32, blocks of GGUF are unpacked, both to bfloat16."""

from collections.abc import Iterator
from pathlib import Path

import torch

from pipelines.engine.shards import TYPES
from pipelines.models.owned_files import beside, header_of, scale_of
from pipelines.storage.gguf_file import BLOCKS, unpacked
from pipelines.storage.safetensors_header import Header


class TensorFile:
    """The tensors of a safetensors or GGUF file by name, of those whose names begin with ``prefix``, without it. Raises
    NotSafetensors, OSError."""

    def __init__(self, path: Path, prefix: str = "", *, foreign: bool = False) -> None:
        """``foreign``: of another program, whose scales are undone; else everything is as the libraries wrote it."""
        self.path, self.prefix, self.foreign = path, prefix, foreign
        self.header: Header = header_of(path)

    def __iter__(self) -> Iterator[str]:
        for name in self.header.tensors:
            if name.startswith(self.prefix) and not (self.foreign and beside(name)):
                yield name.removeprefix(self.prefix)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor as it will be read."""
        return self.header.tensors[self.prefix + name].shape

    def bytes_of(self, name: str) -> int:
        """Bytes of a tensor in the file."""
        entry = self.header.tensors[self.prefix + name]
        return entry.last - entry.first

    def read(self, name: str) -> torch.Tensor:
        """A tensor in memory of its own. Raises OSError."""
        whole = self.prefix + name
        dtype = self.header.tensors[whole].dtype
        if dtype in BLOCKS and BLOCKS[dtype].unpack:
            return torch.from_numpy(unpacked(self.path, self.header, whole)).to(torch.bfloat16)
        tensor = self._stored(whole)
        if not self.foreign or not dtype.startswith("F8"):
            return tensor
        scale = scale_of(whole, self.header)
        if not scale:
            return tensor.to(torch.bfloat16)
        by = self._stored(scale).float()
        by = by.reshape(-1, *(1,) * (tensor.dim() - 1)) if by.numel() > 1 else by.reshape(())
        return (tensor.float() * by).to(torch.bfloat16)

    def _stored(self, whole: str) -> torch.Tensor:
        """The numbers as they stand in the file."""
        entry = self.header.tensors[whole]
        size = entry.last - entry.first
        if not size:
            return torch.empty(entry.shape, dtype=TYPES[entry.dtype])
        data = bytearray(size)
        with self.path.open("rb") as file:
            file.seek(self.header.start + entry.first)
            if file.readinto(data) != size:
                raise OSError(f"{self.path} ended early: it was cut while it was read")
        return torch.frombuffer(data, dtype=TYPES[entry.dtype]).reshape(entry.shape)
