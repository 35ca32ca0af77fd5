"""Generate: novel pictures of the character, scenario by scenario, several variants each."""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import count, islice
from typing import Annotated

from pydantic import Field

from pipelines.domain.base import content_hash
from pipelines.domain.bounds import Count, Each, Seed
from pipelines.domain.presets import Scenario
from pipelines.domain.shots import LoraStack, Plan, Purpose, Shot
from pipelines.planning import base
from pipelines.planning.wildcards import expanded

MOST = 100_000
"""Pictures of a plan (``domain.bounds.Count``)."""


class GenerateChoice(base.Choice):
    """What to draw.

    ``offered`` are the presets and ``scenarios`` names of them; ``prompts`` the user's own, with or without
    ``{character}``. Both empty: all scenarios. ``lists`` are what wildcards in prompts are chosen from. ``variants``
    pictures are made of each, and at most ``count`` in all (``None``: no limit).

    ``have``: how many pictures there are of each cell (angle and expression, or ``body`` and a pose); where it is
    given, what shows the emptiest cell comes first, again and again. ``missing``: so many pictures, of as many variants
    as that takes. Either plans what is not ``made`` yet (ids of shots) alone.
    """

    offered: tuple[Scenario, ...]
    scenarios: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    lists: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    stack: LoraStack = LoraStack()
    seed: Seed = 0
    variants: Each = 4
    count: Count | None = None
    have: dict[tuple[str, str], int] | None = None
    missing: Annotated[int, Field(ge=0)] | None = None
    made: frozenset[str] = frozenset()


def plan(choice: GenerateChoice) -> Plan:
    """The plan of a generation, ``kind`` ``synthetic``: every scenario once, then again for the next variant, so
    that a run cut short has seen them all; or what fills the gaps first. Raises ChoiceError for unknown scenarios and
    wildcards, or a family that only edits."""
    base.need("generator", choice)
    asked = _presets(choice) + [_own(p) for p in dict.fromkeys(choice.prompts)]
    new_ones = choice.have is not None or choice.missing is not None
    shots = [_variants(choice, scenario, choice.made if new_ones else frozenset()) for scenario in asked]
    order = _evenly(shots) if choice.have is None else _gaps_first(asked, shots, choice.have)
    most = choice.variants * len(asked) if choice.missing is None else choice.missing
    return base.make_plan(choice, "synthetic", list(islice(order, min(most, choice.count or MOST))))


def _variants(choice: GenerateChoice, scenario: Scenario, made: frozenset[str]) -> Iterator[Shot]:
    shots = (_shot(choice, scenario, variant) for variant in count())
    return (shot for shot in shots if shot.id not in made)


def _evenly(shots: list[Iterator[Shot]]) -> Iterator[Shot]:
    while shots:
        yield from map(next, shots)


def _gaps_first(
    asked: list[Scenario], shots: list[Iterator[Shot]], have: Mapping[tuple[str, str], int]
) -> Iterator[Shot]:
    """Again and again what shows the cell that has least, counting what was taken before; of equals what was taken
    least often, then in order. What shows no cell fills none: it comes once all cells have what the fullest had."""
    cells = [("body", s.pose) if s.focus == "body" else (s.angle, s.expression) for s in asked]
    filled = Counter(have)
    full = max((filled[cell] for cell in cells if all(cell)), default=0)
    filled |= {cell: full for cell in cells if not all(cell)}
    taken = [0] * len(asked)
    while asked:
        place = min(range(len(asked)), key=lambda n: (filled[cells[n]], taken[n], n))
        yield next(shots[place])
        filled[cells[place]] += 1
        taken[place] += 1


def _presets(choice: GenerateChoice) -> list[Scenario]:
    known = {s.name: s for s in choice.offered}
    wrong = [name for name in choice.scenarios if name not in known]
    if wrong:
        raise base.unknown("scenario", wrong, list(known))
    if choice.scenarios or choice.prompts:
        return [known[name] for name in dict.fromkeys(choice.scenarios)]
    return list(known.values())


def _own(prompt: str) -> Scenario:
    return Scenario(name=f"own/{content_hash(prompt)[:8]}", title=prompt[:60], prompt=prompt)


def _shot(choice: GenerateChoice, scenario: Scenario, variant: int) -> Shot:
    labels = {"scenario": scenario.name, "focus": scenario.focus}
    told = {"angle": scenario.angle, "expression": scenario.expression, "pose": scenario.pose}
    labels |= {name: value for name, value in told.items() if value}
    seed = base.shot_seed(choice.seed, scenario.name, variant)
    return base.make_shot(
        choice,
        base.with_character(expanded(scenario.prompt, choice.lists, seed), choice.character),
        Purpose(step="generate", cell=scenario.name, labels=labels, variant=variant),
        seed=seed,
        stack=choice.stack,
    )
