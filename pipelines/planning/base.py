"""What every plan has in common: the choice, the seed of a shot, the size of a shot, the words of a prompt."""

import hashlib
from collections.abc import Iterable, Sequence

from pipelines.domain.base import Frozen
from pipelines.domain.bounds import Guidance, Steps
from pipelines.domain.presets import Axis, CharacterKind, Edit, ModelFamily
from pipelines.domain.records import Character, ImageRecord
from pipelines.domain.sampling import Sampling
from pipelines.domain.shots import Chain, LoraStack, Plan, Purpose, Shot
from pipelines.domain.spelling import says
from pipelines.models import registry
from pipelines.planning import sampling
from pipelines.planning.kinds import of_kind


class ChoiceError(ValueError):
    """A choice cannot be planned: the message says what is wrong and what can be chosen."""


class Choice(Frozen):
    """What every step lets the user choose. ``version`` and ``folder`` name where the pictures go.

    ``steps`` and ``guidance`` of ``None`` are what the LoRAs of a shot ask for (Lightning: 4 steps, guidance 1), else
    the family's defaults. ``kinds`` say how instructions that are written for a person are said of others.
    """

    character: Character
    kinds: tuple[CharacterKind, ...] = ()
    family: ModelFamily
    version: str
    folder: str
    steps: Steps | None = None
    guidance: Guidance | None = None

    def told(self, instruction: str) -> str:
        """A preset's instruction to the editor, for what the character is."""
        return of_kind(instruction, self.character.kind, self.kinds)


def shot_seed(base: int, cell: str, variant: int = 0) -> int:
    """The seed of one shot, 0 to 2**32 - 1: a hash of the run's seed, the cell and the variant.

    A shot keeps its seed when others are added to the plan or taken out of it.
    """
    digest = hashlib.sha256(f"{base}/{cell}/{variant}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


def size_like(source: ImageRecord | None, family: ModelFamily) -> tuple[int, int]:
    """Width and height in pixels: the family's area in the proportions of ``source``, exactly as its pipeline will see
    ``source`` (an edit must neither squeeze nor shift it)."""
    width, height = family.defaults.width, family.defaults.height
    if source is None:
        return width, height
    return size_of_edit((source.width, source.height), family)


def size_of_edit(size: tuple[int, int], family: ModelFamily) -> tuple[int, int]:
    """Width and height in pixels of an edit of a picture of ``size``."""
    architecture, area = registry.of(family), family.defaults.width * family.defaults.height
    return architecture.edit_size(*size, area, architecture.multiple(family))


def make_shot(
    choice: Choice,
    prompt: str,
    purpose: Purpose,
    *,
    seed: int,
    stack: LoraStack,
    source: ImageRecord | None = None,
    size: tuple[int, int] | None = None,
    beside: Iterable[ImageRecord] = (),
    control: ImageRecord | None = None,
) -> Shot:
    """A shot with what its LoRAs ask for, else the family's defaults, where the choice says nothing else. ``size``
    (pixels) is that of a source that is not made yet. Raises ChoiceError when they disagree."""
    defaults = choice.family.defaults
    asked = _asked(choice, stack)
    width, height = size_of_edit(size, choice.family) if size else size_like(source, choice.family)
    return Shot(
        family=choice.family.name,
        revision=choice.family.revision,
        prompt=prompt,
        sources=tuple(image.ref for image in ([source] if source else []) + list(beside)),
        stack=stack,
        seed=seed,
        steps=asked.steps or defaults.steps,
        guidance=defaults.guidance if asked.guidance is None else asked.guidance,
        width=width,
        height=height,
        schedule=asked.schedule,
        control=control.ref if control else None,
        purpose=purpose,
    )


def _asked(choice: Choice, stack: LoraStack) -> Sampling:
    try:
        asked = sampling.asked(stack, steps=choice.steps, guidance=choice.guidance)
        sampling.check(choice.family, asked.schedule)
    except sampling.SamplingConflict as conflict:
        raise ChoiceError(str(conflict)) from conflict
    return asked


def make_plan(choice: Choice, kind: str, shots: list[Shot], chains: Sequence[Chain] = (), tries: int = 1) -> Plan:
    """The plan of ``shots``, each with ``tries`` seeds, and of the ``chains`` that go on from them; the same shot
    planned twice is one picture."""
    unique = {made.id: made for shot in shots for made in (shot.tried(number) for number in range(tries))}
    linked = {(chain.first, *(step.id for step in chain.then)): chain for chain in chains}
    return Plan(
        character=choice.character.id,
        kind=kind,
        version=choice.version,
        folder=choice.folder,
        shots=tuple(unique.values()),
        chains=tuple(linked.values()),
        tries=tries,
    )


def need(role: str, choice: Choice) -> None:
    """Raise ChoiceError unless the family is of ``role`` (``generator`` or ``editor``)."""
    if role not in choice.family.roles:
        article = "an" if role == "editor" else "a"
        raise ChoiceError(f"{choice.family.title} is not {article} {role}: choose {article} {role} for this step.")


def with_character(prompt: str, character: Character) -> str:
    """Put the character into a prompt: ``{character}`` is replaced; a prompt that does not name it is led by it.

    A LoRA answers to its trigger words, so that a prompt without them would draw somebody else.
    """
    if "{character}" in prompt:
        return prompt.replace("{character}", character.instance)
    return prompt if says(prompt, character.token) else f"{character.instance}, {prompt}"


def edits_by_name(axes: tuple[Axis, ...]) -> dict[str, Edit]:
    """All edits of ``axes`` by cell name, ``angle/half-left``, in the order they are offered."""
    return {f"{axis.name}/{edit.value}": edit for axis in axes for edit in axis.edits}


def unknown(what: str, names: list[str], known: list[str]) -> ChoiceError:
    """The error for names that no preset has: all of them at once, with what there is."""
    return ChoiceError(f"No {what} named {', '.join(names)}. There is: {', '.join(known)}.")
