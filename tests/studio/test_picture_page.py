"""A picture that is open: keys, settings used again, a PNG that is dropped, and what is sent elsewhere."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import ExifTags, Image, PngImagePlugin
from playwright.sync_api import Page, expect
from studio_helpers import NASTY, NOTHING_WAITS, Served

from pipelines.domain.records import ImageRecord
from studio.server import choices
from studio.server.state import Studio

Put = Callable[..., ImageRecord]
SLOW = 60_000


def png(**texts: str) -> bytes:
    told = PngImagePlugin.PngInfo()
    for name, text in texts.items():
        told.add_itxt(name, text)
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=told)
    return buffer.getvalue()


def jpeg(comment: str) -> bytes:
    """With a comment as A1111 writes it."""
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"UNICODE\0" + comment.encode("utf-16-be")
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def dropped(client: TestClient, data: bytes) -> Any:
    return client.post("/recipe", files={"file": ("a.png", data, "image/png")})


def test_a_dropped_png_sets_the_tab_and_says_what_it_could_not(client: TestClient, studio: Studio) -> None:
    text = f"{NASTY} <lora:gone:0.8>\nSteps: 7, Sampler: Euler, CFG scale: 2, Seed: 5, Size: 64x64"
    told = dropped(client, png(parameters=text)).json()
    assert told["tab"] == "generate" and "prompt" in told["restored"]
    assert any("gone" in words for words in told["lost"]) and any("Euler" in words for words in told["lost"])
    kept = choices.read(studio.session.workspace.root, "ada", "generate")
    assert (kept["prompts"], kept["steps"], kept["seed"]) == (" ".join(NASTY.split()), "7", 5)
    for data in (b"", b"no png", png(), png(parameters="hello")):
        refused = dropped(client, data)
        assert refused.status_code == 422 and "nothing to restore" in refused.json()["detail"]


def test_the_settings_of_a_picture_are_used_again(client: TestClient, studio: Studio, put: Put) -> None:
    source = put("source")
    edit = put("enriched", sources=(source.ref,), cell="front/sad")
    told = client.post(f"/picture/{edit.id}/use").json()
    assert told["tab"] == "enrich" and "source" in told["restored"]
    kept = choices.read(studio.session.workspace.root, "ada", "enrich")
    assert kept["sources"] == {"items": [{"id": source.id}], "ticked": [source.id]}
    assert client.post(f"/picture/{source.id}/use").status_code == 422
    assert client.post(f"/picture/{'0' * 64}/use").status_code == 404


def test_a_source_is_sent_to_a_tab_ticked_alone(client: TestClient, studio: Studio, put: Put) -> None:
    one, two = put("source"), put("source")
    for tab, name in (("enrich", "sources"), ("survey", "images")):
        assert client.post(f"/picture/{two.id}/tick", json={"tab": tab}).json() == {"ok": True}
        kept: Any = choices.read(studio.session.workspace.root, "ada", tab)[name]
        assert kept["ticked"] == [two.id] and [i["id"] for i in kept["items"]] == [one.id, two.id]
    assert client.post(f"/picture/{put('card').id}/tick", json={"tab": "enrich"}).status_code == 404
    assert client.post(f"/picture/{one.id}/tick", json={"tab": "train"}).status_code == 422


def test_a_picture_is_saved_with_and_without_its_recipe(client: TestClient, put: Put) -> None:
    image = put("synthetic")
    whole, bare = (client.get(f"/picture/{image.id}/file?recipe={r}") for r in ("true", "false"))
    assert b"flenwheel" in whole.content and b"flenwheel" not in bare.content
    assert whole.headers["content-disposition"] == f'attachment; filename="ada-synthetic-{image.id[:12]}.png"'
    with Image.open(io.BytesIO(whole.content)) as one, Image.open(io.BytesIO(bare.content)) as two:
        assert one.tobytes() == two.tobytes()
    assert client.get(f"/picture/{'1' * 64}/file").status_code == 404


def test_one_thing_is_varied_over_the_route_within_its_bounds(client: TestClient, put: Put) -> None:
    image = put("synthetic")
    varied = client.get(f"/picture/{image.id}").json()["varied"]
    assert varied["guidance"] == "1" and "strength" not in varied
    for name, values in (("steps", ["0"]), ("seed", ["3"]), ("guidance", ["1"]), ("prompt", [])):
        assert client.post(f"/picture/{image.id}/vary-one", json={"name": name, "values": values}).status_code == 422


@pytest.mark.slow
def test_an_open_picture_is_judged_and_left_by_keys(put: Put, page: Page, served: Served) -> None:
    images = [put("synthetic") for _ in range(3)]
    page.click("#tab-generate-button")
    page.locator("#generate-results .tile button").first.click(timeout=SLOW)
    shown = page.locator("#picture-dialog .stage img")
    expect(shown).to_have_attribute("src", f"/img/{images[2].id}")  # the newest first
    page.keyboard.press("p")
    expect(page.locator("#picture-good")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("ArrowRight")
    expect(shown).to_have_attribute("src", f"/img/{images[1].id}")
    for key in ("x", "3", "ArrowRight", "n", "ArrowRight", "u"):
        page.keyboard.press(key)  # nobody waits: a key is for the picture that was asked for
    expect(shown).to_have_attribute("src", f"/img/{images[0].id}")
    page.wait_for_function(NOTHING_WAITS)
    verdicts = [served.studio.session.store.verdict(i.id) for i in images]
    assert [v.label for v in verdicts] == [None, "reject", "good"] and verdicts[1].identity == 3
    page.click("#picture-to-review")
    expect(page.locator("#review-picture")).to_have_attribute("data-id", images[0].id, timeout=SLOW)


@pytest.mark.slow
def test_a_picture_dropped_on_the_page_fills_generate(put: Put, page: Page) -> None:
    text = f"{NASTY} on a roof\nSteps: 7, CFG scale: 2, Seed: 5, Size: 64x64"
    page.click("#tab-generate-button")
    page.wait_for_selector("#generate-prompts textarea", timeout=SLOW)
    data = base64.b64encode(jpeg(text)).decode()
    page.evaluate(
        """(data) => {
          const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "a.jpg", { type: "image/jpeg" }));
          const drop = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
          document.getElementById("generate-results").dispatchEvent(drop);
        }""",
        data,
    )
    expect(page.locator("#restored-dialog")).to_contain_text("Generate takes: prompt, steps, guidance, seed")
    page.click("#restored-open")
    expect(page.locator("#generate-prompts textarea")).to_have_value(f"{NASTY} on a roof", timeout=SLOW)
    expect(page.locator("#generate-steps input, #generate-steps textarea").first).to_have_value("7")
    assert json.dumps(page.evaluate("window.pwned ?? null")) == "null"
