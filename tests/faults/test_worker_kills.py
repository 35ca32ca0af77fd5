"""kill -9 of the worker and of the app in mid-job: nothing finished is lost, nothing is made twice, no orphan stays."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

sys.path.append(str(Path(__file__).parents[1] / "queue"))
from job_helpers import SCRIPTED, scripted_plan, until

from pipelines.domain.presets import TrainingSettings
from pipelines.domain.records import DatasetVersion, ImageRecord, Job, TrainingRun
from pipelines.domain.requests import RenderRequest, TrainRequest
from pipelines.queue.job_queue import JobQueue
from pipelines.storage.curves import curve
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

APP = Path(__file__).with_name("app_process.py")


@pytest.fixture
def jobs(workspace: Workspace) -> Iterator[JobQueue]:
    with Store.open(workspace.root) as store:
        queue = JobQueue(store, workspace, None, handlers=SCRIPTED)
        yield queue
        queue.close()


def kill(pid: int | None) -> None:
    """kill -9."""
    assert pid
    os.kill(pid, signal.SIGKILL)


def is_gone(pid: int, seconds: float) -> bool:
    """Whether the process ends within ``seconds`` (a zombie that nobody waited for has ended)."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def assert_each_once(store: Store, workspace: Workspace, request: RenderRequest) -> None:
    """Every shot of the plan has one file, one record and one place in its dataset, and nothing else is there."""
    plan = request.plan
    expected = sorted(plan.path(shot) for shot in plan)
    files = [workspace.relative(p) for p in (workspace.root / plan.folder).iterdir()]
    images = store.all(ImageRecord, kind=plan.kind, version=plan.version)
    assert sorted(files) == expected
    assert sorted(i.path for i in images) == expected
    assert Counter(i.shot.id for i in images if i.shot) == Counter(shot.id for shot in plan)
    dataset = store.get(DatasetVersion, f"{plan.character}/{plan.kind}/{plan.version}")
    assert dataset and sorted(dataset.images) == sorted({i.id for i in images}) and len(images) == len(plan)


def test_worker_killed_in_a_plan_of_twenty_resume_makes_each_once(jobs: JobQueue, workspace: Workspace) -> None:
    request = scripted_plan(*["wait:0.02 score"] * 20)
    job, chance = jobs.submit(request, "Twenty", "ada"), random.Random(7)
    for _ in range(5):
        target = min(19, jobs.job(job.id).done + chance.randint(1, 4))
        status = until(jobs, lambda status, n=target: status.job is not None and status.job.done >= n)
        time.sleep(chance.uniform(0, 0.02))
        kill(status.worker_pid)
        ended = jobs.wait(job.id, 20)
        assert ended.state == "interrupted" and "signal 9" in ended.error and ended.done >= target
        job = jobs.resume(job.id)
    ended = jobs.wait(job.id, 30)
    assert (ended.state, ended.done, ended.total) == ("done", 20, 20)
    assert_each_once(jobs._store, workspace, request)
    assert all(i.scores.quality for i in jobs._store.all(ImageRecord))
    assert ended.result["scored"] > 0  # pictures that had been judged before were not judged again


def test_a_picture_whose_event_was_lost_is_recorded_at_the_end_and_once(jobs: JobQueue, workspace: Workspace) -> None:
    request = scripted_plan("a", "lose", "c")
    job = jobs.wait(jobs.submit(request, "Lost", "ada").id, 30)
    assert job.state == "interrupted"
    assert len(jobs._store.all(ImageRecord)) == 2 and len(list((workspace.root / request.plan.folder).iterdir())) == 2
    assert jobs.wait(jobs.resume(job.id).id, 30).state == "done"
    assert_each_once(jobs._store, workspace, request)


def test_the_queue_goes_on_with_the_next_job_after_a_kill(jobs: JobQueue) -> None:
    first = jobs.submit(scripted_plan("die"), "Dies")
    second = jobs.submit(scripted_plan("a", version="v2"), "Lives")
    assert jobs.wait(second.id, 30).state == "done" and jobs.job(first.id).state == "interrupted"


def test_an_idle_worker_that_is_killed_is_replaced_unnoticed(jobs: JobQueue) -> None:
    jobs.wait(jobs.submit(scripted_plan("a"), "One").id, 30)
    pid = jobs.status().worker_pid
    kill(pid)
    job = jobs.wait(jobs.submit(scripted_plan("b", version="v2"), "Two").id, 30)  # before anyone noticed
    assert job.state == "done" and jobs.status().worker_pid not in (None, pid)


def test_a_training_killed_and_resumed_has_one_run_with_one_curve(jobs: JobQueue, workspace: Workspace) -> None:
    request = TrainRequest(
        target="character", character="ada", name="ada_v1", version="v1", family="mini-flux", revision="1", items=(),
        settings=TrainingSettings.model_validate({"steps": 10}), trigger="die", folder="characters/ada/models/x",
    )  # fmt: skip
    fields = {"character": "ada", "target": "character", "version": "v1", "family": "mini-flux", "preset": "p"}
    run_of = lambda job: [TrainingRun.model_validate({"id": "r1", "job": job.id, **fields})]  # noqa: E731
    job = jobs.submit(request, "Train", alongside=run_of)
    assert jobs.wait(job.id, 30).state == "interrupted"
    (run,) = jobs._store.all(TrainingRun)
    assert run.state == "interrupted" and [m.step for m in curve(jobs._store, run)] == [1, 2, 3, 4, 5, 6, 7]
    again = jobs.resume(job.id)
    assert jobs.wait(again.id, 30).state == "done"
    (run,) = jobs._store.all(TrainingRun)
    assert (run.job, run.state, [m.step for m in curve(jobs._store, run)]) == (again.id, "done", list(range(1, 11)))
    assert [m.value > 5 for m in curve(jobs._store, run)] == [False] * 5 + [True] * 5  # the resumed steps stand


class App:
    """An app process and what it says about itself."""

    def __init__(self, root: Path, handlers: str, requests: Path) -> None:
        command = [sys.executable, str(APP), str(root), handlers, str(requests)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def until(self, seen: Callable[[dict], bool]) -> dict:
        """Read until it shows what is waited for."""
        assert self.process.stdout
        for text in self.process.stdout:
            if seen(view := json.loads(text)):
                return view
        raise AssertionError("the app ended before that was seen")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def app(workspace: Workspace, tmp_path: Path) -> Iterator[Callable[..., App]]:
    apps: list[App] = []

    def start(*requests: RenderRequest, handlers: str = SCRIPTED) -> App:
        path = tmp_path / "requests.json"
        path.write_text(json.dumps([r.model_dump(mode="json") for r in requests]))
        apps.append(App(workspace.root, handlers, path))
        return apps[-1]

    yield start
    for app in apps:
        app.kill()


def test_app_killed_in_mid_job_leaves_no_worker_and_goes_on_after_restart(app, workspace: Workspace) -> None:
    first, second = scripted_plan(*["wait:0.1"] * 20), scripted_plan("a", "b", version="v2")
    victim = app(first, second)
    view = victim.until(lambda view: view["done"] >= 5)
    victim.kill()
    assert is_gone(view["pid"], 5)
    with Store.open(workspace.root) as store:
        queue = JobQueue(store, workspace, None, handlers=SCRIPTED)
        interrupted, waited = store.all(Job)
        assert queue.job(interrupted.id).state == "interrupted" and "studio" in queue.job(interrupted.id).error
        assert queue.wait(waited.id, 30).state == "done"  # it was queued: it runs again by itself
        kept = len(store.all(ImageRecord, version="v1"))
        assert 5 <= kept < 20
        resumed = queue.wait(queue.resume(interrupted.id).id, 60)
        assert (resumed.state, resumed.done) == ("done", 20)
        assert len(store.all(ImageRecord, version="v1")) == len({i.id for i in store.all(ImageRecord, version="v1")})
        files = [*(workspace.root / first.plan.folder).iterdir()]
        assert len(files) == 20 == len(store.all(ImageRecord, version="v1"))
        queue.close()


@pytest.mark.slow(seconds=5)
def test_a_worker_between_two_steps_or_idle_dies_with_its_app(app) -> None:
    for requests in ([scripted_plan("wait:300", version="v1")], [scripted_plan("a", version="v2")]):
        victim = app(*requests)
        idle = "v2" in requests[0].plan.folder
        view = victim.until(lambda view, idle=idle: view["recent"][:1] == ["done"] if idle else view["total"] > 0)
        victim.kill()
        assert is_gone(view["pid"], 5)


def test_the_app_answers_at_once_and_never_loads_torch(app) -> None:
    victim = app(*(scripted_plan(*["a"] * 20, version=f"v{n}") for n in range(5)))
    view = victim.until(lambda view: view["recent"] == ["done"] * 5)
    assert view["torch"] is False
