"""Whether the character that is worked on is one to practise with, and what is chosen for it then."""

from collections.abc import Iterable

from pipelines.domain.records import Character, ImageRecord
from pipelines.practice.choices import Choices, choices
from pipelines.session import Session
from pipelines.workflow import pristine
from studio.server.state import Studio


def practised(studio: Studio) -> Choices | None:
    """What ``presets/practice.toml`` chooses and hints at, for a practice character; None for one of one's own."""
    here = studio.character
    return choices() if here is not None and here.practice is not None else None


def kept_at_once(session: Session, character: Character, candidates: Iterable[ImageRecord]) -> int:
    """How many of the pristine candidates are kept unless the human says otherwise: the best twenty; of a practice
    character all that fill a gap."""
    if character.practice is None:
        return pristine.MOST
    return len(pristine.filling(candidates, pristine.learnt_from(session, character.id))) or pristine.MOST
