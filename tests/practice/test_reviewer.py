"""The simulated reviewer: decides by the truth, errs as often as told, and is recorded as what it is."""

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.domain.records import Character, Decision, ImageRecord
from pipelines.practice import reviewer
from pipelines.practice.preference import preference
from pipelines.practice.reviewer import (
    ANATOMY,
    ARTIFACTS,
    BACKGROUND,
    EXPRESSION,
    LIGHT,
    SOMEONE_ELSE,
    VIEW,
    opinion,
)
from pipelines.session import Session
from pipelines.workflow import review, training
from pipelines.world.reading import Reading, Said

Put = Callable[..., ImageRecord]
ASKED = {"angle": "front", "expression": "smiling"}
ASIDE = {"angle": "profile-left", "expression": "smiling"}


@pytest.mark.parametrize(
    ("labels", "seen", "wrong"),
    [
        (ASKED, {}, ()),
        (ASKED, {"identity": 0.49}, (SOMEONE_ELSE,)),
        (ASKED, {"identity": None}, (SOMEONE_ELSE,)),
        (ASKED, {"angle": "half-left"}, (VIEW,)),
        (ASKED, {"angle": "unsure"}, (VIEW,)),
        (ASKED, {"expression": "sad"}, (EXPRESSION,)),
        (ASKED, {"expression": Said(word="sad", sure=0.3)}, (EXPRESSION,)),
        (ASIDE, {"angle": "profile-left", "expression": "sad"}, (EXPRESSION,)),
        (ASIDE, {"angle": "profile-left", "expression": Said(word="sad", sure=0.3)}, ()),
        ({**ASKED, "axis": "lighting", "value": "left"}, {"light": "left"}, ()),
        ({**ASKED, "axis": "lighting", "value": "left"}, {"light": "right"}, (LIGHT,)),
        ({**ASKED, "axis": "lighting", "value": "left"}, {"light": Said(word="right", sure=0.3)}, ()),
        ({**ASKED, "axis": "background", "value": "street"}, {"background": "city"}, ()),
        ({**ASKED, "axis": "background", "value": "street"}, {"background": "forest"}, (BACKGROUND,)),
        ({**ASKED, "axis": "background", "value": "beach"}, {"background": Said(word="city", sure=0.3)}, (BACKGROUND,)),
        ({"angle": "front", "pose": "t-pose"}, {"framing": "full", "pose": "t-pose", "angle": "half-left"}, ()),
        ({"angle": "front", "pose": "t-pose"}, {"framing": "full", "pose": "standing"}, (ANATOMY,)),
        ({"angle": "front", "pose": "t-pose"}, {"pose": "t-pose"}, (ANATOMY,)),
        ({"angle": "front", "pose": "walking"}, {"framing": "full", "angle": "half-left"}, (VIEW,)),
        (ASKED, {"face_distance": 18.0}, ()),
        (ASKED, {"face_distance": 18.1}, (ARTIFACTS,)),
        ({**ASKED, "scenario": "laughing-front"}, {"identity": 0.2, "angle": "half-left"}, (SOMEONE_ELSE, VIEW)),
    ],
)  # fmt: skip
def test_what_is_wrong(
    put: Put, reading: Any, labels: dict[str, str], seen: dict[str, Any], wrong: tuple[str, ...]
) -> None:
    found = opinion(put("synthetic", labels=labels), reading(**seen))
    assert (found.wrong, found.label) == (wrong, "reject" if wrong else "good")


def test_damage_is_no_reason_on_a_card_and_is_not_mended_by_a_tag(put: Put, reading: Any) -> None:
    smeared, source = reading(face_distance=25.0), put("source")
    assert opinion(put("card", labels=ASKED), smeared).right
    edited = put("enriched", labels=ASKED, sources=(source.ref,))
    otherwise = reading(face_distance=25.0, expression="sad")
    assert opinion(edited, reading(expression="sad")).shows == ("front", "sad")
    assert (opinion(edited, otherwise).label, opinion(edited, otherwise).shows) == ("reject", None)
    assert opinion(edited, smeared, corrections=True).label == "needs_correction"


def test_any_wrong_edit_is_corrected_but_nothing_without_a_source(put: Put, reading: Any) -> None:
    source = put("source")
    edited, drawn = put("enriched", labels=ASKED, sources=(source.ref,)), put("synthetic", labels=ASKED)
    wrong_view, wrong_person = reading(angle="half-left"), reading(angle="half-left", identity=0.1)
    assert opinion(edited, wrong_view, corrections=True).label == "needs_correction"
    assert opinion(edited, wrong_person, corrections=True).label == "needs_correction"
    assert opinion(edited, wrong_person).label == "reject"
    assert opinion(drawn, wrong_view, corrections=True).label == "reject"


def test_it_errs_about_as_often_as_told_and_always_about_the_same(put: Put) -> None:
    one = put("synthetic")
    many = [one.model_copy(update={"pixels": f"{n:064x}"}) for n in range(6000)]
    mistaken = [reviewer.errs(image, 5, 0.05) for image in many]
    assert 0.0415 < sum(mistaken) / 6000 < 0.0585  # three standard deviations of 6000 draws
    assert mistaken == [reviewer.errs(image.model_copy(update={"id": "0" * 64}), 5, 0.05) for image in many]
    other = [reviewer.errs(image, 6, 0.05) for image in many]
    assert sum(a and b for a, b in zip(mistaken, other, strict=True)) < 40
    assert not any(reviewer.errs(image, 5, 0.0) for image in many)


def test_decisions_are_recorded_as_simulated_and_open_the_gate(
    session: Session, cleo: Character, put: Put, reading: Any
) -> None:
    source = put("source")
    session.store.decide(Decision(image=source.id, who="human", action="label", value="good", where="source"))
    right, wrong, unread = (put("enriched", labels=ASKED, sources=(source.ref,)) for _ in range(3))
    seen: dict[str, Reading] = {right.id: reading(), wrong.id: reading(identity=0.1, angle="half-left")}
    said = reviewer.decide(session, [right, wrong, unread], seen, seed=0, error=0.0)
    assert {i: o.label for i, o in said.items()} == {right.id: "good", wrong.id: "reject"}
    assert {d.who for i in (right, wrong) for d in session.store.decisions(i.id)} == {"simulated"}
    verdict = session.store.verdict(wrong.id)
    assert (verdict.label, set(verdict.failures)) == ("reject", {SOMEONE_ELSE, VIEW})
    assert verdict.reason == f"{SOMEONE_ELSE}, {VIEW}"
    assert [i.id for i in review.undecided(session, cleo.id, "enriched")] == [unread.id]
    assert [i.id for i in review.good(session, cleo.id, "enriched")] == [right.id]
    assert training.dataset(session, cleo.id).blockers  # one waits: nothing unreviewed is trained on


@pytest.mark.parametrize(
    ("seen", "shows"),
    [
        ({"angle": "half-left"}, ("half-left", "smiling")),
        ({"angle": "half-left", "expression": "sad"}, ("half-left", "sad")),
        ({"expression": Said(word="sad", sure=0.6)}, ("front", "sad")),
        ({"expression": Said(word="sad", sure=0.4)}, None),  # nobody could say what it shows
        ({"angle": "unsure"}, None),
        ({"angle": "half-left", "identity": 0.1}, None),
    ],
)
def test_a_wrong_edit_of_the_right_person_is_good_for_what_it_shows(
    session: Session, put: Put, reading: Any, seen: dict[str, Any], shows: tuple[str, str] | None
) -> None:
    edited = put("enriched", labels=ASKED, sources=(put("source").ref,))
    what = reading(**({"expression": "smiling"} | seen))
    said = reviewer.decide(session, [edited], {edited.id: what}, seed=0, error=0.0)[edited.id]
    assert (said.shows, said.label) == (shows, "good" if shows else "reject")
    image = review.get(session, edited.id)
    assert (image.angle, image.expression) == (shows or ("unsure", "unsure"))
    if shows:
        assert training.caption(session, image).endswith(f"{shows[1]}, {shows[0]} view")
        assert opinion(image, what).right  # a report counts no mistake
        assert not session.store.verdict(edited.id).failures


def test_a_novel_picture_is_judged_by_what_was_asked_for(put: Put, reading: Any) -> None:
    assert opinion(put("synthetic", labels=ASKED), reading(angle="half-left")).label == "reject"


def test_a_second_look_finds_most_of_the_mistakes_of_the_first(put: Put, reading: Any) -> None:
    one = put("synthetic", labels=ASKED)
    wrong = [one.model_copy(update={"id": f"{n:064x}", "pixels": f"{n:064x}"}) for n in range(4000)]
    seen = {i.id: reading(identity=0.1) for i in wrong}
    passed = [i for i in wrong if reviewer.judged(i, seen[i.id], seed=3, error=0.05).label == "good"]
    assert 150 < len(passed) < 250
    assert len(reviewer.again(passed, seen, seed=3, error=0.05)) < 25  # one in twenty of them


def test_mistakes_turn_the_decision_round(session: Session, put: Put, reading: Any) -> None:
    right, wrong = put("synthetic", labels=ASKED), put("synthetic", labels=ASKED)
    always = {right.id: reading(), wrong.id: reading(identity=0.1)}
    seed = next(s for s in range(100) if all(reviewer.errs(i, s, 0.5) for i in (right, wrong)))
    said = reviewer.decide(session, [right, wrong], always, seed=seed, error=0.5)
    assert (said[right.id].label, said[wrong.id].label) == ("reject", "good")
    assert session.store.verdict(wrong.id).failures == ()


def test_the_least_damaged_are_best_and_of_full_figures_the_most_alike(reading: Any) -> None:
    near, far = reading(face_distance=8.0, identity=0.6), reading(face_distance=12.0, identity=0.9)
    figure, other = reading(face_distance=None, identity=0.9), reading(face_distance=None, identity=0.7)
    assert sorted([far, None, near], key=preference) == [None, far, near]
    assert sorted([figure, other], key=preference) == [other, figure]
