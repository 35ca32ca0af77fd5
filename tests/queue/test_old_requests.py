"""Jobs that another version asked for: they go on, or are told in words; they never block queue or workspace."""

from collections.abc import Callable
from pathlib import Path

import pytest
from job_helpers import SCRIPTED, scripted_plan
from old_workspaces import OLD, copy_of

from pipelines.domain.records import Job, now
from pipelines.queue.job_queue import JobQueue
from pipelines.queue.stored_request import RequestUnreadable, stored_request
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

FOREIGN = {"kind": "render", "plan": {"character": "ada", "scenes": []}, "scoring": None}


def job_of(id: str, state: str, **fields: object) -> Job:
    base = {"id": id, "kind": "render", "title": f"Old {id}", "request": FOREIGN, "state": state, "created": now()}
    return Job.model_validate({**base, **fields})


def test_the_queue_of_an_old_workspace_recovers(tmp_path: Path) -> None:
    root = copy_of(OLD, tmp_path / "workspace")
    with Store.open(root) as store:
        jobs = JobQueue(store, Workspace(root), None, handlers=SCRIPTED)
        try:
            assert jobs.job("running000000001").state == "interrupted"
            assert jobs.wait("waiting000000001", 60).state == "done"
            assert jobs.wait(jobs.resume("running000000001").id, 60).state == "done"
            for job in store.all(Job):
                assert stored_request(job).kind == job.kind
        finally:
            jobs.close()


def test_jobs_that_cannot_be_asked_again_are_told_and_block_nobody(store: Store, start: Callable[[], JobQueue]) -> None:
    store.put(job_of("waits", "queued"), job_of("ran", "running"), job_of("ended", "done", ended=now()))
    jobs = start()
    heard: list[str] = []
    jobs.on_end(lambda job, request: heard.append(job.id))
    fresh = jobs.submit(scripted_plan("a"), "New")
    assert jobs.wait(fresh.id, 60).state == "done" and heard == [fresh.id]
    waits, ran, ended = (jobs.job(name) for name in ("waits", "ran", "ended"))
    assert (waits.state, ran.state, ended.state) == ("failed", "interrupted", "done")
    for job, words in ((waits, waits.error), (ran, ran.warnings[0]), (ended, ended.warnings[0])):
        assert job.title in words and "another version" in words and "render.plan." in words
        with pytest.raises(RequestUnreadable, match=r"Old.*cannot read.*Ask for it anew"):
            jobs.resume(job.id)
    jobs.close()
    again = start()
    assert len(again.job("ended").warnings) == 1, "told once"
    assert not again.status().queued
