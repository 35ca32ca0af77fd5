"""What a step of the wheel asks of a queue, whoever has it: this process, or a studio that has the workspace open."""

from collections.abc import Callable, Iterable
from typing import Protocol

from pipelines.domain.records import Job, Record
from pipelines.domain.requests import Request
from pipelines.queue.status import Status


class Jobs(Protocol):
    """A queue to put jobs into and to follow them in; ``JobQueue`` says what each means."""

    def submit(
        self,
        request: Request,
        title: str,
        character: str = "",
        resumes: str = "",
        alongside: Callable[[Job], Iterable[Record]] = ...,
    ) -> Job: ...

    def cancel(self, job_id: str, force: bool = False) -> None: ...

    def status(self) -> Status: ...

    def wait(self, job_id: str, timeout: float | None = None) -> Job: ...
