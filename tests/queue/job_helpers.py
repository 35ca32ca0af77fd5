"""Plans for the scripted worker, and waiting for what the page would see."""

import time
from collections.abc import Callable
from pathlib import Path

from pipelines.domain.requests import RenderRequest
from pipelines.domain.shots import Plan, Purpose, Shot
from pipelines.queue.job_queue import JobQueue
from pipelines.queue.status import Status

SCRIPTED = str(Path(__file__).with_name("scripted_handlers.py"))


def scripted_plan(*prompts: str, kind: str = "enriched", version: str = "v1") -> RenderRequest:
    """A request for one picture for each prompt."""
    shots = tuple(
        Shot(
            family="mini-flux", revision="1", prompt=prompt, seed=n, steps=10, guidance=1, width=16, height=16,
            purpose=Purpose(step="enrich", cell=str(n)),
        )
        for n, prompt in enumerate(prompts)
    )  # fmt: skip
    folder = f"characters/ada/data/{kind}/{version}"
    return RenderRequest(plan=Plan(character="ada", kind=kind, version=version, folder=folder, shots=shots))


def until(jobs: JobQueue, seen: Callable[[Status], bool], seconds: float = 20) -> Status:
    """The first status of which ``seen`` is true. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = jobs.status()
        if seen(status):
            return status
        time.sleep(0.01)
    raise TimeoutError(f"not seen within {seconds} s; the last view was {jobs.status()}")
