"""What the page says, as a form: an event names its components, never their places.

An event whose ``inputs`` is a set calls its handler with one dict, component to value. A tab reads that dict into its
form, a frozen dataclass with names and types, and its handlers are plain functions of the form; what they change they
answer as a dict by component, too. Reading never fails: what is no number is as good as not said, and what may not be
is told in words by who plans with it.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from math import isfinite
from typing import Any, TypeVar

from gradio.blocks import Block

from studio.components.painted import Value

Values = Mapping[Block, Any]
"""What the page sends: each component that the event names, and its value."""
Updates = dict[Block, Any]
"""What changes on the page: a value or a ``gr.update``; a component that is not named stays as it is."""
Event = dict[str, Any]
"""The arguments of a Gradio event: ``tab.button.click(**event)``."""
Form = TypeVar("Form")
Choice = TypeVar("Choice")

QUIET: Event = {"api_visibility": "private", "show_progress": "hidden"}


def event(
    read: Callable[[Values], Form],
    do: Callable[[Form], Updates | None],
    inputs: Iterable[Block],
    outputs: Iterable[Block] = (),
) -> Event:
    """An event that reads ``inputs`` as a form and does something with it; it may change ``outputs``."""
    return {"fn": partial(_asked, read, do), "inputs": set(inputs), "outputs": set(outputs) or None, **QUIET}


def _asked(read: Callable[[Values], Form], do: Callable[[Form], Updates | None], values: Values) -> Updates | None:
    return do(read(values))


def picked(value: object) -> Value:
    """The value of a painted component; empty when it is none."""
    return value if isinstance(value, dict) else {}


def names(value: object) -> tuple[str, ...]:
    """The ticked names of a group."""
    return tuple(str(name) for name in value) if isinstance(value, list | tuple) else ()


def text(value: object) -> str:
    """What was typed or chosen; "" for nothing."""
    return value if isinstance(value, str) else ""


def one_of(value: object, offered: Iterable[Choice]) -> Choice | None:
    """What was chosen, if it is offered."""
    return next((choice for choice in offered if choice == value), None)


def lines(value: object) -> tuple[str, ...]:
    """What was typed, one a line, empty lines left out."""
    return tuple(line.strip() for line in text(value).splitlines() if line.strip())


def between(low: float, value: object, high: float, usual: float) -> float:
    """The number that was set, held within its bounds; ``usual`` for what is no number."""
    known = value if isinstance(value, int | float) and isfinite(value) else usual
    return max(low, min(high, float(known)))


def at_least(least: int, value: object) -> int:
    """The whole number that was set; ``least`` for nothing and for less."""
    return max(least, int(value)) if isinstance(value, int | float) and isfinite(value) else least


def number(value: object) -> float | None:
    """The positive number that was typed; None for nothing, for 0 and for what is no number."""
    try:
        known = float(str(value).replace(",", "."))
    except ValueError:
        return None
    return known if 0 < known < 1e9 else None


def whole(value: object) -> int | None:
    """The positive whole number that was typed, or None."""
    known = number(value)
    return int(known) or None if known is not None else None
