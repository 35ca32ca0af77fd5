"""The page in real Chromium: the header, hostile text, the review by keyboard, the card."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from playwright.sync_api import Page, Route, expect
from studio_helpers import NASTY, NOTHING_WAITS, Served

from pipelines.domain.records import Card, ImageRecord, LoraRecord
from pipelines.workflow import characters
from studio.app import made_of
from studio.app import page as page_of

Put = Callable[..., ImageRecord]


def labels(served: Served, pictures: list[ImageRecord]) -> list[str | None]:
    return [served.studio.session.store.verdict(p.id).label for p in pictures]


def eventually(page: Page, check: Callable[[], bool]) -> None:
    for _ in range(400):
        if check():
            return
        page.wait_for_timeout(50)
    pytest.fail("it did not come true within 20 s")


@pytest.mark.slow(seconds=5)
def test_what_a_page_is_made_of_is_the_same_until_its_parts_change(served: Served) -> None:
    one, same = page_of(served.studio), page_of(served.studio)
    assert made_of(one) == made_of(same) == served.studio.page
    session = served.studio.session
    served.studio.on_page = replace(session.presets, axes=session.presets.axes[1:])
    assert made_of(page_of(served.studio)) != made_of(one)


@pytest.fixture
def pictures(put: Put) -> list[ImageRecord]:
    source = put("source", filename=NASTY)
    return [put("enriched", sources=(source.ref,), cell=f"front/{n}", verdict="right", score=0.8) for n in range(6)]


@pytest.mark.slow(seconds=14)
def test_a_character_is_made_in_the_header(page: Page, served: Served) -> None:
    expect(page.locator("#workspace-name")).to_have_text(served.studio.session.workspace.root.name)
    page.click("#new-character")
    page.fill("#character-name", NASTY)
    page.click("#create-character")
    expect(page.locator("#character-dialog .problem")).to_contain_text("may use")
    page.check("#character-may-use")
    page.click("#create-character")
    expect(page.locator("#character-dialog")).to_have_count(0)
    expect(page.locator("#character-picker option:checked")).to_have_text(NASTY)
    assert served.studio.character is not None and served.studio.character.name == NASTY
    page.select_option("#character-picker", "ada")
    eventually(page, lambda: served.studio.character_id == "ada")
    expect(page.locator("#tab-enrich-button")).to_have_attribute("aria-selected", "true")
    # nothing is there yet: each gate says where its pictures come from
    for gate, name, tab in (("synthetic", "Generate", "generate"), ("card", "Model Card", "model_card")):
        page.click("#tab-review-button")
        page.click(f"#review-gate-{gate}")
        page.locator(".rv-empty").get_by_role("button", name=f"Open {name}").click()
        expect(page.locator(f"#tab-{tab}-button")).to_have_attribute("aria-selected", "true")


@pytest.mark.slow
def test_a_page_that_was_made_otherwise_loads_itself_anew(page: Page, served: Served) -> None:
    """Its values would be read by the handlers of others: the studio was started again, of another version or with
    other presets."""
    expect(page.locator("#character-picker option:checked")).to_have_text("Ada")
    known = served.studio.page
    with page.expect_event("load", timeout=60_000):
        served.studio.page = "0" * 20
    expect(page.locator("#character-picker option:checked")).to_have_text("Ada", timeout=60_000)
    assert page.evaluate("fetch('facts').then((answer) => answer.json())")["page"] == "0" * 20 != known


@pytest.mark.slow(seconds=16)
def test_names_prompts_and_file_names_reach_the_page_as_text(
    pictures: list[ImageRecord], page: Page, served: Served
) -> None:
    served.studio.choose("ada")
    characters.create(served.studio.session, NASTY, may_use=True)
    expect(page.locator("#character-picker option", has_text="<b>")).to_have_text(NASTY, timeout=8000)
    page.click("#tab-review-button")
    expect(page.locator("#review-picture")).to_have_attribute("data-id", pictures[0].id)
    expect(page.locator(".rv-side .facts")).to_contain_text(NASTY)
    for name in ("survey", "enrich", "train", "generate", "model_card"):
        page.click(f"#tab-{name}-button")
        page.wait_for_timeout(300)
    assert page.evaluate("window.pwned") is None
    assert page.locator("img[src='x']").count() == 0


def test_review_by_keyboard(pictures: list[ImageRecord], page: Page, served: Served) -> None:
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("1 of 6")
    for key in ("p", "x", "n", "3", "Shift+4", "f", "h"):
        page.keyboard.press(key)
    expect(page.locator("#review-position")).to_have_text("4 of 6")
    expect(page.locator("#review-live")).to_have_text("hands noted")
    eventually(page, lambda: labels(served, pictures)[:4] == ["good", "reject", "needs_correction", None])
    store = served.studio.session.store
    eventually(page, lambda: store.verdict(pictures[3].id).failures == ("hands",))
    assert (store.verdict(pictures[3].id).identity, store.verdict(pictures[3].id).edit) == (3, 4)
    for _ in range(4):
        page.keyboard.press("Control+z")
    eventually(page, lambda: labels(served, pictures)[2] is None and store.verdict(pictures[3].id).identity is None)
    page.keyboard.press("Control+Shift+z")
    eventually(page, lambda: labels(served, pictures)[2] == "needs_correction")
    assert all(event.who == "human" for p in pictures for event in store.decisions(p.id))


@pytest.mark.slow(seconds=13)
def test_fast_keys_are_not_dropped(put: Put, page: Page, served: Served) -> None:
    made = [put("enriched", cell=f"front/{n}") for n in range(40)]
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("1 of 40", timeout=8000)
    for n in range(40):
        page.keyboard.press("p" if n % 2 else "x")
    eventually(page, lambda: labels(served, made) == ["reject", "good"] * 20)


@pytest.mark.slow
def test_nothing_moves_when_one_decides(pictures: list[ImageRecord], page: Page) -> None:
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("1 of 6")
    places = """() => ['#review-picture', '#review-reference', '#review-good', '#review-film', '.fails', '.facts',
        '#review-filter-all'].map(s => document.querySelector('#review').querySelector(s).getBoundingClientRect())
        .map(r => [r.x, r.y])"""
    before = page.evaluate(places)
    for key in ("p", "n", "x", "2", "u"):
        page.keyboard.press(key)
        page.wait_for_timeout(60)
        assert page.evaluate(places) == before, key


@pytest.mark.slow
def test_decisions_outlive_a_studio_that_does_not_answer(
    pictures: list[ImageRecord], page: Page, served: Served
) -> None:
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("1 of 6")
    page.context.route("**/decisions", lambda route: route.abort())
    page.keyboard.press("p")
    page.keyboard.press("x")
    page.wait_for_timeout(600)
    assert labels(served, pictures)[:2] == [None, None]
    page.context.unroute("**/decisions")
    page.reload()
    eventually(page, lambda: labels(served, pictures)[:2] == ["good", "reject"])
    # the page that went sent them as it closed, the new one sends them again: they count once
    eventually(page, lambda: page.evaluate(NOTHING_WAITS))
    assert [len(served.studio.session.store.decisions(p.id)) for p in pictures[:2]] == [1, 1]


@pytest.mark.slow(seconds=6)
def test_keys_while_typing_are_text(pictures: list[ImageRecord], page: Page, served: Served) -> None:
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("1 of 6")
    page.keyboard.press("n")
    page.keyboard.press("ArrowLeft")
    page.locator("#correction-wrong").press_sequentially("xp u")
    assert page.input_value("#correction-wrong") == "xp u"
    eventually(page, lambda: labels(served, pictures)[0] == "needs_correction")


@pytest.mark.slow
def test_loading_forgets_neither_the_filter_nor_the_place(pictures: list[ImageRecord], page: Page) -> None:
    held: list[Route] = []
    asked = re.compile(r"/review\?gate=")
    page.route(asked, lambda route: held.append(route))
    page.click("#tab-review-button")
    eventually(page, lambda: bool(held))
    page.click("#review-filter-all")
    for route in held:
        route.continue_()
    page.unroute(asked)
    expect(page.locator("#review-position")).to_have_text("1 of 6")
    expect(page.locator("#review-filter-all")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("End")
    expect(page.locator("#review-position")).to_have_text("6 of 6")
    page.reload()
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("6 of 6")


@pytest.mark.slow
def test_the_grid_holds_only_what_is_in_sight(put: Put, page: Page) -> None:
    for n in range(120):
        put("enriched", cell=f"front/{n}")
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("1 of 120", timeout=8000)
    page.keyboard.press("g")
    expect(page.locator(".rv-canvas .cell").first).to_be_visible()
    assert page.locator(".rv-canvas .cell").count() < 80
    page.keyboard.press("End")
    expect(page.locator("#review-position")).to_have_text("120 of 120")
    expect(page.locator(".rv-canvas .here")).to_be_in_viewport()


@pytest.mark.slow(seconds=6)
def test_the_card_is_judged_by_key_and_versions_flip(put: Put, page: Page, served: Served) -> None:
    store = served.studio.session.store
    for version in ("v1", "v2"):
        lora = LoraRecord(
            id=version[-1] * 64,
            name=f"ada_{version}",
            path="x",
            family="flux",
            rank=4,
            origin="trained",
            character="ada",
        )
        store.put(lora, Card(id=f"ada/{version}", character="ada", version=version, lora=lora.id, seed=1))
    first, second = (put("card", version=v, cell="front/neutral") for v in ("v1", "v2"))
    page.click("#tab-model_card-button")
    cell = page.locator("#card-poster .cell[data-cell='front/neutral']")
    expect(cell).to_have_attribute("data-verdict", "unsure", timeout=8000)
    assert page.locator("#card-poster .cell").count() == 23
    cell.focus()
    page.keyboard.press("p")
    expect(cell).to_have_attribute("data-verdict", "right")
    expect(page.locator("#card-headline")).to_contain_text("1 of 23 right at the first try")
    assert store.verdict(second.id).label == "good" and store.decisions(second.id)[0].where == "card"
    place = cell.bounding_box()
    page.select_option("#card-version", "v1")
    expect(cell).to_have_attribute("data-verdict", "unsure")
    expect(cell.locator("img")).to_have_attribute("src", f"/img/{first.id}?w=512")
    assert cell.bounding_box() == place
    page.select_option("#card-compare", "v2")
    expect(page.locator("#card-poster-beside .cell[data-verdict='right']")).to_have_count(1)
