"""The queue's own thread: it gives jobs to the worker process, one at a time, and hears what becomes of them.

What the app asks for and what the worker tells are both put into its inbox, so that they happen one after the other
and no lock is held while something is written.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from traceback import format_exc
from typing import Any

from pipelines.domain.events import Event, Failed, Finished, ImageMade, Stopped
from pipelines.domain.messages import Ask, Claimed, Control, Ready, StartJob, ToApp, Told
from pipelines.domain.records import Job, JobState, now
from pipelines.domain.requests import Request
from pipelines.engine.cards import environment
from pipelines.queue.admission import Admit, Refusal, ask
from pipelines.queue.completions import EndCallback, Endings
from pipelines.queue.recorder import RETRY, Recorder
from pipelines.queue.recovery import STUDIO_GONE, recover
from pipelines.queue.resuming import scored_already, unrecorded
from pipelines.queue.state import Current
from pipelines.queue.stored_request import stored_request
from pipelines.queue.worker_process import WorkerProcess
from pipelines.storage.settings import Settings
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

TICK = 0.25
CHANGED = 60.0
"""Seconds after which an idle queue looks whether the settings say something else."""
WORKER_GONE = "{how} What was finished is kept; resume goes on there."
NO_WORKER = "The worker process does not start: {how} See logs/worker.log."
log = logging.getLogger(__name__)


class Dispatcher:
    """Begins jobs in their order and ends them. Everything that has no underscore may be called from any thread."""

    def __init__(
        self, store: Store, workspace: Workspace, settings: Callable[[], Settings | None], handlers: str, admit: Admit
    ) -> None:
        self._store, self._workspace, self._settings = store, workspace, settings
        self._handlers, self._admit = handlers, admit
        self._endings = Endings()
        self.jobs, self._completions = recover(store, workspace, self._endings)
        self._settled = self._idle_since = time.monotonic()
        self._inbox: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._thread.start()
        self.dispatch()

    # ---- what the app asks for

    def dispatch(self) -> None:
        """Give the worker the next job, if it has none."""
        self._inbox.put(self._dispatch)

    def warm(self) -> None:
        """Start the worker, if there is none."""
        self._inbox.put(self._warm)

    def unload(self) -> None:
        """Give the memory of all models back, if no job is at work: the worker ends, the next job begins another."""
        self._inbox.put(self._unload)

    def cancel(self, job_id: str, force: bool) -> None:
        """End a job that waits; tell a running one to stop, or end its process (``force``)."""
        self._inbox.put(lambda: self._cancel(job_id, force))

    def pause(self, job_id: str, paused: bool) -> None:
        """Let the running job wait at its next step, or go on."""
        self._inbox.put(lambda: self._pause(job_id, paused))

    def ask(self, job_id: str, what: Ask) -> None:
        """Have the running job do something at its next step."""
        self._inbox.put(lambda: self._ask(job_id, what))

    def dismiss(self, job_id: str) -> None:
        """Take an ended job off the list of recent ones."""
        self._inbox.put(lambda: self._dismiss(job_id))

    def listen(self, callback: EndCallback) -> None:
        """Call ``callback`` at every end of a job, those so far among them."""
        self._inbox.put(lambda: self._completions.listen(callback))

    def close(self) -> None:
        """End the worker, and return when that is done (unless called from here)."""
        self._inbox.put(None)
        if not self.is_here():
            self._thread.join()

    def is_here(self) -> bool:
        """Whether the caller is the queue's own thread, which cannot wait for itself."""
        return threading.current_thread() is self._thread

    def is_over(self) -> bool:
        """Whether nothing more will happen: the queue is closed."""
        return not self._thread.is_alive()

    def job(self, job_id: str) -> Job | None:
        """The job of that id as it is now, or None."""
        current = self.jobs.running(job_id)
        if current is not None:
            return current.recorder.job
        return self._endings.job(job_id) or self._store.get(Job, job_id)

    # ---- the thread

    def _run(self) -> None:
        while True:
            try:
                action = self._inbox.get(timeout=self._until())
            except queue.Empty:
                action = self._tick
            if action is None:
                break
            try:
                action()
            except Exception:
                log.exception("the queue stumbled and goes on")
        self._shut()

    def _until(self) -> float | None:
        """Seconds to wait for what is asked or told, until there is something to be done without."""
        if self.jobs.current:
            return TICK
        due = [RETRY] if self._endings or self._completions.owing else []
        idle = self._idle_left()
        return min(due + ([] if idle is None else [max(0.0, idle)]), default=None)

    def _idle_left(self) -> float | None:
        """Seconds until a worker that has loaded something and nothing to do is ended; None: it stays."""
        settings = self._settings()
        if self.jobs.current or self.jobs.worker is None or self.jobs.memory is None:
            return None
        if settings is None or not settings.unload_minutes:
            return CHANGED
        return min(CHANGED, self._idle_since + 60 * settings.unload_minutes - time.monotonic())

    def _unload_when_idle(self) -> None:
        settings = self._settings()
        minutes = settings.unload_minutes if settings else 0
        if minutes and self.jobs.memory and time.monotonic() - self._idle_since >= 60 * minutes:
            self._unload()

    def _unload(self) -> None:
        worker = self.jobs.worker
        if worker is None or self.jobs.current:
            return
        self.jobs.forget_worker()
        worker.stop()

    def _tick(self) -> None:
        if self.jobs.current:
            self.jobs.current.recorder.tick()
        else:
            self._unload_when_idle()
        if time.monotonic() - self._settled >= RETRY:
            self._settle()

    def _settle(self) -> None:
        """Record what is still to be recorded of earlier jobs, if there is room now."""
        self._settled = time.monotonic()
        if self._endings or self._completions.owing:
            self._endings.write()
            self._completions.again()

    # ---- how a job begins

    def _dispatch(self) -> None:
        waiting = self.jobs.next()
        if waiting is None:
            return
        job = waiting.model_copy(update={"state": "running", "started": now()})
        self._settle()
        self.jobs.begin(Current(stored_request(job), Recorder(self._store, job)))
        try:
            self._store.put(job)
        except Exception:
            log.exception("the beginning of job %s is not recorded; its files will tell", job.id)
        self._hand_over()

    def _hand_over(self) -> None:
        """Give the present job to the worker; whatever keeps it from that ends it, so that the next one can begin."""
        current = self._present()
        try:
            self._hand(current)
        except Exception as error:
            log.exception("job %s could not be given to the worker", current.recorder.job.id)
            if self.jobs.current is current:
                self._finish("failed", error=NO_WORKER.format(how=error), traceback=format_exc())

    def _hand(self, current: Current) -> None:
        if not self._admitted(current):
            return
        job = current.recorder.job
        worker = self.jobs.worker or self._start_worker()
        scored = scored_already(self._store, job, current.request)
        settings = self._settings()
        plain = settings.model_dump(mode="json") if settings else {}
        worker.send(StartJob(job=job.id, request=current.request, settings=plain, scored=scored))

    def _admitted(self, current: Current) -> bool:
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
        if self.jobs.worker is None and not self.jobs.closed:
            self._start_worker()

    def _start_worker(self) -> WorkerProcess:
        settings = self._settings()
        self.jobs.worker = WorkerProcess(
            self._workspace.root,
            self._handlers,
            environment(settings) if settings else {},
            on_message=lambda worker, message: self._inbox.put(lambda: self._heard(worker, message)),
            on_close=lambda worker: self._inbox.put(lambda: self._lost(worker)),
        )
        return self.jobs.worker

    # ---- what the worker tells

    def _heard(self, worker: WorkerProcess, message: ToApp) -> None:
        current = self.jobs.current
        if worker is not self.jobs.worker or isinstance(message, Ready):
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

    def _told(self, current: Current, event: Event) -> None:
        match event:
            case Finished():
                self._finish("done", result=event.result)
            case Failed():
                self._finish("failed", error=event.message, traceback=event.traceback)
            case Stopped():
                self._finish("cancelled")
            case _:
                current.recorder.apply(event)
                self.jobs.memory = current.recorder.memory or self.jobs.memory

    def _lost(self, worker: WorkerProcess) -> None:
        """The worker process is gone."""
        if worker is not self.jobs.worker:
            return
        self.jobs.forget_worker()
        current = self.jobs.current
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

    # ---- how a job ends

    def _present(self) -> Current:
        current = self.jobs.current
        assert current is not None
        return current

    def _finish(self, state: JobState, **changes: Any) -> None:
        current = self._present()
        if current.refused:
            state, changes = "failed", {"error": current.refused.words, "traceback": current.refused.traceback}
        if state == "done" and current.recorder.job.total:
            changes["note"] = ""
        self._take_in_files(current)
        job = self._endings.end(current.recorder, state, **changes)
        try:
            self._over_with(job, current.request)
        finally:
            self.dispatch()

    def _take_in_files(self, current: Current) -> None:
        """Record pictures that were made and not told of: their worker died in between."""
        try:
            for image in unrecorded(self._store, self._workspace, current.request):
                current.recorder.apply(ImageMade(image=image))
        except Exception:
            log.exception("pictures of job %s could not be looked for", current.recorder.job.id)

    def _over_with(self, job: Job, request: Request) -> None:
        """Tell all callbacks of an end, then everyone who waits for it; its place in the queue is free before that."""
        self.jobs.ended(job)
        self._idle_since = time.monotonic()
        try:
            self._completions.tell(job, request)
        finally:
            self.jobs.told(job)

    def _cancel(self, job_id: str, force: bool) -> None:
        current, worker = self.jobs.running(job_id), self.jobs.worker
        if current is None:
            self._withdraw(job_id)
            return
        if current.stopping_since is None:
            current.stopping_since = time.monotonic()
        if worker and force:
            worker.kill()
        elif worker:
            current.recorder.pause(False)
            worker.send(Control(job=job_id, action="cancel"))

    def _withdraw(self, job_id: str) -> None:
        waiting = self.jobs.withdraw(job_id)
        if waiting:
            request = stored_request(waiting)
            self._over_with(self._endings.end(Recorder(self._store, waiting), "cancelled"), request)

    def _pause(self, job_id: str, paused: bool) -> None:
        current, worker = self.jobs.running(job_id), self.jobs.worker
        if worker and current and not current.cancelling:
            current.recorder.pause(paused)
            worker.send(Control(job=job_id, action="pause" if paused else "unpause"))

    def _ask(self, job_id: str, what: Ask) -> None:
        worker = self.jobs.worker
        if worker and self.jobs.running(job_id):
            worker.send(Control(job=job_id, action=what))

    def _dismiss(self, job_id: str) -> None:
        with self._store.alone():
            if job := self.job(job_id):
                self._store.put(job.model_copy(update={"dismissed": True}))
        self.jobs.dismiss(job_id)

    def _shut(self) -> None:
        worker, current = self.jobs.worker, self.jobs.current
        self.jobs.worker = None
        if worker:
            worker.stop()
        if current:
            job = self._endings.end(current.recorder, "interrupted", error=STUDIO_GONE)
            self._over_with(job, current.request)
        self._settle()
        self.jobs.wake()
