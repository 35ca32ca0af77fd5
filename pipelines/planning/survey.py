"""Survey: the base and every LoRA stack on the same pictures with the same prompts and the same seeds."""

from pipelines.domain.bounds import Seed
from pipelines.domain.presets import Axis, CatalogueEntry
from pipelines.domain.records import ImageRecord
from pipelines.domain.shots import LoraStack, Plan, Purpose, Shot
from pipelines.planning import base
from pipelines.planning.enrich import prompt_for


class SurveyChoice(base.Choice):
    """What to compare. The base without LoRA is always the first column.

    ``axes`` are the standard prompts; ``prompts`` names of these such as ``background/forest`` or instructions in the
    user's own words (empty: all standard ones).
    """

    images: tuple[ImageRecord, ...]
    axes: tuple[Axis, ...]
    stacks: tuple[LoraStack, ...] = ()
    prompts: tuple[str, ...] = ()
    seed: Seed = 0


def plan(choice: SurveyChoice) -> Plan:
    """The plan of a survey, ``kind`` ``survey``: stacks x images x prompts, column by column.

    The seed belongs to (image, prompt) and not to the stack: in a row of the matrix only the LoRAs differ. Raises
    ChoiceError when the family cannot edit.
    """
    base.need("editor", choice)
    shots = [
        _shot(choice, stack, image, cell, prompt)
        for stack in columns(choice.stacks)
        for image in choice.images
        for cell, prompt in rows(choice.prompts, choice.axes)
    ]
    return base.make_plan(choice, "survey", shots)


def columns(stacks: tuple[LoraStack, ...]) -> tuple[LoraStack, ...]:
    """The columns of the matrix: the base, then every other stack once, in order."""
    return tuple(dict.fromkeys((LoraStack(), *stacks)))


def rows(prompts: tuple[str, ...], axes: tuple[Axis, ...]) -> list[tuple[str, str]]:
    """Name and instruction of every prompt. Text that names none of ``axes`` is an instruction and its own name, so
    that the names a survey remembers give the same rows again."""
    known = {name: prompt_for(edit, "front") for name, edit in base.edits_by_name(axes).items()}
    if not prompts:
        return list(known.items())
    return [(p, known.get(p, p)) for p in dict.fromkeys(prompts)]


def specialties(stacks: tuple[LoraStack, ...], catalogue: tuple[CatalogueEntry, ...]) -> tuple[str, ...]:
    """The prompts that the catalogue gives as specialty of the LoRAs in ``stacks``, to be added to the prompts."""
    own = {entry.name: entry.prompts for entry in catalogue}
    prompts = (p for stack in stacks for adapter in stack.adapters for p in own.get(adapter.name, ()))
    return tuple(dict.fromkeys(prompts))


def _shot(choice: SurveyChoice, stack: LoraStack, image: ImageRecord, cell: str, prompt: str) -> Shot:
    labels = {"stack": stack.label, "image": image.id, "prompt": cell}
    return base.make_shot(
        choice,
        prompt,
        Purpose(step="survey", cell=f"{image.id[:12]}/{cell}", labels=labels),
        seed=base.shot_seed(choice.seed, f"{image.pixels}/{prompt}"),
        stack=stack,
        source=image,
    )
