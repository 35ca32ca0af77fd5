"""A door to the captions of the character: checked, edited together, exported."""

from typing import Any

from studio.components.island import Island


class CaptionsDoor(Island):
    """Opens the captions (``GET /captions``). ``button`` is the button's element id."""

    def __init__(self, button: str, **kwargs: Any) -> None:
        super().__init__("captions", {"id": button}, **kwargs)
