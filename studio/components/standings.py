"""How the stacks of a survey did: averages, and a ranking by how often the identity was right."""

from collections.abc import Sequence

from typing_extensions import TypedDict

from pipelines.domain.rates import wilson
from pipelines.workflow.survey import Standing
from pipelines.workflow.survey_analysis import Pair
from studio.components.painted import Painted


class Averages(TypedDict):
    """A table of text."""

    head: list[str]
    rows: list[list[str]]
    empty: str


class Bar(TypedDict):
    """The share of right pictures of a stack, with its interval."""

    name: str
    rate: float
    low: float
    high: float
    words: str


class Ranking(TypedDict):
    """Stacks, the surest first."""

    bars: list[Bar]
    empty: str


class Standings(Painted):
    """Value: ``rows`` of text cells under ``head``; or, for a ranking, ``bars`` (``name``, ``rate``, ``low``, ``high``,
    ``words``). ``empty`` are words when there is nothing."""

    island = "standings"


HEAD = ("stack", "n", "identity", "stars", "edit", "time", "peak")
PAIRED = ("right in one alone", "identity", "p", "stars", "p")
EMPTY = "When a survey has run, its averages appear here."


def averages(table: Sequence[Standing]) -> Averages:
    """The averages of every stack as a table; the page leaves out columns that nothing was measured of (no peak on a
    CPU, no stars before anybody rated)."""

    def number(value: float | None, form: str) -> str:
        return "" if value is None else format(value, form)

    rows = [
        [
            s.stack,
            str(s.pictures),
            number(s.identity, ".2f"),
            number(s.stars_identity, ".1f"),
            number(s.stars_edit, ".1f"),
            "" if s.seconds is None else f"{s.seconds:.1f} s",
            "" if s.peak_gib is None else f"{s.peak_gib:.1f} GB",
        ]
        for s in table
    ]
    return {"head": list(HEAD), "rows": rows, "empty": EMPTY}


def ranking(table: Sequence[Standing]) -> Ranking:
    """Stacks by the share of pictures whose identity is right, with the 95 % interval (Wilson); the surest first."""
    bars: list[Bar] = []
    for s in (s for s in table if s.measured):
        low, high = wilson(s.right, s.measured)
        words = f"{s.right} of {s.measured} right ({100 * low:.0f}-{100 * high:.0f} %)"
        bars.append({"name": s.stack, "rate": s.right / s.measured, "low": low, "high": high, "words": words})
    bars.sort(key=lambda b: (-b["low"], -b["rate"]))
    return {"bars": bars, "empty": "A ranking needs pictures whose identity was measured."}


def paired(pairs: Sequence[Pair]) -> Averages:
    """Stacks held against each other, two by two, what is surest first."""
    rows = [
        [
            f"{p.first}, {p.second}",
            f"{p.only_first} : {p.only_second}" if p.pairs else "",
            f"{p.p:.2g}" if p.pairs else "",
            f"{p.more_first} : {p.more_second}" if p.rated else "",
            f"{p.p_stars:.2g}" if p.rated else "",
        ]
        for p in sorted(pairs, key=lambda p: p.p)
    ]
    return {"head": list(PAIRED), "rows": rows, "empty": "Two columns with pictures are held against each other here."}
