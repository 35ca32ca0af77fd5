"""For whom something is asked: a page may still show one character when another was chosen, in a second window or a
moment ago. What is done to "the character" is done to the one on the screen, or not at all."""

from collections.abc import Callable
from urllib.parse import unquote

from fastapi import Depends, Request
from fastapi.params import Depends as Dependency

from pipelines.workflow.characters import NotAllowed
from studio.server.state import Studio

HEADER = "X-Character"
"""The id of the character that the page shows, percent-encoded; other programs need not send it."""
STALE = "One moment: this still shows the choice for another character."


def shows(studio: Studio, whose: str | None) -> None:
    """Raises NotAllowed when ``whose`` character is on the screen and another is worked on. ``None``: it was not
    said."""
    if whose is not None and whose != studio.character_id:
        raise NotAllowed(STALE)


def for_the_shown(studio: Studio) -> Dependency:
    """A dependency of routes that do something to the character. Raises NotAllowed."""

    def check(request: Request) -> None:
        said = request.headers.get(HEADER)
        shows(studio, None if said is None else unquote(said))

    checked: Callable[[Request], None] = check
    return Depends(checked)
