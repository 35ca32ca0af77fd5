"""What the page is told of chains: where one broke, and all that a picture came from."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import Served

from pipelines.domain.chains import Broken
from pipelines.domain.records import Decision, ImageRecord, Job
from pipelines.workflow import sources
from studio.server.state import Studio

Put = Callable[..., ImageRecord]
CORNER = "angle/profile-left > expression/angry"


def broke_at(studio: Studio, image: ImageRecord) -> None:
    """A job that ended with a chain that was stopped at a picture."""
    broken = Broken(chain=CORNER, step=1, steps=2, image=image.id, path=image.path, why="it shows someone else (0.31).")
    result = {"images": 1, "broken": [broken.model_dump(mode="json")]}
    job = Job(
        id="j1", kind="render", title="Enrich", character="ada", request={}, state="done", result=result, told=True
    )
    studio.session.store.put(job)


def test_the_picture_where_a_chain_broke_says_so_until_it_is_let_through(
    client: TestClient, studio: Studio, put: Put
) -> None:
    source = put("source")
    turned = put("enriched", sources=(source.ref,), cell="angle/profile-left")
    put("enriched", sources=(source.ref,), cell="expression/sad")
    broke_at(studio, turned)
    tiles = client.get("/pictures?kind=enriched").json()["pictures"]
    assert [tile["broke"] for tile in tiles] == [f"{CORNER} stopped here: it shows someone else (0.31).", ""]
    assert client.get(f"/picture/{turned.id}").json()["broke"] == tiles[0]["broke"]
    studio.session.store.decide(Decision(image=turned.id, who="human", action="label", value="good"))
    assert client.get(f"/picture/{turned.id}").json()["broke"] == ""


def test_a_step_of_a_chain_shows_all_that_it_came_from(client: TestClient, studio: Studio, put: Put) -> None:
    del studio
    source = put("source")
    turned = put("enriched", sources=(source.ref,), cell="angle/profile-left")
    angry = put("enriched", sources=(turned.ref,), cell=CORNER)
    told = client.get(f"/picture/{angry.id}").json()
    assert told["parents"] == [source.id, turned.id]
    assert client.get(f"/picture/{turned.id}").json()["children"] == [angry.id]
    (item, _) = sorted(client.get("/review?gate=enriched").json()["items"], key=lambda i: i["id"] != angry.id)
    assert item["reference"] == source.id, "held against a source, not against a step"


@pytest.mark.slow(seconds=6)
def test_a_click_is_not_lost_when_the_grid_is_drawn_anew_under_it(page: Page, served: Served, put: Put) -> None:
    """What a tick would make arrived between the press and the release, and the cell that was pressed was gone:
    nothing heard of the click."""
    sources.tag(served.studio.session, put("source").id, angle="front", expression="neutral")
    page.click("#tab-enrich-button")
    expect(page.locator("#enrich-sources .item")).to_have_count(1)
    expect(page.locator("#enrich-make")).to_contain_text("Make ")
    page.locator('#enrich-coverage button[data-cell="profile-left/angry"]').hover()
    page.mouse.down()
    page.evaluate("document.querySelector('#enrich-sources .tick input').click()")
    expect(page.locator("#enrich-plan")).to_contain_text("Tick at least one source")
    page.mouse.up()
    expect(page.locator("#enrich-chains textarea")).to_have_value(CORNER)


@pytest.mark.slow(seconds=14)
def test_a_click_on_an_empty_corner_plans_a_chain(page: Page, served: Served, put: Put) -> None:
    sources.tag(served.studio.session, put("source").id, angle="front", expression="neutral")
    page.click("#tab-enrich-button")
    ticked = page.locator("#enrich-axes input:checked")
    expect(ticked).not_to_have_count(0)
    while ticked.count():
        ticked.first.uncheck()
    expect(page.locator("#enrich-sources .item")).to_have_count(1)
    page.click('#enrich-coverage button[data-cell="profile-left/angry"]')
    expect(page.locator("#enrich-chains textarea")).to_have_value(CORNER)
    expect(page.locator('#enrich-coverage button[data-cell="profile-left/angry"].planned')).to_be_visible()
    expect(page.locator("#enrich-make")).to_have_text("Make 2")
    page.reload()
    expect(page.locator("#enrich-chains textarea")).to_have_value(CORNER)
