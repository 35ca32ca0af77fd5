"""What can be asked of the worker. A request holds all that matters: the worker needs no records to serve it."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from pipelines.library.base import Frozen
from pipelines.library.presets import TrainingSettings
from pipelines.library.records import Angle
from pipelines.shots import ImageRef, Plan, Shot


class Reference(Frozen):
    """A human-verified source that identity is measured against."""

    image: ImageRef
    angle: Angle = "unsure"


class Judge(Frozen):
    """How pictures are scored: which recognisers, against which references."""

    recogniser: str
    second_opinion: str = ""
    references: tuple[Reference, ...] = ()


class RenderRequest(Frozen):
    """Make the pictures of a plan and judge each (``judge`` of ``None``: do not judge)."""

    kind: Literal["render"] = "render"
    plan: Plan
    judge: Judge | None = None


class ScoreRequest(Frozen):
    """Judge pictures that exist."""

    kind: Literal["score"] = "score"
    character: str
    images: tuple[ImageRef, ...]
    judge: Judge


class TrainItem(Frozen):
    """One example. ``controls`` are the input pictures of an edit (empty for a character LoRA); ``weight`` is its
    share in sampling relative to the others; ``focus`` is ``head`` or ``body``, for phased training."""

    image: ImageRef
    caption: str
    controls: tuple[ImageRef, ...] = ()
    weight: float = 1.0
    origin: str = "source"
    focus: Literal["head", "body"] = "head"


class TrainRequest(Frozen):
    """Train a LoRA. ``folder`` (relative to the workspace) gets checkpoints, samples and ``<name>.safetensors``.

    ``lineage`` goes into the file's header word for word: dataset version, run id, origin counts, licence.
    """

    kind: Literal["train"] = "train"
    target: Literal["character", "editor"]
    character: str
    name: str
    version: str
    family: str
    revision: str
    items: tuple[TrainItem, ...]
    settings: TrainingSettings
    trigger: str = ""
    folder: str
    lineage: dict[str, str] = Field(default_factory=dict)
    samples: tuple[Shot, ...] = ()
    judge: Judge | None = None


class ObtainRequest(Frozen):
    """Get the weights of a model family: download from the hub, or build from the family's recipe. Always asked for
    by the user, who has seen the size and the licence."""

    kind: Literal["obtain"] = "obtain"
    family: str


Request = Annotated[RenderRequest | ScoreRequest | TrainRequest | ObtainRequest, Field(discriminator="kind")]
REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
