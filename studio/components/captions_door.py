"""A door to the captions of the character: checked, edited together, exported; and to the tags of its sources."""

from typing import Any

from studio.components.island import Island


class CaptionsDoor(Island):
    """Opens the captions (``GET /captions``), and tag mode (``GET /tags``) when ``tags`` names a button for it.
    ``button`` and ``tags`` are element ids."""

    def __init__(self, button: str, *, tags: str = "", **kwargs: Any) -> None:
        super().__init__("captions", {"id": button, "tags": tags}, **kwargs)
