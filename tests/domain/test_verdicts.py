import itertools
import random

import pytest

from pipelines.domain.records import Decision, Verdict
from pipelines.domain.verdicts import check, derive_documents

_ids = itertools.count()


def say(action: str, value: object = None, who: str = "human", **more: object) -> Decision:
    fields = {"id": f"d{next(_ids)}", "image": "i", "who": who, "action": action, "value": value, **more}
    return Decision.model_validate(fields)


def derive(decisions: list[Decision]) -> Verdict:
    return derive_documents(decision.model_dump() for decision in decisions)


def test_no_decisions_no_verdict() -> None:
    assert derive([]) == Verdict()


def test_the_last_label_stands_and_none_clears_it() -> None:
    good, bad, clear = say("label", "good"), say("label", "reject", reason="blurred"), say("label", None)
    verdict = derive([good, bad])
    assert (verdict.label, verdict.who, verdict.reason, verdict.last) == ("reject", "human", "blurred", bad.id)
    cleared = derive([good, bad, clear])
    assert (cleared.label, cleared.who, cleared.reason) == (None, None, "")


def test_a_rule_does_not_replace_the_label_of_a_person() -> None:
    human, rule = say("label", "good"), say("label", "reject", who="rule")
    assert derive([human, rule]).label == "good"
    assert derive([rule, human]).label == "good"
    assert derive([say("label", "good", who="simulated"), rule]).label == "good"
    assert derive([human, say("label", None), rule]).label == "reject"
    again = say("label", "good", who="rule")
    assert derive([rule, again]).label == "good"


def test_stars_failures_and_notes() -> None:
    events = [say("identity", 4), say("edit", 2), say("failure", "hands"), say("failure", "eyes"), say("note", "soft")]
    verdict = derive(events)
    assert (verdict.identity, verdict.edit, verdict.failures, verdict.note) == (4, 2, ("hands", "eyes"), "soft")
    verdict = derive([*events, say("identity", None), say("failure", "hands"), say("note", None)])
    assert (verdict.identity, verdict.failures, verdict.note) == (None, ("eyes",), "")


def test_undo_takes_back_one_event_and_undoing_the_undo_brings_it_back() -> None:
    first, second = say("label", "good"), say("label", "reject")
    undo = say("undo", undoes=second.id)
    redo = say("undo", undoes=undo.id)
    assert derive([first, second, undo]).label == "good"
    assert derive([first, second, undo]).last == first.id
    assert derive([first, second, undo, redo]).label == "reject"
    assert derive([first, second, undo, redo, say("undo", undoes=redo.id)]).label == "good"
    assert derive([first, second, say("undo", undoes=first.id)]).label == "reject"


def test_undoing_a_human_label_lets_the_rule_label_stand() -> None:
    rule, human = say("label", "reject", who="rule"), say("label", "good")
    assert derive([human, rule, say("undo", undoes=human.id)]).label == "reject"


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("label", "great"),
        ("label", 3),
        ("identity", 0),
        ("identity", 6),
        ("identity", "3"),
        ("edit", "good"),
        ("failure", None),
        ("failure", ""),
        ("note", 3),
        ("undo", None),
    ],
)
def test_values_that_do_not_suit_are_told(action: str, value: object) -> None:
    with pytest.raises(ValueError, match=action):
        check(say(action, value))


def test_values_that_suit_pass() -> None:
    dice = random.Random(0)
    for action, values in {
        "label": ["good", "needs_correction", "reject", None],
        "identity": [1, 5, None],
        "failure": ["hands"],
        "note": ["", None, "x"],
    }.items():
        check(say(action, dice.choice(values)))
    check(say("undo", undoes="d"))
