"""The card's verdicts and its rate with the interval."""

from typing import Any

import pytest

from pipelines.domain.rates import wilson
from pipelines.domain.records import Card, Character, Decision
from pipelines.session import Session
from pipelines.workflow import card


def test_wilson_against_published_values() -> None:
    # docs/numbers.md: 19 of 23 is [62.9, 93.0]
    low, high = wilson(19, 23)
    assert (round(low * 100, 1), round(high * 100, 1)) == (62.9, 93.0)
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(23, 23)[0] == pytest.approx(0.857, abs=1e-3)


def test_the_plan_has_23_cells_and_its_own_version(session: Session, ada: Character) -> None:
    plan = card.plan(session, ada.id, card.CardOptions())
    assert len(plan) == 23
    assert len({s.purpose.cell for s in plan.shots}) == 23
    assert plan.folder == "characters/ada/cards/v1"
    session.store.put(Card(id="ada/v1", character=ada.id, version="v1", lora="", seed=1))
    assert card.plan(session, ada.id, card.CardOptions()).version == "v2"


def test_eyes_overrule_the_machine_and_only_eyes_say_right(session: Session, ada: Character, put: Any) -> None:
    made = Card(id="ada/v1", character=ada.id, version="v1", lora="", seed=1)
    stranger = put("card", cell="front/neutral", score=0.1, verdict="wrong")
    alike = put("card", cell="front/smiling", score=0.9, verdict="right")
    cells = {c.cell.name: c for c in card.board(session, made)}
    assert (cells["front/neutral"].verdict, cells["front/neutral"].by) == ("wrong", "machine")
    assert cells["front/smiling"].verdict == "unsure"
    assert cells["front/angry"].verdict == "missing"

    session.store.decide(
        Decision(image=stranger.id, who="human", action="label", value="good", where="card"),
        Decision(image=alike.id, who="human", action="label", value="reject", where="card"),
    )
    cells = {c.cell.name: c for c in card.board(session, made)}
    assert (cells["front/neutral"].verdict, cells["front/neutral"].by) == ("right", "human")
    assert cells["front/smiling"].verdict == "wrong"
    rate = card.rate(list(cells.values()))
    assert (rate.right, rate.total, rate.missing) == (1, 23, 21)
    assert rate.words.startswith("1 of 23 right at the first try (4 %, 95 % interval 1-21): target 80 % not yet proven")
