"""What text encoders made of prompts and pictures, kept, so that an encoder can leave the GPU.

The same inputs give the same tensors, to the bit, so a hit changes no picture.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch

Tensors = dict[str, torch.Tensor | None]
LIMIT_BYTES = 2 * 2**30


class EmbeddingCache:
    """The last used embeddings in main memory, at most ``limit`` bytes. ``hits`` and ``misses`` are counted."""

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self.limit = limit
        self.hits = self.misses = 0
        self._kept: OrderedDict[Hashable, Tensors] = OrderedDict()

    def get(self, key: Hashable, device: torch.device, make: Callable[[], Tensors]) -> Tensors:
        """The embeddings of ``key`` on ``device``; made by ``make`` when they are not kept."""
        if key in self._kept:
            self.hits += 1
            self._kept.move_to_end(key)
        else:
            self.misses += 1
            self._kept[key] = {name: None if t is None else t.detach().cpu() for name, t in make().items()}
            while self.bytes > self.limit and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return {name: None if t is None else t.to(device) for name, t in self._kept[key].items()}

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    @property
    def bytes(self) -> int:
        """What is kept, in bytes."""
        return sum(t.nbytes for made in self._kept.values() for t in made.values() if t is not None)
