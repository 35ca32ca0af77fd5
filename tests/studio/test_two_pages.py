"""Two pages of one browser while the studio is down: every decision waits, and arrives where it belongs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, BrowserContext, Page, expect
from studio_helpers import NOTHING_WAITS, serving

from pipelines.domain.records import ImageRecord
from pipelines.workflow import characters
from pipelines.workflow.opening import open_session
from studio.server.own import own
from studio.server.state import Studio

SLOW = 60_000
KEPT = "Object.keys(localStorage).filter((key) => key.startsWith('flen:unsent:')).length"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """One browser: its pages share what it keeps."""
    made = browser.new_context(viewport={"width": 1280, "height": 800})
    yield made
    made.close()


def in_review(context: BrowserContext, port: int, count: int) -> Page:
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{port}/#review")
    expect(page.locator("#review-position")).to_have_text(f"1 of {count}", timeout=SLOW)
    return page


def labels(studio: Studio, pictures: list[ImageRecord]) -> list[str | None]:
    return [studio.session.store.verdict(p.id).label for p in pictures]


def said(page: Page, words: str) -> None:
    expect(page.locator("#unsent")).to_contain_text(words, timeout=SLOW)


@pytest.mark.slow(seconds=13)
def test_what_two_pages_decide_while_the_studio_is_down_all_arrives(
    studio: Studio, put: Callable[..., ImageRecord], context: BrowserContext
) -> None:
    made = [put("enriched", cell=f"front/{n}") for n in range(5)]
    with ExitStack() as up:
        port = up.enter_context(serving(studio))
        one, two = in_review(context, port, 5), in_review(context, port, 5)
        up.close()
        one.bring_to_front()
        for key in "ppp":
            one.keyboard.press(key)
        two.bring_to_front()
        for _ in range(3):
            two.keyboard.press("ArrowRight")
        two.keyboard.press("x")
        two.keyboard.press("x")
        said(one, "5 decisions wait for the studio.")
        said(two, "5 decisions wait for the studio.")
        assert one.evaluate(KEPT) == 5
        two.close()  # as a person does, who thinks that it is kept
        assert labels(studio, made) == [None] * 5
        up.enter_context(serving(studio, port))
        one.wait_for_function(NOTHING_WAITS, timeout=SLOW)
        expect(one.locator("#unsent")).to_be_hidden()
        assert labels(studio, made) == ["good"] * 3 + ["reject"] * 2
        assert [len(studio.session.store.decisions(p.id)) for p in made] == [1] * 5


@pytest.mark.slow
def test_the_last_word_counts_whichever_page_it_was_said_in(
    studio: Studio, put: Callable[..., ImageRecord], context: BrowserContext
) -> None:
    picture = put("enriched")
    with ExitStack() as up:
        port = up.enter_context(serving(studio))
        one, two = in_review(context, port, 1), in_review(context, port, 1)
        up.close()
        one.keyboard.press("p")
        said(one, "1 decision waits")
        two.keyboard.press("x")
        said(two, "2 decisions wait")
        one.keyboard.press("n")
        said(one, "3 decisions wait")
        up.enter_context(serving(studio, port))
        two.wait_for_function(NOTHING_WAITS, timeout=SLOW)
        assert labels(studio, [picture]) == ["needs_correction"]
        assert [d.value for d in studio.session.store.decisions(picture.id)] == ["good", "reject", "needs_correction"]


@pytest.mark.slow
def test_another_workspace_on_the_same_port_never_gets_them(
    studio: Studio, put: Callable[..., ImageRecord], context: BrowserContext, tmp_path: Path
) -> None:
    made = [put("enriched", cell=f"front/{n}") for n in range(2)]
    with ExitStack() as up:
        port = up.enter_context(serving(studio))
        page = in_review(context, port, 2)
        up.close()
        page.keyboard.press("p")
        page.keyboard.press("x")
        said(page, "2 decisions wait for the studio.")
        with open_session(tmp_path / "elsewhere") as session:
            characters.create(session, "Bo", may_use=True)
            with serving(Studio(session), port):
                said(page, f"2 decisions wait for the workspace {studio.session.workspace.root.name}")
                expect(page.locator("#workspace-name")).to_have_text("elsewhere")
                page.reload()
                said(page, "2 decisions wait for the workspace")
                assert page.evaluate(KEPT) == 2
                assert page.locator(".toast.problem").count() == 0
        up.enter_context(serving(studio, port))
        page.wait_for_function(NOTHING_WAITS, timeout=SLOW)
        assert labels(studio, made) == ["good", "reject"]


@pytest.mark.slow
def test_a_browser_with_no_room_says_so_and_the_page_brings_them_yet(
    studio: Studio, put: Callable[..., ImageRecord], context: BrowserContext
) -> None:
    made = [put("enriched", cell=f"front/{n}") for n in range(2)]
    with ExitStack() as up:
        port = up.enter_context(serving(studio))
        page = in_review(context, port, 2)
        up.close()
        page.evaluate(
            """() => {
                let size = 5_000_000, n = 0;
                while (size >= 1) try { localStorage.setItem(`x${n++}`, "x".repeat(size)); } catch { size >>= 1; }
            }"""
        )
        page.keyboard.press("p")
        page.keyboard.press("x")
        said(page, "2 decisions wait for the studio. They are in this page alone")
        assert page.evaluate(KEPT) == 0
        up.enter_context(serving(studio, port))
        expect(page.locator("#unsent")).to_be_hidden(timeout=SLOW)
        assert labels(studio, made) == ["good", "reject"]


def test_the_studio_takes_no_decisions_of_another_workspace(studio: Studio, put: Callable[..., ImageRecord]) -> None:
    client, image = TestClient(own(studio)), put("enriched")
    one = {"id": "0" * 16, "image": image.id, "action": "label", "value": "good"}
    refused = client.post("/decisions", json={"workspace": "f" * 16, "decisions": [one]})
    assert refused.status_code == 409 and "Another workspace" in refused.json()["detail"]
    assert labels(studio, [image]) == [None]
    mine = client.get("/facts").json()["workspace_id"]
    assert mine == client.get("/status").json()["workspace_id"]
    for _ in range(2):
        assert client.post("/decisions", json={"workspace": mine, "decisions": [one]}).json()["known"] == ["0" * 16]
    assert len(studio.session.store.decisions(image.id)) == 1


def test_a_workspace_is_known_again_wherever_it_is_moved(tmp_path: Path) -> None:
    with open_session(tmp_path / "a") as session:
        first = Studio(session).workspace_id
    (tmp_path / "a").rename(tmp_path / "b")
    with open_session(tmp_path / "b") as session, open_session(tmp_path / "c") as other:
        assert Studio(session).workspace_id == first != Studio(other).workspace_id
