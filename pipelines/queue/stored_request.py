"""What a job was asked, as it is kept in the records: the one place where a stored request is read."""

from pydantic import ValidationError

from pipelines.domain.records import Job
from pipelines.domain.requests import REQUEST, Request
from pipelines.queue.admission import NotAllowed


class RequestUnreadable(ValueError):
    """What a job was asked was written by another version of FLENwheel and cannot be asked again."""

    def __init__(self, job: Job, error: ValidationError) -> None:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or job.kind}: {e['msg']}" for e in error.errors()[:3])
        super().__init__(
            f"{job.title or job.kind}: what was asked is kept in the words of another version of FLENwheel, which this "
            f"one cannot read ({wrong}). It cannot go on; what it finished is kept. Ask for it anew."
        )


def check(job: Job) -> None:
    """What is put into the queue is what will be read there. Raises NotAllowed."""
    try:
        REQUEST.validate_python(job.request)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
        raise NotAllowed(f"{job.title or job.kind}: this cannot be asked for ({wrong}).") from error


def stored_request(job: Job) -> Request:
    """The request of a job. Raises RequestUnreadable."""
    try:
        return REQUEST.validate_python(job.request)
    except ValidationError as error:
        raise RequestUnreadable(job, error) from error


def stored_request_if_readable(job: Job) -> Request | None:
    """The request of a job, or None when another version wrote it."""
    try:
        return stored_request(job)
    except RequestUnreadable:
        return None


def unreadable(job: Job) -> str:
    """Why a job cannot be asked again, in words; empty when it can."""
    try:
        stored_request(job)
    except RequestUnreadable as error:
        return str(error)
    return ""
