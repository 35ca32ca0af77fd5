"""Enrich: a few edits of each source, each along one axis, spread evenly over sources and axes; and chains of edits."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import Field

from pipelines.domain.base import content_hash
from pipelines.domain.bounds import Count, Each, Seed, Tries
from pipelines.domain.presets import Axis, Edit
from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import Angle
from pipelines.domain.shots import Chain, LoraStack, Plan, Purpose, Shot
from pipelines.planning import axes as axes_of
from pipelines.planning import base, chains, references
from pipelines.planning.chains import Way
from pipelines.planning.references import TURN, SeenBeside

OWN = "own"
"""The axis of the user's own instructions."""
NEARER = 3
"""Of two practice characters 13 of 16 profiles made from the half view beside them showed the same person, 5 of 16 made
from the front, 3 of 16 from the half view of the other side: what hair looks like behind was made up."""


class EnrichChoice(SeenBeside):
    """What to enrich and how.

    ``axes`` are what is offered; ``edits`` cell names of it such as ``angle/half-left`` (empty: all that are usual,
    unless there are ``chains``: edits in their order, ``angle/profile-left > expression/angry``, of which each is made
    of what the one before gave; or ``instructions``: the user's own words, after a ``|`` those of a caption). ``words``
    are other instructions for edits, by their names. ``per_source`` edits or chains are made of each source, each
    ``best_of`` times with another seed, and at most ``count`` pictures in all (``None``: no limit), no chain in part.
    ``gaps``: turns and expressions only where no source shows the result, the same angle with the same expression,
    already: an edit beside a true picture teaches a LoRA the editor's mistakes and nothing new. And turns only of the
    sources that have the shortest way to go (fewer than ``NEARER`` others have a shorter one): the farther a head is
    turned, the more is invented.
    """

    sources: tuple[ImageRecord, ...]
    axes: tuple[Axis, ...]
    edits: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    words: dict[str, str] = Field(default_factory=dict)
    stack: LoraStack = LoraStack()
    seed: Seed = 0
    per_source: Each = 4
    best_of: Tries = 1
    count: Count | None = None
    gaps: bool = False


@dataclass(frozen=True)
class _Offer:
    """What a source can be edited along: an axis with its edits, or all the chains."""

    name: str
    ways: tuple[Way, ...]


def plan(choice: EnrichChoice) -> Plan:
    """The plan of an enrichment, ``kind`` ``enriched``.

    A larger ``count`` or ``per_source`` adds shots and keeps those of the smaller one, so that asking for more goes on
    where the last run ended. Raises ChoiceError for unknown edits, a chain that is none, or a family that cannot edit.
    """
    base.need("editor", choice)
    choice = choice.model_copy(update={"axes": axes_of.reworded(choice.axes, choice.words, choice.family)})
    shots: dict[str, Shot] = {}
    links: list[Chain] = []
    planned: set[str] = set()
    for source, way in _spread(choice, _offers(choice)):
        first, *then = _shots(choice, source, way)
        planned |= {first.id, *(step.id for step in then)}
        if choice.count is not None and len(planned) * choice.best_of > choice.count:
            _refuse_too_few(choice, len(then) + 1, shots)
            break
        shots.setdefault(first.id, first)
        links += [Chain(first=first.id, then=tuple(then))] if then else []
    return base.make_plan(choice, "enriched", list(shots.values()), links, tries=choice.best_of)


def _refuse_too_few(choice: EnrichChoice, steps: int, shots: dict[str, Shot]) -> None:
    if shots:
        return
    each = "A chain makes a picture at each step" if steps > 1 else "Each edit is made"
    tries = f" {choice.best_of} times" if choice.best_of > 1 else ""
    raise base.ChoiceError(f"{each}{tries}, and only {choice.count} may be made: allow more.")


def _offers(choice: EnrichChoice) -> list[_Offer]:
    """The chosen edits by axis, and the chains."""
    others = choice.chains or choice.instructions
    axes = () if others and not choice.edits else _chosen_axes(choice)
    own = own_axis(choice.instructions)
    axes = (*axes, own) if own.edits else axes
    offers = [_Offer(axis.name, tuple(((axis, edit),) for edit in axis.edits)) for axis in axes]
    ways = {chains.name_of(way): way for way in (chains.parse(text, choice.axes) for text in choice.chains)}
    axes_of.check(
        (f"{axis.name}/{edit.value}" for way in ways.values() for axis, edit in way), choice.axes, choice.family
    )
    return [*offers, *([_Offer("", tuple(ways.values()))] if ways else [])]


def own_axis(instructions: Sequence[str]) -> Axis:
    """The user's own instructions as an axis: ``give her a red hat | wearing a red hat``, the instruction word for word
    and what a caption says of it. Raises ChoiceError for one that says nothing."""
    edits: dict[str, Edit] = {}
    for text in instructions:
        prompt, caption = axes_of.instruction(text)
        value = content_hash(prompt)[:8]
        edits[value] = Edit(value=value, title=prompt[:60], prompt=prompt, caption=caption or prompt.rstrip("."))
    return Axis(name=OWN, title="Own instructions", edits=tuple(edits.values()))


def _chosen_axes(choice: EnrichChoice) -> tuple[Axis, ...]:
    if not choice.edits:
        return axes_of.usual(choice.axes, choice.family)
    axes_of.check(choice.edits, choice.axes, choice.family)
    reduced = (
        axis.model_copy(update={"edits": tuple(e for e in axis.edits if f"{axis.name}/{e.value}" in choice.edits)})
        for axis in choice.axes
    )
    return tuple(axis for axis in reduced if axis.edits)


def _spread(choice: EnrichChoice, offers: list[_Offer]) -> Iterator[tuple[ImageRecord, Way]]:
    """Round by round, one edit of each source; every source begins at another axis, so that any prefix is even.

    Within a source an axis comes again only when the others are used up; within an axis the edit used least so far
    is taken. The chains together count as an axis.
    """
    used: Counter[str] = Counter()
    left = {source.id: _worthwhile(source, choice, offers) for source in choice.sources}
    for turn in range(choice.per_source):
        for place, source in enumerate(choice.sources):
            pick = _next_way(left[source.id], offers, place + turn, used)
            if pick is None:
                continue
            offer, way = pick
            used[chains.name_of(way)] += 1
            left[source.id][offer].remove(way)
            yield source, chains.needed(source, way) if len(way) > 1 else way


def _worthwhile(source: ImageRecord, choice: EnrichChoice, offers: list[_Offer]) -> dict[str, list[Way]]:
    """The edits of each axis that ask for something new."""
    others = choice.sources if choice.gaps else ()
    known = {(other.angle, other.expression) for other in others if "unsure" not in (other.angle, other.expression)}
    shown = known | {(source.angle, source.expression)}
    return {
        offer.name: [w for w in offer.ways if _changes(source, w, shown) and _is_near(source, w, others)]
        for offer in offers
    }


def _is_near(source: ImageRecord, way: Way, others: Sequence[ImageRecord]) -> bool:
    """False for a turn that at least ``NEARER`` of ``others`` have a shorter way to."""
    turns = [edit for _, edit in way if edit.angle]
    if not turns:
        return True
    own = abs(_turn(turns[-1], source.angle))
    return sum(abs(_turn(turns[-1], other.angle)) < own for other in others) < NEARER


def _turn(edit: Edit, seen_from: Angle) -> int:
    """By how many degrees ``edit`` turns a head, the shorter way round (-180 to 180; > 0: toward the picture's right);
    ``unsure`` counts as front."""
    turn = TURN.get(edit.angle, 0) - TURN.get(seen_from, 0) if edit.angle else 0
    return 180 - (180 - turn) % 360


def _next_way(
    left: dict[str, list[Way]], offers: list[_Offer], start: int, used: Counter[str]
) -> tuple[str, Way] | None:
    for offset in range(len(offers)):
        offer = offers[(start + offset) % len(offers)]
        if left[offer.name]:
            return offer.name, min(left[offer.name], key=lambda way: used[chains.name_of(way)])
    return None


def _changes(source: ImageRecord, way: Way, shown: set[tuple[str, str]]) -> bool:
    """False for what asks for what is ``shown`` already."""
    framing, pose = chains.framed(way)
    if pose or framing not in ("", source.framing):
        return True
    if not any(edit.angle or edit.expression or edit.framing for _, edit in way):
        return True
    return chains.end(source, way) not in shown


def _shots(choice: EnrichChoice, source: ImageRecord, way: Way) -> list[Shot]:
    """The shot of an edit, or of each step of a chain; those after the first are without their source. Every beginning
    of a chain is planned alike, whatever follows, so that it is made once. What else the editor sees is beside the
    source itself, so not beside what a chain has made of it."""
    shots: list[Shot] = []
    size = (source.width, source.height)
    for number in range(1, len(way) + 1):
        done, (axis, edit) = way[: number - 1], way[number - 1]
        seen_from, _ = chains.end(source, done)
        angle, expression = chains.end(source, way[:number])
        cell = chains.name_of(way[:number])
        words = prompt_for(edit, seen_from)
        beside = () if done else references.chosen(choice, source, angle, expression)
        labels = {
            "axis": axis.name,
            "value": edit.value,
            "source": source.id,
            "angle": angle,
            "expression": expression,
        }
        if axis.name == OWN or f"{axis.name}/{edit.value}" in choice.words:
            labels["caption"] = edit.caption
        labels |= chains.shown_of_figure(way[:number])
        shot = base.make_shot(
            choice,
            references.instructed(choice, words if axis.name == OWN else choice.told(words), beside),
            Purpose(step="enrich", cell=cell, labels=labels),
            seed=base.shot_seed(choice.seed, f"{source.pixels}/{cell}"),
            stack=choice.stack,
            source=None if done else source,
            size=size,
            beside=beside,
            control=None if done else choice.control,
        )
        size = (shot.width, shot.height)
        shots.append(shot)
    return shots


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
