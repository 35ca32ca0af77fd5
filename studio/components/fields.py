"""Fields that may be left empty: a stock number field shows 0 for nothing, which is a number."""

from typing import Any

import gradio as gr


def optional(label: str, elem_id: str, empty: str = "auto", **arguments: Any) -> gr.Textbox:
    """A short field for a number or nothing; ``empty`` is what nothing means."""
    return gr.Textbox(
        "", label=label, placeholder=empty, max_lines=1, lines=1, max_length=8, elem_id=elem_id, **arguments
    )


def edited(part: Any) -> Any:
    """The event of a field that the user changed. A text box tells of typing by ``input``, but of pasting by ``change``
    alone."""
    return part.change if isinstance(part, gr.Textbox) else part.input


def number(text: Any) -> float | None:
    """The positive number that was typed; None for nothing, for 0 and for what is no number."""
    try:
        value = float(str(text).replace(",", "."))
    except ValueError:
        return None
    return value if 0 < value < 1e9 else None


def whole(text: Any) -> int | None:
    """The positive whole number that was typed, or None."""
    value = number(text)
    return int(value) or None if value is not None else None
