"""What is going on now: a snapshot for the page, which polls it."""

from dataclasses import dataclass, field

from pipelines.domain.events import Memory
from pipelines.domain.records import Job, Metric


@dataclass(frozen=True)
class Status:
    """What is going on now, for the page. ``step`` of ``steps`` is within the present picture; ``unit`` is what
    ``job.done`` and ``job.total`` count; ``preview`` is a base64 JPEG; ``metrics`` the newest point of each curve.
    ``overdue``: it was told to stop and has not, although it has had time for a step."""

    job: Job | None = None
    unit: str = ""
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    preview: str = ""
    memory: Memory | None = None
    metrics: tuple[Metric, ...] = ()
    paused: bool = False
    cancelling: bool = False
    overdue: bool = False
    queued: list[Job] = field(default_factory=list)
    recent: list[Job] = field(default_factory=list)
    worker_pid: int | None = None
