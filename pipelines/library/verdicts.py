"""What decisions add up to. Decisions are events that are only ever appended; the verdict is derived from them."""

from collections.abc import Iterable
from typing import get_args

from pipelines.library.records import Decision, Label, Verdict

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


def step(verdict: Verdict, decision: Decision) -> Verdict:
    """The verdict after one more decision that is not an undo.

    Later ones win, but a rule never replaces the label that a person gave, nor one given in a person's stead.
    """
    changed: dict[str, object] = {"last": decision.id}
    match decision.action:
        case "label":
            if decision.who == "rule" and verdict.label is not None and verdict.who != "rule":
                return verdict
            cleared = decision.value is None
            changed |= {"label": decision.value, "who": None if cleared else decision.who, "reason": decision.reason}
        case "identity" | "edit":
            changed[decision.action] = decision.value
        case "note":
            changed["note"] = decision.value or ""
        case "failure":
            name = str(decision.value)
            others = tuple(f for f in verdict.failures if f != name)
            changed["failures"] = others if name in verdict.failures else (*others, name)
        case "undo":
            raise ValueError("An undo changes what came before it: derive the verdict from all decisions.")
    return verdict.model_copy(update=changed)


def standing(decisions: Iterable[Decision]) -> list[Decision]:
    """The decisions that were not taken back, without the undo events. Undoing an undo brings the decision back."""
    undone: set[str] = set()
    kept: list[Decision] = []
    for decision in reversed(list(decisions)):
        if decision.id in undone:
            continue
        if decision.action == "undo":
            undone.add(decision.undoes)
        else:
            kept.append(decision)
    return kept[::-1]


def derive(decisions: Iterable[Decision]) -> Verdict:
    """The verdict of all decisions about one picture, in the order they were made."""
    verdict = Verdict()
    for decision in standing(decisions):
        verdict = step(verdict, decision)
    return verdict
