"""The header: product, character, the rail of the round and the next best action."""

from typing import Any

from studio.components.island import Island


class Header(Island):
    """Name, character picker, new character with its dialog, settings, theme, next action, and the rail: the steps of
    the round with counts; done, next, open, blocked (with the reason). Lives on ``GET /status``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("header", **kwargs)
