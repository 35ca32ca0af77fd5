"""The review gallery: one picture as large as the window allows, decided by keyboard; or a grid of all."""

from typing import Any

from studio.components.island import Island


class ReviewGallery(Island):
    """Reads ``GET /review?gate=..`` and writes ``POST /decisions`` in batches of 150 ms. Every decision carries an id made
    in the browser, so that a retry counts once; unsent ones are mirrored in localStorage until they are acknowledged.

    Events:
        select: a command button was clicked: ``event.action`` is ``filter`` or ``pristine``; ``event.images`` the ids it
            is about (all pictures accepted at this gate for ``pristine``).
    """

    def __init__(self, gates: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__("review", {"gates": gates or {}}, **kwargs)
