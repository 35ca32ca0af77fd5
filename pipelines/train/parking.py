"""Training needs the transformer alone: the other parts of the pipeline wait in main memory meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Parking:
    """Moves text encoders and VAE off a CUDA device and back. On a CPU there is nothing to gain: it does nothing."""

    def __init__(self, pipe: Any, device: torch.device):
        self.pipe, self.device = pipe, device
        parts = pipe.components.items() if device.type == "cuda" else ()
        self.names = [n for n, part in parts if isinstance(part, torch.nn.Module) and n != "transformer"]

    def _move(self, device: torch.device | str) -> None:
        for name in self.names:
            getattr(self.pipe, name).to(device)
        if self.names:
            torch.cuda.empty_cache()

    @contextmanager
    def parked(self) -> Iterator[None]:
        """Inside, only the transformer is on the device."""
        self._move("cpu")
        try:
            yield
        finally:
            self._move(self.device)

    @contextmanager
    def fetched(self) -> Iterator[None]:
        """Inside ``parked``: everything is back for a while, to make a picture."""
        self._move(self.device)
        try:
            yield
        finally:
            self._move("cpu")
