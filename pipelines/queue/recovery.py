"""The first thing a queue does: set the records of jobs right after the last app, whichever way that ended."""

from pipelines.domain.records import Job
from pipelines.queue.completions import Completions, Endings
from pipelines.queue.recorder import Recorder
from pipelines.queue.state import RUNNING, QueueState
from pipelines.queue.stored_request import stored_request, unreadable
from pipelines.storage.store import Store

STUDIO_GONE = "The studio was closed or ended while this was running. What was finished is kept; resume goes on there."


def recover(store: Store, endings: Endings) -> tuple[QueueState, Completions]:
    """What ran is interrupted, what waited waits again, unless this version cannot read what was asked. Returns the
    jobs as they are then, and the ends that nobody has been told of yet."""
    found = sorted(store.all(Job), key=lambda j: j.created)
    jobs = [_set_right(store, endings, job) for job in found]
    waiting = [job for job in jobs if job.state == "queued"]
    ended = sorted((j for j in jobs if j.ended), key=lambda j: j.ended or j.created)
    untold = [(job, stored_request(job)) for job in ended if not job.told]
    return QueueState(waiting, ended[::-1]), Completions(store, untold)


def _set_right(store: Store, endings: Endings, job: Job) -> Job:
    lost = unreadable(job) if job.state in RUNNING or not job.told else ""
    if job.state == "running":
        job = endings.end(Recorder(store, job), "interrupted", error=STUDIO_GONE)
    elif job.state == "queued" and lost:
        job = endings.end(Recorder(store, job), "failed", error=lost)
    return _told_to_nobody(store, job, lost) if lost else job


def _told_to_nobody(store: Store, job: Job, lost: str) -> Job:
    """Who listens to ends cannot be told what this job was: it counts as told, and says itself what is ``lost``."""
    said = job.warnings if job.error == lost else (*job.warnings, lost)
    job = job.model_copy(update={"told": True, "warnings": said})
    store.put(job)
    return job
