"""What follows from a decision is the server's word: in its answers, and in the page."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import NOTHING_WAITS, Served

from pipelines.domain.records import Correction, Decision, ImageRecord
from pipelines.domain.verdicts import after
from pipelines.workflow import review
from studio.server import foresight, tiles
from studio.server.state import Studio

Put = Callable[..., ImageRecord]
SLOW = 60_000


def say(client: TestClient, image: ImageRecord, action: str, value: Any, n: int = 1, **more: Any) -> dict[str, Any]:
    said = {"id": f"{n:016x}", "image": image.id, "action": action, "value": value, **more}
    answer = client.post("/decisions", json={"decisions": [said]})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_answer_to_a_decision_says_what_follows_from_it(client: TestClient, studio: Studio, put: Put) -> None:
    far, near = put("synthetic", verdict="wrong", score=0.1), put("synthetic", verdict="right", score=0.8)
    put("synthetic", verdict="cannot tell")
    pile = client.get("/review?gate=synthetic").json()
    items = {item["id"]: item for item in pile["items"]}
    assert pile["counts"] == {"all": 3, "open": 3, "wrong": 1, "right": 1} and pile["filter"] == 1
    assert items[far.id]["piles"] == ["all", "open", "wrong"] and items[far.id]["above"] == 0.1
    told = say(client, far, "label", "good")
    assert told["pictures"][far.id]["state"]["label"] == "good"
    assert told["pictures"][far.id]["piles"] == ["all", "good", "through", "wrong"]
    assert told["pictures"][far.id]["above"] is None  # a rule sorts out nothing that a human has labelled
    gate = told["gates"]["synthetic"]
    assert gate["counts"] == {"all": 3, "open": 2, "good": 1, "through": 1, "wrong": 1, "right": 1}
    assert gate["filter"] == len(review.would_go(studio.session, "ada")) == 0
    told = say(client, far, "undo", None, n=2, undoes=f"{1:016x}")
    assert told["pictures"][far.id]["piles"] == ["all", "open", "wrong"] and told["gates"]["synthetic"]["filter"] == 1
    assert list(say(client, near, "identity", 4, n=3)["pictures"]) == [near.id]


def test_a_label_by_a_rule_is_in_no_pile_that_training_learns_from(
    client: TestClient, studio: Studio, put: Put
) -> None:
    image = put("synthetic", verdict="right", score=0.8)
    studio.session.store.decide(Decision(image=image.id, who="rule", action="label", value="good"))
    pile = client.get("/review?gate=synthetic").json()
    assert "good" in pile["items"][0]["piles"] and "through" not in pile["counts"]


def test_the_filter_says_of_each_picture_above_which_line_it_goes(studio: Studio, put: Put) -> None:
    made = [put("synthetic", score=0.45, verdict="unsure"), put("synthetic", score=0.1234567, verdict="wrong")]
    made += [put("enriched", score=0.1, verdict="wrong"), put("synthetic")]
    faceless = put("synthetic", score=0.9, verdict="right", labels={"angle": "front"})
    faceless = faceless.model_copy(update={"scores": faceless.scores.model_copy(update={"faces": 0})})
    studio.session.store.put(faceless)
    for cut in (-1.0, 0.1234567, 0.2, 0.45, 0.46, 1.0):
        above = {i.id: tiles.tile(i, studio.session.store.verdict(i.id))["above"] for i in [*made, faceless]}
        goes = {image for image, at in above.items() if at is not None and cut > at}
        assert goes == {image for image, _ in review.would_go(studio.session, "ada", cut=cut)}


def test_the_table_of_the_page_is_the_rule(client: TestClient, studio: Studio, put: Put) -> None:
    image = put("enriched", verdict="right", score=0.8)
    table = foresight.table(studio.session)
    told = client.get("/facts").json()["outcomes"]
    assert {action: values.keys() for action, values in told.items()} == {a: v.keys() for a, v in table.items()}
    assert all(told[a][v][key] == said[key] for a in told for v in told[a] for said in [table[a][v]] for key in said)
    for action, values in (("label", ("good", "needs_correction", "reject", None)), ("identity", (1, 5, None))):
        for value in values:
            said = Decision(image=image.id, who="human", action=action, value=value)  # type: ignore[arg-type]
            verdict = after(studio.session.store.verdict(image.id), said)
            expected = table[action]["null" if value is None else str(value)]
            told = tiles.standing(image, verdict)
            assert expected["state"].items() <= told["state"].items()
            if "piles" in expected:
                assert set(told["piles"]) == {"all", "right", *expected["piles"]}


def test_a_better_try_is_offered_taken_and_refused_over_http(client: TestClient, studio: Studio, put: Put) -> None:
    source, other = put("source"), put("source")
    wrong, better = put("enriched", sources=(source.ref,)), put("enriched", sources=(source.ref,))
    stranger = put("enriched", sources=(other.ref,))
    offered = client.get(f"/review/tries/{wrong.id}").json()["pictures"]
    assert [(p["id"], p["same"], p["how"]) for p in offered] == [(better.id, True, "base, seed 4")]
    ask = {"image": wrong.id, "better": stranger.id, "what_was_wrong": "six fingers"}
    refused = client.post("/corrections/with", json=ask)
    assert refused.status_code == 422 and "same source" in refused.json()["detail"]
    assert client.post("/corrections/with", json=ask | {"better": "0" * 64}).status_code == 404
    told = client.post("/corrections/with", json=ask | {"better": better.id}).json()
    assert told["pictures"][better.id]["state"]["label"] == "good"
    assert told["gates"]["enriched"]["counts"]["needs_correction"] == 1
    (kept,) = studio.session.store.all(Correction)
    assert (kept.id, kept.what_was_wrong, kept.chosen) == (told["id"], "six fingers", told["decisions"][better.id])
    assert client.get(f"/picture/{wrong.id}").json()["corrected_by"] == [better.id]
    assert client.get(f"/picture/{better.id}").json()["corrects"] == [wrong.id]
    for n, (image, decision) in enumerate(told["decisions"].items()):
        said = {"id": f"{n:016x}", "image": image, "action": "undo", "undoes": decision}
        client.post("/decisions", json={"decisions": [said]})
    assert review.corrections(studio.session, "ada") == []
    assert client.get(f"/picture/{wrong.id}").json()["corrected_by"] == []
    assert (
        studio.session.store.verdict(wrong.id).label is None and studio.session.store.verdict(better.id).label is None
    )


@pytest.fixture
def tries(put: Put) -> list[ImageRecord]:
    """A picture to correct, and three others of its source."""
    source = put("source")
    return [put("enriched", sources=(source.ref,), cell="front/sad", verdict="right", score=0.8) for _ in range(4)]


@pytest.mark.slow
def test_the_answer_wins_over_what_the_page_expected(put: Put, page: Page, served: Served) -> None:
    image = put("synthetic", verdict="wrong", score=0.1)
    store = served.studio.session.store
    page.click("#tab-review-button")
    page.click("#review-gate-synthetic")
    expect(page.locator("#review-filter")).to_have_text("Filter 1", timeout=SLOW)
    page.keyboard.press("p")
    expect(page.locator("#review-label")).to_have_text("good")
    expect(page.locator("#review-filter")).to_have_text("Filter")  # the server's number
    # from here on only the answers to decisions can tell the page anything
    page.route(re.compile(r"/review\?gate="), lambda route: route.abort())
    store.decide(Decision(image=image.id, who="rule", action="label", value="reject", reason="someone else"))
    page.keyboard.press("Control+z")
    expect(page.locator("#review-label")).to_have_text("rejected (by rule)")
    expect(page.locator("#review-filter-reject b")).to_have_text("1")
    expect(page.locator("#review-filter-open b")).to_have_text("0")
    page.unroute(re.compile(r"/review\?gate="))


@pytest.mark.slow
def test_a_better_try_is_chosen_by_keys_and_undone(tries: list[ImageRecord], page: Page, served: Served) -> None:
    wrong, first, second, _ = tries
    session = served.studio.session
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("1 of 4", timeout=SLOW)
    page.keyboard.press("n")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#correction-better")).to_be_visible()
    page.locator("#correction-wrong").fill("the ear")
    page.keyboard.press("Tab")
    page.locator("#review-picture").click()
    page.keyboard.press("b")
    offered = page.locator("#try-dialog .kb-tile")
    expect(offered).to_have_count(3)
    expect(offered.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(offered.nth(1)).to_have_attribute("aria-checked", "true")
    assert offered.nth(1).get_attribute("data-id") == second.id
    page.keyboard.press("Enter")
    expect(page.locator("#try-dialog")).to_have_count(0)
    expect(page.locator(".toast", has_text="teaches the editor")).to_be_visible()
    (made,) = review.corrections(session, "ada")
    assert (made.wrong.id, made.target.id, made.what_was_wrong) == (wrong.id, second.id, "the ear")
    expect(page.locator("#review-filter-good b")).to_have_text("1")
    page.keyboard.press("Control+z")
    expect(page.locator("#review-live")).to_contain_text("undone: corrected by")
    expect(page.locator("#review-filter-good b")).to_have_text("0")
    expect(page.locator("#review-label")).to_have_text("needs correction")
    page.wait_for_function(NOTHING_WAITS)
    assert review.corrections(session, "ada") == [] and session.store.verdict(second.id).label is None
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#review-filter-good b")).to_have_text("1")
    page.wait_for_function(NOTHING_WAITS)
    assert [c.id for c in review.corrections(session, "ada")] == [made.id]
    page.keyboard.press("Control+z")
    page.wait_for_function(NOTHING_WAITS)
    assert review.corrections(session, "ada") == [] and session.store.verdict(first.id).label is None


@pytest.mark.slow
def test_an_edit_that_was_asked_for_something_else_is_not_chosen_by_itself(
    put: Put, page: Page, served: Served
) -> None:
    source = put("source")
    wrong, other = (put("enriched", sources=(source.ref,), cell=cell) for cell in ("front/sad", "front/angry"))
    assert other.shot
    shot = other.shot.model_copy(update={"prompt": "make the face angry"})
    served.studio.session.store.put(other.model_copy(update={"shot": shot}))
    page.click("#tab-review-button")
    expect(page.locator("#review-picture")).to_have_attribute("data-id", wrong.id, timeout=SLOW)
    page.keyboard.press("n")
    page.keyboard.press("ArrowLeft")
    page.click("#correction-better")
    expect(page.locator("#try-dialog .kb-tile")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#try-use")).to_be_disabled()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#try-use")).to_be_enabled()
    assert review.corrections(served.studio.session, "ada") == []


@pytest.mark.slow
def test_a_better_try_is_chosen_by_mouse(tries: list[ImageRecord], page: Page, served: Served) -> None:
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("1 of 4", timeout=SLOW)
    page.keyboard.press("n")
    page.keyboard.press("ArrowLeft")
    page.click("#correction-better")
    page.locator(f'#try-dialog .kb-tile[data-id="{tries[3].id}"]').click()
    page.click("#try-use")
    expect(page.locator(".toast", has_text="teaches the editor")).to_be_visible()
    (made,) = review.corrections(served.studio.session, "ada")
    assert made.target.id == tries[3].id
