"""What decisions add up to. Decisions are events that are only ever appended; the verdict is derived from them."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pipelines.domain.records import Decision, Label, Verdict

_LABELS = get_args(Label)


def check(decision: Decision) -> None:
    """Raises ValueError, in words, when ``value`` does not suit ``action``."""
    action, value = decision.action, decision.value
    if action == "label":
        fine, wanted = value is None or value in _LABELS, f"one of {', '.join(_LABELS)}, or nothing"
    elif action in ("identity", "edit"):
        fine = value is None or (type(value) is int and 1 <= value <= 5)
        wanted = "1 to 5, or nothing"
    elif action == "failure":
        fine, wanted = isinstance(value, str) and bool(value), "the name of a failure mode"
    elif action == "note":
        fine, wanted = value is None or isinstance(value, str), "text"
    else:
        fine, wanted = bool(decision.undoes) and decision.undoes != decision.id, "the id of another decision to undo"
    if not fine:
        raise ValueError(f"A decision of kind {action!r} needs {wanted}, not {value!r}.")


def after(verdict: Verdict, decision: Decision) -> Verdict:
    """The verdict after one more decision that is not an undo.

    Later ones win, but a rule never replaces the label that a person gave, nor one given in a person's stead.
    """
    state = dict(verdict)
    _apply(state, decision.model_dump())
    return Verdict(**state)


def derive_documents(documents: Iterable[Mapping[str, Any]]) -> Verdict:
    """The verdict of all decisions about one picture, as they are stored, in the order they were made. (Documents, not
    records: thousands of pictures are judged at once when a page opens.)"""
    state: dict[str, Any] = {}
    for event in _standing(documents):
        _apply(state, event)
    return Verdict(**state)


def standing(decisions: Iterable[Decision]) -> set[str]:
    """Ids of the decisions about one picture that were not taken back, given in the order they were made."""
    return {event["id"] for event in _standing(decision.model_dump() for decision in decisions)}


def _apply(state: dict[str, Any], event: Mapping[str, Any]) -> None:
    action, value = event["action"], event["value"]
    if action == "undo":
        raise ValueError("An undo changes what came before it: derive the verdict from all decisions.")
    if action == "label":
        if event["who"] == "rule" and state.get("label") is not None and state["who"] != "rule":
            return
        state.update(label=value, who=None if value is None else event["who"], reason=event["reason"])
    elif action == "failure":
        known = state.get("failures", ())
        state["failures"] = tuple(f for f in known if f != value) if value in known else (*known, value)
    else:
        state[action] = (value or "") if action == "note" else value
    state["last"] = event["id"]


def _standing(events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The events that were not taken back, without the undo events. Undoing an undo brings the event back."""
    undone: set[str] = set()
    kept: list[Mapping[str, Any]] = []
    for event in reversed(list(events)):
        if event["id"] in undone:
            continue
        if event["action"] == "undo":
            undone.add(event["undoes"])
        else:
            kept.append(event)
    return kept[::-1]
