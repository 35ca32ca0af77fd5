"""A new character with photographs and models that are not here, in Chromium: every tab says what to do, with sizes."""

from pathlib import Path

import pytest
import skimage.data
from PIL import Image, ImageOps
from playwright.sync_api import Page, expect
from studio_helpers import Served

from pipelines.domain.records import Character

SLOW = 60_000
FLUX, QWEN = "FLUX.1 dev", "Qwen-Image-Edit 2509"
BUTTONS = {
    "survey": ("survey-run", "Get the weights first (54 GB)"),
    "enrich": ("enrich-make", "Get the weights first (54 GB)"),
    "train": ("train-run", "Get the weights first (31 GB)"),
    "generate": ("generate-run", "Get the weights first (31 GB)"),
}


def photographs(folder: Path) -> list[str]:
    """Photographs of several aspects: whole, mirrored, cut to a portrait and to a landscape."""
    folder.mkdir()
    whole = Image.fromarray(skimage.data.astronaut())
    cut = {"square": whole, "mirrored": ImageOps.mirror(whole), "tall": whole.crop((80, 0, 368, 512))}
    cut |= {"wide": whole.crop((0, 20, 512, 308)), "near": whole.crop((120, 0, 330, 300))}
    for name, picture in cut.items():
        picture.resize((picture.width * 2, picture.height * 2)).save(folder / f"{name}.jpg", quality=95)
    return [str(folder / f"{name}.jpg") for name in cut]


@pytest.fixture
def shown(page: Page, served: Served, tmp_path: Path) -> Page:
    """The page with a new character of photographs, to be made with FLUX.1 dev and Qwen-Image-Edit."""
    page.click("#new-character")
    expect(page.locator("#character-generator")).to_be_visible(timeout=SLOW)
    assert page.locator("#character-generator").input_value() == "mini-flux"
    expect(page.locator("#character-generator-about")).to_contain_text("drawn people of a small world alone")
    page.fill("#character-name", "Eileen")
    page.select_option("#character-generator", "flux1-dev")
    page.select_option("#character-editor", "qwen-image-edit-2509")
    expect(page.locator("#character-generator-about")).to_contain_text("31.4 GB to download")
    expect(page.locator("#character-editor-about")).to_contain_text("models/qwen-image-edit-2509-main")
    expect(page.locator("#character-models")).to_contain_text("No graphics card")
    page.check("#character-may-use")
    page.click("#create-character")
    expect(page.locator("#character-picker option:checked")).to_have_text("Eileen")
    page.locator("#enrich-drop input[type=file]").set_input_files(photographs(tmp_path / "photographs"))
    expect(page.locator("#enrich-sources .item")).to_have_count(5, timeout=SLOW)
    return page


@pytest.mark.slow(seconds=27)
def test_every_tab_says_what_is_missing_with_sizes(shown: Page, served: Served) -> None:
    made = served.studio.session.character("eileen")
    assert (made.generator, made.editor) == ("flux1-dev", "qwen-image-edit-2509")
    for tab, (button, words) in BUTTONS.items():
        shown.click(f"#tab-{tab}-button")
        expect(shown.locator(f"#{button}")).to_have_text(words, timeout=SLOW)
        size = "53.8 GB" if "54" in words else "31.4 GB"
        expect(shown.locator(f"#{tab}-weights")).to_contain_text(size)
        expect(shown.locator(f"#{tab}-obtain")).to_have_text(f"Download {size}")
        assert "fits" not in shown.locator(f"#tab-{tab}").inner_text().replace("does not fit", "")
    shown.click("#tab-model_card-button")
    expect(shown.locator("#model-card")).to_contain_text("31.4 GB", timeout=SLOW)


@pytest.mark.slow
def test_the_models_are_changed_from_the_header_and_train_follows(shown: Page, served: Served) -> None:
    shown.click("#tab-train-button")
    expect(shown.locator("#train-steps input")).not_to_have_value("300", timeout=SLOW)
    shown.click("#character-models-open", timeout=SLOW)
    expect(shown.locator("#models-dialog")).to_contain_text("Models of Eileen")
    shown.select_option("#character-generator", "mini-flux")
    shown.click("#models-save")
    expect(shown.locator("#models-dialog")).to_have_count(0)
    expect(shown.locator("#train-steps input")).to_have_value("300", timeout=SLOW)
    assert served.studio.session.store.get(Character, "eileen").generator == "mini-flux"
    expect(shown.locator("#train-weights")).to_be_hidden()
