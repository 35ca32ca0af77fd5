"""An empty workspace in real Chromium: three ways in."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect
from studio_helpers import Served

from pipelines.domain.records import Character
from pipelines.practice.choices import choices
from pipelines.storage.settings import load
from pipelines.workflow import characters, sources
from pipelines.workflow.opening import open_session
from pipelines.workflow.review import GATES
from pipelines.world.cast import CAST
from studio.server.own import own
from studio.server.start import PORTRAITS, nearby
from studio.server.state import Studio


@pytest.fixture
def studio(workspace_root: Path) -> Iterator[Studio]:
    """Nobody is here."""
    with Studio(open_session(workspace_root), "http://127.0.0.1:1") as made:
        yield made


@pytest.fixture
def empty(browser: Browser, served: Served) -> Iterator[Page]:
    opened = browser.new_page(viewport={"width": 1280, "height": 800})
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(served.url)
    opened.wait_for_selector("#start-cast .face img", timeout=60_000)
    yield opened
    opened.close()
    assert errors == []


@pytest.mark.slow
def test_a_face_is_clicked_and_its_twelve_pictures_come(empty: Page, served: Served) -> None:
    faces = empty.locator("#start-cast .face")
    expect(faces).to_have_count(len(CAST))
    expect(faces.first).to_contain_text("Ada")
    loaded = "[...document.querySelectorAll('#start-cast img')].every((i) => i.complete && i.naturalWidth === 320)"
    empty.wait_for_function(loaded)
    expect(empty.locator("#next-action")).to_be_hidden()
    empty.click(".face[data-number='3']")
    expect(empty.locator("#start")).to_be_hidden()
    expect(empty.locator("#character-picker option:checked")).to_have_text("Cleo")
    expect(empty.locator("#tab-enrich-button")).to_have_attribute("aria-selected", "true")
    expect(empty.locator("#rail-sources b")).to_have_text("12", timeout=120_000)
    expect(empty.locator("#tab-enrich .tag", has_text="half-left · smiling")).to_have_count(2, timeout=30_000)
    assert len(sources.sources(served.studio.session, "cleo")) == 12


@pytest.mark.slow(seconds=6)
def test_everything_is_on_screen_without_scrolling(empty: Page) -> None:
    for width, height in ((1280, 800), (1024, 768), (1920, 1080)):
        empty.set_viewport_size({"width": width, "height": height})
        fits = "(e) => [e.scrollHeight - e.clientHeight, e.scrollWidth - e.clientWidth]"
        assert empty.locator("#start").evaluate(fits) == [0, 0]
        last = empty.locator("#start-cast .face").last.bounding_box()
        assert last is not None
        assert last["y"] + last["height"] < height - 42
        assert last["x"] + last["width"] <= width


@pytest.mark.slow(seconds=6)
def test_nothing_jumps_away_when_the_models_have_been_looked_up(empty: Page) -> None:
    held: list[Route] = []
    empty.route("**/models", lambda route: held.append(route))
    with empty.expect_request("**/models"):
        empty.click("#start-new")
    link = empty.locator("#practice-open")
    before = link.bounding_box()
    expect(empty.locator("#character-models")).to_contain_text("Looking at this machine")
    held[0].continue_()
    expect(empty.locator("#character-generator")).to_be_visible()
    after = link.bounding_box()
    assert before and after and abs(before["y"] - after["y"]) < before["height"] / 2


@pytest.mark.slow
def test_the_other_ways_in(empty: Page, served: Served, tmp_path: Path) -> None:
    with open_session(tmp_path / "elsewhere") as session:
        characters.create(session, "Zoe", may_use=True)
    empty.click("#start-new")
    expect(empty.locator("#character-dialog")).to_be_visible()
    empty.click("#practice-open")
    expect(empty.locator("#practice-dialog .face")).to_have_count(len(CAST))
    expect(empty.locator("#character-dialog")).to_have_count(0)
    empty.keyboard.press("Escape")
    empty.click("#start-open")
    empty.fill("#workspace-path", str(tmp_path / "nothing"))
    empty.click("#workspace-open")
    expect(empty.locator("#workspace-dialog .problem")).to_contain_text("There is no workspace at")
    empty.click(".place:has-text('elsewhere')")
    expect(empty.locator("#character-picker option:checked")).to_have_text("Zoe", timeout=60_000)
    expect(empty.locator("#start")).to_be_hidden()
    assert served.studio.session.workspace.root == (tmp_path / "elsewhere").resolve()


def test_a_workspace_that_another_studio_has_is_refused_in_words(studio: Studio, tmp_path: Path) -> None:
    client = TestClient(own(studio), base_url="http://127.0.0.1:7860")
    here = studio.session
    with open_session(tmp_path / "busy") as other:
        other.store.announce("http://localhost:7999")
        said = client.post("/workspace", json={"path": str(tmp_path / "busy")})
        assert said.status_code == 422
        assert "http://localhost:7999" in said.json()["detail"]
    assert client.post("/workspace", json={"path": " "}).status_code == 404
    assert studio.session is here
    assert not (tmp_path / "nothing").exists()


def test_what_is_left_is_closed_and_what_is_opened_tells_where_it_is(studio: Studio, tmp_path: Path) -> None:
    for name in ("second", "third"):
        open_session(tmp_path / name).close()
    first = studio.session.workspace.root
    assert nearby(first) and set(nearby(first)) == {(tmp_path / n).resolve() for n in ("second", "third")}
    revision = studio.revision
    studio.move(tmp_path / "second")
    assert studio.revision != revision
    open_session(first).close()  # the lock is free again
    with pytest.raises(RuntimeError, match=r"http://127\.0\.0\.1:1"):
        open_session(tmp_path / "second")
    assert studio.move(tmp_path / "second") == (tmp_path / "second").resolve()
    studio.session.store.put(Character(id="x", name="X", generator="mini-flux", editor="mini-qwen-edit"))
    assert studio.character_id == "x"


def test_no_move_while_a_job_waits(studio: Studio, tmp_path: Path) -> None:
    open_session(tmp_path / "second").close()
    client = TestClient(own(studio), base_url="http://127.0.0.1:7860")
    started = client.post("/practice/1").json()
    assert started["name"] == "Ada"
    said = client.post("/workspace", json={"path": str(tmp_path / "second")})
    assert (said.status_code, "A job is at work" in said.json()["detail"]) == (422, True)
    studio.session.jobs.cancel(started["job"], force=True)


def test_portraits_are_small_and_there_for_all(studio: Studio) -> None:
    client = TestClient(own(studio), base_url="http://127.0.0.1:7860")
    assert [who["number"] for who in client.get("/practice").json()["cast"]] == [who.number for who in CAST]
    total = 0
    for who in CAST:
        answer = client.get(f"/practice/{who.number}.webp")
        assert answer.headers["content-type"] == "image/webp"
        assert Image.open(io.BytesIO(answer.content)).size == (320, 320)
        total += len(answer.content)
    assert total <= 200_000
    assert len(list(PORTRAITS.iterdir())) == len(CAST)
    assert client.get("/practice/99.webp").status_code == 404
    assert client.post("/practice/99").status_code == 404


def test_hints_are_for_practice_and_stay_closed(studio: Studio) -> None:
    client = TestClient(own(studio), base_url="http://127.0.0.1:7860")
    characters.create(studio.session, "Mine", may_use=True)
    assert client.get("/hints").json() == {"hints": [], "seen": []}
    assert client.get("/practice/report").status_code == 404
    characters.create(studio.session, "Ada", practice=1, may_use=True)
    studio.choose("ada")
    hints = client.get("/hints").json()["hints"]
    assert {"enrich", "review-enriched", "generate", "review-synthetic", "card"} <= {h["name"] for h in hints}
    assert client.post("/hints/enrich/seen").json() == {"seen": ["enrich"]}
    client.post("/hints/enrich/seen")
    assert client.post("/hints/card/seen").json() == {"seen": ["enrich", "card"]}
    assert client.post("/hints/nothing/seen").status_code == 404
    assert load(studio.session.workspace.root).seen_hints == "enrich, card"
    page = client.get("/practice/report")
    assert page.status_code == 200
    assert "Practice with Ada" in page.text


def test_every_hint_is_at_a_place_that_there_is() -> None:
    tabs = {"survey", "enrich", "train", "generate", "review", "model_card"}
    steps = {"", "sources", "enriched", "good", "train", "synthetic", "pristine", "retrain", "card"}
    for hint in choices().hint:
        assert hint.tab in tabs
        assert hint.gate in ("", *GATES)
        assert hint.step in steps
        assert len(hint.text) < 260
    assert len({hint.name for hint in choices().hint}) == len(choices().hint)


@pytest.mark.slow
def test_a_hint_goes_when_it_is_closed_and_does_not_come_back(empty: Page, studio: Studio) -> None:
    characters.create(studio.session, "Ada", practice=1, may_use=True)
    empty.reload()
    empty.click("#tab-review-button")
    hint = empty.locator("#hint")
    expect(hint).to_have_attribute("data-hint", "review-enriched")
    empty.click("#review-gate-synthetic")
    expect(hint).to_have_attribute("data-hint", "review-synthetic")
    below = empty.locator("#review").bounding_box()
    strip = hint.bounding_box()
    assert below and strip and below["y"] >= strip["y"] + strip["height"] - 1
    assert below["y"] + below["height"] <= 800 - 41
    empty.click("#hint-close")
    expect(hint).to_have_count(0)
    empty.reload()
    empty.click("#tab-review-button")
    empty.click("#review-gate-enriched")
    expect(hint).to_have_attribute("data-hint", "review-enriched")
    empty.click("#review-gate-synthetic")
    expect(hint).to_have_count(0)
