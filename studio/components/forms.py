"""What the page says, as a form: an event names its components, never their places.

An event whose ``inputs`` is a set calls its handler with one dict, component to value. A tab reads that dict into its
form, a frozen dataclass with names and types, and its handlers are plain functions of the form; what they change they
answer as a dict by component, too. Reading never fails, and nothing is changed silently: a number that does not do is
told in words (``Asked.wrong``) beside the button, which stays off.

Gradio's dropdown tells of an ``input`` also when it is left as it is, and twice when an entry is clicked, the second
time with what the page showed before the first was answered. What begins with one does nothing where nothing was
chosen, and done twice gives what it gave once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from typing import Any, TypeVar

from gradio.blocks import Block, Blocks

from studio.components.painted import Value

Values = Mapping[Block, Any]
"""What the page sends: each component that the event names, and its value."""
Updates = dict[Block, Any]
"""What changes on the page: a value or a ``gr.update``; a component that is not named stays as it is."""
Event = dict[str, Any]
"""The arguments of a Gradio event: ``tab.button.click(**event)``."""
Form = TypeVar("Form")
Choice = TypeVar("Choice")

QUIET: Event = {"api_visibility": "private", "show_progress": "hidden", "show_progress_on": []}


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


def hear_all(blocks: Blocks) -> None:
    """What is done again while its first event is at work is not dropped, as Gradio does by default. Of several changes
    of a value, and of what follows from them, the last comes after; every upload has its turn; a click that begins
    something begins it once."""
    for event in blocks.fns.values():
        kinds = {kind for _, kind in event.targets}
        if "upload" in kinds:
            event.trigger_mode = "multiple"
        elif kinds != {"click"}:
            event.trigger_mode = "always_last"


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


@dataclass(frozen=True)
class Bound:
    """What a field for a number takes: from ``low`` to ``high``, both included; ``whole`` numbers only. With ``empty``
    it may be left empty."""

    name: str
    low: float
    high: float
    whole: bool = True
    empty: bool = False

    @property
    def hint(self) -> str:
        """``1 to 256``, as it stands at the field."""
        return f"{_told(self.low)} to {_told(self.high)}"

    def read(self, value: object) -> float | None:
        """The number that was set; None for nothing. Raises ValueError, in words, for what does not do."""
        if value is None or (isinstance(value, str) and not value.strip()):
            if self.empty:
                return None
            raise ValueError(self._wrong("it is empty"))
        known = _number(value)
        if known is None:
            raise ValueError(self._wrong(f"{str(value).strip()[:20]!r} is no number"))
        if not self.low <= known <= self.high or (self.whole and known != int(known)):
            raise ValueError(self._wrong(f"not {_told(known)}"))
        return int(known) if self.whole else known

    def _wrong(self, what: str) -> str:
        kind = "a whole number" if self.whole else "a number"
        left = ", or nothing" if self.empty else ""
        return f"{self.name}: {kind} from {self.hint}{left}; {what}."


def _told(number: float) -> str:
    return f"{int(number):,}".replace(",", " ") if number == int(number) else f"{number:g}"


def _number(value: object) -> float | None:
    try:
        known = float(str(value).strip().replace(",", "."))
    except ValueError:
        return None
    return known if isfinite(known) else None


@dataclass
class Asked:
    """The numbers that a form asks for: what does not do is no number, and its reason is among ``wrong``. A field that
    the event does not name is not asked for."""

    values: Values
    problems: list[str] = field(default_factory=list)

    def number(self, part: Block, bound: Bound) -> float | None:
        """The number in a field, or None."""
        if part not in self.values:
            return None
        try:
            return bound.read(self.values[part])
        except ValueError as problem:
            self.problems.append(str(problem))
            return None

    def whole(self, part: Block, bound: Bound) -> int | None:
        """The whole number in a field, or None."""
        known = self.number(part, bound)
        return None if known is None else int(known)

    @property
    def wrong(self) -> str:
        """What has to be set otherwise first, in words; "" for nothing."""
        return " ".join(self.problems)
