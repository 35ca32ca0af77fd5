"""What is done to "the character" is done to the one that the page shows, or not at all: another window may have chosen
another, or it was chosen a moment ago."""

import inspect
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from playwright.sync_api import Page, Route, expect
from studio_helpers import api_routes
from tab_helpers import on_page

from pipelines.domain.records import ImageRecord, Job
from pipelines.workflow import characters
from pipelines.workflow.characters import NotAllowed
from studio.server.own import own
from studio.server.shown import HEADER, STALE
from studio.server.state import Studio
from studio.tabs import generate
from studio.tabs.generate_form import GenerateForm

Put = Callable[..., ImageRecord]


def acting(studio: Studio) -> dict[str, APIRoute]:
    """Routes that write for the character that is worked on, by path."""
    posts = (route for route in api_routes(own(studio)) if "POST" in route.methods)
    found = [route for route in posts if "{character_id}" not in route.path]  # others name theirs
    return {route.path: route for route in found if "studio.character_id" in inspect.getsource(route.endpoint)}


def test_every_route_that_acts_for_the_character_asks_for_whom(client: TestClient, studio: Studio) -> None:
    found = acting(studio)
    assert {"/cards", "/review/filter", "/sources", "/captions/change", "/thresholds", "/review/pristine"} <= set(found)
    for path in found:
        answer = client.post(path.replace("{", "").replace("}", ""), headers={HEADER: "somebody-else"}, json={})
        assert (answer.status_code, answer.json()["detail"]) == (422, STALE), path
    assert not studio.session.store.all(Job)


@pytest.mark.parametrize("header", [{HEADER: "ada"}, {}])
def test_for_the_one_on_the_screen_it_is_done(client: TestClient, put: Put, header: dict[str, str]) -> None:
    put("synthetic", verdict="wrong", score=0.1)
    answer = client.post("/review/filter", headers=header, json={"cut": 0.5})
    assert answer.json()["rejected"] == 1


def test_a_name_of_any_script_is_told(client: TestClient, studio: Studio) -> None:
    other = characters.create(studio.session, "Ада हिन्दी", may_use=True)
    studio.choose(other.id)
    answer = client.post("/review/filter", headers={HEADER: quote(other.id)}, json={})
    assert answer.status_code == 200


def test_the_line_of_another_character_sorts_nothing_out(studio: Studio, put: Put) -> None:
    put("synthetic", verdict="wrong", score=0.1)
    line: dict[str, Any] = {"cut": 0.9, "moved": True, "of": "bo"}
    with pytest.raises(NotAllowed, match="another character"):
        generate.sort_out(studio, on_page(generate.build, studio), GenerateForm(histogram=line))


@pytest.mark.slow(seconds=7)
def test_a_second_window_chose_another(page: Page, studio: Studio, put: Put) -> None:
    put("synthetic", verdict="wrong", score=0.1)
    page.click("#tab-review-button")
    page.click("#review-gate-synthetic")
    expect(page.locator("#review-filter")).to_be_enabled(timeout=60_000)
    held: list[Route] = []
    page.route("**/status", lambda route: held.append(route))  # this window does not hear of it yet
    while not held:  # one is asked at a time: none is on its way any more
        page.wait_for_timeout(50)
    studio.choose(characters.create(studio.session, "Bo", may_use=True).id)
    page.click("#review-filter")
    expect(page.locator(".toast", has_text=STALE)).to_be_visible(timeout=60_000)
