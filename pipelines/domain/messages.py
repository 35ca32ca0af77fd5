"""What crosses the pipe between the app and its worker: one JSON object a line, each way.

JSON and not pickle: what comes out of a broken or captured worker can be refused, never executed.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from pipelines.domain.base import Frozen
from pipelines.domain.events import Event
from pipelines.domain.requests import Request


class StartJob(Frozen):
    """App to worker: do this. ``settings`` are the app's, as plain values; ``scored`` are ids of pictures that have
    scores already, so that a resumed job does not score them again."""

    type: Literal["start"] = "start"
    job: str
    request: Request
    settings: dict[str, Any] = Field(default_factory=dict)
    scored: tuple[str, ...] = ()


class Control(Frozen):
    """App to worker: cancel, pause or go on with ``job``. It names the job, so a late one cannot hit the next job."""

    type: Literal["control"] = "control"
    job: str
    action: Literal["cancel", "pause", "unpause"]


class Ready(Frozen):
    """Worker to app: I am up."""

    type: Literal["ready"] = "ready"
    pid: int


class Claimed(Frozen):
    """Worker to app: I have begun with ``job``. What is lost from here on is an interrupted job."""

    type: Literal["claimed"] = "claimed"
    job: str


class Told(Frozen):
    """Worker to app: this happened in ``job``."""

    type: Literal["told"] = "told"
    job: str
    event: Event


ToWorker = Annotated[StartJob | Control, Field(discriminator="type")]
ToApp = Annotated[Ready | Claimed | Told, Field(discriminator="type")]
TO_WORKER: TypeAdapter[ToWorker] = TypeAdapter(ToWorker)
TO_APP: TypeAdapter[ToApp] = TypeAdapter(ToApp)


def line(message: Frozen) -> bytes:
    """``message`` as one line. JSON escapes newlines inside texts, so a line is a whole message."""
    return message.model_dump_json().encode() + b"\n"
