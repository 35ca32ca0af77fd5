"""Step 1.5: novel pictures of the character by its own LoRA."""

from dataclasses import dataclass, field

from pipelines.domain.records import Job
from pipelines.domain.shots import LoraStack, Plan
from pipelines.planning import generate
from pipelines.session import Session
from pipelines.workflow import datasets, loras, render


@dataclass(frozen=True)
class GenerateOptions:
    """What to draw: with which LoRA of the character (empty: the base model) at which ``strength``, and the stack
    ``beside`` it. ``variants`` of each scenario and prompt, at most ``count`` in all; ``steps`` and ``guidance`` of
    ``None`` are the model's."""

    lora: str = ""
    strength: float = 1.0
    beside: LoraStack = field(default_factory=LoraStack)
    scenarios: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    variants: int = 4
    count: int | None = None
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None


def plan(session: Session, character_id: str, options: GenerateOptions) -> Plan:
    """The plan of a generation. Raises NotFound for an unknown LoRA, ChoiceError for an unknown scenario."""
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
            stack=LoraStack(adapters=(*own.adapters, *options.beside.adapters)),
            variants=options.variants,
            count=options.count,
        )
    )


def submit(session: Session, plan: Plan, *, preview: bool = False) -> Job:
    """Make the pictures of a plan, or its first four to look at; those count when the rest is made."""
    return render.submit_pictures(session, plan, "Generate", preview=preview)
