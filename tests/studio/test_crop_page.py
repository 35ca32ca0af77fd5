"""Crops over HTTP, and in real Chromium by keys and pointer."""

import io

import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageOps
from playwright.sync_api import Page, expect
from skimage import data
from studio_helpers import Served

from pipelines.domain.records import ImageRecord
from pipelines.workflow import sources
from studio.server.state import Studio

SLOW = 60_000


def brought(studio: Studio) -> ImageRecord:
    film = ImageOps.expand(Image.fromarray(data.astronaut()), (0, 40, 0, 40), fill="black")
    file = io.BytesIO()
    film.save(file, "PNG")
    [image] = sources.add(studio.session, "ada", [("film.png", file.getvalue())]).admitted
    return image


def test_a_source_is_cropped_by_its_routes(client: TestClient, studio: Studio) -> None:
    image = brought(studio)
    told = client.get(f"/crop/{image.id}").json()
    assert (told["width"], told["height"], told["box"]) == (512, 592, [0, 0, 512, 592]) and not told["cropped"]
    [borders] = told["suggestions"]
    assert borders["aim"] == "borders" and client.get(f"/crop/{image.id}?turned=90").json()["width"] == 592
    made = client.post(f"/crop/{image.id}", json={"box": borders["box"]}).json()["id"]
    assert client.get(f"/crop/{made}").json()["cropped"] and client.get(f"/img/{made}").status_code == 200
    assert [s.id for s in sources.sources(studio.session, "ada")] == [made]
    assert client.post(f"/crop/{made}/undo").json() == {"id": image.id}
    assert client.post(f"/crop/{image.id}/undo").status_code == 422


@pytest.mark.parametrize(
    "wrong", [{"box": [0, 0, 9999, 10]}, {"box": [0, 0, 100, 100], "turned": 45}, {"box": [1]}, {}]
)
def test_what_is_no_crop_is_refused_in_words(client: TestClient, studio: Studio, wrong: dict) -> None:
    image = brought(studio)
    answer = client.post(f"/crop/{image.id}", json=wrong)
    assert answer.status_code == 422 and isinstance(answer.json()["detail"], str)
    assert client.get(f"/crop/{image.id}?turned=45").status_code == 422
    assert client.get(f"/crop/{image.id}?turned=left").status_code == 422
    assert client.post("/crop/nobody", json={"box": [0, 0, 50, 50]}).status_code == 404
    assert sources.sources(studio.session, "ada") == [image]


@pytest.mark.slow(seconds=13)
def test_a_source_is_cropped_by_keys_turned_and_had_back(page: Page, served: Served) -> None:
    image = brought(served.studio)
    page.locator("#enrich-crops").click(timeout=SLOW)
    page.locator('#crop-dialog [data-aim="borders"]').click(timeout=SLOW)
    top = page.locator("#crop-top")
    expect(top).not_to_have_value("0", timeout=SLOW)
    page.locator("#crop-dialog [data-aim=all]").click()
    page.locator("#crop-box").focus()
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowDown")
    expect(top).to_have_value("6")
    page.fill("#crop-width", "300")
    page.keyboard.press("Tab")
    page.locator("#crop-keep").click()
    expect(page.locator("#crop-undo")).to_be_visible(timeout=SLOW)
    [part] = sources.sources(served.studio.session, "ada")
    assert part.intake and part.intake.cut and part.intake.cut.box == (0, 6, 300, 592)
    page.locator("#crop-turn-90").click()
    expect(page.locator("#crop-dialog .tag-name")).to_contain_text("592 x 512", timeout=SLOW)
    page.locator("#crop-undo").click()
    expect(page.locator("#crop-undo")).to_be_hidden(timeout=SLOW)
    assert [s.id for s in sources.sources(served.studio.session, "ada")] == [image.id]


@pytest.mark.slow
def test_a_corner_follows_the_pointer(page: Page, served: Served) -> None:
    brought(served.studio)
    page.locator("#enrich-crops").click(timeout=SLOW)
    corner = page.locator("#crop-box .crop-handle").last
    expect(page.locator("#crop-width")).to_have_value("512", timeout=SLOW)
    box, part = corner.bounding_box(), page.locator("#crop-box").bounding_box()
    assert box and part
    right, bottom = part["x"] + part["width"], part["y"] + part["height"]
    assert right - 30 < box["x"] < right and bottom - 30 < box["y"] < bottom, "it lies in its corner"
    x, y = box["x"] + 9, box["y"] + 9
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 100, y - 80, steps=4)
    page.mouse.up()
    expect(page.locator("#crop-width")).not_to_have_value("512")
    assert int(page.locator("#crop-width").input_value()) < 480
    assert page.locator("#crop-left").input_value() == "0"
