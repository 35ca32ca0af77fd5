"""A door to the captions of the character: checked, edited together, exported; and to tags and crops of its sources."""

from typing import Any

from studio.components.island import Island


class CaptionsDoor(Island):
    """Opens the captions (``GET /captions``); tag mode (``GET /tags``) when ``tags`` names a button for it, and crops
    (``GET /crop/{id}``) when ``crops`` does. All three are element ids."""

    def __init__(self, button: str, *, tags: str = "", crops: str = "", **kwargs: Any) -> None:
        super().__init__("captions", {"id": button, "tags": tags, "crops": crops}, **kwargs)
