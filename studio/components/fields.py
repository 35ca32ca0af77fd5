"""Fields for numbers, each with its bound beside it, and how one tells that it was edited.

Gradio's own bounds are not used: a number outside them never reaches a handler, only a message that names no field.
"""

from collections.abc import Callable

import gradio as gr
from gradio.blocks import Block
from gradio.events import Dependency

from studio.components.forms import Bound

COUNT = Bound("At most", 1, 100_000, empty=True)
SEED = Bound("Seed", 0, 2**32 - 1)
STEPS = Bound("Steps", 1, 1000, empty=True)
GUIDANCE = Bound("Guidance", 0, 100, whole=False, empty=True)


def optional(bound: Bound, elem_id: str, empty: str = "auto", *, min_width: int = 60) -> gr.Textbox:
    """A short field for a number or nothing; ``empty`` is what nothing means. A stock number field shows 0 for nothing,
    which is a number."""
    return gr.Textbox(
        "", label=bound.name, info=bound.hint, placeholder=empty, max_lines=1, lines=1, max_length=12, elem_id=elem_id,
        min_width=min_width,
    )  # fmt: skip


def needed(bound: Bound, value: float, elem_id: str, *, step: float = 1, min_width: int = 60) -> gr.Number:
    """A field for a number."""
    return gr.Number(value, label=bound.name, info=bound.hint, step=step, min_width=min_width, elem_id=elem_id)


def seed(value: int, elem_id: str) -> gr.Number:
    """The field for a seed. Its bound is too long to stand there: it is told when it is passed."""
    return gr.Number(value, label=SEED.name, info="0 or more", min_width=60, elem_id=elem_id)


def edited(part: Block) -> Callable[..., Dependency]:
    """The event of a field that the user changed. A text box tells of typing by ``input``, but of pasting by ``change``
    alone."""
    return getattr(part, "change" if isinstance(part, gr.Textbox) else "input")
