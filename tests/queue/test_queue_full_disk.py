"""The disk is full for a moment or for long, messages are garbled, what follows fails: the queue goes on, and nothing
that was made is lost."""

import errno
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from job_helpers import SCRIPTED, scripted_plan, until

from pipelines.domain.events import Failed, Finished, ImageMade, Warned
from pipelines.domain.messages import TO_APP, Told, line, salvaged
from pipelines.domain.records import DatasetVersion, ImageRecord, Job
from pipelines.queue.admission import NotAllowed
from pipelines.queue.job_queue import JobQueue
from pipelines.storage import atomic
from pipelines.storage.pictures import read_recipe
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace


def full(patch: pytest.MonkeyPatch, is_full: Callable[[], bool]) -> None:
    """No write of this process finds room while ``is_full``."""

    def check(path: Path) -> None:
        if is_full():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    patch.setattr(atomic, "check_home", check)


def pictures(store: Store) -> list[str]:
    return [image.path for image in store.all(ImageRecord)]


def test_full_for_a_third_of_a_second_in_the_middle_of_a_job(
    jobs: JobQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures are made all the while; each is recorded in the end, and the job says what happened."""
    request = scripted_plan(*(f"wait:0.05 {n}" for n in range(12)))
    job = jobs.submit(request, "Many")
    until(jobs, lambda live: live.job is not None and live.job.done >= 2, 60)
    begun = time.monotonic()
    full(monkeypatch, lambda: time.monotonic() - begun < 0.33)
    ended = jobs.wait(job.id, 120)
    assert ended.state == "done" and ended.done == 12
    assert sorted(pictures(store)) == sorted(map(request.plan.path, request.plan))
    dataset = store.get(DatasetVersion, "ada/enriched/v1")
    assert dataset and len(dataset.images) == 12
    assert "No space left" in " ".join(ended.warnings)


def test_full_from_the_end_of_a_job_on_and_never_again_empty_in_this_session(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next job runs; what nobody could write down is found when the workspace is opened."""
    requests = [scripted_plan("a", "wait:0.3 b"), scripted_plan("c", version="v2")]
    with Store.open(workspace.root) as store:
        jobs = JobQueue(store, workspace, None, handlers=SCRIPTED)
        made = [jobs.submit(request, "Job") for request in requests]
        until(jobs, lambda live: live.step > 0, 60)
        with monkeypatch.context() as patch:
            full(patch, lambda: True)
            for job in made:
                assert jobs.wait(job.id, 120).state == "done"
            jobs.close()
            store.close()
    before = pictures(Store.open(workspace.root, read_only=True))
    wanted = [request.plan.path(shot) for request in requests for shot in request.plan]
    assert len(before) < len(wanted)
    with Store.open(workspace.root) as store:
        jobs = JobQueue(store, workspace, None, handlers=SCRIPTED)
        first = jobs.job(made[0].id)
        assert first.state == "interrupted" and store.get(Job, first.id) == first
        jobs.wait(made[1].id, 120)
        assert sorted(pictures(store)) == sorted(wanted)
        assert {d.id for d in store.all(DatasetVersion)} == {"ada/enriched/v1", "ada/enriched/v2"}
        jobs.close()


@pytest.mark.slow(seconds=4)
def test_room_comes_back_while_nothing_is_to_be_done(
    jobs: JobQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs.submit(scripted_plan("wait:0.3"), "One")
    until(jobs, lambda live: live.step > 0, 60)
    with monkeypatch.context() as patch:
        full(patch, lambda: True)
        assert jobs.wait(job.id, 120).state == "done"
        assert store.get(Job, job.id).state == "running"  # type: ignore[union-attr]
    deadline = time.monotonic() + 60
    while store.get(Job, job.id).state != "done" and time.monotonic() < deadline:  # type: ignore[union-attr]
        time.sleep(0.1)
    assert store.get(Job, job.id).state == "done" and len(pictures(store)) == 1  # type: ignore[union-attr]


def test_what_follows_from_an_end_is_not_lost_to_a_full_disk(workspace: Workspace) -> None:
    """Whoever listens could not write: it hears of the end again, in the next session at the latest."""
    heard: list[str] = []

    def listen(job: Job, _: object) -> None:
        heard.append(job.id)
        if len(heard) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")

    with Store.open(workspace.root) as store:
        jobs = JobQueue(store, workspace, None, handlers=SCRIPTED)
        jobs.on_end(listen)
        job = jobs.submit(scripted_plan("a"), "One")
        assert jobs.wait(job.id, 60).state == "done"
        assert not store.get(Job, job.id).told  # type: ignore[union-attr]
        jobs.close()
    with Store.open(workspace.root) as store:
        jobs = JobQueue(store, workspace, None, handlers=SCRIPTED)
        jobs.on_end(listen)
        jobs.close()
        assert len(heard) >= 2 and store.get(Job, job.id).told  # type: ignore[union-attr]


def test_what_follows_and_fails_is_said_by_the_job(jobs: JobQueue, store: Store) -> None:
    jobs.on_end(lambda job, request: 1 / 0)  # type: ignore[arg-type, return-value]
    job = jobs.submit(scripted_plan("a"), "One")
    assert jobs.wait(job.id, 60).state == "done"
    kept = store.get(Job, job.id)
    assert kept and kept.told and "ZeroDivisionError" in kept.warnings[-1]


def test_a_picture_whose_worker_died_before_it_could_tell_is_recorded_at_the_job_s_end(
    jobs: JobQueue, store: Store
) -> None:
    request = scripted_plan("a", "lose")
    job = jobs.wait(jobs.submit(request, "Lost").id, 60)
    assert job.state == "interrupted" and job.done == 2
    assert pictures(store) == [request.plan.path(shot) for shot in request.plan]


def test_what_cannot_be_asked_for_is_not_put_into_the_queue(jobs: JobQueue, store: Store) -> None:
    request = scripted_plan("a")
    shot = request.plan.shots[0].model_copy(update={"guidance": math.nan})
    broken = request.model_copy(update={"plan": request.plan.model_copy(update={"shots": (shot,)})})
    with pytest.raises(NotAllowed, match="guidance"):
        jobs.submit(broken, "Odd")
    assert store.all(Job) == [] and jobs.status().queued == []


@pytest.mark.parametrize("kind", ["finished", "failed", "cancelled"])
def test_an_end_in_words_that_cannot_be_read_is_an_end(kind: str) -> None:
    text = json.dumps({"type": "told", "job": "j", "event": {"type": kind, "surprise": 1}}).encode()
    told = salvaged(text, "surprise")
    assert isinstance(told, Told) and told.job == "j" and isinstance(told.event, Failed)
    assert "surprise" in told.event.message


def test_anything_else_in_such_words_is_a_warning_or_nothing() -> None:
    told = salvaged(b'{"type": "told", "job": "j", "event": {"type": "image", "image": {}}}', "image")
    assert told and isinstance(told.event, Warned)
    for text in (b"", b"null", b"[" * 100_000, b'{"job": 1}', b"\xff", b'{"job": "j", "event": null}'):
        assert salvaged(text, "") is None


def test_a_message_with_what_is_no_text_is_sent_all_the_same() -> None:
    sent = line(Told(job="j", event=Finished(result={"file": "a\udcff.png"})))
    told = TO_APP.validate_json(sent)
    assert isinstance(told, Told) and isinstance(told.event, Finished) and "a" in told.event.result["file"]


def test_a_thumbnail_that_finds_no_room_costs_no_picture(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    from pipelines.storage.pictures import save_picture, thumbnail

    def check(path: Path) -> None:
        if "thumbs" in path.parts:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "check_home", check)
        made = save_picture(workspace, Image.new("RGB", (32, 32)), character="ada", kind="source", version="v1")
    assert read_recipe(workspace.path(made.path), made.path) == made
    assert thumbnail(workspace, made).exists()
    assert ImageMade(image=made)
