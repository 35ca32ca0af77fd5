"""A custom part of the page: an empty frame here, a DOM built by a script of `studio/static` there.

Data reaches islands as JSON over the studio's own routes (`studio/routes.py`), never through Gradio's templates:
a `${...}` inside a template's value would run as JavaScript. Scripts write user text by `textContent` only.
"""

from typing import Any

import gradio as gr

# The script of an island may not have arrived yet when Gradio mounts it: it finds its frame in this queue.
_MOUNT = "(window.flenIslands = window.flenIslands || []).push({element, props, trigger, watch});"


class Island(gr.HTML):
    """A frame that the script registered as ``island`` fills. ``options`` are plain settings for that script.

    ``value`` is what the island tells Python (JSON; ``None`` at first). Events, as the subclasses document them:
    ``select`` (payload in ``gr.EventData``) and ``change``.
    """

    def __init__(
        self, island: str = "", options: dict[str, Any] | None = None, *, value: Any = None, **kwargs: Any
    ) -> None:
        self.island = island
        self.options = options or {}
        kwargs.setdefault("padding", False)
        super().__init__(
            value=value,
            html_template='<div class="flen-island"></div>',
            js_on_load=_MOUNT,
            apply_default_css=False,
            island=island,
            options=self.options,
            **kwargs,
        )

    def preprocess(self, payload: Any) -> Any:
        """What the island told, as it is."""
        return payload

    def postprocess(self, value: Any) -> Any:
        """What Python tells the island, as it is (JSON)."""
        return value

    def api_info(self) -> dict[str, Any]:
        """Any JSON."""
        return {}
