"""Where whole folders of pictures are dropped or chosen, with all that is below them."""

from typing import Any

from studio.components.island import Island


class FolderDrop(Island):
    """Takes folders that are dropped on the element ``zone`` (``POST /sources``; files alone are left to it), and has a
    button to choose one. ``first_frame`` is the element with the checkbox for animations. Both are element ids."""

    def __init__(self, zone: str, *, first_frame: str, **kwargs: Any) -> None:
        super().__init__("folder", {"zone": zone, "first_frame": first_frame}, **kwargs)
