"""What is loaded gives its memory back: when it is asked to, and by itself when there is nothing to do."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from job_helpers import SCRIPTED, scripted_plan, until
from pydantic import ValidationError

from pipelines.queue.admission import NotAllowed
from pipelines.queue.job_queue import JobQueue
from pipelines.storage.settings import Settings, load, save
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace


def test_unloading_ends_the_worker_and_the_next_job_begins_another(jobs: JobQueue) -> None:
    jobs.wait(jobs.submit(scripted_plan("a"), "One").id, 30)
    pid = jobs.status().worker_pid
    assert pid and jobs.status().memory
    jobs.unload()
    until(jobs, lambda seen: seen.worker_pid is None)
    assert jobs.status().memory is None
    until(jobs, lambda seen: not psutil.pid_exists(pid))
    again = jobs.wait(jobs.submit(scripted_plan("b"), "Two").id, 30)
    assert again.state == "done"
    assert jobs.status().worker_pid not in (None, pid)


def test_nothing_is_taken_from_a_job_at_work(jobs: JobQueue) -> None:
    job = jobs.submit(scripted_plan(*["wait:0.1"] * 50), "Long")
    with pytest.raises(NotAllowed, match="at work"):
        jobs.unload()
    jobs.cancel(job.id)
    assert jobs.wait(job.id, 30).state == "cancelled"
    jobs.unload()
    jobs.unload()  # nothing is loaded any more: nothing happens


@pytest.fixture
def started(store: Store, workspace: Workspace):
    queues: list[JobQueue] = []

    def begin(minutes: float) -> JobQueue:
        queues.append(JobQueue(store, workspace, Settings(unload_minutes=minutes), handlers=SCRIPTED))
        return queues[-1]

    yield begin
    for queue in queues:
        queue.close()


def test_what_has_nothing_to_do_is_unloaded_by_itself(started: Callable[[float], JobQueue]) -> None:
    jobs = started(0.02)
    jobs.wait(jobs.submit(scripted_plan("a"), "One").id, 30)
    until(jobs, lambda seen: seen.worker_pid is None)
    assert jobs.wait(jobs.submit(scripted_plan("b"), "Two").id, 30).state == "done"


def test_a_job_that_takes_longer_than_that_is_not_idle(started: Callable[[float], JobQueue]) -> None:
    jobs = started(0.005)
    assert jobs.wait(jobs.submit(scripted_plan(*["wait:0.1"] * 15), "Long").id, 60).state == "done"


@pytest.mark.parametrize("minutes", [-1, 10_081, "soon"])
def test_the_setting_has_bounds(minutes: object, tmp_path: Path) -> None:
    with pytest.raises((ValidationError, ValueError)):
        save(tmp_path, {"unload_minutes": minutes})
    save(tmp_path, {"unload_minutes": 0})
    assert load(tmp_path).unload_minutes == 0
