"""A door to the character's identity line, where pictures are judged by it."""

from typing import Any

from studio.components.island import Island


class IdentityLine(Island):
    """Tells the line and opens it (``GET /line``). ``button`` is the button's element id."""

    def __init__(self, button: str, **kwargs: Any) -> None:
        super().__init__("identity-line", {"id": button}, **kwargs)
