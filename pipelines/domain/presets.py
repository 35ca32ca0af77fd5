"""Presets: what can be said of models, recognisers, trainings, prompts, LoRAs and failure modes, as plain data.

``pipelines.storage.presets`` reads them."""

from typing import Literal

from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.records import Angle, Expression, Target
from pipelines.domain.sampling import Sampling

Role = Literal["generator", "editor"]
"""What a model is chosen for: pictures from words alone, or from pictures and words."""
REVISION_MARK = "~"
"""Stands between the revision of a model's weights and the mark of what a user's preset says of it. No git reference
holds it."""


class Weights(Frozen):
    """Where a model's weights come from. Looked up as a folder in the workspace, then as ``folder`` (relative to
    ``presets``: weights that come with the product; absolute: a user's own), then in the hub cache; obtained from
    ``hub`` by download. ``gib`` is the download's size."""

    folder: str = ""
    hub: str = ""
    gib: float = 0.0


class Part(Frozen):
    """A component of a pipeline: parameters (count), and how it is held. ``skip`` names modules kept in bf16.

    ``plain`` of the parameters stay in bf16 (skipped modules, embeddings), ``unused`` of those are dropped after
    loading.
    """

    parameters: int = 0
    plain: int = 0
    unused: int = 0
    quantize: Literal["none", "nf4"] = "none"
    skip: tuple[str, ...] = ()


class Defaults(Frozen):
    """Starting values of a shot: pixels, steps, guidance scale, and sizes an editor sees its inputs at. ``multiple`` is
    what the sides of an edit are multiples of, pixels (0: what its architecture's pipeline rounds its inputs to)."""

    width: int
    height: int
    steps: int
    guidance: float
    max_sources: int = 0
    vae_px: int = 0
    condition_px: int = 0
    multiple: int = Field(0, ge=0)


class Geometry(Frozen):
    """Shape of a diffusion transformer: ``double`` blocks carry text beside the picture, ``single`` ones do not."""

    width: int = Field(ge=1)
    double: int = Field(ge=0)
    single: int = Field(0, ge=0)

    @property
    def blocks(self) -> int:
        """All blocks."""
        return self.double + self.single


class ModelFamily(Frozen):
    """A base model as data. ``architecture`` names a package of ``pipelines.models``, and is what LoRAs fit;
    ``roles`` are what it can be chosen for; ``lora_targets`` the modules trained; ``modelspec`` is its own name in the
    headers of its LoRAs and ``geometry`` its own shape, where they are not the architecture's; ``recogniser`` and
    ``second_opinion`` name who judges its pictures (``pipelines.faces``).

    ``factor`` is how many pixels of a side one latent stands for. ``text_length`` is the number of tokens of a prompt:
    FLUX pads to it; Qwen pads nothing, there it is the typical length that memory is foretold with. ``world`` names the
    world of drawn people that is all it knows (``pipelines.world``): there strangers can be drawn, and what is true of
    a picture is known.
    """

    name: str
    title: str
    roles: tuple[Role, ...] = Field(min_length=1)
    architecture: str
    revision: str
    licence: str
    licence_note: str = ""
    weights: Weights
    parts: dict[str, Part]
    factor: int = Field(8, ge=1)
    text_length: int = Field(512, ge=1)
    lora_targets: tuple[str, ...]
    defaults: Defaults
    recogniser: str
    second_opinion: str = ""
    world: Literal["", "mini"] = ""
    modelspec: str = ""
    geometry: Geometry | None = None

    @property
    def weights_revision(self) -> str:
        """The revision of the weights alone, without the mark of a user's preset."""
        return self.revision.partition(REVISION_MARK)[0]

    @property
    def multiple(self) -> int:
        """What a side of a picture is a multiple of, pixels: the transformer sees patches of 2 x 2 latents."""
        return 2 * self.factor


def changed_since(family: ModelFamily, revision: str) -> str:
    """Why what was planned at ``revision`` cannot be made with ``family`` any more: a user's preset says something else
    of it by now. Empty when it can, as far as presets go."""
    if family.revision.partition(REVISION_MARK)[2] == revision.partition(REVISION_MARK)[2]:
        return ""
    return (
        f"What the preset of {family.title} says has changed since this was planned, and other pictures would come of"
        " it. Plan it again, or put the preset back: what is made already is kept."
    )


class FaceLines(Frozen):
    """Cosines between two single pictures: the same character from ``same`` on, someone else below ``other``."""

    same: float = Field(ge=-1, le=1)
    other: float = Field(ge=-1, le=1)


class FacePreset(Frozen):
    """A recogniser as data (``pipelines.faces``). ``kind`` is the class that reads it; ``folder`` holds its weights and
    ``heads`` the readers of angle, expression and looks beside it, both relative to ``presets``, or absolute (empty:
    where Settings say, or none). ``thresholds`` are starting values until somebody calibrates (none: those of the
    ``kind``). ``instead`` names the recogniser that judges where the weights of this one are not on disk.
    ``angle_bin``: references at one angle that have a centroid of their own; ``smallest_face``: pixels of the shorter
    side of a face below which nothing is told of it (docs/numbers.md)."""

    name: str
    kind: Literal["insightface", "facenet", "perceptual", "upright", "sface", "look"]
    title: str = ""
    folder: str = ""
    heads: str = ""
    note: str = ""
    instead: str = ""
    angle_bin: int = Field(8, ge=1)
    smallest_face: int = Field(28, ge=0)
    thresholds: FaceLines | None = None


class CatalogueEntry(Frozen):
    """A LoRA of the survey. ``relevance`` 1-5, 0 for unknown; ``suits`` are architectures; ``repo`` is empty where
    nobody but this product has it: then ``shipped`` is its file, relative to ``presets``, and ``editors`` are the model
    presets that it is shown for (none: all). ``weight`` is the strength it starts with, ``sampling`` what it asks
    for."""

    name: str
    repo: str
    file: str = ""
    kind: str
    suits: tuple[str, ...]
    relevance: int = Field(ge=0, le=5)
    card: str = ""
    warning: str = ""
    prompts: tuple[str, ...] = ()
    weight: float = 1.0
    sampling: Sampling = Sampling()
    licence: str = ""
    shipped: str = ""
    editors: tuple[str, ...] = ()


class Edit(Frozen):
    """One value of an enrichment axis, such as angle ``half-left``, and the instruction that asks for it."""

    value: str
    title: str
    prompt: str
    angle: Angle | Literal[""] = ""
    expression: Expression | Literal[""] = ""


class Axis(Frozen):
    """A dimension along which a source is edited, one factor at a time."""

    name: str
    title: str
    edits: tuple[Edit, ...]


class Scenario(Frozen):
    """A prompt template for novel pictures. ``{character}`` is replaced by ``ohwx_char person``; ``pose`` is what a
    whole figure does, of which several scenarios may be pictures."""

    name: str
    title: str
    prompt: str
    angle: Angle | Literal[""] = ""
    expression: Expression | Literal[""] = ""
    focus: Literal["head", "body"] = "head"
    pose: str = ""


class FailureMode(Frozen):
    """Something that is wrong with a picture. ``name`` is what decisions record, ``title`` the words on screen (empty:
    the name), ``key`` the letter that notes it after F."""

    name: str = Field(min_length=1, max_length=80)
    title: str = Field("", max_length=80)
    key: str = Field(pattern=r"^[a-z]$")

    @property
    def words(self) -> str:
        """How it is shown."""
        return self.title or self.name


class CardCell(Frozen):
    """One of the 23 cells of the benchmark. ``name`` is ``front/smiling`` or ``body/sitting``."""

    name: str
    title: str
    prompt: str
    angle: Angle
    expression: Expression | Literal[""] = ""
    pose: str = ""


class CardSpec(Frozen):
    """The benchmark: cells in reading order, the success rate aimed at, its seed."""

    title: str
    target: float
    seed: int
    cells: tuple[CardCell, ...]


class Phase(Frozen):
    """A share of the training steps that looks at pictures of one focus (``all``: every picture)."""

    name: str
    share: float = Field(gt=0, le=1)
    focus: Literal["head", "body", "all"] = "all"


class TrainingSettings(Frozen):
    """Everything a training depends on besides its pictures. ``source_share`` is the sampling weight that sources
    keep in every round (against drift; 0: they count like all others); ``resolution`` is the side of the square area in
    pixels; ``face_weight`` is how much more than the rest the middle of a face counts in the loss (0: all alike);
    ``lr_scheduler``: after ``warmup`` steps the learning rate stays, or falls to zero as a cosine does."""

    rank: int = Field(16, ge=1, le=256)
    alpha: float = Field(16, gt=0, le=10_000)
    learning_rate: float = Field(1e-4, gt=0, lt=1)
    steps: int = Field(1000, ge=1, le=1_000_000)
    batch: int = Field(1, ge=1, le=1024)
    accumulate: int = Field(1, ge=1, le=1024)
    resolution: int = Field(1024, ge=32, le=8192)
    optimizer: Literal["auto", "adamw", "adamw8bit"] = "auto"
    warmup: int = Field(0, ge=0)
    lr_scheduler: Literal["constant", "cosine"] = "constant"
    caption_dropout: float = Field(0.05, ge=0, le=1)
    gradient_checkpointing: bool = True
    save_every: int = Field(250, ge=1)
    sample_every: int = Field(250, ge=1)
    checkpoints_total_limit: int = Field(4, ge=1)
    source_share: float = Field(0.4, ge=0, le=1)
    face_weight: float = Field(0.0, ge=0, le=100)
    seed: int = Field(0, ge=-(2**63), lt=2**63)
    phases: tuple[Phase, ...] = ()


class TrainingPreset(Frozen):
    """Named training settings for one kind of LoRA. ``families`` are the model families it is meant for."""

    name: str
    title: str
    target: Target
    families: tuple[str, ...]
    note: str = ""
    settings: TrainingSettings
