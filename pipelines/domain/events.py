"""What the worker tells the app while it works. The app turns these into records; the worker never writes records."""

from typing import Annotated, Any, Literal

from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.reading import Description, Reading
from pipelines.domain.records import ImageRecord, Metric
from pipelines.domain.scores import Scores


class Started(Frozen):
    """Work has begun. ``total`` counts ``unit`` (``pictures``, ``steps``); ``skipped`` of them existed already."""

    type: Literal["started"] = "started"
    total: int
    unit: str = "pictures"
    skipped: int = 0


class Progress(Frozen):
    """``done`` of the job's total is finished; ``note`` says what is going on now, in words."""

    type: Literal["progress"] = "progress"
    done: int
    note: str = ""


class StepDone(Frozen):
    """Denoising step ``k`` of ``n`` within the present picture."""

    type: Literal["step"] = "step"
    k: int
    n: int


class Preview(Frozen):
    """A small picture of what is being made: a JPEG of at most 256 px, base64."""

    type: Literal["preview"] = "preview"
    jpeg: str


class ImageMade(Frozen):
    """A picture is safely on disk: written, synced and renamed before this is sent."""

    type: Literal["image"] = "image"
    image: ImageRecord


class Scored(Frozen):
    """A picture has been scored."""

    type: Literal["scored"] = "scored"
    image: str
    scores: Scores


class Described(Frozen):
    """A picture has been captioned by a machine."""

    type: Literal["described"] = "described"
    image: str
    description: Description


class ReadOut(Frozen):
    """A reader has answered about a picture."""

    type: Literal["read"] = "read"
    image: str
    readings: tuple[Reading, ...]


class Measured(Frozen):
    """A point of a curve."""

    type: Literal["metric"] = "metric"
    metric: Metric


class Memory(Frozen):
    """What is loaded and how much memory it takes, GiB. ``device`` is ``cuda`` or ``cpu``."""

    type: Literal["memory"] = "memory"
    device: str
    used_gib: float
    total_gib: float
    resident: str = ""


class Warned(Frozen):
    """Something the user should know; the work goes on."""

    type: Literal["warning"] = "warning"
    text: str


class Finished(Frozen):
    """All done. ``result`` is the job's own, such as the LoRA file a training wrote."""

    type: Literal["finished"] = "finished"
    result: dict[str, Any] = Field(default_factory=dict)


class Failed(Frozen):
    """It broke. ``message`` is for the user (what, which file, what to do), ``traceback`` for us."""

    type: Literal["failed"] = "failed"
    message: str
    traceback: str = ""


class Stopped(Frozen):
    """The user cancelled; what was finished stays."""

    type: Literal["cancelled"] = "cancelled"


Event = Annotated[
    Started
    | Progress
    | StepDone
    | Preview
    | ImageMade
    | Scored
    | Described
    | ReadOut
    | Measured
    | Memory
    | Warned
    | Finished
    | Failed
    | Stopped,
    Field(discriminator="type"),
]
