"""Islands that several tabs use, in real Chromium: strips, the picture opened big, the matrix, the job bar."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from studio_helpers import Served

from pipelines.domain.records import ImageRecord, Job, Survey
from pipelines.domain.shots import Adapter, LoraStack

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
    served.studio.session.store.put(survey)
    made = {}
    for stack in (LoraStack(), STACK):
        for prompt in PROMPTS:
            image = put("survey", labels={"stack": stack.label, "image": source.id, "prompt": prompt})
            assert image.shot
            made[stack.label, prompt] = image.model_copy(
                update={"shot": image.shot.model_copy(update={"stack": stack})}
            )
    served.studio.session.store.put(*made.values())
    return made


@pytest.mark.slow(seconds=7)
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
    reached = []
    for _ in range(2):
        page.keyboard.press("ArrowRight")
        reached.append(page.evaluate("document.activeElement.dataset.id"))
    assert reached == [cells["base", PROMPTS[1]].id, cells[STACK.label, PROMPTS[0]].id]
    matrix.get_by_text("Swap axes").click()
    expect(matrix.locator("tbody th")).to_have_text(["base", STACK.label])
    matrix.get_by_text("Blind").click()
    expect(matrix.locator("tbody th")).to_have_text(["Stack A", "Stack B"])
    page.wait_for_timeout(1500)
    verdict = served.studio.session.store.verdict(first.id)
    assert (verdict.identity, verdict.edit) == (4, 2)
    assert {d.where for d in served.studio.session.store.decisions(first.id)} == {"survey"}


@pytest.mark.slow
def test_nothing_on_the_page_leads_who_rates_blind(put: Put, page: Page, served: Served) -> None:
    """Not an opened picture, not the averages, not what machines say."""
    source = put("source")
    store = served.studio.session.store
    survey = Survey(id="ada/v1", character="ada", version="v1", family="mini-qwen-edit", stacks=(STACK,),
                    images=(source.id,), prompts=PROMPTS[:1])  # fmt: skip
    store.put(survey)
    for stack, label in ((None, "base"), (STACK, STACK.label)):
        labels = {"stack": label, "image": source.id, "prompt": PROMPTS[0]}
        made = put("survey", labels=labels, sources=(source.ref,), verdict="right", score=0.81)
        if stack and made.shot:
            store.put(made.model_copy(update={"shot": made.shot.model_copy(update={"stack": stack})}))
    page.click("#tab-survey-button")
    matrix = page.locator(".matrix")
    expect(matrix.locator(".identity")).to_have_count(2, timeout=60_000)
    expect(page.locator("#survey-averages")).to_contain_text(STACK.label, timeout=60_000)
    matrix.get_by_text("Blind", exact=True).click()
    expect(matrix.locator(".identity")).to_have_count(0)
    for told in ("#survey-averages", "#survey-ranking"):
        expect(page.locator(told)).to_contain_text("Hidden while the survey is blind")
        expect(page.locator(told)).not_to_contain_text("angles")
    matrix.locator(".mx-pic").first.click()
    dialog = page.locator("#picture-dialog")
    expect(dialog.locator(".stars")).to_have_count(2)
    expect(dialog).not_to_contain_text("angles")
    expect(dialog).not_to_contain_text("0.81")
    expect(dialog.locator("dl")).to_have_count(0)
    dialog.locator(".lineage button").first.click()
    expect(dialog.locator(".lineage")).to_have_count(0)  # what became of the source would tell
    page.keyboard.press("Escape")
    matrix.locator(".mx-pic").first.focus()
    page.keyboard.press("c")
    compare = page.locator("dialog[open]")
    expect(compare).to_be_visible()
    expect(compare).not_to_contain_text("right 0.81")
    page.keyboard.press("Escape")
    matrix.get_by_text("Blind", exact=True).click()
    expect(page.locator("#survey-averages")).to_contain_text(STACK.label)
    expect(matrix.locator(".identity")).to_have_count(2)


@pytest.mark.slow
def test_a_wide_matrix_holds_what_is_in_sight_and_arrows_lead_on(put: Put, page: Page, served: Served) -> None:
    """40 stacks: the pictures of the last come when they are scrolled to or gone to, those of the first leave."""
    source, store = put("source"), served.studio.session.store
    stacks = tuple(
        LoraStack(adapters=(Adapter(name=f"lora {n}", sha256=f"{n:064x}", path=f"loras/{n}.safetensors", weight=1.0),))
        for n in range(40)
    )
    store.put(
        Survey(id="ada/v1", character="ada", version="v1", family="mini-qwen-edit", stacks=stacks, images=(source.id,),
               prompts=PROMPTS[:1])
    )  # fmt: skip
    made = []
    for stack in stacks:
        image = put("survey", labels={"stack": stack.label, "image": source.id, "prompt": PROMPTS[0]})
        assert image.shot
        made.append(image.model_copy(update={"shot": image.shot.model_copy(update={"stack": stack})}))
    store.put(*made)
    page.click("#tab-survey-button")
    pictures, last = page.locator(".matrix .mx-pic"), page.locator(f".matrix [data-id='{made[-1].id}']")
    expect(pictures.first).to_be_visible()
    assert pictures.count() < 20
    pictures.first.focus()
    page.keyboard.press("5")
    for _ in range(39):
        page.keyboard.press("ArrowRight")
    expect(last).to_be_focused()
    page.keyboard.press("2")
    expect(last.locator(".mx-rate")).to_have_text("2 / -")
    assert page.locator(".matrix .mx-pic[tabindex='0']").count() == 1
    page.wait_for_function("document.querySelectorAll('.matrix .mx-pic').length < 20")
    page.keyboard.press("ArrowLeft")
    for _ in range(38):
        page.keyboard.press("ArrowLeft")
    expect(pictures.first).to_be_focused()
    expect(pictures.first.locator(".mx-rate")).to_have_text("5 / -")


@pytest.mark.slow
def test_two_stacks_are_held_against_each_other_by_keys_and_the_matrix_is_a_picture(
    cells: dict[tuple[str, str], ImageRecord], page: Page, served: Served
) -> None:
    page.click("#tab-survey-button")
    one, other = cells["base", PROMPTS[0]], cells[STACK.label, PROMPTS[0]]
    cell = page.locator(f".matrix [data-id='{other.id}']")
    expect(cell).to_be_visible()
    assert page.locator(".matrix .mx-pic[tabindex='0']").count() == 1  # one stop of the Tab key, arrows from there
    cell.focus()
    page.keyboard.press("c")
    expect(page.locator("#compare-where")).to_have_text(f"1 of 2: Picture 1, {PROMPTS[0]}")
    assert (page.input_value("#compare-a"), page.input_value("#compare-b")) == ("base", STACK.label)
    page.keyboard.press("d")
    workspace = served.studio.session.workspace
    pixels = [np.asarray(Image.open(workspace.path(i.path)).convert("RGB"), dtype=float) for i in (one, other)]
    apart = np.abs(pixels[0] - pixels[1])
    share = (apart.max(axis=2) > 16).mean()
    words = f"mean difference {100 * apart.mean() / 255:.1f} %, {100 * share:.0f} % of the pixels differ"
    expect(page.locator("#compare-told")).to_have_text(words)
    page.keyboard.press("s")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#compare-split")).to_have_value("60")
    shown = page.evaluate("getComputedStyle(document.querySelector('.cp-layer:has(.cp-b)')).clipPath")
    assert shown == "inset(0px 0px 0px 60%)"
    page.keyboard.press("b")
    for front in ("b", "a"):
        page.wait_for_function(f"document.querySelector('.cp-stage').dataset.front === '{front}'")
    page.keyboard.press("x")
    page.keyboard.press("n")
    expect(page.locator("#compare-where")).to_have_text(f"2 of 2: Picture 1, {PROMPTS[1]}")
    expect(page.locator(".cp-a")).to_have_attribute("src", f"/img/{cells[STACK.label, PROMPTS[1]].id}")
    page.keyboard.press("Escape")
    expect(page.locator("#compare-dialog")).to_have_count(0)
    assert page.evaluate("document.activeElement.dataset.id") == other.id
    with page.expect_download() as arriving:
        page.click("#matrix-picture")
    assert arriving.value.suggested_filename == "survey-ada-v1.png"
    drawn = Image.open(io.BytesIO(arriving.value.path().read_bytes())).convert("RGB")
    there = {colour for _, colour in drawn.getcolors(maxcolors=1 << 24) or []}
    for picture in pixels:  # each is of one grey below its red lines
        grey = picture[-1, -1]
        assert min(np.abs(np.array(colour) - grey).max() for colour in there) <= 6
    assert page.request.get(f"{served.url}/survey-report/ada/v1?form=json").json()["made"] == 4


@pytest.mark.slow
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
    assert served.studio.session.store.verdict(newer.id).label == "reject"


@pytest.mark.slow
def test_jobs_that_broke_are_told_in_words(page: Page, served: Served) -> None:
    job = Job(
        id="1" * 16, kind="render", title="Make 4 pictures", character="ada", request={"kind": "obtain", "family": "x"},
        state="interrupted", done=2, total=4, warnings=("One picture failed.",), error="The worker died.",
    )  # fmt: skip
    served.studio.session.store.put(job)
    expect(page.locator("#job-title")).to_have_text("Make 4 pictures: interrupted", timeout=8000)
    page.click("#job-list-open")
    entry = page.locator("#job-list .job")
    expect(entry).to_contain_text("The worker died.")
    expect(entry).to_contain_text("One picture failed.")
    expect(page.locator(f"#job-resume-{job.id}")).to_be_visible()
