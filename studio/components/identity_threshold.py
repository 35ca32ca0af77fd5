"""A door to the character's identity threshold, where pictures are judged by it."""

from typing import Any

from studio.components.island import Island


class IdentityThreshold(Island):
    """Tells the threshold and opens it (``GET /thresholds``). ``button`` is the button's element id."""

    def __init__(self, button: str, **kwargs: Any) -> None:
        super().__init__("identity-threshold", {"id": button}, **kwargs)
