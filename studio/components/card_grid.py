"""The model card as one poster: 5 x 4 portraits and 3 bodies, each frame telling its verdict."""

from typing import Any

from studio.components.island import Island


class CardGrid(Island):
    """Reads ``GET /cards``; switching the version flips the pictures in place, comparing puts two posters side by side.
    A cell takes ``P`` (right), ``X`` (wrong) and ``U`` (clear); a click opens it big."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("card-grid", **kwargs)
