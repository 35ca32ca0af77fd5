"""Presets: plain data over defaults, read from ``presets/*.toml``. Unknown keys are refused; all errors are told."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError

from pipelines.domain.base import Frozen
from pipelines.domain.records import Angle, Expression

PRESETS = Path(__file__).resolve().parents[2] / "presets"

T = TypeVar("T", bound=Frozen)
Role = Literal["generator", "editor"]
"""What a model is chosen for: pictures from words alone, or from pictures and words."""


class PresetError(ValueError):
    """A preset file is broken: the message names the file and every field that is wrong."""


class Weights(Frozen):
    """Where a model's weights come from. Looked up as a folder in the workspace, then as ``folder`` (relative to
    ``presets``: weights that come with the product), then in the hub cache; obtained from ``hub`` by download.
    ``gib`` is the download's size."""

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
    """Starting values of a shot: pixels, steps, guidance scale, and sizes an editor sees its inputs at."""

    width: int
    height: int
    steps: int
    guidance: float
    max_sources: int = 0
    vae_px: int = 0
    condition_px: int = 0


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
    headers of its LoRAs and ``geometry`` its own shape, where they are not the architecture's; ``gate`` and ``second``
    name the recognisers that judge its pictures (``pipelines.faces``).

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
    gate: str
    second: str = ""
    world: Literal["", "mini"] = ""
    modelspec: str = ""
    geometry: Geometry | None = None

    @property
    def multiple(self) -> int:
        """What a side of a picture is a multiple of, pixels: the transformer sees patches of 2 x 2 latents."""
        return 2 * self.factor


class FaceLines(Frozen):
    """Cosines between two single pictures: the same character from ``same`` on, someone else below ``other``."""

    same: float = Field(ge=-1, le=1)
    other: float = Field(ge=-1, le=1)


class FacePreset(Frozen):
    """A recogniser as data (``pipelines.faces``). ``kind`` is the class that reads it; ``folder`` holds its weights and
    ``heads`` the readers of angle, expression and looks beside it, both relative to ``presets`` (empty: where Settings
    say, or none). ``thresholds`` are starting values until somebody calibrates (none: the ``kind``'s own)."""

    name: str
    kind: Literal["insightface", "facenet", "perceptual", "upright"]
    title: str = ""
    folder: str = ""
    heads: str = ""
    note: str = ""
    thresholds: FaceLines | None = None


class CatalogueEntry(Frozen):
    """A LoRA of the survey. ``relevance`` 1-5, 0 for unknown; ``suits`` are architectures; ``repo`` is empty where
    nobody but this product has it: then ``shipped`` is its file, relative to ``presets``, and ``editors`` are the model
    presets that it is shown for (none: all)."""

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
    alpha: float = Field(16, gt=0)
    learning_rate: float = Field(1e-4, gt=0, lt=1)
    steps: int = Field(1000, ge=1)
    batch: int = Field(1, ge=1)
    accumulate: int = Field(1, ge=1)
    resolution: int = Field(1024, ge=32)
    optimizer: Literal["auto", "adamw", "adamw8bit"] = "auto"
    warmup: int = Field(0, ge=0)
    lr_scheduler: Literal["constant", "cosine"] = "constant"
    caption_dropout: float = Field(0.05, ge=0, le=1)
    gradient_checkpointing: bool = True
    save_every: int = Field(250, ge=1)
    sample_every: int = Field(250, ge=1)
    keep: int = Field(4, ge=1)
    source_share: float = Field(0.4, ge=0, le=1)
    face_weight: float = Field(0.0, ge=0, le=100)
    seed: int = 0
    phases: tuple[Phase, ...] = ()


class TrainingPreset(Frozen):
    """Named training settings for one kind of LoRA. ``families`` are the model families it is meant for."""

    name: str
    title: str
    target: Literal["character", "editor"]
    families: tuple[str, ...]
    note: str = ""
    settings: TrainingSettings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PresetError(f"{path.name} is not valid TOML: {error}") from error


def read_one(model: type[T], path: Path) -> T:
    """The file ``path`` as one ``model``. Raises PresetError that tells every field that is wrong."""
    try:
        return model.model_validate(_read(path))
    except ValidationError as error:
        raise PresetError("\n".join([f"{path.name}:", *_lines(error)])) from error


def read_list(model: type[T], path: Path, key: str) -> tuple[T, ...]:
    """The tables ``[[key]]`` of the file ``path``. Raises PresetError that tells every field of every table that is
    wrong, and tables that are not called ``key``."""
    data = _read(path)
    wrong = [f"  {k}: not known here; the file holds [[{key}]] only" for k in data if k != key]
    found: list[T] = []
    for place, entry in enumerate(data.get(key, []), 1):
        try:
            found.append(model.model_validate(entry))
        except ValidationError as error:
            wrong += _lines(error, f"{key} {entry.get('name', place)}: ")
    if wrong:
        raise PresetError("\n".join([f"{path.name}:", *wrong]))
    return tuple(found)


def _lines(error: ValidationError, where: str = "") -> list[str]:
    return [f"  {where}{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]


@cache
def models() -> dict[str, ModelFamily]:
    """All model families by name, in file order. Raises PresetError."""
    families = (read_one(ModelFamily, p) for p in sorted((PRESETS / "models").glob("*.toml")))
    return {family.name: family for family in families}


@cache
def faces() -> dict[str, FacePreset]:
    """All recognisers by name, in file order. Raises PresetError."""
    found = (read_one(FacePreset, p) for p in sorted((PRESETS / "faces").glob("*.toml")))
    return {preset.name: preset for preset in found}


@cache
def catalogue() -> tuple[CatalogueEntry, ...]:
    """The LoRAs of the survey (``presets/loras.toml``)."""
    return read_list(CatalogueEntry, PRESETS / "loras.toml", "lora")


def offered(editor: str) -> tuple[CatalogueEntry, ...]:
    """The catalogue for an editor (a model preset): what was made for it alone, then the others by relevance."""
    shown = (e for e in catalogue() if not e.editors or editor in e.editors)
    return tuple(sorted(shown, key=lambda e: (not e.editors, -e.relevance)))


@cache
def axes(name: str = "edits") -> tuple[Axis, ...]:
    """The enrichment axes, in the order they are offered (``presets/prompts/edits.toml``)."""
    return read_list(Axis, PRESETS / "prompts" / f"{name}.toml", "axis")


@cache
def survey_prompts() -> tuple[Axis, ...]:
    """The survey's standard prompts by axis (``presets/prompts/survey.toml``)."""
    return axes("survey")


@cache
def scenarios() -> tuple[Scenario, ...]:
    """Prompt templates for novel pictures (``presets/prompts/scenarios.toml``)."""
    return read_list(Scenario, PRESETS / "prompts" / "scenarios.toml", "scenario")


@cache
def card() -> CardSpec:
    """The model card's 23 cells (``presets/model_card.toml``)."""
    return read_one(CardSpec, PRESETS / "model_card.toml")


@cache
def trainings() -> dict[str, TrainingPreset]:
    """All training presets by name."""
    files = sorted((PRESETS / "training").glob("*.toml"))
    return {preset.name: preset for p in files for preset in read_list(TrainingPreset, p, "preset")}
