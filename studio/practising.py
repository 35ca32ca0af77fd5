"""Whether the character that is worked on is one to practise with, and what is chosen for it then."""

from collections.abc import Iterable

from pipelines.desk import Desk
from pipelines.library.records import Character, ImageRecord
from pipelines.practice.choices import Choices, choices
from pipelines.steps import practice, pristine
from studio.context import Studio


def practised(studio: Studio) -> Choices | None:
    """What ``presets/practice.toml`` chooses and hints at, for a practice character; None for one of one's own."""
    here = studio.character
    return choices() if here is not None and practice.number(here) is not None else None


def kept_at_once(desk: Desk, character: Character, candidates: Iterable[ImageRecord]) -> int:
    """How many of the pristine candidates are kept unless the human says otherwise: the best twenty; of a practice
    character all that fill a gap."""
    if practice.number(character) is None:
        return pristine.MOST
    return len(pristine.filling(candidates, pristine.learnt_from(desk, character.id))) or pristine.MOST
