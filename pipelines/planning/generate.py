"""Generate: novel pictures of the character, scenario by scenario, several variants each."""

from pipelines.domain.base import content_hash
from pipelines.domain.bounds import Count, Each, Seed
from pipelines.domain.presets import Scenario
from pipelines.domain.shots import LoraStack, Plan, Purpose, Shot
from pipelines.planning import base


class GenerateChoice(base.Choice):
    """What to draw.

    ``offered`` are the presets and ``scenarios`` names of them; ``prompts`` the user's own, with or without
    ``{character}``. Both empty: all scenarios. ``variants`` pictures are made of each, and at most ``count`` in all
    (``None``: no limit).
    """

    offered: tuple[Scenario, ...]
    scenarios: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    stack: LoraStack = LoraStack()
    seed: Seed = 0
    variants: Each = 4
    count: Count | None = None


def plan(choice: GenerateChoice) -> Plan:
    """The plan of a generation, ``kind`` ``synthetic``: every scenario once, then again for the next variant, so
    that a run cut short has seen them all. Raises ChoiceError for unknown scenarios or a family that only edits."""
    base.need("generator", choice)
    asked = _presets(choice) + [_own(p) for p in dict.fromkeys(choice.prompts)]
    shots = [_shot(choice, scenario, variant) for variant in range(choice.variants) for scenario in asked]
    return base.make_plan(choice, "synthetic", shots[: choice.count])


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
    return base.make_shot(
        choice,
        base.with_character(scenario.prompt, choice.character),
        Purpose(step="generate", cell=scenario.name, labels=labels, variant=variant),
        seed=base.shot_seed(choice.seed, scenario.name, variant),
        stack=choice.stack,
    )
