"""Components painted in the browser from one JSON value.

Text that users wrote (captions, file names, LoRA names) must never be parsed as markup, so these components have an
empty, constant template: their script builds the page's elements with ``textContent`` from ``props.value``. A component
``x`` is three neighbours: ``x.py`` says what its value holds, ``x.js`` paints it, ``x.css`` dresses it.
"""

from pathlib import Path
from typing import Any

import gradio as gr

HERE = Path(__file__).parent


def _read(name: str) -> str:
    path = HERE / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def rev_of(before: dict[str, Any]) -> int:
    """How many times the user changed the value that came from the page. A handler that answers with a new value for
    the same component echoes it as ``rev``, so that the page knows which of the user's changes it has seen."""
    rev = before.get("rev", 0)
    return rev if isinstance(rev, int) else 0


class Painted(gr.HTML):
    """A component whose value is a JSON object, painted by ``<script>.js``.

    The script gets ``h`` (make an element; strings become text), ``svg``, ``picture`` (address of a stored picture),
    ``set`` (change fields of the value, here and in Python) and ``paint`` (draw now and whenever Python sends a value).
    Events are named by the script's ``trigger('name', {...})`` and wired as methods: ``component.pick(handler, ...)``.
    """

    script = ""

    def __init__(self, value: dict[str, Any] | None = None, **arguments: Any):
        super().__init__(
            value=value or {},
            html_template='<div class="painted"></div>',
            css_template=_read("painted.css") + _read(f"{self.script}.css"),
            js_on_load=_read("painted.js") + _read(f"{self.script}.js"),
            apply_default_css=False,
            **arguments,
        )

    def preprocess(self, payload: Any) -> Any:
        """The value as the page has it; what a handler reads from it must be checked like any input."""
        return payload if isinstance(payload, dict) else {}

    def postprocess(self, value: Any) -> Any:
        """The value for the page."""
        return value or {}


class Words(Painted):
    """Lines of plain text. Value: ``title``, ``lines`` (list of strings), ``tone`` (``quiet``, ``good``, ``warn``,
    ``bad``), ``bullets`` (bool)."""

    script = "words"
