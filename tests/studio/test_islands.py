"""Islands that several tabs use, in real Chromium: strips, the picture opened big, the matrix, the job bar."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from studio_helpers import Served

from pipelines.library.records import ImageRecord, Job, Survey
from pipelines.shots import Adapter, LoraStack

Put = Callable[..., ImageRecord]
STACK = LoraStack(adapters=(Adapter(name="angles", sha256="a" * 64, path="loras/a.safetensors", weight=1.0),))
PROMPTS = ("background/forest", "lighting/sunset")


@pytest.fixture
def cells(put: Put, served: Served) -> dict[tuple[str, str], ImageRecord]:
    """A survey of one picture: two prompts for the base and for one stack."""
    source = put("source")
    survey = Survey(
        id="ada/v1", character="ada", version="v1", family="mini-qwen-edit", stacks=(STACK,), images=(source.id,),
        prompts=PROMPTS,
    )  # fmt: skip
    served.studio.desk.store.put(survey)
    return {
        (stack, prompt): put("survey", labels={"stack": stack, "image": source.id, "prompt": prompt})
        for stack in ("base", STACK.label)
        for prompt in PROMPTS
    }


def test_the_matrix_rates_by_key_swaps_and_goes_blind(
    cells: dict[tuple[str, str], ImageRecord], page: Page, served: Served
) -> None:
    page.click("#tab-survey-button")
    matrix = page.locator(".matrix")
    expect(matrix.locator("thead th")).to_have_text(["pictures", "base", STACK.label], timeout=10_000)
    expect(matrix.locator("tbody td")).to_have_count(2)
    first = cells["base", PROMPTS[0]]
    matrix.locator(f"[data-id='{first.id}']").focus()
    page.keyboard.press("4")
    page.keyboard.press("Shift+2")
    expect(matrix.locator(f"[data-id='{first.id}'] .mx-rate")).to_have_text("4 / 2")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.id") == cells[STACK.label, PROMPTS[0]].id
    matrix.get_by_text("Swap axes").click()
    expect(matrix.locator("tbody th")).to_have_text(["base", STACK.label])
    matrix.get_by_text("Blind").click()
    expect(matrix.locator("tbody th")).to_have_text(["Stack A", "Stack B"])
    page.wait_for_timeout(1500)
    verdict = served.studio.desk.store.verdict(first.id)
    assert (verdict.identity, verdict.edit) == (4, 2)
    assert {d.where for d in served.studio.desk.store.decisions(first.id)} == {"survey"}


def test_a_strip_keeps_itself_fresh_and_opens_pictures(put: Put, page: Page, served: Served) -> None:
    source = put("source")
    older = put("enriched", sources=(source.ref,), verdict="right", score=0.8)
    tiles = page.locator("#tab-enrich .tile")
    expect(tiles).to_have_count(1, timeout=10_000)
    newer = put("enriched", sources=(source.ref,), verdict="wrong", score=0.1)
    expect(tiles).to_have_count(2, timeout=10_000)
    assert [tiles.nth(n).get_attribute("data-id") for n in range(2)] == [newer.id, older.id]
    expect(tiles.first.locator(".identity")).to_contain_text("wrong")
    tiles.first.locator(".open").click()
    expect(page.locator("#picture-dialog img").first).to_have_attribute("src", f"/img/{newer.id}")
    expect(page.locator("#picture-dialog .lineage img")).to_have_attribute("src", f"/img/{source.id}?w=256")
    page.click("#picture-reject")
    page.keyboard.press("Escape")
    expect(page.locator("#picture-dialog")).to_have_count(0)
    expect(tiles.first.locator(".mark.l-reject")).to_be_visible(timeout=10_000)
    assert served.studio.desk.store.verdict(newer.id).label == "reject"


def test_jobs_that_broke_are_told_in_words(page: Page, served: Served) -> None:
    job = Job(
        id="1" * 16, kind="render", title="Make 4 pictures", character="ada", request={"kind": "obtain", "family": "x"},
        state="interrupted", done=2, total=4, warnings=("One picture failed.",), error="The worker died.",
    )  # fmt: skip
    served.studio.desk.store.put(job)
    expect(page.locator("#job-title")).to_have_text("Make 4 pictures: interrupted", timeout=8000)
    page.click("#job-list-open")
    entry = page.locator("#job-list .job")
    expect(entry).to_contain_text("The worker died.")
    expect(entry).to_contain_text("One picture failed.")
    expect(page.locator(f"#job-resume-{job.id}")).to_be_visible()
