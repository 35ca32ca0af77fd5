"""Islands that are painted from one JSON value.

A painted component ``x`` is two neighbours: a class here says what its value holds, a module of ``studio/web`` that
registers itself by the same name draws it, anew for each value.
"""

from typing import Any

from studio.components.island import Island


def rev_of(before: dict[str, Any]) -> int:
    """How many times the user changed the value that came from the page. A handler that answers with a new value for
    the same component echoes it as ``rev``, so that the page knows which of the user's changes it has seen."""
    rev = before.get("rev", 0)
    return rev if isinstance(rev, int) else 0


class Painted(Island):
    """An island whose value is a JSON object, drawn by the module registered as ``island``."""

    island = ""
    frame = "painted"

    def __init__(self, value: dict[str, Any] | None = None, **arguments: Any):
        super().__init__(self.island, value=value or {}, **arguments)

    def preprocess(self, payload: Any) -> Any:
        """The value as the page has it; what a handler reads from it must be checked like any input."""
        return payload if isinstance(payload, dict) else {}

    def postprocess(self, value: Any) -> Any:
        """The value for the page."""
        return value or {}


class Words(Painted):
    """Lines of plain text. Value: ``title``, ``lines`` (list of strings), ``tone`` (``quiet``, ``good``, ``warn``,
    ``bad``), ``bullets`` (bool)."""

    island = "words"
