"""The queue of jobs, in the app. It owns the job records and the worker process; nothing here imports torch.

One thread of its own does everything that follows: what the page asks for and what the worker tells are both put into
its inbox, so that they happen one after the other and no lock is held while something is written.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pipelines.domain.events import Event, Failed, Finished, Memory, Stopped
from pipelines.domain.messages import Claimed, Control, Ready, StartJob, ToApp, Told
from pipelines.domain.records import Job, JobState, Record, new_id, now
from pipelines.domain.requests import Request
from pipelines.queue.admission import Admit, Refusal, as_asked, ask
from pipelines.queue.completions import Completions, EndCallback, Endings
from pipelines.queue.recorder import Recorder
from pipelines.queue.resuming import runs_taken_over, scored_already
from pipelines.queue.status import Status
from pipelines.queue.stored_request import stored_request, unreadable
from pipelines.queue.worker_process import WorkerProcess
from pipelines.storage.settings import Settings
from pipelines.storage.store import Store, StoreWriteFailed
from pipelines.storage.workspace import Workspace

HANDLERS = "pipelines.worker.handlers"
RECENT = 20
TICK = 0.25
PATIENCE = 5.0
"""Seconds that a job which was told to stop has for its step before ending its process is offered."""
RUNNING: tuple[JobState, ...] = ("queued", "running")
STUDIO_GONE = "The studio was closed or ended while this was running. What was finished is kept; resume goes on there."
WORKER_GONE = "{how} What was finished is kept; resume goes on there."
NO_WORKER = "The worker process does not start: {how} See logs/worker.log."
log = logging.getLogger(__name__)


class QueueClosed(RuntimeError):
    """The queue takes no more jobs: the studio is closing."""


class NoSuchJob(LookupError):
    """There is no job of that id."""


@dataclass
class _Current:
    """The running job: its recorder, and how far its worker is with it; ``refused`` when it has to end because it may
    not begin after all."""

    request: Request
    recorder: Recorder
    claimed: bool = False
    attempts: int = 1
    refused: Refusal | None = None
    stopping_since: float | None = None

    @property
    def cancelling(self) -> bool:
        """Whether it was told to stop."""
        return self.stopping_since is not None

    @property
    def overdue(self) -> bool:
        """Whether it was told to stop and has had PATIENCE for its step."""
        return self.stopping_since is not None and time.monotonic() - self.stopping_since > PATIENCE


class JobQueue:
    """Jobs in the order they were asked for, one at a time, in a worker process that starts with the first of them.

    ``settings`` may be replaced at any time; a job sees those of its start. ``handlers`` names the module that serves
    requests in the worker (tests put their own).

    ``admit`` says whether a request may begin. It is asked when a job is put in, and again whenever one is about to
    be handed to the worker: at its turn, which may come after days or in another session, and when a worker died
    before it began; and when the worker takes it, for a worker that has to start does so seconds later.
    """

    def __init__(
        self, store: Store, workspace: Workspace, settings: Settings, handlers: str = HANDLERS, admit: Admit = as_asked
    ) -> None:
        self.settings = settings
        self._admit = admit
        self._store, self._workspace, self._handlers = store, workspace, handlers
        self._lock = threading.Condition(threading.RLock())
        self._resuming = threading.Lock()
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._waiting: list[Job] = []
        self._recent: list[Job] = []
        self._untold: set[str] = set()
        self._endings = Endings(store)
        self._current: _Current | None = None
        self._worker: WorkerProcess | None = None
        self._memory: Memory | None = None
        self._closed = False
        self._recover()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()
        self._inbox.put(self._dispatch)

    # ---- what the app asks for

    def submit(
        self,
        request: Request,
        title: str,
        character: str = "",
        resumes: str = "",
        alongside: Callable[[Job], Iterable[Record]] = lambda job: (),
    ) -> Job:
        """Put ``request`` into the queue; returns its job at once, durable. Raises QueueClosed, and NotAllowed when it
        may not begin as things are.

        ``alongside`` makes records that belong to the job, such as its training run: all of them are kept or none,
        and they are there before the job begins.
        """
        request = self._admit(request)
        job = Job(
            id=new_id(), kind=request.kind, title=title, character=character,
            request=request.model_dump(mode="json"), resumes=resumes,
        )  # fmt: skip
        with self._lock:
            if self._closed:
                raise QueueClosed("The studio is closing and takes no more jobs.")
        self._store.put(job, *runs_taken_over(self._store, job, request), *alongside(job))
        with self._lock:
            self._waiting.append(job)
        self._inbox.put(self._dispatch)
        return job

    def warm(self) -> None:
        """Start the worker before there is a job, so that the first one need not wait for its imports."""
        self._inbox.put(self._warm)

    def cancel(self, job_id: str, force: bool = False) -> None:
        """Take a waiting job off the queue, or stop a running one at its next step; what it finished stays.

        ``force`` ends the worker process instead of waiting for the step. A job that has ended is left as it is.
        """
        self._inbox.put(lambda: self._cancel(job_id, force))

    def pause(self, job_id: str) -> None:
        """Let the running job wait at its next step. Its model stays in memory."""
        self._inbox.put(lambda: self._pause(job_id, True))

    def unpause(self, job_id: str) -> None:
        """Let a paused job go on. Raises NotAllowed when it might not begin any more: it stays paused."""
        current = self._current
        if current is not None and current.recorder.job.id == job_id:
            self._admit(current.request)
        self._inbox.put(lambda: self._pause(job_id, False))

    def resume(self, job_id: str) -> Job:
        """Ask for the same once more: it goes on where the files end. Asked twice, it is queued once; a job that is
        queued or running is its own resumption. Raises NoSuchJob, QueueClosed, RequestUnreadable for a job of another
        version that cannot be asked again, and NotAllowed when it may not begin any more: then nothing has changed."""
        with self._resuming:
            old = self.job(job_id)
            if old.state in RUNNING:
                return old
            now = self.status()
            for job in [*now.queued, *([now.job] if now.job else [])]:
                if job.resumes == job_id:
                    return job
            return self.submit(stored_request(old), old.title, old.character, resumes=job_id)

    def dismiss(self, job_id: str) -> None:
        """Take an ended job off the list of recent ones; its record stays. Raises NoSuchJob."""
        job = self.job(job_id)
        if job.state not in RUNNING:
            self._inbox.put(lambda: self._dismiss(job_id))

    def job(self, job_id: str) -> Job:
        """The job of that id as it is now. Raises NoSuchJob."""
        current = self._current
        if current is not None and current.recorder.job.id == job_id:
            return current.recorder.job
        job = self._endings.unwritten.get(job_id) or self._store.get(Job, job_id)
        if job is None:
            raise NoSuchJob(f"There is no job {job_id!r}.")
        return job

    def status(self) -> Status:
        """What is going on now. Cheap; from any thread; reads no records."""
        with self._lock:
            queued, recent = list(self._waiting), list(self._recent)
            current, worker, memory = self._current, self._worker, self._memory
        pid = worker.pid if worker else None
        if current is None:
            return Status(memory=memory, queued=queued, recent=recent, worker_pid=pid)
        r = current.recorder
        step, steps = r.step or (0, 0)
        return Status(
            r.job, r.unit, step, steps, r.seconds_left(), r.preview, r.memory or memory, r.metrics,
            r.paused_since is not None, current.cancelling, current.overdue, queued, recent, pid,
        )  # fmt: skip

    def on_end(self, callback: EndCallback) -> None:
        """Call ``callback(job, request)`` in the queue's thread whenever a job has ended, its end being recorded.

        It hears also of ends since the app started, and of those the last app recorded but did not live to tell. It
        may hear of an end twice when the app is killed in between, so it must be able to do its work again.
        """
        self._inbox.put(lambda: self._completions.listen(callback))

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """Block until the job has ended and all callbacks were called, or ``timeout`` seconds went by. Returns the job
        as it is then. Raises NoSuchJob."""
        if threading.current_thread() is self._thread:
            raise RuntimeError("A callback of the queue cannot wait for a job: it would wait for itself.")
        with self._lock:
            over = self._lock.wait_for(lambda: self._over(job_id), timeout)
            if not over and self.job(job_id).state not in RUNNING:  # it has ended and is being told: that takes no time
                self._lock.wait_for(lambda: self._over(job_id))
        return self.job(job_id)

    def close(self) -> None:
        """Stop within seconds. A running job becomes ``interrupted`` and can be resumed; waiting ones keep waiting
        for the next start."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._inbox.put(None)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # ---- the queue's thread

    def _run(self) -> None:
        while True:
            try:
                action = self._inbox.get(timeout=TICK if self._current else None)
            except queue.Empty:
                action = self._tick
            if action is None:
                break
            try:
                action()
            except Exception:
                log.exception("the queue stumbled and goes on")
        self._shut()

    def _tick(self) -> None:
        if self._current:
            self._current.recorder.tick()

    def _recover(self) -> None:
        """Set the records right after the last app: what ran is interrupted, what waited waits again, unless this
        version cannot read what was asked."""
        jobs = sorted(self._store.all(Job), key=lambda j: j.created)
        for job in jobs:
            lost = unreadable(job) if job.state in RUNNING or not job.told else ""
            if job.state == "running":
                self._endings.end(Recorder(self._store, job), "interrupted", error=STUDIO_GONE)
            elif job.state == "queued" and lost:
                self._endings.end(Recorder(self._store, job), "failed", error=lost)
            if lost:  # nobody who listens to ends could be told what it was
                present = self.job(job.id)
                said = present.warnings if present.error == lost else (*present.warnings, lost)
                self._store.put(present.model_copy(update={"told": True, "warnings": said}))
        jobs = [self.job(job.id) for job in jobs]
        self._waiting = [job for job in jobs if job.state == "queued"]
        ended = sorted((j for j in jobs if j.ended), key=lambda j: j.ended or j.created)
        self._recent = [job for job in reversed(ended) if not job.dismissed][:RECENT]
        untold = [(job, stored_request(job)) for job in ended if not job.told]
        self._completions = Completions(self._store, untold)

    def _dispatch(self) -> None:
        """Give the worker the next job if it has none."""
        with self._lock:
            if self._current or not self._waiting or self._closed:
                return
            job = self._waiting[0].model_copy(update={"state": "running", "started": now()})
            request = stored_request(job)
            self._current = _Current(request, Recorder(self._store, job))
            self._waiting.pop(0)
        self._endings.write()
        try:
            self._store.put(job)
        except StoreWriteFailed:
            log.exception("the beginning of job %s is not recorded; its files will tell", job.id)
        self._hand_over()

    def _hand_over(self) -> None:
        current = self._current
        assert current is not None
        if not self._admitted(current):
            return
        job = current.recorder.job
        try:
            worker = self._worker or self._start_worker()
        except OSError as error:
            self._finish("failed", error=NO_WORKER.format(how=error))
            return
        scored = scored_already(self._store, job, current.request)
        worker.send(StartJob(job=job.id, request=current.request, settings=_plain(self.settings), scored=scored))

    def _admitted(self, current: _Current) -> bool:
        """Whether the job may begin now; if not, it has ended and says why."""
        answer = ask(self._admit, current.request)
        if isinstance(answer, Refusal):
            current.refused = answer
            self._finish("failed")
            return False
        current.request = answer
        current.recorder.begin_with(answer)
        return True

    def _warm(self) -> None:
        if self._worker is None and not self._closed:
            self._start_worker()

    def _start_worker(self) -> WorkerProcess:
        worker = WorkerProcess(
            self._workspace.root,
            self._handlers,
            on_message=lambda worker, message: self._inbox.put(lambda: self._heard(worker, message)),
            on_close=lambda worker: self._inbox.put(lambda: self._lost(worker)),
        )
        with self._lock:
            self._worker = worker
        return worker

    def _heard(self, worker: WorkerProcess, message: ToApp) -> None:
        current = self._current
        if worker is not self._worker or isinstance(message, Ready):
            return
        if current is None or message.job != current.recorder.job.id:
            log.warning("the worker told of job %s, which is not running", message.job)
        elif isinstance(message, Claimed):
            current.claimed = True
            answer = ask(self._admit, current.request)
            if isinstance(answer, Refusal):
                current.refused = answer
                self._cancel(message.job, force=False)
        elif isinstance(message, Told):
            self._told(current, message.event)

    def _told(self, current: _Current, event: Event) -> None:
        match event:
            case Finished():
                self._finish("done", result=event.result)
            case Failed():
                self._finish("failed", error=event.message, traceback=event.traceback)
            case Stopped():
                self._finish("cancelled")
            case _:
                current.recorder.apply(event)
                self._memory = current.recorder.memory or self._memory

    def _lost(self, worker: WorkerProcess) -> None:
        """The worker process is gone."""
        if worker is not self._worker:
            return
        with self._lock:
            self._worker, self._memory = None, None
        current = self._current
        if current is None:
            return
        log.warning("worker lost: %s", worker.how_it_ended())
        if current.cancelling:
            self._finish("cancelled")
        elif current.claimed:
            self._finish("interrupted", error=WORKER_GONE.format(how=worker.how_it_ended()), traceback=worker.tail)
        elif current.attempts < 2:  # it died before it began, perhaps idle: that is nothing to bother the user with
            current.attempts += 1
            self._hand_over()
        else:
            self._finish("failed", error=NO_WORKER.format(how=worker.how_it_ended()), traceback=worker.tail)

    def _finish(self, state: JobState, **changes: Any) -> None:
        current = self._current
        assert current is not None
        if current.refused:
            state, changes = "failed", {"error": current.refused.words, "traceback": current.refused.traceback}
        if state == "done" and current.recorder.job.total:
            changes["note"] = ""
        job = self._endings.end(current.recorder, state, **changes)
        self._over_with(job, current.request)
        self._inbox.put(self._dispatch)

    def _over_with(self, job: Job, request: Request) -> None:
        """Tell all callbacks of an end that is recorded, then everyone who waits for it."""
        with self._lock:
            self._untold.add(job.id)
            if self._current and self._current.recorder.job.id == job.id:
                self._current = None
            self._recent = [job, *self._recent][:RECENT]
        self._completions.tell(job, request)
        with self._lock:
            self._untold.discard(job.id)
            self._lock.notify_all()

    def _cancel(self, job_id: str, force: bool) -> None:
        current = self._current
        if current and current.recorder.job.id == job_id:
            if current.stopping_since is None:
                current.stopping_since = time.monotonic()
            if self._worker and force:
                self._worker.kill()
            elif self._worker:
                current.recorder.pause(False)
                self._worker.send(Control(job=job_id, action="cancel"))
            return
        with self._lock:
            waiting = next((job for job in self._waiting if job.id == job_id), None)
            if waiting:
                self._waiting.remove(waiting)
                self._untold.add(job_id)
        if waiting:
            request = stored_request(waiting)
            self._over_with(self._endings.end(Recorder(self._store, waiting), "cancelled"), request)

    def _pause(self, job_id: str, paused: bool) -> None:
        current = self._current
        if self._worker and current and current.recorder.job.id == job_id and not current.cancelling:
            current.recorder.pause(paused)
            self._worker.send(Control(job=job_id, action="pause" if paused else "unpause"))

    def _dismiss(self, job_id: str) -> None:
        self._store.put(self.job(job_id).model_copy(update={"dismissed": True}))
        with self._lock:
            self._recent = [job for job in self._recent if job.id != job_id]

    def _over(self, job_id: str) -> bool:
        waiting = any(job.id == job_id for job in self._waiting)
        if waiting or (self._current and self._current.recorder.job.id == job_id) or job_id in self._untold:
            return not self._thread.is_alive()
        return self.job(job_id).state not in RUNNING

    def _shut(self) -> None:
        worker, current = self._worker, self._current
        with self._lock:
            self._worker = None
        if worker:
            worker.stop()
        if current:
            job = self._endings.end(current.recorder, "interrupted", error=STUDIO_GONE)
            self._over_with(job, current.request)
        self._endings.write()
        with self._lock:
            self._lock.notify_all()


def _plain(settings: Settings) -> dict[str, Any]:
    """The settings as plain values, for the pipe."""
    return settings.model_dump(mode="json") if settings is not None else {}
