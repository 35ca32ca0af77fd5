"""Model card: the 23 cells of the benchmark, the same prompts and seeds for every LoRA version."""

from pipelines.domain.bounds import Seed, Tries
from pipelines.domain.presets import CardCell, CardSpec
from pipelines.domain.shots import LoraStack, Plan, Purpose, Shot
from pipelines.planning import base


class CardChoice(base.Choice):
    """Which LoRA to prove, by which benchmark. ``seed`` of ``None`` is the card's own, the first of ``seeds``;
    ``cells`` empty: all 23."""

    spec: CardSpec
    seed: Seed | None = None
    stack: LoraStack
    cells: tuple[str, ...] = ()
    seeds: Tries = 1


def plan(choice: CardChoice) -> Plan:
    """The plan of a card run, ``kind`` ``card``, cells in reading order, then again for each further seed.

    The seed of a cell depends on the run's seed and the cell alone, so that two LoRA versions, and the first try and
    a repeat, are compared on the same noise. Raises ChoiceError for unknown cells or a family that only edits.
    """
    base.need("generator", choice)
    spec = choice.spec
    known = {cell.name: cell for cell in spec.cells}
    wrong = [name for name in choice.cells if name not in known]
    if wrong:
        raise base.unknown("cell", wrong, list(known))
    seed = spec.seed if choice.seed is None else choice.seed
    wanted = [cell for name, cell in known.items() if not choice.cells or name in choice.cells]
    shots = [_shot(choice, cell, seed, variant) for variant in range(choice.seeds) for cell in wanted]
    return base.make_plan(choice, "card", shots)


def _shot(choice: CardChoice, cell: CardCell, seed: int, variant: int) -> Shot:
    labels = {"angle": cell.angle, "expression": cell.expression, "pose": cell.pose}
    return base.make_shot(
        choice,
        base.with_character(cell.prompt, choice.character),
        Purpose(step="model_card", cell=cell.name, labels={k: v for k, v in labels.items() if v}, variant=variant),
        seed=base.shot_seed(seed, cell.name, variant),
        stack=choice.stack,
    )
