"""What a training set is made of: pictures by angle, each bar cut by origin; and whether the gate is open."""

from collections import Counter
from collections.abc import Iterable

from typing_extensions import TypedDict

from studio.components.painted import Painted


class TallyRow(TypedDict):
    """Pictures of an angle, by origin."""

    name: str
    counts: dict[str, int]


class TallyValue(TypedDict):
    """What a training set is made of."""

    rows: list[TallyRow]
    origins: list[str]
    total: int
    reasons: list[str]
    empty: str


class Tally(Painted):
    """Value: ``rows`` (``name``, ``counts`` by origin), ``origins`` (names in order), ``total``, ``reasons`` (why the
    gate is closed; empty when it is open), ``unit``, ``empty`` (words)."""

    island = "tally"


def tally(cells: Iterable[tuple[str, str]], reasons: Iterable[str], rows: Iterable[str], *, empty: str) -> TallyValue:
    """The value of a Tally from ``(angle, origin)`` of each picture; angles outside ``rows`` come last."""
    counts = Counter(cells)
    origins = list(dict.fromkeys(origin for _, origin in counts))
    names = list(dict.fromkeys((*rows, *(angle for angle, _ in counts))))
    return {
        "rows": [{"name": n, "counts": {o: counts[n, o] for o in origins if counts[n, o]}} for n in names],
        "origins": origins,
        "total": counts.total(),
        "reasons": list(reasons),
        "empty": empty,
    }
