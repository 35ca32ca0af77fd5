"""Step 1.5: novel pictures of the character by its own LoRA."""

from collections.abc import Iterable

from pipelines.domain.records import Job
from pipelines.domain.shots import LoraStack, Plan
from pipelines.planning import generate
from pipelines.session import Session
from pipelines.workflow import datasets, loras, render


def plan(
    session: Session,
    character_id: str,
    *,
    lora_id: str = "",
    strength: float = 1.0,
    extra: LoraStack | None = None,
    scenarios: Iterable[str] = (),
    prompts: Iterable[str] = (),
    variants: int = 4,
    count: int | None = None,
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
) -> Plan:
    """The plan of a generation with a character LoRA (empty: the base model) and an ``extra`` stack beside it.

    Raises NotFound for an unknown LoRA, ChoiceError for an unknown scenario.
    """
    character = session.character(character_id)
    own = loras.stack(session, [(lora_id, strength)]) if lora_id else LoraStack()
    version = datasets.open_version(session, character_id, "synthetic")
    return generate.plan(
        generate.GenerateChoice(
            character=character,
            family=session.family(character.generator),
            version=version,
            folder=session.workspace.dataset(character_id, "synthetic", version),
            seed=seed,
            steps=steps,
            guidance=guidance,
            offered=session.presets.scenarios,
            scenarios=tuple(scenarios),
            prompts=tuple(p.strip() for p in prompts if p.strip()),
            stack=LoraStack(adapters=(*own.adapters, *(extra.adapters if extra else ()))),
            variants=variants,
            count=count,
        )
    )


def submit(session: Session, plan: Plan, *, preview: bool = False) -> Job:
    """Make the pictures of a plan, or its first four to look at; those count when the rest is made."""
    return render.submit_pictures(session, plan, "Generate", preview=preview)
