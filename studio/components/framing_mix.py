"""How many pictures show a face, an upper body, a whole figure; a mark at the third that is aimed at."""

from typing_extensions import TypedDict

from pipelines.workflow.framing import FRAMINGS, TITLES, Mix
from studio.components.painted import Painted


class MixRow(TypedDict):
    """Pictures of a framing: there, to review, planned."""

    name: str
    title: str
    have: int
    waiting: int
    planned: int
    lacking: bool


class MixValue(TypedDict):
    """The mix of framings; no rows while there are no pictures. ``unknown``: of how many nobody knows."""

    rows: list[MixRow]
    unknown: int


class FramingMix(Painted):
    """Value: ``rows`` (``name``, ``title``, ``have``, ``waiting``, ``planned``, ``lacking``), ``unknown``."""

    island = "framing-mix"


def mixed(found: Mix | None) -> MixValue:
    """The value of a FramingMix."""
    if found is None or not any(sum(part.values()) for part in (found.have, found.waiting, found.planned)):
        return {"rows": [], "unknown": 0}
    rows = [
        MixRow(
            name=f, title=TITLES[f], have=found.have[f], waiting=found.waiting[f], planned=found.planned[f],
            lacking=f in found.lacking,
        )
        for f in FRAMINGS
    ]  # fmt: skip
    return {"rows": rows, "unknown": found.have["unsure"] + found.waiting["unsure"] + found.planned["unsure"]}
