"""Survey: the base and every LoRA stack on the same pictures with the same prompts and the same seeds."""

from collections import Counter
from collections.abc import Callable, Mapping

from pydantic import Field

from pipelines.domain.bounds import Seed, Tries
from pipelines.domain.presets import Axis, CatalogueEntry
from pipelines.domain.records import ImageRecord
from pipelines.domain.shots import LoraStack, Plan, Purpose, Shot
from pipelines.planning import base, references
from pipelines.planning.enrich import prompt_for
from pipelines.planning.references import SeenBeside

Content = tuple[tuple[str, float], ...]


class SurveyChoice(SeenBeside):
    """What to compare. The base without LoRA is always the first column.

    ``axes`` are the standard prompts; ``prompts`` names of these such as ``background/forest`` or instructions in the
    user's own words (empty: all standard ones). Every cell is made with ``seeds`` seeds. ``called``: what columns were
    called when their pictures were made, so that these are known again.
    """

    images: tuple[ImageRecord, ...]
    axes: tuple[Axis, ...]
    stacks: tuple[LoraStack, ...] = ()
    prompts: tuple[str, ...] = ()
    seed: Seed = 0
    seeds: Tries = 1
    called: dict[Content, str] = Field(default_factory=dict)


def plan(choice: SurveyChoice) -> Plan:
    """The plan of a survey, ``kind`` ``survey``: stacks x images x prompts x seeds, column by column.

    The seeds belong to (image, prompt) and not to the stack: in a row of the matrix only the LoRAs differ. Raises
    ChoiceError when the family cannot edit.
    """
    base.need("editor", choice)
    shown = labels(choice.stacks) | choice.called
    shots = [
        _shot(choice, stack, shown[stack.content], image, cell, prompt, variant)
        for stack in columns(choice.stacks)
        for image in choice.images
        for cell, prompt in rows(choice.prompts, choice.axes, choice.told)
        for variant in range(choice.seeds)
    ]
    return base.make_plan(choice, "survey", shots)


def columns(stacks: tuple[LoraStack, ...]) -> tuple[LoraStack, ...]:
    """The columns of the matrix: the base, then every other stack once, in order. What is the same is said by the
    files and their weights, not by their names."""
    return tuple({stack.content: stack for stack in (*reversed(stacks), LoraStack())}.values())[::-1]


def labels(stacks: tuple[LoraStack, ...]) -> dict[Content, str]:
    """What each column is called, by the content of its stack: two files of one name are told apart by the beginnings
    of their hashes."""
    found = columns(stacks)
    often = Counter(stack.label for stack in found)
    return {stack.content: stack.label if often[stack.label] == 1 else _told_apart(stack) for stack in found}


def _told_apart(stack: LoraStack) -> str:
    return " + ".join(f"{a.name} [{a.sha256[:6]}] {a.weight:g}" for a in stack.adapters)


def rows(prompts: tuple[str, ...], axes: tuple[Axis, ...], told: Callable[[str], str] = str) -> list[tuple[str, str]]:
    """Name and instruction of every prompt, those of ``axes`` as ``told`` of the character. Text that names none of
    ``axes`` is an instruction and its own name, so that the names a survey remembers give the same rows again."""
    known = {name: told(prompt_for(edit, "front")) for name, edit in base.edits_by_name(axes).items()}
    if not prompts:
        return list(known.items())
    return [(p, known.get(p, p)) for p in dict.fromkeys(prompts)]


def specialties(
    stacks: tuple[LoraStack, ...], catalogue: tuple[CatalogueEntry, ...], known: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The prompts that the catalogue gives as specialty of the LoRAs in ``stacks``, to be added to the prompts.
    ``known`` says by a file's hash which entry it is, whatever it is called."""
    own = {entry.name: entry.prompts for entry in catalogue}
    entries = ((known or {}).get(a.sha256) or a.name for stack in stacks for a in stack.adapters)
    prompts = (p for name in entries for p in own.get(name, ()))
    return tuple(dict.fromkeys(prompts))


def _shot(
    choice: SurveyChoice, stack: LoraStack, label: str, image: ImageRecord, cell: str, prompt: str, variant: int
) -> Shot:
    labels = {"stack": label, "image": image.id, "prompt": cell}
    edit = base.edits_by_name(choice.axes).get(cell)
    angle, expression = (edit and edit.angle) or image.angle, (edit and edit.expression) or image.expression
    beside = references.chosen(choice, image, angle, expression)
    return base.make_shot(
        choice,
        references.instructed(choice, prompt, beside),
        Purpose(step="survey", cell=f"{image.id[:12]}/{cell}", labels=labels, variant=variant),
        seed=base.shot_seed(choice.seed, f"{image.pixels}/{prompt}", variant),
        stack=stack,
        source=image,
        beside=beside,
        control=choice.control,
    )
