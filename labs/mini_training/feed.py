"""What a card would wait for, made by other processes: batches ahead of the step, pictures ahead of the training."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

B = TypeVar("B", covariant=True)
FAR = 10**9


class Batches(Protocol[B]):
    """The batch of a step, a named tuple of tensors on the CPU; the same whenever it is asked for."""

    def at(self, step: int) -> B:
        """The batch of ``step``."""
        ...


class Feed(Generic[B]):
    """Batches of steps that are asked for in order, on ``device``. ``workers``: how many processes make them ahead
    (0: each is made when it is asked for). They see ``batches`` as it is when the first is asked for."""

    def __init__(self, batches: Batches[Any], device: str = "cpu", workers: int = 0) -> None:
        self.batches, self.device, self.workers = batches, device, workers
        self._next = -1
        self._ahead: Iterator[Any] = iter(())

    def at(self, step: int) -> B:
        """The batch of ``step``."""
        batch: Any = self._made(step)
        return type(batch)(*(part.to(self.device, non_blocking=True) for part in batch))

    def _made(self, step: int) -> Any:
        if not self.workers:
            return self.batches.at(step)
        if step != self._next:
            self._ahead = iter(_loader(self.batches, step, self.workers))
        self._next = step + 1
        return next(self._ahead)


def _loader(batches: Batches[Any], first: int, workers: int) -> DataLoader[Any]:
    return DataLoader(
        _Steps(batches),
        batch_size=None,
        sampler=range(first, FAR),
        num_workers=workers,
        prefetch_factor=4,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context="fork",
    )


class _Steps(Dataset[Any]):
    def __init__(self, batches: Batches[Any]) -> None:
        self.batches = batches

    def __getitem__(self, step: int) -> Any:
        return self.batches.at(step)


def ahead(draw: Callable[[int], object], numbers: range, workers: int) -> None:
    """Have ``workers`` processes draw the shards of ``numbers``; ``draw`` keeps what it draws. With none, nothing is
    drawn: a training draws what it lacks."""
    if workers:
        one_thread = {"initializer": torch.set_num_threads, "initargs": (1,)}
        with ProcessPoolExecutor(workers, get_context("spawn"), **one_thread) as pool:
            list(pool.map(draw, numbers))
