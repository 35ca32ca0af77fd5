"""Enrich: a few edits of each source, each along one axis, spread evenly over sources and axes."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pipelines.domain.bounds import Count, Each, Seed
from pipelines.domain.presets import Axis, Edit
from pipelines.domain.records import Angle, ImageRecord
from pipelines.domain.shots import LoraStack, Plan, Purpose, Shot
from pipelines.planning import base, references
from pipelines.planning.references import TURN, SeenBeside

NEARER = 3
"""Of two practice characters 13 of 16 profiles made from the half view beside them showed the same person, 5 of 16 made
from the front, 3 of 16 from the half view of the other side: what hair looks like behind was made up."""


class EnrichChoice(SeenBeside):
    """What to enrich and how.

    ``axes`` are what is offered; ``edits`` cell names of it such as ``angle/half-left`` (empty: all). ``per_source``
    edits are made of each source, and at most ``count`` pictures in all (``None``: no limit). ``gaps``: turns and
    expressions only where no source shows the result, the same angle with the same expression, already: an edit beside
    a true picture teaches a LoRA the editor's mistakes and nothing new. And turns only of the sources that have the
    shortest way to go (fewer than ``NEARER`` others have a shorter one): the farther a head is turned, the more is
    invented.
    """

    sources: tuple[ImageRecord, ...]
    axes: tuple[Axis, ...]
    edits: tuple[str, ...] = ()
    stack: LoraStack = LoraStack()
    seed: Seed = 0
    per_source: Each = 4
    count: Count | None = None
    gaps: bool = False


def plan(choice: EnrichChoice) -> Plan:
    """The plan of an enrichment, ``kind`` ``enriched``.

    A larger ``count`` or ``per_source`` adds shots and keeps those of the smaller one, so that asking for more goes on
    where the last run ended. Raises ChoiceError for unknown edits or a family that cannot edit.
    """
    base.need("editor", choice)
    offered = _chosen_axes(choice.axes, choice.edits)
    shots = [_shot(choice, *pick) for pick in _spread(choice, offered)]
    return base.make_plan(choice, "enriched", shots[: choice.count])


def _chosen_axes(axes: tuple[Axis, ...], names: tuple[str, ...]) -> tuple[Axis, ...]:
    known = base.edits_by_name(axes)
    wrong = [name for name in names if name not in known]
    if wrong:
        raise base.unknown("edit", wrong, list(known))
    wanted = set(names or known)
    reduced = (
        axis.model_copy(update={"edits": tuple(e for e in axis.edits if f"{axis.name}/{e.value}" in wanted)})
        for axis in axes
    )
    return tuple(axis for axis in reduced if axis.edits)


def _spread(choice: EnrichChoice, offered: tuple[Axis, ...]) -> Iterator[tuple[ImageRecord, Axis, Edit]]:
    """Round by round, one edit of each source; every source begins at another axis, so that any prefix is even.

    Within a source an axis comes again only when the others are used up; within an axis the edit used least so far
    is taken.
    """
    used: Counter[tuple[str, str]] = Counter()
    left = {source.id: _worthwhile(source, choice, offered) for source in choice.sources}
    for turn in range(choice.per_source):
        for place, source in enumerate(choice.sources):
            pick = _next_edit(left[source.id], offered, place + turn, used)
            if pick is None:
                continue
            axis, edit = pick
            used[axis.name, edit.value] += 1
            left[source.id][axis.name].remove(edit)
            yield source, axis, edit


def _worthwhile(source: ImageRecord, choice: EnrichChoice, offered: tuple[Axis, ...]) -> dict[str, list[Edit]]:
    """The edits of each axis that ask for something new."""
    others = choice.sources if choice.gaps else ()
    known = {(other.angle, other.expression) for other in others if "unsure" not in (other.angle, other.expression)}
    shown = known | {(source.angle, source.expression)}
    return {
        axis.name: [e for e in axis.edits if _changes(source, e, shown) and _is_near(source, e, others)]
        for axis in offered
    }


def _is_near(source: ImageRecord, edit: Edit, others: Sequence[ImageRecord]) -> bool:
    """False for a turn that at least ``NEARER`` of ``others`` have a shorter way to."""
    own = abs(_turn(edit, source.angle))
    return sum(abs(_turn(edit, other.angle)) < own for other in others) < NEARER


def _turn(edit: Edit, seen_from: Angle) -> int:
    """By how many degrees ``edit`` turns a head, the shorter way round (-180 to 180; > 0: toward the picture's right);
    ``unsure`` counts as front."""
    turn = TURN.get(edit.angle, 0) - TURN.get(seen_from, 0) if edit.angle else 0
    return 180 - (180 - turn) % 360


def _next_edit(
    left: dict[str, list[Edit]], offered: tuple[Axis, ...], start: int, used: Counter[tuple[str, str]]
) -> tuple[Axis, Edit] | None:
    for offset in range(len(offered)):
        axis = offered[(start + offset) % len(offered)]
        if left[axis.name]:
            return axis, min(left[axis.name], key=lambda e: used[axis.name, e.value])
    return None


def _changes(source: ImageRecord, edit: Edit, shown: set[tuple[str, str]]) -> bool:
    """False for an edit that asks for what is ``shown`` already."""
    if not edit.angle and not edit.expression:
        return True
    return (edit.angle or source.angle, edit.expression or source.expression) not in shown


def _shot(choice: EnrichChoice, source: ImageRecord, axis: Axis, edit: Edit) -> Shot:
    cell = f"{axis.name}/{edit.value}"
    labels = {
        "axis": axis.name,
        "value": edit.value,
        "source": source.id,
        "angle": edit.angle or source.angle,
        "expression": edit.expression or source.expression,
    }
    beside = references.chosen(choice, source, edit.angle or source.angle, edit.expression or source.expression)
    return base.make_shot(
        choice,
        references.instructed(choice, choice.told(prompt_for(edit, source.angle)), beside),
        Purpose(step="enrich", cell=cell, labels=labels),
        seed=base.shot_seed(choice.seed, f"{source.pixels}/{cell}"),
        stack=choice.stack,
        source=source,
        beside=beside,
        control=choice.control,
    )


def prompt_for(edit: Edit, seen_from: Angle) -> str:
    """The instruction of ``edit`` for a source that shows the angle ``seen_from`` (``unsure`` counts as front).

    The camera commands turn relative to the picture: a camera that goes round to the left sees the nose move toward
    the image's right.
    """
    if not edit.angle:
        return edit.prompt
    turn = _turn(edit, seen_from)
    side_zh, side = ("左", "left") if turn > 0 else ("右", "right")
    placeholders = {"{side_zh}": side_zh, "{side}": side, "{degrees}": str(abs(turn))}
    prompt = edit.prompt
    for key, value in placeholders.items():
        prompt = prompt.replace(key, value)
    return prompt
