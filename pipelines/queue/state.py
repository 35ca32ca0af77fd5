"""What waits, what is at work and what is over, as any thread may read it; the queue's thread alone changes it, but for
jobs that are put in."""

import threading
import time
from dataclasses import dataclass

from pipelines.domain.events import Memory
from pipelines.domain.records import Job, JobState
from pipelines.domain.requests import Request
from pipelines.queue.admission import Refusal
from pipelines.queue.recorder import Recorder
from pipelines.queue.status import Status
from pipelines.queue.worker_process import WorkerProcess

RECENT = 20
RUNNING: tuple[JobState, ...] = ("queued", "running")
PATIENCE = 5.0
"""Seconds that a job which was told to stop has for its step before ending its process is offered."""


@dataclass
class Current:
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


class QueueState:
    """The jobs of a queue. ``changed`` guards all of it, is held for moments only (never while something is written),
    and wakes who waits for the end of a job."""

    def __init__(self, waiting: list[Job], ended: list[Job]) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.current: Current | None = None
        self.worker: WorkerProcess | None = None
        self.memory: Memory | None = None
        self.closed = False
        self._waiting = waiting
        self._recent = [job for job in ended if not job.dismissed][:RECENT]
        self._untold: set[str] = set()

    def running(self, job_id: str) -> Current | None:
        """The job of that id, if it is the one at work."""
        current = self.current
        return current if current is not None and current.recorder.job.id == job_id else None

    def pending(self, job_id: str) -> bool:
        """Whether the job waits, runs, or has ended and not everyone was told yet."""
        with self.changed:
            waits = any(job.id == job_id for job in self._waiting)
            return waits or self.running(job_id) is not None or job_id in self._untold

    def add(self, job: Job) -> None:
        """The job waits for its turn."""
        with self.changed:
            self._waiting.append(job)

    def next(self) -> Job | None:
        """The job whose turn it is, which stays where it is until it is begun; None while there is nothing to begin."""
        with self.changed:
            return None if self.current or self.closed or not self._waiting else self._waiting[0]

    def begin(self, current: Current) -> None:
        """The job whose turn it is has become the one at work."""
        with self.changed:
            self.current = current
            self._waiting.pop(0)

    def withdraw(self, job_id: str) -> Job | None:
        """Take a job off those that wait, to be ended: the job, or None if it does not wait."""
        with self.changed:
            job = next((job for job in self._waiting if job.id == job_id), None)
            if job:
                self._waiting.remove(job)
                self._untold.add(job_id)
            return job

    def ended(self, job: Job) -> None:
        """The job is over, and its end is about to be told."""
        with self.changed:
            self._untold.add(job.id)
            if self.running(job.id):
                self.current = None
            self._recent = [job, *self._recent][:RECENT]

    def told(self, job: Job) -> None:
        """Everyone who listens has heard of the job's end: who waits for it may go on."""
        with self.changed:
            self._untold.discard(job.id)
            self.changed.notify_all()

    def close(self) -> bool:
        """Nothing begins any more. Whether that is new."""
        with self.changed:
            was, self.closed = self.closed, True
            return not was

    def forget_worker(self) -> None:
        """The worker process is gone, and what it held in memory."""
        with self.changed:
            self.worker, self.memory = None, None

    def wake(self) -> None:
        """Whoever waits looks again."""
        with self.changed:
            self.changed.notify_all()

    def dismiss(self, job_id: str) -> None:
        """Take an ended job off the list of recent ones."""
        with self.changed:
            self._recent = [job for job in self._recent if job.id != job_id]

    def status(self) -> Status:
        """A snapshot. Cheap, and reads no records."""
        with self.changed:
            queued, recent = list(self._waiting), list(self._recent)
            current, worker, memory = self.current, self.worker, self.memory
        pid = worker.pid if worker else None
        if current is None:
            return Status(memory=memory, queued=queued, recent=recent, worker_pid=pid)
        r = current.recorder
        step, steps = r.step or (0, 0)
        return Status(
            r.job, r.unit, step, steps, r.seconds_left(), r.preview, r.memory or memory, r.metrics,
            r.paused_since is not None, current.cancelling, current.overdue, queued, recent, pid,
        )  # fmt: skip
