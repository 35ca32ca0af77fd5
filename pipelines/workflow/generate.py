"""Step 1.5: novel pictures of the character by its own LoRA."""

from collections import Counter
from dataclasses import dataclass, field

from pipelines.domain.records import Job
from pipelines.domain.shots import LoraStack, Plan
from pipelines.planning import generate
from pipelines.session import Session
from pipelines.workflow import datasets, loras, render, review, sources, wildcards


@dataclass(frozen=True)
class GenerateOptions:
    """What to draw: with which LoRA of the character (empty: the base model) at which ``strength``, and the stack
    ``beside`` it. ``variants`` of each scenario and prompt, at most ``count`` in all; ``steps`` and ``guidance`` of
    ``None`` are the model's. ``gaps``: what fills the emptiest cells of the coverage grid first. ``until``: so many
    pictures of Generate are to be good in the end: what is missing is planned, beyond those that wait for review."""

    lora: str = ""
    strength: float = 1.0
    beside: LoraStack = field(default_factory=LoraStack)
    scenarios: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    variants: int = 4
    count: int | None = None
    gaps: bool = False
    until: int | None = None
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None


def plan(session: Session, character_id: str, options: GenerateOptions) -> Plan:
    """The plan of a generation; without a shot where enough is good. Raises NotFound for an unknown LoRA, NotAllowed
    for one that is there twice, ChoiceError for an unknown scenario or wildcard."""
    character = session.character(character_id)
    own = loras.stack(session, [(options.lora, options.strength)]) if options.lora else LoraStack()
    version = datasets.open_version(session, character_id, "synthetic")
    return generate.plan(
        generate.GenerateChoice(
            character=character,
            family=session.family(character.generator),
            version=version,
            folder=session.workspace.dataset(character_id, "synthetic", version),
            seed=options.seed,
            steps=options.steps,
            guidance=options.guidance,
            offered=session.presets.scenarios,
            scenarios=options.scenarios,
            prompts=tuple(p.strip() for p in options.prompts if p.strip()),
            lists=wildcards.lists(session, options.prompts),
            stack=loras.together(own, options.beside),
            variants=options.variants,
            count=options.count,
            have=filled(session, character_id) if options.gaps else None,
            missing=None if options.until is None else missing(session, character_id, options.until).pictures,
            made=_made(session, character_id),
        )
    )


@dataclass(frozen=True)
class Missing:
    """How far it is to ``until`` good pictures of Generate: those that are good, that wait for review, and how many
    ``pictures`` are to be made now."""

    until: int
    good: int
    waiting: int

    @property
    def pictures(self) -> int:
        """How many are to be made: those that wait may turn out good."""
        return max(0, self.until - self.good - self.waiting)

    @property
    def words(self) -> str:
        """As the plan says it."""
        if self.good >= self.until:
            return f"{self.good} of {self.until} are good: there is nothing to make."
        told = f"{self.good} of {self.until} are good, {self.waiting} wait for review"
        if self.pictures:
            return f"{told}: {self.pictures} more are made."
        return f"{told}: review these first."


def missing(session: Session, character_id: str, until: int) -> Missing:
    """How far it is to ``until`` good pictures."""
    good = len(review.good(session, character_id, "synthetic"))
    return Missing(until, good, len(review.undecided(session, character_id, "synthetic")))


def filled(session: Session, character_id: str) -> dict[tuple[str, str], int]:
    """How many pictures each cell of the training set has: sources, good ones, and those that wait for review."""
    have = [*sources.sources(session, character_id)]
    for gate in ("enriched", "synthetic"):
        have += review.good(session, character_id, gate) + review.undecided(session, character_id, gate)
    return dict(Counter(sources.cell_of(image) for image in have))


def _made(session: Session, character_id: str) -> frozenset[str]:
    made = datasets.pictures(session, character_id, "synthetic")
    return frozenset(image.shot.id for image in made if image.shot)


def submit(session: Session, plan: Plan, *, preview: bool = False) -> Job:
    """Make the pictures of a plan, or its first four to look at; those count when the rest is made."""
    return render.submit_pictures(session, plan, "Generate", preview=preview)
