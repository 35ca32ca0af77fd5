"""Islands that are painted from one JSON value.

A painted component ``x`` is two neighbours: a class here says what its value holds, a module of ``studio/web`` that
registers itself by the same name draws it, anew for each value.
"""

from collections.abc import Callable, Mapping
from typing import Any

from studio.components.island import Island

Value = dict[str, Any]
"""What a painted component holds, as the page has it."""


def rev_of(before: Value) -> int:
    """How many times the user changed the value that came from the page. A handler that answers with a new value for
    the same component echoes it as ``rev``, so that the page knows which of the user's changes it has seen."""
    rev = before.get("rev", 0)
    return rev if isinstance(rev, int) else 0


def _strings(value: object) -> list[str]:
    return [part for part in value if isinstance(part, str)] if isinstance(value, list) else []


def _rows(value: object) -> list[dict[str, object]]:
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    plain = (str, int, float, type(None))
    return [{name: part for name, part in row.items() if isinstance(part, plain)} for row in rows]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


KINDS: dict[str, Callable[[object], object]] = {
    "ticked": _strings,
    "items": _rows,
    "named": _strings,
    "control": _text,
    "selected": _text,
}
"""What the parts of a painted value are that handlers look things up by."""


class Painted(Island):
    """An island whose value is a JSON object, drawn by the module registered as ``island``."""

    island = ""
    frame = "painted"

    def __init__(self, value: Mapping[str, object] | None = None, **arguments: Any):
        super().__init__(self.island, value=value or {}, **arguments)

    def preprocess(self, payload: object) -> Value:
        """The value as the page has it, its lists and words of the kinds that they are; what a handler reads from it
        must be checked like any input."""
        value = payload if isinstance(payload, dict) else {}
        return {name: KINDS[name](part) if name in KINDS else part for name, part in value.items()}

    def postprocess(self, value: Mapping[str, object] | None) -> Mapping[str, object]:
        """The value for the page."""
        return value or {}


class Words(Painted):
    """Lines of plain text. Value: ``title``, ``lines`` (list of strings), ``tone`` (``quiet``, ``good``, ``warn``,
    ``bad``), ``bullets`` (bool)."""

    island = "words"
