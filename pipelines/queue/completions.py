"""Telling of jobs that have ended: to all who listen, also those who came late, and again after a kill of the app."""

import logging
from collections.abc import Callable, Iterable

from pipelines.domain.records import Job
from pipelines.domain.requests import Request
from pipelines.storage.store import Store

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
        if not present.told:
            self._store.put(present.model_copy(update={"told": True}))


def _tell(callback: EndCallback, job: Job, request: Request) -> None:
    try:
        callback(job, request)
    except Exception:
        log.exception("what follows job %s (%s) failed", job.id, job.title)
