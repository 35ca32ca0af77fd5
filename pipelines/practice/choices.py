"""What a practice run chooses, and the hints at its gates: ``presets/practice.toml``."""

from collections.abc import Iterable
from functools import cache

from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.presets import PRESETS, TrainingSettings, read_one
from pipelines.domain.records import Character, ImageRecord
from pipelines.session import Session
from pipelines.workflow import pristine


class Enrich(Frozen):
    """Which edits, how many of each source, at most how many in all, and whether turns and expressions that a source
    shows are left out."""

    edits: tuple[str, ...]
    per_source: int = Field(ge=1)
    count: int | None = Field(None, ge=1)
    gaps: bool = False


class Prove(Frozen):
    """Which edits prove an editor LoRA, and how many of them; those that were enriched with are left out."""

    edits: tuple[str, ...]
    count: int = Field(ge=1)


class Generate(Frozen):
    """Which scenarios, how many of each, at most how many in all, and at which guidance (none: the model's own)."""

    scenarios: tuple[str, ...]
    variants: int = Field(ge=1)
    count: int | None = Field(None, ge=1)
    guidance: float | None = Field(None, gt=0)


class Train(Frozen):
    """Training presets by target. ``settings`` take the place of the presets' own (to try the wheel with few steps)."""

    character: str
    editor: str
    settings: TrainingSettings | None = None


class Hint(Frozen):
    """What to look at and what to press, at one gate. ``tab`` and ``gate`` say where; ``step`` (of the rail) when: that
    step is the next one. Empty: always."""

    name: str
    tab: str
    gate: str = ""
    step: str = ""
    title: str
    text: str
    keys: tuple[str, ...] = ()


class Choices(Frozen):
    """A practice run as data. ``error``: the share of decisions that the simulated reviewer gets wrong."""

    error: float = Field(ge=0, le=0.5)
    rounds: int = Field(ge=1)
    enrich: Enrich
    prove: Prove
    generate: Generate
    train: Train
    hint: tuple[Hint, ...] = ()


@cache
def choices() -> Choices:
    """The choices that come with FLENwheel. Raises PresetError."""
    return read_one(Choices, PRESETS / "practice.toml")


def choices_for(character: Character | None) -> Choices | None:
    """What ``presets/practice.toml`` chooses and hints at, for a practice character; None for one of one's own."""
    return choices() if character is not None and character.practice is not None else None


def kept_at_once(session: Session, character: Character, candidates: Iterable[ImageRecord]) -> int:
    """How many of the pristine candidates are kept unless the human says otherwise: the best twenty; of a practice
    character all that fill a gap."""
    if character.practice is None:
        return pristine.MOST
    return len(pristine.filling(candidates, pristine.learnt_from(session, character.id))) or pristine.MOST
