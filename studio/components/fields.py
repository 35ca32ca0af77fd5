"""Fields that may be left empty: a stock number field shows 0 for nothing, which is a number."""

from collections.abc import Callable

import gradio as gr
from gradio.blocks import Block
from gradio.events import Dependency


def optional(label: str, elem_id: str, empty: str = "auto", *, min_width: int = 60) -> gr.Textbox:
    """A short field for a number or nothing; ``empty`` is what nothing means."""
    return gr.Textbox(
        "", label=label, placeholder=empty, max_lines=1, lines=1, max_length=8, elem_id=elem_id, min_width=min_width
    )


def edited(part: Block) -> Callable[..., Dependency]:
    """The event of a field that the user changed. A text box tells of typing by ``input``, but of pasting by ``change``
    alone."""
    return getattr(part, "change" if isinstance(part, gr.Textbox) else "input")
