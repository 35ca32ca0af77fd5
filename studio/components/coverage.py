"""The coverage grid, angle x expression: a full dot is a cell with pictures, a ring one that the model card needs."""

from collections import Counter
from collections.abc import Iterable

from typing_extensions import TypedDict

from pipelines.domain.scores import ANGLES, EXPRESSIONS
from studio.components.painted import Painted

Cell = tuple[str, str]


class CoverageValue(TypedDict):
    """How many pictures each cell has, by its name."""

    angles: list[str]
    expressions: list[str]
    have: dict[str, int]
    waiting: dict[str, int]
    planned: dict[str, int]


class Coverage(Painted):
    """Value: ``angles``, ``expressions`` (names in order), ``have``, ``waiting``, ``planned`` (cell name to count).

    Event ``pick`` carries ``angle`` and ``expression`` of the cell that was clicked.
    """

    island = "coverage"
    fires = ("pick",)


def grid(have: Iterable[Cell], waiting: Iterable[Cell] = (), planned: Iterable[Cell] = ()) -> CoverageValue:
    """The value of a Coverage: how many pictures each cell has (sources and good ones), how many wait for review, and
    how many are planned. A picture whose angle or expression is unknown fills no cell."""

    def count(cells: Iterable[Cell]) -> dict[str, int]:
        known = Counter(f"{a}/{e}" for a, e in cells if a in ANGLES and e in EXPRESSIONS)
        return dict(known)

    return {
        "angles": list(ANGLES),
        "expressions": list(EXPRESSIONS),
        "have": count(have),
        "waiting": count(waiting),
        "planned": count(planned),
    }
