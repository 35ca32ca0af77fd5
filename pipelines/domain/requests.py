"""What can be asked of the worker. A request holds all that matters: the worker needs no records to serve it."""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from pipelines.domain.base import Frozen
from pipelines.domain.presets import TrainingSettings
from pipelines.domain.reading import Question
from pipelines.domain.records import Target
from pipelines.domain.scores import Angle
from pipelines.domain.shots import Adapter, ImageRef, Plan, Shot


class Reference(Frozen):
    """A human-verified source that identity is measured against."""

    image: ImageRef
    angle: Angle = "unsure"


class CalibratedThreshold(Frozen):
    """A calibrated threshold of one recogniser with exactly these weights: right from ``threshold`` on, someone else
    below ``floor``, at a share ``far`` of false accepts."""

    recogniser: str
    model_hash: str
    threshold: float
    floor: float
    far: float


class ScoringSpec(Frozen):
    """How pictures are scored: which recognisers, against which references. ``thresholds`` are calibrated on exactly
    these references; a recogniser without one uses its starting values. ``smallest``: pixels of the shorter side below
    which a picture that was brought in is too small to learn from. No ``recogniser``: whom a picture shows is for human
    eyes alone. ``kinds``: say what face a picture that was brought in shows, so that a judge can be proposed."""

    recogniser: str
    second_opinion: str = ""
    references: tuple[Reference, ...] = ()
    thresholds: tuple[CalibratedThreshold, ...] = ()
    smallest: int = 512
    kinds: bool = False


class RenderRequest(Frozen):
    """Make the pictures of a plan and score each (``scoring`` of ``None``: do not score). ``let_through``: pictures of
    its chains that a human called good, which are gone on from whatever they score. ``chosen``: which of several tries
    was kept, as far as that is known."""

    kind: Literal["render"] = "render"
    plan: Plan
    scoring: ScoringSpec | None = None
    let_through: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()


class ScoreRequest(Frozen):
    """Score pictures that exist."""

    kind: Literal["score"] = "score"
    character: str
    images: tuple[ImageRef, ...]
    scoring: ScoringSpec


class Other(Frozen):
    """Pictures that show somebody else than the character. ``group``: who, or which prompt made them."""

    group: str
    images: tuple[ImageRef, ...]


class CalibrateRequest(Frozen):
    """Calibrate the threshold of a character for each of ``recognisers`` (those that cannot work are left out, the
    first must).

    ``others`` are its impostors, and so are people of the mini world of the seeds ``strangers``, drawn ``size`` pixels
    square. ``verified`` are pictures beyond the references that a human called right. ``folder`` (relative to the
    workspace) gets a report for each recogniser.
    """

    kind: Literal["calibrate"] = "calibrate"
    character: str
    name: str
    version: str
    recognisers: tuple[str, ...]
    references: tuple[Reference, ...]
    verified: tuple[Reference, ...] = ()
    others: tuple[Other, ...] = ()
    strangers: tuple[int, ...] = ()
    size: int = 128
    far: float = 0.01
    folder: str


class PracticeRequest(Frozen):
    """Draw the sources of practice character ``number`` into ``folder`` (relative to the workspace). ``held_out``: also
    one that is kept for the last examination. ``sources``: only so many of the twelve."""

    kind: Literal["practice"] = "practice"
    character: str
    number: int
    size: int
    folder: str
    held_out: bool = False
    sources: int = Field(12, ge=1, le=12)


class ExamineRequest(Frozen):
    """Read what pictures of practice character ``number`` truly show, against true renders ``size`` pixels square; a
    share ``far`` of pictures of strangers counts as the character. ``seed`` and ``error`` are the reviewer's, to whom
    the readings go: kept here for the record."""

    kind: Literal["examine"] = "examine"
    character: str
    number: int
    images: tuple[ImageRef, ...]
    size: int
    far: float = 0.01
    held_out: bool = False
    seed: int = 0
    error: float = 0.0


class Wanted(Frozen):
    """What an edit of source number ``source`` (from 0) should have given; ``name`` of its file, without ending."""

    name: str
    source: int
    axis: str
    value: str


class TargetsRequest(Frozen):
    """Draw the true targets of edits of practice character ``number`` into ``folder`` (relative to the workspace)."""

    kind: Literal["targets"] = "targets"
    character: str
    number: int
    wanted: tuple[Wanted, ...]
    size: int
    folder: str
    held_out: bool = False


class TrainItem(Frozen):
    """One example. ``controls`` are the input pictures of an edit (empty for a character LoRA); ``weight`` is its
    share in sampling relative to the others; ``focus`` is ``head`` or ``body``, for phased training."""

    image: ImageRef
    caption: str
    controls: tuple[ImageRef, ...] = ()
    weight: float = 1.0
    origin: str = "source"
    focus: Literal["head", "body"] = "head"


def seen_in(items: Iterable[TrainItem]) -> tuple[ImageRef, ...]:
    """Every picture that is learnt from, once: first those to be made, then what only stands at an input."""
    items = tuple(items)
    refs = [item.image for item in items] + [ref for item in items for ref in item.controls]
    return tuple({ref.id: ref for ref in refs}.values())


class TrainRequest(Frozen):
    """Train a LoRA. ``folder`` (relative to the workspace) gets checkpoints, samples and ``<name>.safetensors``.

    ``lineage`` goes into the file's header word for word: dataset version, run id, origin counts, licence.
    """

    kind: Literal["train"] = "train"
    target: Target
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
    scoring: ScoringSpec | None = None

    @property
    def pictures(self) -> tuple[ImageRef, ...]:
        """Every picture that is learnt from, once, input pictures included."""
        return seen_in(self.items)


class ObtainRequest(Frozen):
    """Download the weights of a model family from its hub. Always asked for by the user, who has seen the size and
    the licence."""

    kind: Literal["obtain"] = "obtain"
    family: str


class PrepareRequest(Frozen):
    """Make the prepared copy of a model family of the weights that are here (``pipelines.storage.prepared``)."""

    kind: Literal["prepare"] = "prepare"
    family: str


class ObtainLoraRequest(Frozen):
    """Download a LoRA file into the library: ``file`` of a repository of the hub (empty: its only one), or what lies at
    ``url``. ``family`` is the model preset that it must fit, ``catalogue`` the entry that it is of."""

    kind: Literal["obtain-lora"] = "obtain-lora"
    repo: str = ""
    file: str = ""
    revision: str = "main"
    url: str = ""
    family: str = ""
    catalogue: str = ""


class MergeRequest(Frozen):
    """Make one LoRA of several for a model preset: their differences added, each times its weight. ``rank`` of ``None``
    keeps all of it (their ranks add up), else the best of that rank is kept. ``name`` is the new LoRA's."""

    kind: Literal["merge-loras"] = "merge-loras"
    family: str
    name: str
    loras: tuple[Adapter, ...]
    rank: int | None = None
    trigger: str = ""


class ObtainFacesRequest(Frozen):
    """Download a face pack of a recogniser. Always asked for by the user, who has seen the size and the licence."""

    kind: Literal["obtain-faces"] = "obtain-faces"
    recogniser: str
    pack: str


class CaptionRequest(Frozen):
    """Have a captioner (a reader preset) caption pictures. ``prompt`` is what it is asked for, whole, and ``begun``
    what every caption begins with. ``batch`` names the request: what was captioned for it is not captioned again."""

    kind: Literal["caption"] = "caption"
    character: str
    reader: str
    images: tuple[ImageRef, ...]
    prompt: str
    prompt_name: str = ""
    begun: str
    batch: str


class ToRead(Frozen):
    """A picture to be asked about: with the source and the ``instruction`` that it was edited by, if it was, and with a
    picture ``beside`` it of whom it is to show."""

    image: ImageRef
    source: ImageRef | None = None
    instruction: str = ""
    beside: ImageRef | None = None


class ReadRequest(Frozen):
    """Ask a reader (a preset) about pictures. ``called`` is what the character is: person, cat. What has been read for
    the same ``batch`` is not read again."""

    kind: Literal["read"] = "read"
    character: str
    reader: str
    images: tuple[ToRead, ...]
    questions: tuple[Question, ...]
    called: str
    batch: str


Request = Annotated[
    RenderRequest
    | ScoreRequest
    | CalibrateRequest
    | PracticeRequest
    | ExamineRequest
    | TargetsRequest
    | TrainRequest
    | ObtainRequest
    | PrepareRequest
    | ObtainLoraRequest
    | MergeRequest
    | ObtainFacesRequest
    | CaptionRequest
    | ReadRequest,
    Field(discriminator="kind"),
]
REQUEST: TypeAdapter[Request] = TypeAdapter(Request)
