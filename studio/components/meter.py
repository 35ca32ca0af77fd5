"""A bar against a limit: predicted memory by part against the card."""

from typing_extensions import TypedDict

from studio.components.painted import Painted


class MeterPart(TypedDict):
    """A part of what is predicted."""

    name: str
    gib: float


class MeterValue(TypedDict):
    """Parts against a limit, GiB."""

    parts: list[MeterPart]
    total: float
    fits: bool
    words: str
    unproven: str


class Meter(Painted):
    """Value: ``parts`` (``name``, ``gib``), ``total`` (GiB of the card, 0 when unknown), ``fits``, ``words``."""

    island = "meter"


def meter(parts: dict[str, float], total: float, fits: bool, words: str, unproven: str = "") -> MeterValue:
    """The value of a Meter; parts too small to see are added up as ``other``. ``unproven``: what keeps one from saying
    that it fits although it would by its numbers."""
    whole = max(total, sum(parts.values()), 1e-9)
    large = {name: gib for name, gib in parts.items() if gib / whole >= 0.015}
    rest = sum(parts.values()) - sum(large.values())
    shown: list[MeterPart] = [{"name": name, "gib": gib} for name, gib in large.items()]
    if rest > 1e-9:
        shown.append({"name": "other", "gib": rest})
    return {"parts": shown, "total": total, "fits": fits, "words": words, "unproven": unproven}
