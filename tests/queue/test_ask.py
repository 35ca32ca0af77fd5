"""A running training is asked for samples or a checkpoint now: through queue, pipe and worker."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_helpers import scripted_plan, until

from pipelines.domain.presets import TrainingSettings
from pipelines.domain.requests import TrainItem, TrainRequest
from pipelines.domain.shots import ImageRef
from pipelines.queue.admission import NotAllowed
from pipelines.queue.job_queue import JobQueue
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

HANDLERS = """
import time
from pipelines.domain.events import Progress, Started


def train(request, context):
    context.emit(Started(total=2, unit="steps"))
    context.emit(Progress(done=1, note="going"))
    found = frozenset()
    while len(found) < 2:
        if context.cancelled():
            break
        new = context.asked()
        found |= new
        time.sleep(0.01)
    return {"asked": sorted(found), "again": sorted(context.asked())}


HANDLERS = {"train": train}
"""


@pytest.fixture
def jobs(workspace: Workspace, tmp_path: Path) -> Iterator[JobQueue]:
    module = tmp_path / "asking_handlers.py"
    module.write_text(HANDLERS)
    with Store.open(workspace.root) as store:
        queue = JobQueue(store, workspace, None, handlers=str(module))
        yield queue
        queue.close()


def training() -> TrainRequest:
    picture = ImageRef(id="0" * 64, path="x.png")
    return TrainRequest(
        target="character", character="ada", name="ada_v1", version="v1", family="mini-flux", revision="1",
        items=(TrainItem(image=picture, caption="c"),), settings=TrainingSettings(), folder="x",
    )  # fmt: skip


def test_what_is_asked_reaches_the_training_once(jobs: JobQueue) -> None:
    job = jobs.submit(training(), "Train")
    until(jobs, lambda status: bool(status.job and status.job.done), 60)
    jobs.ask(job.id, "sample")
    jobs.pause(job.id)
    until(jobs, lambda status: status.paused)
    jobs.ask(job.id, "save")  # asked while it waits, it is done when it goes on; it does not wake it
    time.sleep(0.2)
    assert jobs.status().paused
    jobs.unpause(job.id)
    ended = jobs.wait(job.id, 60)
    assert ended.result == {"asked": ["sample", "save"], "again": []}
    with pytest.raises(NotAllowed, match="Only a training"):
        jobs.ask(job.id, "save")


def test_only_a_running_training_is_asked(jobs: JobQueue) -> None:
    with pytest.raises(NotAllowed, match="Only a training"):
        jobs.ask("nobody", "sample")
    waiting = jobs.submit(scripted_plan("a"), "Enrich")
    with pytest.raises(NotAllowed, match="Only a training"):
        jobs.ask(waiting.id, "sample")
