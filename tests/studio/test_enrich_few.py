"""A character of few sources on the page: what is said, planned and asked, in real Chromium."""

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from skimage import data
from studio_helpers import Served

from pipelines.workflow import sources, twins

SLOW = 60_000


@pytest.mark.slow
def test_a_plan_for_few_pictures_and_a_copy_that_is_asked_about(page: Page, served: Served, tmp_path: Path) -> None:
    whole = Image.fromarray(data.chelsea())
    whole.save(tmp_path / "cat.png")
    whole.crop((40, 20, 420, 290)).resize((240, 170)).save(tmp_path / "part.png")
    page.click("#tab-enrich-button")
    page.locator("#enrich-drop input[type=file]").set_input_files([tmp_path / "cat.png", tmp_path / "part.png"])
    expect(page.locator("#enrich-arrival")).to_contain_text("looks almost like a part of another source", timeout=SLOW)
    expect(page.locator("#enrich-advice")).to_contain_text("about a third each", timeout=SLOW)
    expect(page.locator("#enrich-advice")).to_contain_text("leave one out, or say that both stay")
    page.click("#enrich-few")
    chains = page.locator("#enrich-chains textarea")
    expect(chains).to_have_value(re.compile("framing/standing > angle/half-left"), timeout=SLOW)
    body = page.locator('#enrich-mix .track[data-framing="full"]')
    expect(body).to_have_attribute("aria-label", re.compile("in this plan"), timeout=SLOW)
    session = served.studio.session
    part = next(s for s in sources.sources(session, "ada") if s.intake and s.intake.filename == "part.png")
    page.locator(f'#enrich-sources .item[data-id="{part.id}"]').click()
    page.click("#enrich-both", timeout=SLOW)
    expect(page.locator("#enrich-advice")).not_to_contain_text("both stay", timeout=SLOW)
    assert twins.open_questions(session, sources.sources(session, "ada"), sources.file_of) == []
