"""Step 1.5: novel pictures of the character by its own LoRA."""

from collections.abc import Iterable

from pipelines.desk import Desk
from pipelines.library.records import Job
from pipelines.plans import generate
from pipelines.shots import LoraStack, Plan
from pipelines.steps import datasets, loras, render


def plan(
    desk: Desk,
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
    character = desk.character(character_id)
    own = loras.stack(desk, [(lora_id, strength)]) if lora_id else LoraStack()
    version = datasets.open_version(desk, character_id, "synthetic")
    return generate.plan(
        generate.GenerateChoice(
            character=character,
            family=desk.family(character.generator),
            version=version,
            folder=desk.workspace.dataset(character_id, "synthetic", version),
            seed=seed,
            steps=steps,
            guidance=guidance,
            scenarios=tuple(scenarios),
            prompts=tuple(p.strip() for p in prompts if p.strip()),
            stack=LoraStack(adapters=(*own.adapters, *(extra.adapters if extra else ()))),
            variants=variants,
            count=count,
        )
    )


def submit(desk: Desk, plan: Plan, *, preview: bool = False) -> Job:
    """Make the pictures of a plan, or its first four to look at; those count when the rest is made."""
    return render.submit_pictures(desk, plan, "Generate", preview=preview)
