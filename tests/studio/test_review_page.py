"""Review by its routes, and by keyboard in Chromium: many with one key, undo after a reload, notes, second looks."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import NASTY, NOTHING_WAITS, Served

from pipelines.domain.records import ImageRecord
from pipelines.workflow import second_look
from studio.server.state import Studio

Put = Callable[..., ImageRecord]
SLOW = 60_000


def labelled(client: TestClient, images: list[ImageRecord], value: str | None, batch: str = "", first: int = 1) -> None:
    said = [
        {"id": f"{first + n:016x}", "image": i.id, "action": "label", "value": value, "batch": batch}
        for n, i in enumerate(images)
    ]
    assert client.post("/decisions", json={"decisions": said}).status_code == 200


def test_the_answer_says_what_can_be_taken_back_how_much_is_wanted_and_what_is_alike(
    client: TestClient, put: Put
) -> None:
    images = [put("synthetic", cell="front/sad", verdict="right", score=0.5 + n / 10) for n in range(3)]
    labelled(client, images[:1], "reject")
    labelled(client, images[1:], "good", "b" * 16, first=10)
    pile = client.get("/review?gate=enriched&elsewhere=true").json()
    assert pile["gate"] == "synthetic" and pile["order"] == "made" and pile["wanted"] == 20
    assert [(s["id"], s["words"]) for s in pile["undo"]] == [(f"{1:016x}", "rejected"), ("b" * 16, "2 pictures: good")]
    assert pile["items"][0]["asked"] == ["front", "sad"] and pile["items"][0]["measured"] == ["unsure", "unsure"]
    assert client.get("/review?gate=enriched").json()["gate"] == "enriched"
    best = client.get("/review?gate=synthetic&order=best").json()["items"]
    assert [item["id"] for item in best] == [i.id for i in reversed(images)]
    assert client.get("/review?gate=synthetic&order=sideways").status_code == 422


def test_a_step_is_taken_back_and_stands_again_over_the_routes(client: TestClient, put: Put) -> None:
    images = [put("enriched") for _ in range(3)]
    labelled(client, images, "good", "c" * 16)
    undone = client.post("/review/undo", json={"gate": "enriched"}).json()
    assert {p["state"]["label"] for p in undone["pictures"].values()} == {None}
    assert undone["gates"]["enriched"]["counts"]["open"] == 3
    assert client.post("/review/undo", json={"gate": "enriched"}).status_code == 422
    again = client.post("/review/redo", json={"step": undone["id"]}).json()
    assert {p["state"]["label"] for p in again["pictures"].values()} == {"good"}
    for bad in ("", "0" * 16, NASTY):
        refused = client.post("/review/redo", json={"step": bad})
        assert refused.status_code == 422 and "not taken back" in refused.json()["detail"]
    assert client.post("/review/undo", json={"gate": "nowhere"}).status_code == 422


def test_how_many_are_wanted_is_set_and_bounded(client: TestClient, put: Put) -> None:
    put("enriched")
    assert client.post("/review/wanted", json={"gate": "enriched", "number": 12}).json()["wanted"] == 12
    assert client.get("/review?gate=enriched").json()["wanted"] == 12
    for gate, number in (("enriched", 0), ("enriched", 10_001), ("card", 5), ("enriched", "many")):
        assert client.post("/review/wanted", json={"gate": gate, "number": number}).status_code == 422


def test_a_note_is_text_and_short(client: TestClient, studio: Studio, put: Put) -> None:
    image = put("enriched")

    def note(n: int, value: Any) -> Any:
        said = {"id": f"{n:016x}", "image": image.id, "action": "note", "value": value}
        return client.post("/decisions", json={"decisions": [said]})

    assert note(1, f"  {NASTY} ").json()["pictures"][image.id]["state"]["note"] == NASTY
    assert note(2, "x" * 501).status_code == 422
    assert studio.session.store.verdict(image.id).note == NASTY
    assert note(3, None).json()["pictures"][image.id]["state"]["note"] == ""


def test_the_command_line_decides_on_many_and_takes_back(studio: Studio, put: Put, run: Any) -> None:
    images = [put("enriched", verdict="right", score=0.5 + n / 10) for n in range(3)]
    studio.session.close()
    ids = [i.id for i in images]
    assert run("review", "--label", "good", *ids)[0] == 0
    status, told = run("review", "--undo")
    assert status == 0 and sorted(told["undone"]) == sorted(ids)
    assert run("review", "--undo")[0] != 0
    assert run("review", "--note", "left ear", ids[0])[0] == 0
    status, told = run("review", "--order", "best", "--wanted", "7")
    assert (told["wanted"], told["good"]) == (7, 0)
    status, told = run("review", "--order", "best")
    assert [row["id"] for row in told["images"]] == ids[::-1] and told["images"][2]["note"] == "left ear"
    assert run("review", "--label", "good", *ids)[0] == 0
    assert sorted(run("review", "--second-look")[1]["images"]) == sorted(ids)
    assert run("review", "--second-look", "--label", "reject", ids[0])[0] == 0
    told = run("review", "--second-look")[1]
    assert told["differing"] == [ids[0]] and told["consistency"]["of"] == 1
    assert run("review", "--alike")[1]["alike"] == [[ids[2], ids[1], ids[0]]]  # rejected ones last
    assert run("review", "--keep-one", ids[1])[1]["rejected"] == [ids[2]]
    assert run("review", "--keep-one", "nobody")[0] != 0


@pytest.mark.slow(seconds=16)
def test_review_by_keyboard_from_a_selection_to_a_second_look(put: Put, page: Page, served: Served) -> None:
    """It opens on the gate that has something open; a selection is one step, also after a reload."""
    images = [put("synthetic", cell=f"front/{e}", verdict="right", score=0.8) for e in ("sad", "angry") * 6]
    session = served.studio.session
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("1 of 12", timeout=SLOW)
    expect(page.locator("#review-gate-synthetic")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("g")
    page.locator(".rv-canvas .cell").nth(1).click()
    page.locator(".rv-canvas .cell").nth(3).click(modifiers=["Shift"])
    expect(page.locator("#review-selected")).to_contain_text("3 selected")
    page.keyboard.press("Shift+ArrowRight")
    page.locator(".rv-canvas .cell").nth(0).click(modifiers=["Control"])
    expect(page.locator("#review-selected")).to_contain_text("5 selected")
    page.keyboard.press("x")
    expect(page.locator("#review-filter-reject b")).to_have_text("5")
    page.wait_for_function(NOTHING_WAITS)
    assert sum(session.store.verdict(i.id).label == "reject" for i in images) == 5
    page.reload()
    expect(page.locator("#review-position")).to_have_text("1 of 7", timeout=SLOW)
    page.route("**/review?*", lambda route: route.abort())  # what is undone is seen again, whatever else arrives
    page.keyboard.press("Control+z")
    expect(page.locator("#review-filter-reject b")).to_have_text("0")
    expect(page.locator("#review-live")).to_contain_text("undone: 5 pictures")
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#review-filter-reject b")).to_have_text("5")
    page.keyboard.press("Control+z")
    expect(page.locator("#review-filter-reject b")).to_have_text("0")
    expect(page.locator("#review-position")).to_have_text("1 of 12")
    page.unroute("**/review?*")
    page.keyboard.press("w")
    page.keyboard.type(NASTY)
    page.keyboard.press("Enter")
    page.keyboard.press("g")
    page.keyboard.press("Control+a")
    page.keyboard.press("p")
    expect(page.locator("#review-filter-good b")).to_have_text("12")
    expect(page.locator("#review-good-count")).to_have_text("12 good,")
    page.wait_for_function(NOTHING_WAITS)
    assert NASTY in {session.store.verdict(i.id).note for i in images}
    page.keyboard.press("e")
    page.keyboard.press("s")
    expect(page.locator("#review-position")).to_have_text("1 of 5")
    expect(page.locator("#review-label")).to_be_empty()
    expect(page.locator(".rv-scores .identity")).to_have_count(0)
    for _ in range(4):
        page.keyboard.press("p")
    expect(page.locator("#review-position")).to_have_text("5 of 5")
    page.keyboard.press("x")
    expect(page.locator(".toast", has_text="4 of 5 pictures")).to_be_visible()
    expect(page.locator("#review-position")).to_have_text("1 of 1")  # what was judged otherwise
    assert second_look.consistency(session, "ada", "synthetic").same == 4
    assert page.evaluate("window.pwned") is None


@pytest.mark.slow
def test_two_pictures_that_are_compared_are_zoomed_and_moved_together(put: Put, page: Page) -> None:
    source = put("source")
    put("enriched", sources=(source.ref,))
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("1 of 1", timeout=SLOW)
    page.keyboard.press("z")
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_function(
        """() => {
          const share = (s) => { const n = document.querySelector(s);
            return n.scrollTop / (n.scrollHeight - n.clientHeight); };
          return share(".rv-stage") > 0.55 && Math.abs(share(".rv-stage") - share(".rv-ref")) < 0.01;
        }"""
    )
