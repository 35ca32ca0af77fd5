"""Review beyond single decisions: what was said last is taken back, also later; orders, near duplicates, goals, pace,
second looks."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.domain.records import Decision, ImageRecord, new_id
from pipelines.domain.scores import Identity, Scores
from pipelines.domain.shots import Purpose, Shot
from pipelines.session import Session
from pipelines.storage.pictures import hamming, save_picture
from pipelines.workflow import characters, goals, review, review_history, review_order, second_look, training
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.opening import open_session
from pipelines.workflow.twins import NEAR_DUPLICATE

Make = Callable[..., ImageRecord]
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def session(workspace_root: Path) -> Iterator[Session]:
    with open_session(workspace_root) as opened:
        characters.create(opened, "Ada", may_use=True)
        yield opened


@pytest.fixture
def make(session: Session) -> Make:
    """A picture at a gate: ``make("enriched", cell="front/sad", verdict="right", score=0.8, light=3)``."""
    made = 0

    def _make(kind: Any = "enriched", *, cell: str = "front/neutral", verdict: Any = None, score: float | None = None,
              light: int | None = None, character: str = "ada") -> ImageRecord:  # fmt: skip
        nonlocal made
        made += 1
        # unlike each other: noise of its own seed; ``light``: one noise, a little brighter or darker
        noise = np.random.default_rng(7 if light is not None else 100 + made).integers(0, 200, (9, 9, 1))
        pixels = np.clip(np.kron(noise, np.ones((8, 8, 3), int)) + (light or 0), 0, 255).astype(np.uint8)
        angle, _, expression = cell.partition("/")
        shot = Shot(
            family="mini-flux", revision="1", prompt=cell, seed=made, steps=1, guidance=1, width=72, height=72,
            purpose=Purpose(step="enrich", cell=cell, labels={"angle": angle, "expression": expression}),
        )  # fmt: skip
        identity = Identity(recogniser="perceptual", model_hash="x", score=score, verdict=verdict or "cannot tell")
        record = save_picture(
            session.workspace, Image.fromarray(pixels), character=character, kind=kind, version="v1",
            path=f"characters/{character}/data/{kind}/v1/{made}.png", shot=shot,
            scores=Scores(identity=identity if verdict else None),
        )  # fmt: skip
        session.store.put(record)
        return record

    return _make


def say(session: Session, image: ImageRecord, value: Any = "good", **more: Any) -> Decision:
    said = Decision(**{"image": image.id, "who": "human", "action": "label", "value": value, **more})
    review.decide(session, [said])
    return said


def label(session: Session, image: ImageRecord) -> str | None:
    return session.store.verdict(image.id).label


def test_what_a_human_said_last_at_a_gate_is_taken_back_after_a_restart(session: Session, make: Make) -> None:
    one, two, other = make(), make(), make("synthetic")
    say(session, one)
    say(session, two, "reject")
    say(session, other)
    say(session, two, who="rule", value="good")
    root = session.workspace.root
    session.close()
    with open_session(root) as again:
        assert [s.words for s in review_history.steps(again, "ada", "enriched")] == ["rejected", "good"]
        review_history.undo(again, "ada", "enriched")
        assert (label(again, two), label(again, one)) == ("good", "good")  # of two what a rule said stands now
        review_history.undo(again, "ada", "enriched")
        assert label(again, one) is None and label(again, other) == "good"
        with pytest.raises(NotAllowed, match="left to take back"):
            review_history.undo(again, "ada", "enriched")
        assert [s.words for s in review_history.steps(again, "ada", "synthetic")] == ["good"]


def test_what_was_said_of_many_with_one_key_is_taken_back_with_one_and_stands_again(
    session: Session, make: Make
) -> None:
    images = [make() for _ in range(4)]
    say(session, images[0], "reject")
    batch = new_id()
    review.decide(
        session, [Decision(image=i.id, who="human", action="label", value="good", batch=batch) for i in images]
    )
    step = review_history.steps(session, "ada", "enriched")[0]
    assert (step.id, step.words) == (batch, "4 pictures: good")
    undone = review_history.undo(session, "ada", "enriched")
    assert [label(session, i) for i in images] == ["reject", None, None, None]
    review_history.redo(session, undone.id)
    assert {label(session, i) for i in images} == {"good"}
    assert review_history.steps(session, "ada", "enriched")[0].id == batch  # and can be taken back again
    with pytest.raises(NotAllowed):
        review_history.redo(session, "")
    with pytest.raises(NotAllowed, match="already"):
        review_history.undo(session, "ada", "enriched", "0" * 16)


def test_what_a_page_took_back_is_no_step_and_neither_is_what_others_said(session: Session, make: Make) -> None:
    image = make()
    said = say(session, image)
    say(session, image, who="simulated")
    review.decide(session, [Decision(image=image.id, who="human", action="undo", undoes=said.id)])
    assert review_history.steps(session, "ada", "enriched") == []


def test_a_correction_is_one_step_with_both_its_pictures(session: Session, make: Make) -> None:
    source = make("enriched")
    wrong, better = (
        i.model_copy(update={"shot": i.shot.model_copy(update={"sources": (source.ref,)})})
        for i in (make(), make())
        if i.shot
    )
    session.store.put(wrong, better)
    review.correct_with(session, wrong.id, better.id, "hair")
    assert (label(session, wrong), label(session, better)) == ("needs_correction", "good")
    review_history.undo(session, "ada", "enriched")
    assert (label(session, wrong), label(session, better)) == (None, None)


def test_notes_are_short_and_can_be_cleared(session: Session, make: Make) -> None:
    image = make()
    say(session, image, "  look \n at the\tleft ear ", action="note")
    assert session.store.verdict(image.id).note == "look at the left ear"
    with pytest.raises(NotAllowed, match="500"):
        say(session, image, "x" * 501, action="note")
    say(session, image, " ", action="note")
    assert session.store.verdict(image.id).note == ""


def test_what_helps_most_comes_first(session: Session, make: Make) -> None:
    filled = make(cell="front/neutral", verdict="right", score=0.9)
    say(session, filled)
    sure = make(cell="front/neutral", verdict="right", score=0.8)
    gap = make(cell="front/sad", verdict="wrong", score=0.2)
    nearer = make(cell="front/sad", verdict="right", score=0.7)
    unsure = make(cell="front/neutral", verdict="unsure", score=0.5)
    unmeasured = make(cell="front/neutral")
    items = review.pile(session, "ada", "enriched")

    def order(name: review_order.Order) -> list[str]:
        return [item.image.id for item in review_order.ordered(session, "ada", "enriched", items, name)]

    assert order("helps") == [i.id for i in (unsure, nearer, gap, filled, sure, unmeasured)]
    assert order("unsure")[0] == unsure.id
    assert set(order("gaps")[:2]) == {gap.id, nearer.id}
    assert order("best")[0] == filled.id and order("worst")[0] == gap.id
    assert order("best")[-1] == order("worst")[-1] == unmeasured.id
    assert order("made") == [item.image.id for item in items]


def test_near_duplicates_are_found_however_the_bits_differ(session: Session, make: Make) -> None:
    first = make(light=0, verdict="right", score=0.5)
    near = make(light=20, verdict="right", score=0.9)
    other_cell, unlike = make(light=40, cell="front/sad"), make()
    assert hamming(first.dhash, near.dhash) <= NEAR_DUPLICATE < hamming(first.dhash, unlike.dhash)
    flipped = [format(int(first.dhash, 16) ^ bits, "016x") for bits in (0x8000_0400_0020_0001, 0x1F)]
    within, beyond = (make().model_copy(update={"dhash": h}) for h in flipped)
    odd = make().model_copy(update={"dhash": "no hash"})
    session.store.put(within, beyond, odd)
    groups = review_order.alike(review.pile(session, "ada", "enriched"))
    assert list(groups) == [near.id] and groups[near.id][0] == near.id  # the most alike is the best
    assert {*groups[near.id]} == {near.id, first.id, within.id}
    assert other_cell.id not in groups[near.id] and beyond.id not in groups[near.id]


def test_one_of_near_duplicates_is_kept_and_the_others_are_rejected_in_one_step(session: Session, make: Make) -> None:
    images = [make(light=n, verdict="right", score=0.5 + n / 100) for n in range(4)]
    say(session, images[1], "needs_correction")
    review.decide(session, review_order.keeping_one(review.pile(session, "ada", "enriched"), images[2].id))
    assert [label(session, i) for i in images] == ["reject", "needs_correction", "good", "reject"]
    review_history.undo(session, "ada", "enriched")
    assert [label(session, i) for i in images] == [None, "needs_correction", None, None]
    with pytest.raises(NotAllowed, match="nearly the same"):
        review_order.keeping_one(review.pile(session, "ada", "enriched"), make().id)


def test_how_many_are_wanted_is_said_once_for_the_review_and_the_training(session: Session, make: Make) -> None:
    for _ in range(3):
        say(session, make())
    assert goals.wanted(session.character("ada"), "enriched") == 30
    assert any("3 good enriched pictures of 30" in w for w in training.dataset(session, "ada").warnings)
    goals.want(session, "ada", "enriched", 3)
    assert goals.wanted(session.character("ada"), "enriched") == 3
    assert not any("wanted" in w for w in training.dataset(session, "ada").warnings if "enriched" in w)
    assert goals.wanted(session.character("ada"), "card") is None
    for gate, number in (("card", 5), ("enriched", 0), ("enriched", 10_001)):
        with pytest.raises(ValueError):
            goals.want(session, "ada", gate, number)  # type: ignore[arg-type]


def test_the_pace_is_of_the_work_without_its_pauses(session: Session, make: Make) -> None:
    at = BEGAN
    for n in range(8):
        at += timedelta(seconds=3600 if n == 4 else 10)
        say(session, make(), at=at)
        if n < 5:
            assert review_history.pace(session, "ada", "enriched", 12) is None
    found = review_history.pace(session, "ada", "enriched", 12)
    assert found and (found.per_hour, found.left) == (360, 120)
    assert found.words == "360 an hour, about 2 min left"
    assert review_history.pace(session, "ada", "synthetic", 12) is None


def test_review_opens_where_something_is_to_be_judged(session: Session, make: Make) -> None:
    gates: list[review.Gate] = ["enriched", "synthetic", "card"]
    assert review.gate_to_open(session, "ada", gates, "synthetic") == "synthetic"
    made = make("synthetic")
    assert review.gate_to_open(session, "ada", gates, "enriched") == "synthetic"
    say(session, made)
    assert review.gate_to_open(session, "ada", gates, "enriched") == "synthetic"  # nothing open; here are pictures
    make("enriched")
    assert review.gate_to_open(session, "ada", gates, "synthetic") == "enriched"


def test_a_second_look_measures_how_often_a_human_says_the_same(session: Session, make: Make) -> None:
    images = [make() for _ in range(40)]
    for n, image in enumerate(images):
        say(session, image, "good" if n % 2 else "reject")
    chosen = second_look.to_look_at(session, "ada", "enriched")
    assert len(chosen) == 5 and chosen == second_look.to_look_at(session, "ada", "enriched")
    assert len(second_look.to_look_at(session, "ada", "enriched", 0.5)) == 20
    by_id = {image.id: image for image in images}
    before = {i: label(session, by_id[i]) for i in chosen}
    for i in chosen[:4]:
        say(session, by_id[i], before[i], where=second_look.WHERE)
    turned = "reject" if before[chosen[4]] == "good" else "good"
    last = say(session, by_id[chosen[4]], turned, where=second_look.WHERE)
    found = second_look.consistency(session, "ada", "enriched")
    assert (found.same, found.of) == (4, 5) and "4 of 5 pictures (80 %, 95 % interval 38-96" in found.words
    assert second_look.differing(session, "ada", "enriched") == [chosen[4]]
    assert label(session, by_id[chosen[4]]) == turned  # the last word counts
    assert second_look.to_look_at(session, "ada", "enriched") == []
    review.decide(session, [Decision(image=last.image, who="human", action="undo", undoes=last.id)])
    assert second_look.to_look_at(session, "ada", "enriched") == [chosen[4]]
    assert second_look.consistency(session, "ada", "synthetic").words == "No picture was looked at twice yet."


def test_kappa_takes_off_what_chance_would_give() -> None:
    """By hand: 20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: agreed 0.7, by chance 0.5, kappa 0.4."""
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert second_look.kappa(pairs) == pytest.approx(0.4)
    assert second_look.kappa([("y", "y")] * 5) is None and second_look.kappa([]) is None
    assert second_look.kappa([("y", "n"), ("n", "y")]) == pytest.approx(-1)
