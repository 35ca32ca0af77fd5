"""Presets: what can be said of models, recognisers, trainings, prompts, LoRAs and failure modes, as plain data.

``pipelines.storage.presets`` reads them."""

from typing import Annotated, Literal

from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.records import Target
from pipelines.domain.sampling import Sampling
from pipelines.domain.scores import Angle, Expression, Framing

Role = Literal["generator", "editor"]
"""What a model is chosen for: pictures from words alone, or from pictures and words."""
REVISION_MARK = "~"
"""Stands between the revision of a model's weights and the mark of what a user's preset says of it. No git reference
holds it."""


class Weights(Frozen):
    """Where a model's weights come from. Looked up as a folder in the workspace, then as ``folder`` (relative to
    ``presets``: weights that come with the product; absolute: a user's own), then in the hub cache; obtained from
    ``hub`` by download. ``gib`` is the download's size. ``files`` are files of a user's own by the part that they hold
    (whole paths); a transformer that is called otherwise than the model is named here."""

    folder: str = ""
    hub: str = ""
    gib: float = 0.0
    files: dict[str, str] = Field(default_factory=dict)


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
    a picture is known. ``caption_from``: what captions of its trainings are built from besides what a human said and
    angle and expression: what an edit changed, what is left of a prompt that was not followed in all, and what was
    measured.
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
    caption_from: tuple[Literal["edit", "prompt", "measured"], ...] = ("edit", "prompt", "measured")

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


class PackFile(Frozen):
    """A file of a face pack: its name, bytes and SHA-256 (0 and empty: what its server tells)."""

    name: str
    bytes: int = 0
    sha256: str = ""


class FacePack(Frozen):
    """Weights of a recogniser that can be had by a button: the ``files`` of a repository of the hub (``repo`` at a
    ``revision``), or of the ``archive`` (a ZIP) at ``url``. ``name`` is the folder that they come into, ``licence`` and
    ``licence_note`` are told before anything is fetched."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    title: str
    licence: str
    licence_note: str = ""
    repo: str = ""
    revision: str = "main"
    url: str = ""
    archive: PackFile | None = None
    files: tuple[PackFile, ...]

    @property
    def bytes(self) -> int:
        """What is to be downloaded."""
        return self.archive.bytes if self.archive else sum(file.bytes for file in self.files)


class FacePreset(Frozen):
    """A recogniser as data (``pipelines.faces``). ``kind`` is the class that reads it; ``folder`` holds its weights and
    ``heads`` the readers of angle, expression and looks beside it, both relative to ``presets``, or absolute (empty:
    where Settings say, or none). ``thresholds`` are starting values until somebody calibrates (none: those of the
    ``kind``). ``instead`` names the recogniser that judges where the weights of this one are not on disk.
    ``angle_bin``: references at one angle that have a centroid of their own; ``smallest_face``: pixels of the shorter
    side of a face below which nothing is told of it (docs/numbers.md). ``packs`` are weights that can be fetched for
    it."""

    name: str
    kind: Literal["insightface", "facenet", "perceptual", "upright", "sface", "look", "vision"]
    title: str = ""
    folder: str = ""
    heads: str = ""
    note: str = ""
    instead: str = ""
    angle_bin: int = Field(8, ge=1)
    smallest_face: int = Field(28, ge=0)
    thresholds: FaceLines | None = None
    packs: tuple[FacePack, ...] = ()


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
    """One value of an enrichment axis, such as angle ``half-left``, and the instruction that asks for it. ``caption``
    is how a caption says that a picture shows it (empty: derived from the value, ``planning.captions``). ``framing``
    is how much of the figure it shows, ``pose`` what a whole figure does in it, where it changes these."""

    value: str
    title: str
    prompt: str
    caption: str = ""
    angle: Angle | Literal[""] = ""
    expression: Expression | Literal[""] = ""
    framing: Framing | Literal[""] = ""
    pose: str = ""


class Axis(Frozen):
    """A dimension along which a source is edited, one factor at a time. ``on_request``: its edits are made where they
    are named, not where nothing is. ``worlds`` are the worlds of drawn people (``ModelFamily.world``) that can show it;
    ``None``: all of them, and models that know real pictures show every axis."""

    name: str
    title: str
    edits: tuple[Edit, ...]
    on_request: bool = False
    worlds: tuple[str, ...] | None = None

    def shown_by(self, family: "ModelFamily") -> bool:
        """Whether an editor can make these edits at all."""
        return not family.world or self.worlds is None or family.world in self.worlds


class Framings(Frozen):
    """Edits of how much of the figure is seen."""

    axis: tuple[Axis, ...]


class Scenario(Frozen):
    """A prompt template for novel pictures. ``{character}`` is replaced by ``ohwx_char person``; ``pose`` is what a
    whole figure does, of which several scenarios may be pictures. ``caption`` says what else of it varies, place and
    light, of a picture that does not show all that was asked for (empty: what is left of the prompt)."""

    name: str
    title: str
    prompt: str
    angle: Angle | Literal[""] = ""
    expression: Expression | Literal[""] = ""
    focus: Literal["head", "body"] = "head"
    pose: str = ""
    caption: str = ""


class WildcardList(Frozen):
    """What ``__name__`` stands for in a prompt: one of ``values``."""

    name: str
    title: str = ""
    values: tuple[str, ...] = Field(min_length=1)


class CaptionFactor(Frozen):
    """Something that a caption can speak of: what varies from picture to picture, such as an axis of enrichment of the
    same ``name``, or what ``belongs`` to the character and is never named.

    A part of a caption speaks of the first factor one of whose ``words`` (whole words, in any case) stands in it, else
    of one whose ``openings`` it begins with. ``phrase`` says a ``{value}`` that has no words of its own.
    """

    name: str
    title: str = ""
    words: tuple[str, ...] = ()
    openings: tuple[str, ...] = ()
    phrase: str = ""
    belongs: bool = False


class CharacterKind(Frozen):
    """What a character can be. Instructions are written for a person: of the kinds ``of``, ``words`` are what stands in
    for words of theirs (``{kind}``: the kind itself). The one that is of nothing stands for all others."""

    name: str
    of: tuple[str, ...] = ()
    words: dict[str, str] = Field(default_factory=dict)


class FailureMode(Frozen):
    """Something that is wrong with a picture. ``name`` is what decisions record, ``title`` the words on screen (empty:
    the name), ``key`` the letter that notes it after F. ``factor`` is what a picture with it does not show as it was
    asked for (``CaptionFactor``), so that no caption says so."""

    name: str = Field(min_length=1, max_length=80)
    title: str = Field("", max_length=80)
    key: str = Field(pattern=r"^[a-z]$")
    factor: str = ""

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
    ``lr_scheduler``: after ``warmup`` steps the learning rate stays, or falls to zero as a cosine does. ``smaller``:
    sides below ``resolution`` at which pictures are seen as often as at it. ``ema``: the LoRA that is sampled and kept
    is the moving average of the weights with this decay (0: the weights of the last step)."""

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
    smaller: tuple[Annotated[int, Field(ge=32, le=8192)], ...] = ()
    ema: float = Field(0.0, ge=0, lt=1)

    @property
    def sides(self) -> tuple[int, ...]:
        """Every side that pictures are seen at, ``resolution`` first; a smaller one that is not smaller is none."""
        return (self.resolution, *(side for side in dict.fromkeys(self.smaller) if side < self.resolution))


class TrainingPreset(Frozen):
    """Named training settings for one kind of LoRA. ``families`` are the model families it is meant for.
    ``steps_per_picture`` above 0: as many steps for each picture, from ``fewest`` to ``most``, unless steps are set."""

    name: str
    title: str
    target: Target
    families: tuple[str, ...]
    note: str = ""
    settings: TrainingSettings
    steps_per_picture: int = Field(0, ge=0, le=10_000)
    fewest: int = Field(1000, ge=1)
    most: int = Field(3000, ge=1)

    def steps(self, pictures: int) -> int:
        """The steps of a training on so many pictures."""
        if not self.steps_per_picture or not pictures:
            return self.settings.steps
        return max(self.fewest, min(self.most, self.steps_per_picture * pictures))
