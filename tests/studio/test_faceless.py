"""A toy and a drawn character from import to card in a real browser, without a face pack."""

import time
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from playwright.sync_api import Page, expect
from skimage import data

from pipelines.domain.records import ImageRecord
from pipelines.workflow import datasets, sources
from tests.studio.conftest import Served

CARD_MS = 900_000


def toy(n: int) -> Image.Image:
    """A photograph of a thing: another crop, light and side each time."""
    cup = Image.fromarray(data.coffee())
    seen = cup.crop((12 * n, 8 * n, 600 - 6 * n, 400 - 4 * n)).resize((640, 560))
    lit = ImageEnhance.Brightness(seen).enhance(0.8 + 0.1 * n)
    return ImageOps.mirror(lit) if n % 2 else lit


def drawing(n: int) -> Image.Image:
    """A cartoon blob with ears, which stands elsewhere in each picture."""
    image = Image.new("RGB", (560, 560), [(90, 190, 230), (240, 220, 160), (200, 230, 190)][n % 3])
    pen, x, y = ImageDraw.Draw(image), 120 + 14 * n, 150 - 9 * n
    for ear in (x + 20, x + 210):
        pen.polygon(
            [(ear, y + 60), (ear + 40, y - 60), (ear + 90, y + 50)], fill=(240, 120, 60), outline="black", width=5
        )
    pen.ellipse((x, y, x + 320, y + 320), fill=(240, 120, 60), outline="black", width=6)
    for eye in (x + 80, x + 190):
        pen.ellipse((eye, y + 110, eye + 50, y + 170), fill="white", outline="black", width=4)
        pen.ellipse((eye + 15, y + 130, eye + 35, y + 160), fill="black")
    pen.arc((x + 110, y + 180, x + 210, y + 250), 10, 170, fill="black", width=6)
    return image


def wait_for(true, seconds: float = 300) -> None:
    """Until a condition holds."""
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.2)


@pytest.mark.slow(seconds=100)
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(("name", "draw", "asked"), [("Cup", toy, "face"), ("Fox", drawing, "look")])
def test_from_import_to_card_without_a_face(
    page: Page, served: Served, tmp_path: Path, name: str, draw, asked: str
) -> None:
    session = served.studio.session
    page.click("#new-character")
    page.fill("#character-name", name)
    page.select_option("#character-judge", asked)
    page.check("#character-may-use")
    page.click("#create-character")
    expect(page.locator("#character-picker option:checked")).to_have_text(name)
    files = []
    for n in range(5):
        files.append(str(tmp_path / f"{name}{n}.png"))
        draw(n).save(files[-1])
    page.locator("#enrich-drop input[type=file]").set_input_files(files)

    def told_by(recogniser: str) -> bool:
        found = sources.sources(session, served.studio.character_id)
        identities = [s.scores.identity for s in found]
        return len(found) == 5 and all(i is not None and i.recogniser == recogniser for i in identities)

    if asked == "face":
        wait_for(lambda: told_by("mini"))
        expect(page.locator("#enrich-advice")).to_contain_text("let Cup be judged by its look", timeout=60_000)
        page.locator("#enrich-judge label", has_text="its look").click()
    wait_for(lambda: told_by("look"))
    found = sources.sources(session, served.studio.character_id)
    assert [s.scores.identity.verdict for s in found if s.scores.identity].count("wrong") == 0
    assert sources.doubts(session, served.studio.character_id) == []
    assert all(s.scores.kind in ("none", "drawn") for s in found)
    page.click("#tab-model_card-button")
    expect(page.locator("#card-run")).to_be_enabled()
    page.click("#card-run")
    expect(page.locator("#job-title")).to_have_text("Model card of the base model: done", timeout=CARD_MS)
    made: list[ImageRecord] = datasets.pictures(session, served.studio.character_id, "card")
    assert len(made) == 23
    for image in made:  # people of the mini world: nobody is a cup, and nobody is turned away for having no face
        assert image.scores.identity is not None and image.scores.identity.recogniser == "look"
        assert image.scores.faces is None and image.scores.identity.score is not None
    expect(page.locator("#card-poster .cell img[src]")).to_have_count(23)
