"""Somebody sets the clock of the machine, a day back or ahead, while the studio works: order is the order in which
things happened, and how long something took is measured by a clock that nobody sets."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from job_helpers import SCRIPTED, scripted_plan, until

from pipelines.domain import records
from pipelines.domain.records import Decision, ImageRecord, Job
from pipelines.queue.job_queue import JobQueue
from pipelines.storage.rebuild import rebuild
from pipelines.storage.settings import Settings
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

Turn = Callable[[float], None]


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Turn:
    """``turn(days)``: the clock says so many days more than it would."""
    real, told, ahead = records.datetime, time.time, [0.0]

    class Clock(real):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: object = None) -> "Clock":
            return real.now(tz) + timedelta(days=ahead[0])  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(records, "datetime", Clock)
    monkeypatch.setattr(time, "time", lambda: told() + 86_400 * ahead[0])

    def turn(days: float) -> None:
        ahead[0] = days

    return turn


@pytest.mark.parametrize("days", [-1, 1])
def test_a_queue_lives_through_a_clock_that_is_set(workspace: Workspace, store: Store, turn: Turn, days: float) -> None:
    queue = JobQueue(store, workspace, Settings(unload_minutes=0.02), handlers=SCRIPTED)
    try:
        first = queue.submit(scripted_plan(*["wait:0.2"] * 4), "First")
        until(queue, lambda seen: seen.job is not None and seen.job.done >= 1, 200)
        turn(days)
        second = queue.submit(scripted_plan("b", version="v2"), "Second")
        left = until(queue, lambda seen: seen.job is not None and seen.job.done >= 2, 200).seconds_left
        assert left is not None and 0 <= left < 120
        turn(-days)
        third = queue.submit(scripted_plan("c", version="v3"), "Third")
        ended = [queue.wait(job.id, 250) for job in (first, second, third)]
        assert [job.state for job in ended] == ["done"] * 3
        assert [job.title for job in queue.status().recent] == ["Third", "Second", "First"]
        took = [job.took for job in ended]
        assert all(seconds is not None and 0 < seconds < 120 for seconds in took), took
        assert took[0] is not None and took[0] > 0.6
        until(queue, lambda seen: seen.worker_pid is None, 100)  # what is idle is unloaded when it was to be
    finally:
        queue.close()
    reopened = JobQueue(store, workspace, None, handlers=SCRIPTED)
    assert [job.title for job in reopened.status().recent] == ["Third", "Second", "First"]
    reopened.close()


def test_an_interrupted_job_does_not_count_the_night(store: Store, workspace: Workspace, turn: Turn) -> None:
    queue = JobQueue(store, workspace, None, handlers=SCRIPTED)
    job = queue.submit(scripted_plan(*["wait:0.2"] * 50), "Long")
    until(queue, lambda seen: seen.job is not None and seen.job.done >= 1, 200)
    queue.close()
    stopped = store.get(Job, job.id)
    assert stopped and stopped.state == "interrupted" and stopped.took is not None and 0 < stopped.took < 60
    store.put(stopped.model_copy(update={"state": "running", "ended": None, "seconds": None}))  # as a kill leaves it
    turn(3)
    JobQueue(store, workspace, None, handlers=SCRIPTED).close()
    found = store.get(Job, job.id)
    assert found and found.state == "interrupted" and found.took is None


def old(state: str, took: float) -> Job:
    """A job of before its seconds were kept."""
    began = records.now()
    return Job.model_validate({"id": "j", "kind": "render", "title": "", "request": {}, "state": state,
                               "started": began, "ended": began + timedelta(seconds=took)})  # fmt: skip


def test_jobs_of_before_tell_what_the_clock_said_where_that_can_be() -> None:
    assert old("done", 90).took == 90
    assert old("done", -86_000).took is None
    assert old("interrupted", 90).took is None, "it ended when somebody opened the workspace again"


def test_the_latest_decision_counts_whatever_the_clock_said(workspace_root: Path, turn: Turn) -> None:
    def decided(value: str) -> Decision:
        return Decision(image="a" * 64, who="human", action="label", value=value)

    picture = ImageRecord(id="a" * 64, character="ada", kind="synthetic", version="v1", path="characters/ada/a.png",
                          width=1, height=1, pixels="")  # fmt: skip
    with Store.open(workspace_root) as store:
        Workspace(workspace_root).create()
        store.put(picture)
        for days, value in ((1, "good"), (0, "needs_correction"), (-1, "reject")):
            turn(days)
            store.decide(decided(value))
        assert store.verdict(picture.id).label == "reject"
    for turned in (2, -2):
        turn(turned)
        with Store.open(workspace_root) as store:
            assert store.verdict(picture.id).label == "reject"
    for path in workspace_root.glob("flenwheel.j*"):
        path.unlink()
    with Store.open(workspace_root) as store:
        rebuild(Workspace(workspace_root), store)
        assert [d.value for d in store.all(Decision)] == ["good", "needs_correction", "reject"]
