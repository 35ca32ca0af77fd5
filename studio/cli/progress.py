"""Following a job on a terminal: one line on standard error that is written over; Ctrl-C stops the job, at its next
step and then at once."""

import sys
import time
from collections.abc import Callable

from pipelines.domain.records import Job
from pipelines.queue.jobs import Jobs
from pipelines.queue.status import Status
from pipelines.workflow.render import about

ENDED = ("done", "failed", "cancelled", "interrupted")


def follow(queue: Jobs, job: Job, told: Callable[[Status], None] | None = None) -> Job:
    """Wait for a job, telling its progress (to ``told``, if given, instead of the terminal); the first Ctrl-C cancels
    it, the second ends its process, the third is raised. Returns the job as it ended."""
    asked = 0
    last = ""
    while True:
        try:
            ended = queue.wait(job.id, timeout=0.5)
            if ended.state in ENDED:
                if not told:
                    _tell("", last)
                return ended
            if told:
                told(queue.status())
            else:
                last = _tell(_line(queue), last)
        except KeyboardInterrupt:
            asked += 1
            if asked > 2:
                raise
            queue.cancel(job.id, force=asked == 2)
            if asked == 1 and not told:
                last = _tell("Stopping at the next step. Ctrl-C again ends it now: what is finished stays.", last)


def _line(queue: Jobs) -> str:
    status = queue.status()
    if status.job is None:
        return ""
    left = f", {about(status.seconds_left)} left" if status.seconds_left else ""
    return f"{status.job.title}  {status.job.done}/{status.job.total}{left}  {status.job.note}"


def _tell(line: str, last: str) -> str:
    """Write over the last line on a terminal; elsewhere only what is new."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K" + line)
    elif line and line != last:
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {line}\n")
    sys.stderr.flush()
    return line
