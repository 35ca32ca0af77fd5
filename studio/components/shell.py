"""What surrounds the tabs."""

import html
from dataclasses import dataclass
from typing import Literal

import gradio as gr

from studio.components.forms import Event
from studio.components.island import Island


@dataclass
class Shell:
    """What surrounds the tabs.

    ``changed`` fires ``select`` when the records or the chosen character changed (at most about once a second), so that
    stock components can ``follow``. It fires once when the page has opened, too. Its value is the revision.
    """

    changed: Island

    def follow(self, *events: Event) -> None:
        """What follows the records: these events, one after the other. A change that comes while they are at work is
        followed afterwards: Gradio's own way is to drop it, and the page would stay behind for good."""
        first, *others = events
        done = self.changed.select(**first)
        for other in others:
            done = done.then(**other)

    @staticmethod
    def notify(text: str, kind: Literal["info", "warning"] = "info") -> None:
        """Tell the user something from within an event handler. ``text`` is plain text, never markup."""
        (gr.Warning if kind == "warning" else gr.Info)(html.escape(text), duration=8 if kind == "warning" else 4)
