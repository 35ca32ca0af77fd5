"""Telling of jobs that have ended: to all who listen, also those who came late, and again after a kill of the app."""

import logging
from collections.abc import Callable, Iterable
from typing import Any

from pipelines.domain.records import Job, JobState
from pipelines.domain.requests import Request
from pipelines.queue.recorder import Recorder
from pipelines.storage.store import Store, StoreWriteFailed

EndCallback = Callable[[Job, Request], None]
log = logging.getLogger(__name__)


class Completions:
    """Ends of jobs of this session, and ``untold`` ones that an earlier app recorded but did not live to tell."""

    def __init__(self, store: Store, untold: Iterable[tuple[Job, Request]]) -> None:
        self._store = store
        self._ended = list(untold)
        self._callbacks: list[EndCallback] = []

    def listen(self, callback: EndCallback) -> None:
        """Tell ``callback`` of all ends so far, and from now on of each."""
        self._callbacks.append(callback)
        for job, request in self._ended:
            _tell(callback, job, request)
            self._mark(job)

    def tell(self, job: Job, request: Request) -> None:
        """``job`` has ended, and that is recorded."""
        self._ended.append((job, request))
        for callback in self._callbacks:
            _tell(callback, job, request)
        if self._callbacks:
            self._mark(job)

    def _mark(self, job: Job) -> None:
        present = self._store.get(Job, job.id) or job
        if present.told or present.state != job.state:  # an end that is not recorded is told again by the next app
            return
        try:
            self._store.put(present.model_copy(update={"told": True}))
        except StoreWriteFailed:
            log.exception("that job %s was told of is not recorded", job.id)


class Endings:
    """Ends jobs, whether or not the disk has room for it: what is ``unwritten`` is known here, by id, and recorded as
    soon as it can be. A studio that closes before finds those jobs interrupted at its next start."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.unwritten: dict[str, Job] = {}

    def end(self, recorder: Recorder, state: JobState, **changes: Any) -> Job:
        """The job of ``recorder`` is over."""
        job = recorder.end(state, **changes)
        if not recorder.written:
            self.unwritten[job.id] = job
        return job

    def write(self) -> None:
        """Record what could not be recorded before, if there is room now."""
        if not self.unwritten:
            return
        try:
            self._store.put(*self.unwritten.values())
        except StoreWriteFailed:
            log.exception("%d ends of jobs are still not recorded", len(self.unwritten))
        else:
            self.unwritten = {}


def _tell(callback: EndCallback, job: Job, request: Request) -> None:
    try:
        callback(job, request)
    except Exception:
        log.exception("what follows job %s (%s) failed", job.id, job.title)
