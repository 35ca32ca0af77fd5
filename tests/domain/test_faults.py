"""Errors in words: what memory running out looks like, and what does not."""

import pytest
import torch

from pipelines.domain.faults import expected, in_words, out_of_memory

ALLOCATOR = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
        RuntimeError(ALLOCATOR),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    ],
)
def test_memory_that_ran_out_is_told_as_that(error: Exception) -> None:
    assert out_of_memory(error) and expected(error)
    assert in_words(error) == "There is not enough memory for this."


@pytest.mark.parametrize("error", [RuntimeError("a shape does not fit"), ValueError("out of memory"), KeyError("x")])
def test_other_errors_are_not(error: Exception) -> None:
    assert not out_of_memory(error) and not expected(error)


def test_the_allocator_of_this_torch_says_what_is_looked_for() -> None:
    with pytest.raises(RuntimeError) as met:
        torch.empty(2**60, dtype=torch.uint8)
    assert out_of_memory(met.value), met.value
