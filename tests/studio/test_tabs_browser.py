"""The tabs in real Chromium: user text stays text, a cut line can be dragged, a stack survives a reload."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Frame, Page, Request, Route, expect
from studio_helpers import NASTY, Served
from tab_helpers import lora_file

from pipelines.domain.records import Card, Character, DatasetVersion, Decision, ImageRecord, LoraRecord, SavedStack
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.workflow import loras, review

Put = Callable[..., ImageRecord]
SLOW = 60_000


class Held:
    """What the page asks of Gradio is held back until it is let go."""

    def __init__(self, page: Page, only: Callable[[Request], bool] = lambda request: True) -> None:
        self.routes: list[Route] | None = []
        self.only = only
        page.route("**/queue/join*", self._hear)

    def _hear(self, route: Route) -> None:
        if self.routes is None or not self.only(route.request):
            route.continue_()
        else:
            self.routes.append(route)

    def let_go(self) -> None:
        held, self.routes = self.routes or [], None
        for route in held:
            route.continue_()


def tabs_told(page: Page, served: Served) -> Callable[[Request], str | None]:
    """Which tab a request tells of a change."""
    config = page.request.get(f"{served.url}/config").json()
    parts = {part["id"]: part["props"].get("options") or {} for part in config["components"]}
    tabs = {part: options["tab"] for part, options in parts.items() if "tab" in options}
    begins = {event["id"]: tabs.get(target) for event in config["dependencies"] for target, _ in event["targets"]}

    def told(request: Request) -> str | None:
        joins = request.url.partition("?")[0].endswith("/queue/join")
        return begins[json.loads(request.post_data or "{}")["fn_index"]] if joins else None

    return told


def test_hostile_names_and_captions_stay_text(page: Page, served: Served, put: Put) -> None:
    name = "<img src=x onerror=window.pwned=3>.png"
    source = put("source", filename=name)
    item = page.locator(f'#enrich-sources .item[data-id="{source.id}"]')
    expect(item).to_be_visible(timeout=SLOW)
    assert item.locator("button.thumb").get_attribute("title") == name
    item.locator("button.thumb").click()
    expect(page.locator("#enrich-caption textarea")).to_have_value(NASTY, timeout=SLOW)
    assert page.evaluate("window.pwned") is None


@pytest.mark.slow
def test_ticking_sources_changes_what_would_be_made(page: Page, served: Served, put: Put) -> None:
    first, _ = put("source"), put("source")
    make = page.locator("#enrich-make")
    expect(make).to_have_text("Make 8", timeout=SLOW)
    page.locator(f'#enrich-sources .item[data-id="{first.id}"] input').uncheck()
    expect(make).to_have_text("Make 4", timeout=SLOW)
    expect(page.locator("#enrich-plan")).to_contain_text("4 pictures")


@pytest.mark.slow
def test_a_source_that_comes_while_another_is_left_out_keeps_its_tick(page: Page, served: Served, put: Put) -> None:
    """The answer that brings it was asked for before the click, and is put right by it."""
    first = put("source")
    page.click("#tab-survey-button")
    ticks = page.locator("#survey-images .tick input")
    expect(ticks).to_have_count(1, timeout=SLOW)
    tab_told = tabs_told(page, served)
    held = Held(page, lambda request: tab_told(request) == "survey")
    with page.expect_request(lambda request: tab_told(request) == "survey", timeout=SLOW):
        put("source")
    page.locator(f'#survey-images .item[data-id="{first.id}"] input').uncheck()
    held.let_go()
    expect(ticks).to_have_count(2, timeout=SLOW)
    expect(page.locator("#survey-images .tick input:checked")).to_have_count(1)
    expect(page.locator("#survey-plan")).to_contain_text("1 picture", timeout=SLOW)


@pytest.mark.slow(seconds=13)
def test_a_page_whose_line_broke_comes_back_by_itself(page: Page, put: Put) -> None:
    """Gradio lets nothing through any more then, until it finds the studio there again and loads the page anew."""
    page.route("**/queue/join*", lambda route: route.abort())
    with page.expect_event("load", timeout=SLOW):
        put("source")
        expect(page.locator(".toast-body", has_text="reconnection")).to_be_visible(timeout=SLOW)
        page.unroute("**/queue/join*")
    expect(page.locator("#enrich-sources .tick input")).to_have_count(1, timeout=SLOW)


@pytest.mark.slow(seconds=14)
def test_a_tab_takes_no_click_before_it_shows_what_was_set_for_the_character(page: Page, put: Put) -> None:
    """What was set is on its way, and would take the click back."""
    put("source")
    front, make = page.locator('#enrich-axes input[name="angle/front"]'), page.locator("#enrich-make")
    expect(make).to_have_text("Make 4", timeout=SLOW)
    page.fill("#enrich-per-source input", "3")
    expect(make).to_have_text("Make 3", timeout=SLOW)
    held = Held(page)
    with page.expect_request("**/queue/join*"):
        page.reload()
    expect(front).to_be_visible()
    box = front.bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#tab-enrich")).to_have_attribute("aria-busy", "true")
    held.let_go()
    expect(page.locator("#tab-enrich")).to_have_attribute("aria-busy", "false")
    expect(make).to_have_text("Make 3", timeout=SLOW)
    expect(front).to_be_checked()


@pytest.mark.slow(seconds=14)
def test_what_arrives_makes_the_open_tab_work_and_the_others_when_they_are_opened(
    page: Page, served: Served, put: Put
) -> None:
    """Who is shown they all know."""
    tab_told, told, loaded = tabs_told(page, served), list[str](), list[str]()

    def hear(request: Request) -> None:
        if tab := tab_told(request):
            told.append(tab)

    def begin_anew(frame: Frame) -> None:
        """What the page before was told does not count."""
        loaded.append(frame.url)
        told.clear()

    page.on("request", hear)
    page.once("framenavigated", begin_anew)
    with page.expect_request(lambda request: bool(loaded) and tab_told(request) == "generate", timeout=SLOW):
        page.reload()
    assert told == ["enrich", "survey", "train", "generate"]
    for _ in range(2):
        with page.expect_request(lambda request: tab_told(request) == "enrich", timeout=SLOW):
            put("source")
    with page.expect_request(lambda request: tab_told(request) == "train", timeout=SLOW):
        page.click("#tab-train-button")
    assert told == ["enrich", "survey", "train", "generate", "enrich", "enrich", "train"]


@pytest.mark.slow
def test_the_best_are_picked_for_the_next_training_and_a_click_leaves_one_out(
    page: Page, served: Served, put: Put
) -> None:
    labels = [{"angle": angle, "expression": "neutral"} for angle in ("front", "front", "profile-left")]
    made = [put("synthetic", labels=said, score=score) for said, score in zip(labels, (0.9, 0.7, 0.6), strict=True)]
    store = served.studio.session.store
    store.decide(*(Decision(image=i.id, who="human", action="label", value="good") for i in made))
    page.click("#tab-review-button")
    page.click("#review-gate-synthetic")
    page.click("#review-pristine", timeout=SLOW)
    tiles = page.locator(".kb-tile")
    expect(tiles.locator(".kb-cell")).to_have_text(["front · neutral", "profile-left · neutral", "front · neutral"])
    expect(tiles.locator(".kb-new")).to_have_text(["new", "new", "has 1"])
    page.fill("#pristine-most", "1")
    expect(page.locator("#pristine-keep")).to_have_text("Keep 1 as pristine")
    tiles.nth(1).click()
    tiles.nth(0).click()
    page.click("#pristine-keep")
    expect(page.locator(".toast", has_text="1 picture is pristine v1")).to_be_visible()
    expect(page.locator("#pristine-dialog")).to_have_count(0)
    kept = store.get(DatasetVersion, f"{served.studio.character_id}/pristine/v1")
    assert kept and list(kept.images) == [made[2].id]
    page.click("#review-pristine")
    expect(tiles).to_have_count(2)


@pytest.mark.slow
def test_in_review_a_key_says_what_a_picture_shows_and_the_keys_go_on(page: Page, served: Served, put: Put) -> None:
    source = put("source")
    asked = {"axis": "angle", "value": "profile-left", "angle": "profile-left", "expression": "neutral"}
    edit = put("enriched", sources=(source.ref,), labels=asked)
    put("enriched", sources=(source.ref,), labels=asked)
    store = served.studio.session.store
    page.click("#tab-review-button")
    expression = page.locator("#review-expression")
    expect(page.locator("#review-picture")).to_have_attribute("data-id", edit.id, timeout=SLOW)
    expect(expression).to_have_value("neutral")
    expect(page.locator("#review-angle")).to_have_value("profile-left")
    page.keyboard.press("t")
    expect(expression).to_be_focused()
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        held.append(route)
        if len(held) > 1:
            route.continue_()

    page.route("**/tags", hold_the_first)
    with page.expect_request("**/tags"):
        page.keyboard.type("sad")
    expect(expression).to_have_value("sad")
    expect(page.locator("#review-live")).to_have_text("shows sad")
    assert [route.request.post_data_json["expression"] for route in held] == ["smiling"]  # passed on the way to "sad"
    # the page's other events hold the word, too
    with page.expect_response(
        lambda answer: answer.url.endswith("/tags") and "sad" in (answer.request.post_data or "")
    ):
        held[0].continue_()
    page.keyboard.press("Enter")
    page.keyboard.press("p")  # a decision, not a letter for the chooser
    expect(page.locator("#review-picture")).not_to_have_attribute("data-id", edit.id)
    expect(expression).to_have_value("neutral")
    kept = store.get(ImageRecord, edit.id)
    assert kept
    assert (kept.angle, kept.expression) == ("unsure", "sad")
    page.locator("#review-angle").select_option("half-left")  # by mouse: the keys are the review's at once
    expect(page.locator("#review-live")).to_have_text("shows half-left")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#review-picture")).to_have_attribute("data-id", edit.id)
    expect(expression).to_have_value("sad")
    expect(page.locator("#review-label")).to_have_text("good")
    page.keyboard.press("Control+z")  # the angle of the second
    expect(page.locator("#review-picture")).not_to_have_attribute("data-id", edit.id)
    expect(page.locator("#review-angle")).to_have_value("profile-left")
    page.keyboard.press("Control+z")  # the decision on the first
    page.keyboard.press("Control+z")  # what it shows
    expect(page.locator("#review-picture")).to_have_attribute("data-id", edit.id)
    expect(expression).to_have_value("neutral")
    expect(page.locator("#review-live")).to_have_text("undone: shows sad")
    kept = store.get(ImageRecord, edit.id)
    assert kept and kept.expression == "unsure"
    page.keyboard.press("Control+z")
    expect(page.locator("#review-live")).to_have_text("Nothing to undo.")  # what was passed in typing is no step
    page.keyboard.press("Control+Shift+z")
    expect(expression).to_have_value("sad")


@pytest.mark.slow(seconds=10)
def test_two_ticks_in_a_row_both_count(page: Page, served: Served, put: Put) -> None:
    put("source")
    page.click("#tab-survey-button")
    entry = page.locator("#survey-catalogue .entry[data-key=mini-angles] input")
    expect(entry).to_be_visible(timeout=SLOW)
    page.evaluate("""() => {
        for (const name of ["mini-angles", "mini-relight"])
            document.querySelector(`#survey-catalogue .entry[data-key=${name}] input`).click();
    }""")
    expect(page.locator("#survey-plan")).to_contain_text("3 columns", timeout=SLOW)  # the base, and one of each
    names = {lora.name for lora in served.studio.session.store.all(LoraRecord)}
    assert names == {"mini-angles", "mini-relight"}


@pytest.mark.slow(seconds=7)
def test_the_cut_line_is_moved_by_keys_and_by_dragging(page: Page, served: Served, put: Put) -> None:
    made = [put("synthetic", score=score, verdict="wrong") for score in (0.2, 0.4, 0.6, 0.8)]
    session = served.studio.session
    session.store.decide(Decision(image=made[1].id, who="human", action="label", value="good"))
    page.click("#tab-generate-button")
    line = page.locator("#generate-histogram [role=slider]")
    expect(line).to_have_attribute("aria-valuenow", "0.50", timeout=SLOW)
    expect(page.locator("#generate-histogram")).to_contain_text("2 of 4 pass (50 %) at 0.50")
    dimmed = page.locator("#generate-results .tile.below")
    expect(page.locator("#generate-results .tile")).to_have_count(4)
    expect(dimmed).to_have_count(0)  # nobody has touched the line
    line.press("PageDown")
    line.press("PageDown")
    line.press("PageDown")
    expect(page.locator("#generate-histogram")).to_contain_text("3 of 4 pass (75 %) at 0.35")
    box = line.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 20, steps=4)
    expect(dimmed).to_have_count(2)  # while it moves; one below it was let through by a human
    page.mouse.up()
    expect(page.locator("#generate-histogram")).to_contain_text("1 of 4 pass (25 %)")
    expect(page.locator("#generate-filter")).to_have_text("Sort out 2 below the line", timeout=SLOW)
    cut = float(line.get_attribute("aria-valuenow") or "nan")
    would = {image for image, _ in review.would_go(session, "ada", cut=cut)}
    assert {tile.get_attribute("data-id") for tile in dimmed.all()} == would == {made[0].id, made[2].id}


@pytest.mark.slow
def test_a_stack_is_composed_and_survives_a_reload(page: Page, served: Served, tmp_path: Path) -> None:
    """Put in, weighed by keys, unticked, ordered by keys and by dragging, taken out; shared as text."""
    session = served.studio.session
    for name in ("angles", "fast", "light"):
        loras.add(session, lora_file(tmp_path, name), f"{name}.safetensors", family="mini-qwen-edit")
    page.reload()

    def kept() -> list[tuple[str, float]]:
        stored = session.store.get(SavedStack, "ada/editor/")
        return [(a.name, a.weight) for a in stored.stack.adapters] if stored else []

    def comes(*wanted: tuple[str, float]) -> None:
        _until(lambda: kept() == list(wanted), page)

    for n, name in enumerate(("angles", "fast", "light")):
        expect(page.locator("#enrich-lora-add input")).to_be_enabled(timeout=SLOW)
        page.click("#enrich-lora-add input")
        page.get_by_role("option", name=name).click()
        expect(page.locator(f"#enrich-lora-{n}")).to_be_visible(timeout=SLOW)
    weight = page.locator("#enrich-lora-1-weight input[type=number]")
    weight.fill("0.65")
    weight.blur()
    expect(page.locator("#enrich-lora-1-weight input[type=range]")).to_have_value("0.65")
    track = page.locator("#enrich-lora-2-weight input[type=range]")
    track.press("ArrowLeft")
    expect(page.locator("#enrich-lora-2-weight input[type=number]")).to_have_value("0.95")
    page.locator("#enrich-lora-0-use input").uncheck()
    comes(("angles", 1.0), ("fast", 0.65), ("light", 0.95))
    expect(page.locator("#enrich-lora-text textarea, #enrich-lora-text input").first).to_have_value(
        "<lora:fast:0.65> <lora:light:0.95>", timeout=SLOW
    )
    page.locator("#enrich-lora-2-move").press("ArrowUp")
    expect(page.locator("#enrich-lora-1-move")).to_be_focused()
    comes(("angles", 1.0), ("light", 0.95), ("fast", 0.65))
    page.locator("#enrich-lora-2-move").drag_to(page.locator("#enrich-lora-0"), target_position={"x": 60, "y": 2})
    comes(("fast", 0.65), ("angles", 1.0), ("light", 0.95))
    page.click("#enrich-lora-2-remove")
    comes(("fast", 0.65), ("angles", 1.0))
    page.reload()
    expect(page.locator("#enrich-lora-0-weight input[type=number]")).to_have_value("0.65", timeout=SLOW)
    expect(page.locator("#enrich-lora-1-use input")).not_to_be_checked()
    text = page.locator("#enrich-lora-text textarea, #enrich-lora-text input").first
    text.fill("<lora:light:1.2> and more")
    text.press("Enter")
    comes(("light", 1.2))
    expect(page.locator("#enrich-lora-message")).to_contain_text("Not understood: 'and more'", timeout=SLOW)


@pytest.mark.slow
def test_a_trigger_word_is_put_into_the_prompts_by_a_click(page: Page, served: Served, tmp_path: Path) -> None:
    session = served.studio.session
    lora = loras.add(session, lora_file(tmp_path, "grain", "flux"), "grain.safetensors", family="mini-flux")
    session.store.put(lora.model_copy(update={"trigger": "<b>grn</b>"}))
    session.store.put(
        SavedStack(
            id="ada/generator/", character="ada", role="generator",
            stack=LoraStack(adapters=(Adapter(name="grain", sha256=lora.id, path=lora.path),)),
        )
    )  # fmt: skip
    page.reload()
    page.click("#tab-generate-button")
    prompts = page.locator("#generate-prompts textarea")
    prompts.click()  # a field that waits for what was set for the character takes none
    prompts.fill("a cat")
    page.click("#generate-lora-0-trigger")
    expect(prompts).to_have_value("<b>grn</b>, a cat", timeout=SLOW)


def _until(there: Callable[[], bool], page: Page) -> None:
    for _ in range(600):
        if there():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never came")


@pytest.mark.slow(seconds=6)
@pytest.mark.parametrize("width", [1024, 1280, 1440])
def test_all_of_the_card_s_bar_is_on_screen(page: Page, served: Served, put: Put, width: int) -> None:
    """A practice character's has the most in it: versions, report, a look at the truth, LoRA, seed, run."""
    store = served.studio.session.store
    [ada] = store.all(Character)
    store.put(ada.model_copy(update={"practice": 8500010}))
    shown = put("card", verdict="right", score=0.9)
    store.put(Card(id="ada/v1", character="ada", version="v1", lora="", seed=1))
    store.decide(Decision(image=shown.id, who="human", action="label", value="good", where="card"))
    page.set_viewport_size({"width": width, "height": 800})
    page.click("#tab-model_card-button")
    expect(page.locator("#card-look")).to_be_visible(timeout=SLOW)
    expect(page.locator("#card-report")).to_be_visible()
    for part in ("#card-run", "#card-seed", "#card-look", "#card-headline"):
        place = page.locator(part).bounding_box()
        assert place and place["x"] + place["width"] <= width, part
