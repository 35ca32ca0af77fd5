"""Telling of jobs that have ended: to all who listen, also those who came late, and again after a kill of the app."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from pipelines.domain.records import Job, JobState
from pipelines.domain.requests import Request
from pipelines.queue.recorder import Recorder
from pipelines.queue.stored_request import stored_request
from pipelines.storage.store import Store, StoreWriteFailed

FOLLOWS = "The work is done, but what follows from it failed ({how}). It is in the studio's log."
EndCallback = Callable[[Job, Request], None]
log = logging.getLogger(__name__)


class Completions:
    """Ends of jobs of this session, and ``untold`` ones that an earlier app recorded but did not live to tell."""

    def __init__(self, store: Store, untold: Iterable[tuple[Job, Request]]) -> None:
        self._store = store
        # without what was asked, which is large, and stands in the job for who listens late
        self._ended = [job for job, _ in untold]
        self._callbacks: list[EndCallback] = []
        self._owed: list[tuple[EndCallback, Job, Request]] = []
        self._failed: dict[str, str] = {}

    def listen(self, callback: EndCallback) -> None:
        """Tell ``callback`` of all ends so far, and from now on of each."""
        self._callbacks.append(callback)
        for job in self._ended:
            self._tell(callback, job, stored_request(job))
            self._mark(job)

    def tell(self, job: Job, request: Request) -> None:
        """``job`` has ended, and that is recorded."""
        self._ended.append(job)
        for callback in self._callbacks:
            self._tell(callback, job, request)
        if self._callbacks:
            self._mark(job)

    @property
    def owing(self) -> bool:
        """Whether something is still to follow from an end."""
        return bool(self._owed)

    def again(self) -> None:
        """Tell once more those who could not write what follows from an end, and note who was told since."""
        owed, self._owed = self._owed, []
        for callback, job, request in owed:
            self._tell(callback, job, request)
        for job in [job for _, job, _ in owed] + self._ended:
            if self._callbacks and not job.told:
                self._mark(job)

    def _tell(self, callback: EndCallback, job: Job, request: Request) -> None:
        try:
            callback(job, request)
        except (StoreWriteFailed, OSError):
            log.exception("what follows job %s (%s) could not be written", job.id, job.title)
            self._owed.append((callback, job, request))
        except Exception as error:
            log.exception("what follows job %s (%s) failed", job.id, job.title)
            self._failed[job.id] = FOLLOWS.format(how=f"{type(error).__name__}: {error}")

    def _mark(self, job: Job) -> None:
        wrong = self._failed.get(job.id)
        try:
            with self._store.alone():
                present = self._store.get(Job, job.id) or job
                # an end that is not recorded, or from which something is still to follow, is told again, at the latest
                # by the next app
                if present.told or present.state != job.state or any(owed.id == job.id for _, owed, _ in self._owed):
                    return
                said = (*present.warnings, wrong) if wrong else present.warnings
                self._store.put(present.model_copy(update={"told": True, "warnings": said}))
        except StoreWriteFailed:
            log.exception("that job %s was told of is not recorded", job.id)


class Endings:
    """Ends jobs, whether or not the disk has room for it: what is unwritten is known here, by id, and recorded as soon
    as it can be. A studio that closes before finds those jobs interrupted at its next start."""

    def __init__(self) -> None:
        self._unwritten: dict[str, Recorder] = {}

    def __bool__(self) -> bool:
        """Whether anything is still to be recorded."""
        return bool(self._unwritten)

    def job(self, job_id: str) -> Job | None:
        """An ended job that the records do not know yet."""
        recorder = self._unwritten.get(job_id)
        return recorder.job if recorder else None

    def end(self, recorder: Recorder, state: JobState, **changes: Any) -> Job:
        """The job of ``recorder`` is over."""
        job = recorder.end(state, **changes)
        if not recorder.written:
            self._unwritten[job.id] = recorder
        return job

    def write(self) -> None:
        """Record what could not be recorded before, if there is room now."""
        for recorder in list(self._unwritten.values()):
            recorder.write_end()
            if not recorder.written:
                return
            del self._unwritten[recorder.job.id]
