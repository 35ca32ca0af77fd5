"""A custom part of the page: an empty frame here, filled there by the module of `studio/web` that registered its name.

Data reaches islands as JSON, over the studio's own routes or as the component's value, never through Gradio's
templates: a `${...}` inside a template's value would run as JavaScript, so the templates are constant. Modules write
user text as text nodes only.
"""

import json
from typing import Any

import gradio as gr

# The module of an island may not have arrived yet when Gradio mounts it: it finds its frame in this queue.
# The island's name stands here, for `props` may still be empty when a part that was hidden is mounted; and so do the
# names of its events, because Gradio knows an event of ours by its quoted name in this script.
_MOUNT = (
    "(window.flenIslands = window.flenIslands || [])"
    ".push({{island: {island}, events: {events}, element, props, trigger, watch}});"
)


class Island(gr.HTML):
    """A frame that the module registered as ``island`` fills. ``options`` are plain settings for that module.

    ``value`` is what the island tells Python (JSON; ``None`` at first). Events, as the subclasses document them:
    ``select`` (payload in ``gr.EventData``) and ``change``.
    """

    frame = "flen-island"
    """Class of the element that is filled."""
    fires: tuple[str, ...] = ()
    """Events of its own beside ``select`` and ``change``; wired as methods: ``component.pick(handler, ...)``."""

    def __init__(
        self, island: str = "", options: dict[str, Any] | None = None, *, value: Any = None, **kwargs: Any
    ) -> None:
        self.island = island
        self.options = options or {}
        kwargs.setdefault("padding", False)
        super().__init__(
            value=value,
            html_template=f'<div class="{self.frame}"></div>',
            js_on_load=_MOUNT.format(island=json.dumps(island), events=json.dumps(self.fires)),
            apply_default_css=False,
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
