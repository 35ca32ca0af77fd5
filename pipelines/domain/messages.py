"""What crosses the pipe between the app and its worker: one JSON object a line, each way.

JSON and not pickle: what comes out of a broken or captured worker can be refused, never executed.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter
from pydantic_core import PydanticSerializationError

from pipelines.domain.base import Frozen
from pipelines.domain.events import Event, Failed, Warned
from pipelines.domain.requests import Request

Ask = Literal["sample", "save"]
"""What a training can be asked to do at its next step, whatever its settings say: make samples, write a checkpoint."""


class StartJob(Frozen):
    """App to worker: do this. ``settings`` are the app's, as plain values; ``scored`` are ids of pictures that have
    scores already, so that a resumed job does not score them again."""

    type: Literal["start"] = "start"
    job: str
    request: Request
    settings: dict[str, Any] = Field(default_factory=dict)
    scored: tuple[str, ...] = ()


class Control(Frozen):
    """App to worker: cancel, pause or go on with ``job``, or do something at its next step (``Ask``). It names the job,
    so a late one cannot hit the next job."""

    type: Literal["control"] = "control"
    job: str
    action: Literal["cancel", "pause", "unpause"] | Ask


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
    """``message`` as one line. JSON escapes newlines inside texts, so a line is a whole message. Names of files that
    are no text lose what cannot be said."""
    try:
        return message.model_dump_json().encode() + b"\n"
    except (PydanticSerializationError, UnicodeEncodeError):
        text = json.dumps(message.model_dump(mode="json"), ensure_ascii=False)
        return text.encode("utf-8", "replace") + b"\n"


def salvaged(text: bytes, why: str) -> Told | None:
    """What a line from the worker that is no message still says: that its job has ended, or that something was told.
    None when it names no job."""
    try:
        told = json.loads(text)
        job, event = str(told["job"]), told["event"]
        end = event["type"] in ("finished", "failed", "cancelled")
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    words = f"The worker told of this job in words that cannot be read ({why})."
    return Told(
        job=job, event=Failed(message=f"{words} It has ended; what it made is kept.") if end else Warned(text=words)
    )
