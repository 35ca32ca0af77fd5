"""What the worker says of a job that failed: what happened, and how far it was."""

import pytest
import torch

from pipelines.domain.events import Event, Progress, Started, StepDone, Warned
from pipelines.worker.main import HowFar, words

TOLD: list[tuple[list[Event], str]] = [
    ([], "before the work had begun"),
    ([Started(total=10, skipped=2)], "with 2 of 10 pictures done"),
    ([Started(total=10), Progress(done=3, note="scene"), StepDone(k=4, n=8)],
     "with 3 of 10 pictures done, after step 4 of the next"),
    ([Started(total=10), StepDone(k=4, n=8), Progress(done=1), Warned(text="x")], "with 1 of 10 pictures done"),
    ([Started(total=9, unit="steps"), Progress(done=9), Started(total=4)], "with 0 of 4 pictures done"),
]  # fmt: skip


@pytest.mark.parametrize(("events", "said"), TOLD)
def test_out_of_memory_says_how_far_the_job_was(events: list[Event], said: str) -> None:
    far = HowFar()
    for event in events:
        far.hear(event)
    told = words(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."), str(far))
    assert told.startswith(f"Out of memory {said} (CUDA out of memory")
    assert words(MemoryError(), str(far)).startswith(f"Out of memory {said}. Smaller")
