"""Everything the studio remembers, as frozen records. Ids are strings; times are UTC; paths are relative to the
workspace with ``/``. The present state of a picture (its label, its stars) is derived from its decisions.
"""

import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.intake import Intake
from pipelines.domain.reading import Description, Reading
from pipelines.domain.sampling import Sampling
from pipelines.domain.scores import (
    Angle,
    Expression,
    Framing,
    Scores,
)
from pipelines.domain.shots import ImageRef, LoraStack, Shot

ImageKind = Literal["source", "enriched", "synthetic", "survey", "card", "sample", "correction"]
DatasetKind = Literal["source", "enriched", "synthetic", "pristine", "qwen_training"]
Label = Literal["good", "needs_correction", "reject"]
PERSON = "person"
TOKEN, CLASS_PROMPT = "ohwx_char", PERSON
"""What stands for a character in prompts, unless something else was chosen."""
Target = Literal["character", "editor"]
"""What a LoRA is trained for: to draw a character, or to edit."""
Way = Literal["A", "B", "C", "D"]
"""What a survey can come to."""
Who = Literal["human", "rule", "simulated"]
JudgedBy = Literal["face", "look", "none"]
"""By what a character is told: its face, the look of its whole figure, or by a human's eyes alone."""
JobState = Literal["queued", "running", "done", "failed", "cancelled", "interrupted"]


def now() -> datetime:
    """The present, in UTC, to the millisecond."""
    t = datetime.now(UTC)
    return t.replace(microsecond=t.microsecond // 1000 * 1000)


def new_id() -> str:
    """A fresh random id, 16 hex digits."""
    return uuid.uuid4().hex[:16]


class Record(Frozen):
    """What is kept in the store. ``table`` is the name of its TinyDB table."""

    table: ClassVar[str]
    id: str


class Character(Record):
    """Whom a wheel turns for. ``id`` is a slug and names folders; ``token`` and ``class_prompt`` build captions.

    ``origin`` says where the pictures come from and ``may_use`` that the user is allowed to use them: both are asked
    for, because the people in the pictures have a say. ``generator`` and ``editor`` name model families. ``practice``:
    which person of the mini world this is (``mini.cast``), whose truth is known; ``None`` for everyone else.
    ``kind`` is what instructions to the editor call it (characters of before there were kinds are persons);
    ``formerly`` are the ``instance`` words that it had before its kind was changed, which stand in captions and
    prompts of then.
    ``judged_by`` says what it is told by. ``wanted``: how many good pictures are wanted at a gate, where a human said
    so (``workflow.goals``). ``archived``: it stands in no list; ``trashed``: when it was put into the
    trash, where it stays whole until that is emptied (``workflow.putting_away``).
    """

    table: ClassVar[str] = "characters"
    name: str
    token: str = TOKEN
    class_prompt: str = CLASS_PROMPT
    kind: str = PERSON
    formerly: tuple[str, ...] = ()
    generator: str
    editor: str
    origin: str = ""
    may_use: bool = False
    practice: int | None = None
    judged_by: JudgedBy = "face"
    wanted: dict[str, int] = Field(default_factory=dict)
    archived: bool = False
    trashed: datetime | None = None
    created: datetime = Field(default_factory=now)

    @property
    def instance(self) -> str:
        """The words that stand for the character in a prompt: ``ohwx_char person``."""
        return f"{self.token} {self.class_prompt}"


class ImageRecord(Record):
    """A picture. ``id`` is the SHA-256 of its PNG file, which carries this record's recipe.

    ``pixels`` is the SHA-256 of its RGB bytes (finds the same picture in another file) and ``dhash`` a 64-bit
    difference hash in hex (finds near duplicates). Either ``shot`` (made here) or ``intake`` (brought in) is set.
    ``angle``, ``expression`` and ``framing`` are what a human said. ``caption_whole``: the caption is what a LoRA
    learns with, word for word; else what is known of the picture is added (``workflow.captions``). ``described`` is
    a caption that a machine wrote, which never takes the place of a human's; ``readings`` are what readers answered.
    """

    table: ClassVar[str] = "images"
    character: str
    kind: ImageKind
    version: str
    path: str
    width: int
    height: int
    pixels: str
    dhash: str = ""
    caption: str = ""
    angle: Angle = "unsure"
    expression: Expression = "unsure"
    framing: Framing = "unsure"
    caption_whole: bool = False
    shot: Shot | None = None
    intake: Intake | None = None
    described: Description | None = None
    readings: tuple[Reading, ...] = ()
    scores: Scores = Scores()
    job: str = ""
    seconds: float | None = None
    peak_gib: float | None = None
    created: datetime = Field(default_factory=now)

    @property
    def ref(self) -> ImageRef:
        """The picture as shots name it."""
        return ImageRef(id=self.id, path=self.path)

    @property
    def parents(self) -> tuple[ImageRef, ...]:
        """The pictures it was made from."""
        return self.shot.sources if self.shot else ()


class Decision(Record):
    """One event of judging a picture; appended, never changed. The present state is derived (``Verdict``).

    ``action`` and ``value``: ``label`` (a Label, or None to clear), ``identity`` and ``edit`` (1-5, or None to
    clear), ``failure`` (a failure mode's name, toggled), ``note`` (text), ``undo`` (takes back the event ``undoes``).
    ``where`` is the gate it was made at, such as ``review`` or ``card``. Decisions of one ``batch`` were made with one
    key and are taken back with one (empty: it was made alone).
    """

    table: ClassVar[str] = "decisions"
    id: str = Field(default_factory=new_id)
    image: str
    who: Who
    action: Literal["label", "identity", "edit", "failure", "note", "undo"]
    value: str | int | None = None
    reason: str = ""
    where: str = "review"
    undoes: str = ""
    batch: str = ""
    at: datetime = Field(default_factory=now)


class Verdict(Frozen):
    """What the decisions about one picture add up to. ``who`` is who gave the label that stands."""

    label: Label | None = None
    who: Who | None = None
    reason: str = ""
    identity: int | None = None
    edit: int | None = None
    failures: tuple[str, ...] = ()
    note: str = ""
    last: str = ""


class LeftOut(Frozen):
    """Tensors of a LoRA file that are not applied, by their names in the file, and why."""

    why: str
    keys: tuple[str, ...]


class LoraRecord(Record):
    """A LoRA file. ``id`` is its SHA-256. ``family`` is the kind of base it fits (``flux``, ``qwen-image-edit``) and
    ``width`` the inner width of the transformer that it fits (0: not known). ``left_out`` is what of the file is not
    applied. ``sampling`` is what the user says it asks for; ``None``: what its catalogue entry says. ``changed`` is set
    for a file that lies in a folder of another program (``path`` is its whole path then): when it was last written, in
    nanoseconds."""

    table: ClassVar[str] = "loras"
    name: str
    path: str
    family: str
    rank: int
    alpha: float | None = None
    trigger: str = ""
    modules: int = 0
    bytes: int = 0
    origin: Literal["trained", "imported", "catalogue"] = "imported"
    catalogue: str = ""
    sampling: Sampling | None = None
    character: str = ""
    version: str = ""
    run: str = ""
    width: int = 0
    left_out: tuple[LeftOut, ...] = ()
    changed: int = 0
    created: datetime = Field(default_factory=now)


class SavedStack(Record):
    """A LoRA stack kept under a name. ``id`` is ``<character>/<role>/<name>``; an empty name is the stack that is on
    the screen, so that it survives a reload. ``off`` are adapters (SHA-256) that are listed but not ticked."""

    table: ClassVar[str] = "stacks"
    character: str
    role: Literal["generator", "editor"]
    name: str = ""
    stack: LoraStack = LoraStack()
    off: tuple[str, ...] = ()
    created: datetime = Field(default_factory=now)

    @staticmethod
    def place(character: str, role: Literal["generator", "editor"], name: str = "") -> str:
        """The id of a stack."""
        return f"{character}/{role}/{name}"


class CaptionBefore(Frozen):
    """A picture's caption (with ``ImageRecord.caption_whole``) before and after captions were edited together."""

    image: str
    caption: str
    whole: bool
    after: str


class CaptionEdit(Record):
    """Captions that were edited together, so that it can be taken back. ``words`` say what was done."""

    table: ClassVar[str] = "caption_edits"
    id: str = Field(default_factory=new_id)
    character: str
    words: str
    changed: tuple[CaptionBefore, ...]
    undone: bool = False
    created: datetime = Field(default_factory=now)


class DatasetVersion(Record):
    """A named, counted set of pictures. ``id`` is ``<character>/<kind>/<version>``. Frozen once training used it."""

    table: ClassVar[str] = "datasets"
    character: str
    kind: DatasetKind
    version: str
    images: tuple[str, ...] = ()
    frozen: bool = False
    note: str = ""
    created: datetime = Field(default_factory=now)


class Metric(Frozen):
    """One point of a curve, such as the loss at a training step."""

    name: str
    step: int
    value: float


class CurvePart(Record):
    """Some points of the curves of a training run, as they were measured between two writes: a curve grows by parts, so
    that no part is ever written again. ``id`` is ``<run>/<number>``; read them through ``storage.curves``."""

    table: ClassVar[str] = "curves"
    run: str
    points: tuple[Metric, ...]


class TrainingRun(Record):
    """One training of a LoRA: what went in (image ids by origin), how, what came out. ``parent`` is the run whose LoRA
    made pictures that this one learnt from (the v1 of a v2); each starts from the base. Its curves are apart
    (``CurvePart``)."""

    table: ClassVar[str] = "runs"
    character: str
    target: Target
    version: str
    family: str
    preset: str
    settings: dict[str, Any] = Field(default_factory=dict)
    images: tuple[str, ...] = ()
    parent: str = ""
    job: str = ""
    state: JobState = "queued"
    lora: str = ""
    created: datetime = Field(default_factory=now)


class Survey(Record):
    """One survey: which stacks on which test pictures (``images``) with which prompts, and with what else, so that more
    can be added later that compares with it: ``seeds`` of each cell, the run's ``seed``, ``steps`` and ``guidance`` as
    they were chosen, and what the editor saw beside each (``references``, or ``beside``, and ``control``). The decision
    and its reasons, once made. Its results are the images of kind ``survey`` and this ``version``."""

    table: ClassVar[str] = "surveys"
    character: str
    version: str
    family: str
    stacks: tuple[LoraStack, ...] = ()
    prompts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    seed: int = 0
    seeds: int = 1
    steps: int | None = None
    guidance: float | None = None
    references: int = 0
    beside: tuple[str, ...] = ()
    control: str = ""
    decision: Way | Literal[""] = ""
    reasons: str = ""
    job: str = ""
    created: datetime = Field(default_factory=now)


class Card(Record):
    """One run of the model card. Its pictures are the images of kind ``card`` and this ``version``; each one's shot
    says its cell. ``lora`` is the id of the LoRA that was tested (empty: the base model), at which ``strength``, with
    the stack ``beside`` it; every cell was made with ``seeds`` seeds, of which ``seed`` is the first."""

    table: ClassVar[str] = "cards"
    character: str
    version: str
    lora: str
    seed: int
    strength: float = 1.0
    beside: LoraStack = LoraStack()
    seeds: int = 1
    job: str = ""
    created: datetime = Field(default_factory=now)

    @property
    def plain(self) -> bool:
        """Whether it measured the LoRA as it is: whole, and nothing beside it."""
        return self.strength == 1 and not self.beside.adapters


class Correction(Record):
    """A triplet of flywheel 2: source, instruction, corrected target; and what was wrong with the first result.

    ``beside`` are the other pictures that the first result was made with. ``chosen`` is the decision that found the
    target good for this; undone, the triplet does not count. Triplets of before that was kept have none.
    """

    table: ClassVar[str] = "corrections"
    character: str
    version: str
    source: ImageRef
    beside: tuple[ImageRef, ...] = ()
    wrong: ImageRef
    target: ImageRef
    instruction: str
    what_was_wrong: str
    chosen: str = ""
    created: datetime = Field(default_factory=now)


class Job(Record):
    """One piece of work for the GPU. ``request`` is what was asked, whole, so that it can be asked again.

    ``told`` is set once all that listens to ends of jobs has heard of this one; ``dismissed`` takes it off the list.
    While it runs, how far it is stands in its ``JobProgress``: a request is large and is not to be written that often.
    ``created``, ``started`` and ``ended`` are what the machine's clock said, which somebody may set: they are to be
    shown, and say nothing of order (that is the store's) or of how long it took (``took``). ``seconds`` were measured,
    without pauses; ``None``: of a job of before that was kept, or whose studio ended first.
    """

    table: ClassVar[str] = "jobs"
    kind: str
    title: str
    character: str = ""
    request: dict[str, Any]
    state: JobState = "queued"
    done: int = 0
    total: int = 0
    note: str = ""
    warnings: tuple[str, ...] = ()
    error: str = ""
    traceback: str = ""
    result: dict[str, Any] = Field(default_factory=dict)
    resumes: str = ""
    told: bool = False
    dismissed: bool = False
    created: datetime = Field(default_factory=now)
    started: datetime | None = None
    ended: datetime | None = None
    seconds: float | None = None

    @property
    def took(self) -> float | None:
        """Seconds that it was at work; ``None`` where nobody can tell: an interrupted one has ended when it was
        found."""
        if self.seconds is not None or not (self.started and self.ended) or self.state == "interrupted":
            return self.seconds
        told = (self.ended - self.started).total_seconds()
        return told if told >= 0 else None


class JobProgress(Record):
    """How far the running job of the same ``id`` is; the fields are those of ``Job``, which has them when it ends."""

    table: ClassVar[str] = "progress"
    done: int = 0
    total: int = 0
    note: str = ""
    warnings: tuple[str, ...] = ()
