"""Whether the character that is worked on is one to practise with, and what is chosen for it then."""

from pipelines.practice.choices import Choices, choices
from pipelines.steps import practice
from studio.context import Studio


def practised(studio: Studio) -> Choices | None:
    """What ``presets/practice.toml`` chooses and hints at, for a practice character; None for one of one's own."""
    here = studio.character
    return choices() if here is not None and practice.number(here) is not None else None
