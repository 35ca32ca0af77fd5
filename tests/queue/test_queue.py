"""The queue with a real worker process: submit, status, cancel, pause, noise, failure, ends."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from job_helpers import SCRIPTED, scripted_plan, until

from pipelines.domain.records import Card, Character, DatasetVersion, ImageRecord, Job, Record, TrainingRun
from pipelines.domain.requests import RenderRequest, Request, ScoreRequest, ScoringSpec
from pipelines.queue.admission import NotAllowed
from pipelines.queue.job_queue import JobQueue, NoSuchJob, QueueClosed
from pipelines.storage.settings import Settings
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace


def test_a_plan_becomes_pictures_records_and_a_done_job(jobs: JobQueue, store: Store, workspace: Workspace) -> None:
    request = scripted_plan("a", "b", "c")
    job = jobs.wait(jobs.submit(request, "Enrich ada", "ada").id, 30)
    assert (job.state, job.done, job.total, job.result["images"]) == ("done", 3, 3, 3)
    assert job.started and job.ended and job.created <= job.started <= job.ended
    images = store.all(ImageRecord)
    assert [i.path for i in images] == [request.plan.path(s) for s in request.plan]
    assert all(workspace.path(i.path).exists() and i.job == job.id for i in images)
    dataset = store.get(DatasetVersion, "ada/enriched/v1")
    assert dataset and dataset.images == tuple(i.id for i in images)


def test_what_another_has_taken_meanwhile_is_refused_and_stays_the_others(jobs: JobQueue, store: Store) -> None:
    def of(n: int) -> list[Record]:
        run = TrainingRun(id=f"run{n}", character="ada", target="character", version="v1", family="f", preset="p")
        return [
            Character(id="ada", name=f"Ada {n}", generator="g", editor="e"),
            Card(id="ada/v1", character="ada", version="v1", lora="", seed=n),
            run,
        ]

    for first, second in zip(of(1), of(2), strict=True):
        jobs.submit(scripted_plan("a"), "First", alongside=lambda job, first=first: [first])
        with pytest.raises(NotAllowed, match="Meanwhile another was begun"):
            jobs.submit(scripted_plan("a"), "Second", alongside=lambda job, second=second: [second])
        assert store.all(type(first)) == [first]
    assert [job.title for job in store.all(Job)] == ["First"] * 3


def test_submit_returns_at_once_with_a_durable_job(jobs: JobQueue, store: Store) -> None:
    request = scripted_plan(*["wait:0.1"] * 200)
    for _ in range(5):
        job = jobs.submit(request, "Many")
        found = store.get(Job, job.id)
        assert found and found.state in ("queued", "running") and found.request == request.model_dump(mode="json")
    for job in store.all(Job):
        jobs.cancel(job.id)


def test_jobs_run_one_after_the_other_in_one_worker(jobs: JobQueue, store: Store) -> None:
    first, second = (jobs.submit(scripted_plan("wait:0.2", version=v), v) for v in ("v1", "v2"))
    status = until(jobs, lambda status: status.job is not None and status.step > 0)
    assert status.job and status.job.id == first.id and [j.id for j in status.queued] == [second.id]
    pid = status.worker_pid
    one, two = jobs.wait(first.id, 30), jobs.wait(second.id, 30)
    assert one.ended and two.started and one.ended <= two.started
    status = jobs.status()
    assert status.worker_pid == pid and status.memory and status.memory.resident == str(pid)  # idle, its model resident
    assert [j.id for j in status.recent] == [second.id, first.id] and status.job is None


def test_a_warm_worker_waits_for_the_first_job(jobs: JobQueue) -> None:
    assert jobs.status().worker_pid is None
    jobs.warm()
    pid = until(jobs, lambda status: status.worker_pid is not None).worker_pid
    jobs.warm()
    assert jobs.wait(jobs.submit(scripted_plan("a"), "First").id, 30).state == "done"
    assert jobs.status().worker_pid == pid


def test_live_tells_step_preview_memory_and_seconds_left(jobs: JobQueue) -> None:
    job = jobs.submit(scripted_plan(*["wait:0.3"] * 5), "Slow")
    status = until(jobs, lambda status: status.job is not None and status.job.done >= 2 and status.step > 0)
    assert status.job and (status.steps, status.preview, status.job.total, status.unit) == (10, "aGk=", 5, "pictures")
    assert status.memory and status.memory.total_gib == 8
    assert status.seconds_left is not None and 0.1 < status.seconds_left < 120  # however loaded
    jobs.cancel(job.id)


def test_cancel_stops_within_a_step_and_keeps_what_is_finished(jobs: JobQueue, store: Store) -> None:
    job = jobs.submit(scripted_plan("a", "wait:20", "b"), "Long")
    until(jobs, lambda status: status.step > 0)
    jobs.cancel(job.id)
    ended = jobs.wait(job.id, 30)
    assert ended.state == "cancelled"
    assert ended.done == 1 and len(store.all(ImageRecord)) == 1


def test_a_late_cancel_does_not_hit_the_next_job(jobs: JobQueue) -> None:
    first = jobs.submit(scripted_plan("a"), "First")
    second = jobs.submit(scripted_plan("wait:0.5", version="v2"), "Second")
    jobs.wait(first.id, 30)
    for _ in range(5):
        jobs.cancel(first.id)
    assert jobs.wait(second.id, 30).state == "done" and jobs.job(first.id).state == "done"


def test_a_waiting_job_is_cancelled_without_having_run(jobs: JobQueue, store: Store) -> None:
    first = jobs.submit(scripted_plan("wait:1"), "First")
    second = jobs.submit(scripted_plan("b", version="v2"), "Second")
    jobs.cancel(second.id)
    assert jobs.wait(second.id, 0.9).state == "cancelled" and jobs.job(first.id).state == "running"
    assert jobs.wait(first.id, 30).state == "done" and not store.all(ImageRecord, version="v2")


def test_forced_cancel_ends_a_worker_that_does_not_listen(jobs: JobQueue) -> None:
    job = jobs.submit(scripted_plan("wait:600"), "Deaf")  # one step lasts a minute
    until(jobs, lambda status: status.job is not None and status.job.total > 0)
    jobs.cancel(job.id, force=True)
    assert jobs.wait(job.id, 10).state == "cancelled"
    again = jobs.submit(scripted_plan("a"), "Next")
    assert jobs.wait(again.id, 30).state == "done"


def test_pause_holds_the_work_and_unpause_lets_it_go_on(jobs: JobQueue) -> None:
    job = jobs.submit(scripted_plan("wait:1", "wait:1"), "Paused")
    until(jobs, lambda status: status.step > 0)
    jobs.pause(job.id)
    status = until(jobs, lambda status: status.paused)
    time.sleep(0.3)  # the step that was under way ends
    before = jobs.status().step
    time.sleep(0.5)
    status = jobs.status()
    assert status.step == before and status.seconds_left is None and status.job and status.job.state == "running"
    jobs.unpause(job.id)
    assert jobs.wait(job.id, 30).state == "done"


def test_cancel_frees_a_paused_job(jobs: JobQueue) -> None:
    job = jobs.submit(scripted_plan("wait:2"), "Paused")
    until(jobs, lambda status: status.step > 0)
    jobs.pause(job.id)
    jobs.cancel(job.id)
    assert jobs.wait(job.id, 5).state == "cancelled"


def test_noise_of_libraries_goes_to_the_log_and_not_into_the_protocol(jobs: JobQueue, workspace: Workspace) -> None:
    job = jobs.wait(jobs.submit(scripted_plan("noise", "noise"), "Noisy").id, 30)
    assert job.state == "done" and job.done == 2
    jobs.close()
    text = (workspace.root / "logs" / "worker.log").read_text()
    assert "a library says hello" in text and "child noise" in text and "half a line without end" in text


def test_a_handler_has_no_stdin_gets_the_settings_and_loads_no_torch(jobs: JobQueue) -> None:
    jobs.settings = Settings(threads=3)
    request = ScoreRequest(character="ada", images=(), scoring=ScoringSpec(recogniser="perceptual"))
    job = jobs.wait(jobs.submit(request, "Score").id, 30)
    assert job.result == {"stdin": "", "settings": jobs.settings.model_dump(mode="json"), "torch": False}


@pytest.mark.parametrize("word", ["raise:no-such-thing", "exit:broken"])
def test_failure_tells_people_and_us_and_the_worker_lives_on(jobs: JobQueue, word: str) -> None:
    job = jobs.wait(jobs.submit(scripted_plan("a", word), "Bad").id, 30)
    pid = jobs.status().worker_pid
    assert job.state == "failed" and word.partition(":")[2] in job.error and "scripted_handlers" in job.traceback
    assert job.done == 1
    assert jobs.wait(jobs.submit(scripted_plan("a"), "Good").id, 30).state == "done"
    assert jobs.status().worker_pid == pid


def test_a_request_nobody_serves_fails_in_words(store: Store, workspace: Workspace, tmp_path) -> None:
    handlers = tmp_path / "nothing.py"
    handlers.write_text("HANDLERS = {}\n")
    queue = JobQueue(store, workspace, None, handlers=str(handlers))
    job = queue.wait(queue.submit(scripted_plan("a"), "Nobody").id, 30)
    queue.close()
    assert job.state == "failed" and "render" in job.error


def test_a_worker_that_cannot_start_fails_the_job_and_says_why(store: Store, workspace: Workspace) -> None:
    queue = JobQueue(store, workspace, None, handlers="pipelines.no_such_module")
    job = queue.wait(queue.submit(scripted_plan("a"), "Broken").id, 60)
    queue.close()
    assert job.state == "failed" and "does not start" in job.error and "no_such_module" in job.traceback


def test_warnings_are_kept(jobs: JobQueue) -> None:
    job = jobs.wait(jobs.submit(scripted_plan("warn:one", "warn:two"), "Warned").id, 30)
    assert job.warnings == ("one", "two")


def test_ends_are_told_after_they_are_recorded_and_before_wait_returns(jobs: JobQueue, store: Store) -> None:
    heard: list[tuple[str, str, str, str]] = []

    def broken(job: Job, request: object) -> None:
        raise RuntimeError("a step stumbles")

    def listen(job: Job, request: object) -> None:
        recorded = store.get(Job, job.id)
        heard.append((job.id, job.state, recorded.state if recorded else "", threading.current_thread().name))
        if job.title == "First":
            jobs.submit(scripted_plan("a", version="v9"), "From a callback")

    jobs.on_end(broken)
    jobs.on_end(listen)
    job = jobs.submit(scripted_plan("a"), "First")
    jobs.wait(job.id, 30)
    assert heard[0] == (job.id, "done", "done", "jobs")  # the one that it asked for may have ended by now, too
    assert jobs.job(job.id).told
    until(jobs, lambda status: len(status.recent) == 2)
    assert jobs.status().recent[0].title == "From a callback"


def test_wait_with_a_timeout_shows_no_end_before_it_was_told(jobs: JobQueue) -> None:
    told: list[str] = []

    def slow(job: Job, request: object) -> None:
        time.sleep(1)
        told.append(job.id)

    jobs.on_end(slow)
    job = jobs.submit(scripted_plan("a"), "Slow to tell")
    while jobs.wait(job.id, 0.05).state != "done":
        assert not told
    assert told == [job.id]


def test_records_alongside_a_job_are_there_before_it_begins(jobs: JobQueue, store: Store) -> None:
    def run_of(job: Job) -> list[TrainingRun]:
        fields = {"character": "ada", "target": "character", "version": "v1", "family": "f", "preset": "p"}
        return [TrainingRun.model_validate({"id": "r1", "job": job.id, **fields})]

    before = store.revision
    job = jobs.submit(scripted_plan("a"), "With a run", alongside=run_of)
    run = store.get(TrainingRun, "r1")
    assert run and run.job == job.id
    with pytest.raises(ZeroDivisionError):
        jobs.submit(scripted_plan("b", version="v2"), "Never", alongside=lambda job: [1 / 0])  # type: ignore[list-item]
    assert [j.title for j in store.all(Job)] == ["With a run"] and store.revision > before


def test_who_listens_late_hears_of_earlier_ends_once(jobs: JobQueue, start: Callable[[], JobQueue]) -> None:
    job = jobs.wait(jobs.submit(scripted_plan("a"), "Early").id, 30)
    assert not job.told
    jobs.close()
    heard: list[str] = []
    second = start()  # the app died before it told anyone
    second.on_end(lambda job, request: heard.append(job.id))
    second.wait(second.submit(scripted_plan("b", version="v2"), "Next").id, 30)
    assert heard[0] == job.id and len(heard) == 2
    second.close()
    third = start()
    again: list[str] = []
    third.on_end(lambda job, request: again.append(job.id))
    last = third.wait(third.submit(scripted_plan("c", version="v3"), "Last").id, 30)
    assert again == [last.id]


def test_close_is_quick_ends_the_worker_and_leaves_the_job_resumable(
    jobs: JobQueue, store: Store, start: Callable[[], JobQueue]
) -> None:
    running = jobs.submit(scripted_plan("a", "wait:30", "b"), "Long")
    waiting = jobs.submit(scripted_plan("c", version="v2"), "Waiting")
    pid = until(jobs, lambda status: status.step > 0).worker_pid
    jobs.close()
    assert pid and not psutil.pid_exists(pid)
    with pytest.raises(QueueClosed):
        jobs.submit(scripted_plan("d"), "Too late")
    states = {j.id: j.state for j in store.all(Job)}
    assert states == {running.id: "interrupted", waiting.id: "queued"}
    second = start()  # the next start runs what waited
    assert second.wait(waiting.id, 30).state == "done"
    assert [j.id for j in second.status().recent] == [waiting.id, running.id]


def test_resume_asks_once_and_dismiss_takes_off_the_list(jobs: JobQueue, store: Store) -> None:
    job = jobs.submit(scripted_plan("a", "wait:2", "b"), "Long", "ada")
    until(jobs, lambda status: status.step > 0)
    assert jobs.resume(job.id).id == job.id  # running: it is its own resumption
    jobs.cancel(job.id)
    jobs.wait(job.id, 30)
    one, two = jobs.resume(job.id), jobs.resume(job.id)
    assert one.id == two.id != job.id and one.resumes == job.id and one.character == "ada" and one.title == job.title
    assert jobs.wait(one.id, 30).state == "done" and jobs.job(one.id).done == 3
    assert len(store.all(ImageRecord)) == 3
    jobs.dismiss(job.id)
    until(jobs, lambda status: [j.id for j in status.recent] == [one.id])
    assert jobs.job(job.id).dismissed
    with pytest.raises(NoSuchJob):
        jobs.resume("nothing")


def test_recent_holds_the_last_twenty(jobs: JobQueue) -> None:
    ids = [jobs.submit(scripted_plan("a", version=f"v{n}"), str(n)).id for n in range(23)]
    jobs.wait(ids[-1], 60)
    assert [j.id for j in jobs.status().recent] == ids[:2:-1]


def test_a_callback_cannot_wait_for_a_job(jobs: JobQueue) -> None:
    errors: list[str] = []

    def impatient(job: Job, request: object) -> None:
        try:
            jobs.wait(job.id)
        except RuntimeError as error:
            errors.append(str(error))

    jobs.on_end(impatient)
    jobs.wait(jobs.submit(scripted_plan("a"), "One").id, 30)
    assert len(errors) == 1 and "itself" in errors[0]


def test_the_worker_ignores_ctrl_c(jobs: JobQueue) -> None:
    job = jobs.submit(scripted_plan("wait:1"), "Terminal")
    pid = until(jobs, lambda status: status.step > 0).worker_pid
    assert pid
    os.kill(pid, signal.SIGINT)
    assert jobs.wait(job.id, 30).state == "done"


class Doorman:
    """Says no to plans of the versions in ``barred``, and leaves shots called ``without`` out of the rest."""

    def __init__(self) -> None:
        self.barred: set[str] = set()
        self.asked: list[str] = []

    def __call__(self, request: Request) -> Request:
        assert isinstance(request, RenderRequest)
        self.asked.append(request.plan.version)
        if request.plan.version in self.barred:
            raise NotAllowed(f"{request.plan.version} may not begin.")
        shots = tuple(shot for shot in request.plan if shot.prompt != "without")
        return request.model_copy(update={"plan": request.plan.model_copy(update={"shots": shots})})


@pytest.fixture
def guarded(store: Store, workspace: Workspace) -> Iterator[tuple[JobQueue, Doorman]]:
    doorman = Doorman()
    queue = JobQueue(store, workspace, None, handlers=SCRIPTED, admit=doorman)
    yield queue, doorman
    queue.close()


def test_a_job_that_may_not_begin_is_not_put_in(guarded: tuple[JobQueue, Doorman], store: Store) -> None:
    jobs, doorman = guarded
    doorman.barred = {"v1"}
    before = store.revision
    with pytest.raises(NotAllowed, match="v1 may not begin"):
        jobs.submit(scripted_plan("a"), "Barred", alongside=lambda job: [1 / 0])  # type: ignore[list-item]
    assert store.revision == before and jobs.status().queued == []


@pytest.mark.slow(seconds=5)
def test_jobs_are_asked_about_again_at_their_turn_and_the_next_goes_on(
    guarded: tuple[JobQueue, Doorman], store: Store
) -> None:
    jobs, doorman = guarded
    first = jobs.submit(scripted_plan("wait:20"), "First")
    until(jobs, lambda status: status.step > 0)
    barred = [jobs.submit(scripted_plan("b", version="v2"), "Barred") for _ in range(400)]
    last = jobs.submit(scripted_plan("c", version="v3"), "Last")
    doorman.barred = {"v2"}
    jobs.cancel(first.id)
    assert jobs.wait(last.id, 60).state == "done"
    ends = [jobs.job(job.id) for job in barred]
    assert {(job.state, job.error, job.traceback, job.done) for job in ends} == {("failed", "v2 may not begin.", "", 0)}
    assert store.all(ImageRecord, version="v2") == []
    with pytest.raises(NotAllowed):
        jobs.resume(barred[0].id)


def test_a_job_begins_with_what_may_be_and_its_record_says_with_what(
    guarded: tuple[JobQueue, Doorman], store: Store
) -> None:
    jobs, doorman = guarded
    job = jobs.submit(scripted_plan("a", "without"), "Less")
    ended = jobs.wait(job.id, 30)
    assert (ended.state, ended.done, ended.total) == ("done", 1, 1)
    assert [shot["prompt"] for shot in ended.request["plan"]["shots"]] == ["a"]
    assert doorman.asked == ["v1"] * 3 and len(store.all(ImageRecord)) == 1


def test_a_paused_job_is_asked_about_before_it_goes_on(guarded: tuple[JobQueue, Doorman]) -> None:
    jobs, doorman = guarded
    job = jobs.submit(scripted_plan("wait:2"), "Paused")
    until(jobs, lambda status: status.step > 0)
    jobs.pause(job.id)
    until(jobs, lambda status: status.paused)
    doorman.barred = {"v1"}
    with pytest.raises(NotAllowed):
        jobs.unpause(job.id)
    assert jobs.status().paused
    doorman.barred = set()
    jobs.unpause(job.id)
    assert jobs.wait(job.id, 30).state == "done"


def test_who_cannot_be_asked_has_not_said_yes(store: Store, workspace: Workspace) -> None:
    times: list[Request] = []

    def admit(request: Request) -> Request:
        times.append(request)
        return request if len(times) == 1 else 1 / 0  # type: ignore[return-value]

    queue = JobQueue(store, workspace, None, handlers=SCRIPTED, admit=admit)
    job = queue.wait(queue.submit(scripted_plan("a"), "Unsure").id, 30)
    queue.close()
    assert job.state == "failed" and "could not be found out" in job.error and "ZeroDivision" in job.traceback
    assert store.all(ImageRecord) == []


def test_a_full_disk_holds_up_neither_the_ends_of_jobs_nor_the_queue(
    jobs: JobQueue, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The records have no room from the middle of a job on; the worker's pictures do."""
    first = jobs.submit(scripted_plan("a", "wait:1", "b"), "First")
    second = jobs.submit(scripted_plan("c", version="v2"), "Second")
    until(jobs, lambda status: status.step > 0)
    write, full = os.write, [True]

    def no_room(file: int, data: bytes) -> int:
        if full[0] and "flenwheel.journal" in str(Path(f"/proc/self/fd/{file}").readlink()):
            raise OSError(28, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", no_room)
    for job in (first, second):
        ended = jobs.wait(job.id, 60)
        assert ended.state == "done" and "No space left" in ended.warnings[0]
    assert store.get(Job, first.id).state == "running"  # type: ignore[union-attr]
    assert [job.title for job in jobs.status().recent] == ["Second", "First"]
    full[0] = False
    third = jobs.submit(scripted_plan("d", version="v3"), "Third")
    assert jobs.wait(third.id, 60).state == "done"
    assert [job.state for job in store.all(Job)] == ["done"] * 3
