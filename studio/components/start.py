"""What an empty workspace shows: three ways in."""

from typing import Any

from studio.components.island import Island


class Start(Island):
    """New character, another workspace, or a practice character by its face. Shown while nobody is here."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("start", **kwargs)
