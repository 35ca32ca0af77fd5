"""The review gallery: one picture as large as the window allows, decided by keyboard; or a grid of all."""

from typing import Any

from studio.components.island import Island


class ReviewGallery(Island):
    """Reads ``GET /review?gate=..`` and writes ``POST /decisions`` in batches of 150 ms. Every decision carries an id
    that the browser made, so that a retry counts once; unsent ones are mirrored in localStorage until acknowledged.

    ``gates`` maps a gate to its words. Filter and pristine selection go over routes of their own.
    """

    def __init__(self, gates: dict[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__("review", {"gates": gates or {}}, **kwargs)
