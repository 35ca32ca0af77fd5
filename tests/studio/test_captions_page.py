"""Captions and tags over HTTP, and in real Chromium."""

import io
import json
import zipfile
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import NASTY, Served

from pipelines.domain.records import ImageRecord
from pipelines.workflow.captions import caption
from studio.server.state import Studio

Put = Callable[..., ImageRecord]
SLOW = 60_000


def test_captions_are_listed_edited_taken_back_and_exported(client: TestClient, studio: Studio, put: Put) -> None:
    image = put("source")
    (row,) = client.get("/captions", params={"kind": "source"}).json()["rows"]
    assert (row["id"], row["caption"]) == (image.id, caption(studio.session, image)) and NASTY in row["caption"]
    asked = {"images": [image.id], "change": {"add": "a hat"}}
    told = client.post("/captions/preview", json=asked).json()["captions"]
    assert (
        told == {image.id: f"{row['caption']}, a hat"} == client.post("/captions/change", json=asked).json()["captions"]
    )
    assert client.post("/captions/preview", json=asked).json() == {"captions": {}}
    client.post("/captions/write", json={"captions": {image.id: "ohwx_char person, word for word"}})
    packed = client.get("/export/source.zip")
    assert packed.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        names = set(archive.namelist())
        assert {"metadata.jsonl", "meta_cap.json", "kohya.toml", "musubi.toml"} < names
        (line,) = archive.read("metadata.jsonl").decode().splitlines()
    assert json.loads(line)["caption"] == "ohwx_char person, word for word"
    assert json.loads(line)["image_path"] == json.loads(line)["file_name"] and json.loads(line)["file_name"] in names
    assert list(studio.session.workspace.path("cache/export").iterdir()) == []
    assert client.post("/captions/undo").json()["captions"] == 1
    assert client.post("/captions/undo").json()["captions"] == 1
    assert client.get("/captions").json()["rows"][0]["caption"] == row["caption"]
    assert client.post("/captions/undo").status_code >= 400
    assert client.post("/captions/change", json={"images": ["0"], "change": {"add": "x"}}).status_code == 404
    assert client.get("/export/pristine.zip").status_code == 404


def test_a_kind_is_changed_by_its_route(client: TestClient, studio: Studio) -> None:
    assert client.post("/characters/ada", json={"kind": "cat"}).json() == {"id": "ada"}
    assert studio.session.character("ada").instance.endswith(" cat")
    assert client.post("/characters/ada", json={"kind": "a, b"}).status_code >= 400


@pytest.mark.slow
def test_tags_by_keys_and_taken_back(page: Page, served: Served, put: Put) -> None:
    image = put("source")
    page.locator("#enrich-tags").click(timeout=SLOW)
    says = page.locator('[data-tag="framing"] p')
    expect(says).to_contain_text("unsure", timeout=SLOW)
    for key, tag, words in (
        ("s", "framing", "bust: you"),
        ("2", "angle", "half-left: you"),
        ("w", "expression", "smiling: you"),
    ):
        page.keyboard.press(key)
        expect(page.locator(f'[data-tag="{tag}"] p')).to_have_text(words, timeout=SLOW)
    for _ in range(3):
        page.keyboard.press("Control+z")
    expect(says).to_contain_text("unsure", timeout=SLOW)
    expect(page.locator("#tag-undo")).to_be_disabled()
    stored = served.studio.session.store.get(ImageRecord, image.id)
    assert stored and stored.framing == "unsure"


@pytest.mark.slow(seconds=8)
def test_captions_are_edited_in_the_page(page: Page, served: Served, put: Put) -> None:
    image = put("source")
    page.locator("#enrich-captions").click(timeout=SLOW)
    words = page.locator(f'.capt-row[data-id="{image.id}"] textarea')
    expect(words).to_be_visible(timeout=SLOW)
    before = words.input_value()
    page.fill("#captions-add", "a hat")
    expect(page.locator(".capt-after")).to_have_text(f"{before}, a hat", timeout=SLOW)
    page.click("#captions-change")
    expect(words).to_have_value(f"{before}, a hat", timeout=SLOW)
    page.click("#captions-undo")
    expect(words).to_have_value(before, timeout=SLOW)
    assert page.evaluate("window.pwned") is None
