"""Notes on LoRAs: by their route, by the command line, and in Chromium."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import NASTY, Served

from pipelines.domain.lora_notes import LoraNotes
from pipelines.domain.records import LoraRecord
from pipelines.workflow import lora_notes
from studio.server.state import Studio
from studio.tabs.survey import catalogue_of

SLOW = 60_000


def test_notes_come_by_a_route_that_takes_nothing_else(client: TestClient, studio: Studio) -> None:
    said: dict[str, Any] = {"key": "mini-angles", "scores": {"angle": 4}, "note": NASTY, "looked": "to test"}
    assert client.post("/loras/notes", json=said).json() == {"ok": True}
    kept = studio.session.store.get(LoraNotes, "mini-angles")
    assert kept and (kept.scores, kept.note, kept.looked) == ({"angle": 4}, NASTY, "to test")
    bad: tuple[dict[str, Any], ...] = (
        {"scores": {"angle": 6}}, {"scores": {"beauty": 1}}, {"looked": "seen"}, {"note": "x" * 2001}, {"key": ""},
    )  # fmt: skip
    for wrong in bad:
        assert client.post("/loras/notes", json={"key": "mini-angles", **wrong}).status_code == 422
    assert client.post("/loras/notes", json={"key": "nobody"}).status_code == 404
    assert studio.session.store.all(LoraNotes) == [kept]


def test_the_command_line_notes_and_tells(studio: Studio, run: Any) -> None:
    studio.session.close()
    status, told = run("loras", "mini-angles", "--score", "angle=4", "--score", "light=2", "--note", "turns well")
    assert status == 0 and told["notes"]["scores"] == {"angle": 4, "light": 2}
    assert run("loras", "mini-angles", "--score", "light=", "--looked", "card read")[0] == 0
    row = next(r for r in run("loras", "--catalogue")[1]["catalogue"] if r["name"] == "mini-angles")
    assert row["notes"] == {"scores": {"angle": 4}, "note": "turns well", "looked": "card read"}
    assert row["found"] == "card read; angle 4 of 5; turns well"
    for wrong in (
        ["--score", "angle=9"],
        ["--score", "beauty=1"],
        ["--looked", "seen"],
        ["--note", "x", "--steps", "4"],
    ):
        assert run("loras", "mini-angles", *wrong)[0] != 0
    assert run("loras", "--note", "x")[0] != 0 and run("loras", "nobody", "--note", "x")[0] != 0


@pytest.mark.slow(seconds=14)
def test_stars_and_a_note_are_kept_by_clicks_and_stand_after_a_reload(page: Page, served: Served) -> None:
    page.click("#tab-survey-button")
    entry = page.locator("#survey-catalogue .entry[data-key=mini-angles]")
    expect(page.locator("#survey-progress")).to_contain_text("0 of 10 looked into", timeout=SLOW)
    entry.locator(".name").click()
    entry.get_by_label("reaches the angle: 4 of 5").click()
    expect(entry.locator(".kind")).to_contain_text("4.0 of 5 on 1 of 4 axes", timeout=SLOW)
    expect(page.locator("#survey-progress")).to_contain_text("1 of 10 looked into")
    entry.get_by_label("how far it was looked into").select_option("card read")
    expect(entry.locator(".kind")).to_contain_text("card read", timeout=SLOW)
    entry.get_by_role("button", name="Write a note").click()
    page.locator("#lora-note textarea").fill(NASTY)
    page.click("#lora-note-keep")
    expect(page.locator("#lora-note")).to_have_count(0)
    expect(entry.locator(".note")).to_have_text(NASTY, timeout=SLOW)
    page.reload()
    expect(entry.locator(".kind")).to_contain_text("card read", timeout=SLOW)
    entry.locator(".name").click()
    entry.get_by_label("reaches the angle: 4 of 5").click()  # taken away again
    expect(entry.locator(".kind")).not_to_contain_text("axes", timeout=SLOW)
    kept = served.studio.session.store.get(LoraNotes, "mini-angles")
    assert kept and (kept.scores, kept.note, kept.looked) == ({}, NASTY, "card read")


def test_two_files_of_one_entry_have_the_notes_of_the_entry(studio: Studio) -> None:
    for n in ("a", "b"):
        studio.session.store.put(LoraRecord(
            id=n * 64, name=f"angles-{n}", path="x", family="qwen-image-edit", rank=4, catalogue="mini-angles",
            origin="catalogue",
        ))  # fmt: skip
    lora_notes.write(studio.session, "mini-angles", note="turns well")
    items = catalogue_of(studio, {})["items"]
    assert [i["note"] for i in items if i["key"] == "mini-angles" or i["title"].startswith("angles-")] == [
        "turns well"
    ] * 2
