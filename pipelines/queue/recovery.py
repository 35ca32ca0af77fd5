"""The first thing a queue does: set the records of jobs right after the last app, whichever way that ended."""

import logging

from pipelines.domain.events import ImageMade
from pipelines.domain.records import Job
from pipelines.queue.completions import Completions, Endings
from pipelines.queue.recorder import Recorder
from pipelines.queue.resuming import unrecorded
from pipelines.queue.state import RUNNING, QueueState
from pipelines.queue.stored_request import stored_request, unreadable
from pipelines.storage.store import Store, StoreWriteFailed
from pipelines.storage.workspace import Workspace

STUDIO_GONE = "The studio was closed or ended while this was running. What was finished is kept; resume goes on there."
log = logging.getLogger(__name__)


def recover(store: Store, workspace: Workspace, endings: Endings) -> tuple[QueueState, Completions]:
    """What ran is interrupted, what waited waits again, unless this version cannot read what was asked. What a job
    made and nobody recorded is recorded. Returns the jobs as they are then, in the order they were asked for, whatever
    the clock said, and the ends that nobody has been told of yet."""
    jobs = [_set_right(store, workspace, endings, job) for job in store.all(Job)]
    waiting = [job for job in jobs if job.state == "queued"]
    ended = [job for job in jobs if job.ended]
    untold = [(job, stored_request(job)) for job in ended if not job.told]
    return QueueState(waiting, ended[::-1]), Completions(store, untold)


def _set_right(store: Store, workspace: Workspace, endings: Endings, job: Job) -> Job:
    lost = unreadable(job) if job.state in RUNNING or not job.told else ""
    if job.state == "running":
        recorder = Recorder(store, job)
        for image in [] if lost else unrecorded(store, workspace, stored_request(job)):
            recorder.apply(ImageMade(image=image))
        job = endings.end(recorder, "interrupted", error=STUDIO_GONE)
    elif job.state == "queued" and lost:
        job = endings.end(Recorder(store, job), "failed", error=lost)
    return _told_to_nobody(store, job, lost) if lost else job


def _told_to_nobody(store: Store, job: Job, lost: str) -> Job:
    """Who listens to ends cannot be told what this job was: it counts as told, and says itself what is ``lost``."""
    said = job.warnings if job.error == lost else (*job.warnings, lost)
    job = job.model_copy(update={"told": True, "warnings": said})
    try:
        store.put(job)
    except StoreWriteFailed:
        log.exception("that job %s cannot be read is not recorded; it is found again", job.id)
    return job
