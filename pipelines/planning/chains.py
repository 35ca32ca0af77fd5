"""Chains of edits, as they are named and as they go from one source."""

import re

from pipelines.domain.presets import Axis, Edit
from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import Angle, Expression
from pipelines.domain.shots import THEN
from pipelines.planning import base

MOST = 8
"""Steps of a chain: each is an edit of an edit, and takes something of the character away."""
_BETWEEN = re.compile(r"\s*(?:->|[→>,+;])\s*")
Way = tuple[tuple[Axis, Edit], ...]
"""Edits in their order; one alone is an edit like any other."""


def parse(text: str, axes: tuple[Axis, ...]) -> Way:
    """The chain that ``text`` names: edits in their order, between ``>``, ``->`` or commas. An edit is named whole
    (``angle/profile-left``), or by its value alone where that is of one axis only.

    Raises ChoiceError for an unknown or ambiguous name, and for fewer than two edits.
    """
    names = _BETWEEN.split(text.strip())
    if not 2 <= len(names) <= MOST or not all(names):
        raise base.ChoiceError(
            f"{text.strip() or 'Nothing'!r} is no chain: name 2 to {MOST} edits in their order, such as"
            f" angle/profile-left{THEN}expression/angry."
        )
    return tuple(_edit(name, axes) for name in names)


def _edit(name: str, axes: tuple[Axis, ...]) -> tuple[Axis, Edit]:
    known = {f"{axis.name}/{edit.value}": (axis, edit) for axis in axes for edit in axis.edits}
    if name in known:
        return known[name]
    found = [whole for whole in known if whole.partition("/")[2] == name]
    if len(found) > 1:
        raise base.ChoiceError(f"{name!r} can be {' or '.join(found)}: say which.")
    if not found:
        raise base.unknown("edit", [name], list(known))
    return known[found[0]]


def name_of(way: Way) -> str:
    """``angle/profile-left > expression/angry``: the cell of what the last edit gives."""
    return THEN.join(f"{axis.name}/{edit.value}" for axis, edit in way)


def end(source: ImageRecord, way: Way) -> tuple[Angle, Expression]:
    """Angle and expression that the last edit of ``way`` shows, of a source as it is known."""
    angle, expression = source.angle, source.expression
    for _, edit in way:
        angle, expression = edit.angle or angle, edit.expression or expression
    return angle, expression


def framed(way: Way) -> tuple[str, str]:
    """How much of the figure, and in which pose, the last edit of ``way`` shows; empty where no edit says so."""
    edits = [edit for _, edit in way if edit.framing]
    return (edits[-1].framing, edits[-1].pose) if edits else ("", "")


def shown_of_figure(way: Way) -> dict[str, str]:
    """The same as labels of a shot, with the ``focus`` that trainings go by."""
    framing, pose = framed(way)
    said = {"framing": framing, "pose": pose, "focus": "body" if framing == "full" else ""}
    return {name: word for name, word in said.items() if word}


def needed(source: ImageRecord, way: Way) -> Way:
    """``way`` without the steps that ask for what its picture shows already, when their turn comes."""
    kept: list[tuple[Axis, Edit]] = []
    shown = end(source, ())
    for step in way:
        after = end(source, (*kept, step))
        if after != shown or not (step[1].angle or step[1].expression):
            kept.append(step)
            shown = after
    return tuple(kept)
