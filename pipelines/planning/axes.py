"""Axes of edits: which are offered for an editor, and their edits in words of the user's own."""

import re
from collections.abc import Iterable, Mapping

from pipelines.domain.presets import Axis, Edit, ModelFamily
from pipelines.planning import base

LONGEST = 1000
"""Characters of an instruction."""
FILLED = ("side_zh", "side", "degrees")
"""What stands in braces in the instruction of a turn, and is filled in from the source's own angle."""
_BRACES = re.compile(r"\{([^{}]*)\}")


def offered(axes: Iterable[Axis], family: ModelFamily) -> tuple[Axis, ...]:
    """The axes that an editor can show."""
    return tuple(axis for axis in axes if axis.shown_by(family))


def usual(axes: Iterable[Axis], family: ModelFamily) -> tuple[Axis, ...]:
    """Those of which edits are made where none is named."""
    return tuple(axis for axis in offered(axes, family) if not axis.on_request)


def check(names: Iterable[str], axes: tuple[Axis, ...], family: ModelFamily) -> None:
    """Raises ChoiceError for edits (``axis/value``) that there are not, all at once, and for those that the editor
    cannot show."""
    known = {f"{axis.name}/{edit.value}": axis for axis in axes for edit in axis.edits}
    wanted = list(dict.fromkeys(names))
    wrong = [name for name in wanted if name not in known]
    if wrong:
        raise base.unknown("edit", wrong, [name for name, axis in known.items() if axis.shown_by(family)])
    unseen = [name for name in wanted if not known[name].shown_by(family)]
    if unseen:
        raise base.ChoiceError(
            f"{family.title} knows a world of drawn people that cannot show {', '.join(unseen)}: leave that out, or"
            " choose another editor."
        )


def instruction(text: str) -> tuple[str, str]:
    """The instruction and the words of a caption behind a ``|`` (empty: none) that ``text`` gives. Raises ChoiceError
    for one that says nothing or too much."""
    prompt, _, caption = (part.strip() for part in text.partition("|"))
    if not prompt or len(text) > LONGEST:
        raise base.ChoiceError(
            f"An instruction has 1 to {LONGEST} characters before a | and its caption: {text[:60]!r}."
        )
    return prompt, caption


def reworded(axes: tuple[Axis, ...], words: Mapping[str, str], family: ModelFamily) -> tuple[Axis, ...]:
    """``axes`` with other instructions for some edits, by their names: ``expression/angry`` to ``The person is furious
    | furious``, what captions say of it behind the ``|`` (without: as before). Raises ChoiceError for an unknown edit,
    for no words, and for braces that nobody fills in."""
    check(words, axes, family)
    if not words:
        return axes
    return tuple(
        axis.model_copy(update={"edits": tuple(_said(axis.name, edit, words) for edit in axis.edits)}) for axis in axes
    )


def _said(axis: str, edit: Edit, words: Mapping[str, str]) -> Edit:
    text = words.get(f"{axis}/{edit.value}")
    if text is None:
        return edit
    prompt, caption = instruction(text)
    known = FILLED if edit.angle else ()
    lost = [name for name in _BRACES.findall(prompt) if name not in (*known, "kind")]
    if lost:
        there = f"; {', '.join('{' + name + '}' for name in known)} are known there" if known else ""
        raise base.ChoiceError(f"{axis}/{edit.value}: nobody fills in {{{lost[0]}}} in this instruction{there}.")
    return edit.model_copy(update={"prompt": prompt, "caption": caption or edit.caption})
