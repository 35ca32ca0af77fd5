"""What surrounds the tabs."""

import html
from dataclasses import dataclass
from typing import Literal

import gradio as gr

from studio.components.forms import QUIET, Event
from studio.components.island import Island


@dataclass(frozen=True)
class Shell:
    """What surrounds the tab of that name."""

    tab: str

    def follow(self, *events: Event) -> None:
        """What follows the records and the chosen character: these events, one after the other, at most about once a
        second. A tab that is not open catches up when it is opened; with another character, once the open one has. A
        change that comes while they are at work is followed afterwards: Gradio's own way is to drop it, and the page
        would stay behind for good."""
        changed = Island("changed", {"tab": self.tab}, elem_classes="flen-hidden")
        first, *others = events
        done = changed.select(**first)
        for other in others:
            done = done.then(**other)
        done.then(None, None, changed, js="() => Date.now()", **QUIET)  # its value tells the page that they are done

    @staticmethod
    def notify(text: str, kind: Literal["info", "warning"] = "info") -> None:
        """Tell the user something from within an event handler. ``text`` is plain text, never markup."""
        (gr.Warning if kind == "warning" else gr.Info)(html.escape(text), duration=8 if kind == "warning" else 4)
