"""What the next card is run with: LoRA, strength, LoRAs beside it, seeds. It is chosen on the page and comes back."""

import json

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, Route, expect
from studio_helpers import Served

from pipelines.domain.records import Card, LoraRecord, SavedStack
from pipelines.workflow import loras
from studio.server import choices
from studio.server.state import Studio

OWN, GRAIN, LIGHT = "a" * 64, "b" * 64, "c" * 64
DEFAULT = {"lora": None, "strength": 1.0, "seed": None, "seeds": 1, "beside": {}}


def lora(studio: Studio, sha256: str, name: str, character: str = "") -> None:
    path = studio.session.workspace.path(f"loras/{name}.safetensors")
    path.write_bytes(b"")
    record = LoraRecord(id=sha256, name=name, path=f"loras/{name}.safetensors", family="flux", rank=4)
    origin = "trained" if character else "imported"
    studio.session.store.put(record.model_copy(update={"character": character, "origin": origin}))


@pytest.fixture
def three(studio: Studio) -> None:
    lora(studio, GRAIN, "grain")
    lora(studio, LIGHT, "light")
    lora(studio, OWN, "ada_v1", "ada")
    stack = loras.stack(studio.session, [(LIGHT, 0.7), (GRAIN, 1.0)])
    place = SavedStack.place("ada", "generator")
    studio.session.store.put(
        SavedStack(id=place, character="ada", role="generator", stack=stack, off=(GRAIN,)),
    )


def test_what_was_set_comes_back_as_far_as_it_can_be_had(studio: Studio, client: TestClient, three: None) -> None:
    told = client.get("/cards").json()
    assert (told["setup"], told["generate"]) == (DEFAULT, {LIGHT: 0.7})
    assert next((x["name"], x["weight"]) for x in told["loras"]) == ("ada_v1", 1.0)
    setup = {"lora": GRAIN, "strength": 0.8, "seed": 7, "seeds": 3, "beside": {OWN: 0.5, "d" * 64: 1.0}}
    assert client.post("/cards/setup", json=setup).status_code == 204
    assert client.get("/cards").json()["setup"] == setup | {"beside": {OWN: 0.5}}, "what is not here cannot be had"
    lora(studio, "e" * 64, "ada_v2", "ada")
    assert client.get("/cards").json()["setup"] == setup | {"beside": {OWN: 0.5}, "lora": None}, "the newest again"


@pytest.mark.parametrize("bad", [{"strength": "nan"}, {"seeds": 0}, {"beside": {OWN: 1e9}}, {"lora": 5}, {"x": 1}])
def test_what_is_no_setup_is_refused_and_never_read(studio: Studio, client: TestClient, three: None, bad: dict) -> None:
    assert client.post("/cards/setup", json=bad).status_code == 422
    choices.write(studio.session.workspace.root, "ada", "model_card", bad)
    assert client.get("/cards").json()["setup"] == DEFAULT


def test_a_card_is_run_with_loras_beside_its_own_and_never_with_one_twice(
    studio: Studio, client: TestClient, three: None
) -> None:
    refused = client.post("/cards", json={"lora": OWN, "beside": {OWN: 0.5}})
    assert refused.status_code == 422 and "ada_v1 is there twice" in refused.text
    assert not studio.session.store.all(Card)
    client.post("/cards", json={"lora": OWN, "strength": 0.8, "beside": {GRAIN: 0.4}}).raise_for_status()
    (card,) = studio.session.store.all(Card)
    assert (card.lora, card.strength, card.beside.label) == (OWN, 0.8, "grain 0.4")


@pytest.mark.slow(seconds=6)
@pytest.mark.timeout(120)
def test_loras_beside_are_ticked_kept_and_run(page: Page, served: Served, three: None) -> None:
    sent: list[dict] = []

    def run(route: Route) -> None:
        if route.request.method != "POST":
            return route.continue_()
        sent.append(json.loads(route.request.post_data or ""))
        return route.abort()

    page.route("**/cards", run)
    page.click("#tab-model_card-button")
    expect(page.locator("#card-lora option:checked")).to_have_text("ada_v1")
    expect(page.locator("#card-stack summary")).to_have_text("with nothing else")
    page.click("#card-stack summary")
    expect(page.locator("#card-stack [data-id]")).to_have_count(2)  # not the card's own
    page.click("#card-stack-generate")
    expect(page.locator("#card-stack summary")).to_have_text("with light 0.7")
    row = page.locator(f"#card-stack [data-id='{GRAIN}']")
    row.locator("input[type=checkbox]").check()
    expect(row.locator("input[type=checkbox]")).to_be_focused()
    row.locator("input[type=number]").fill("0.4")
    with page.expect_response("**/cards/setup"):
        row.locator("input[type=number]").press("Tab")
    page.keyboard.press("Escape")
    expect(row).to_be_hidden()
    page.reload()
    page.click("#tab-model_card-button")
    expect(page.locator("#card-stack summary")).to_have_text("with light 0.7 and 1 more")
    with page.expect_request(lambda request: request.method == "POST" and request.url.endswith("/cards")):
        page.click("#card-run")
    assert [(x["lora"], x["beside"]) for x in sent] == [(OWN, {LIGHT: 0.7, GRAIN: 0.4})]


@pytest.mark.slow(seconds=6)
def test_nothing_is_set_before_it_is_known_what_was(page: Page, served: Served, three: None) -> None:
    held: list[Route] = []
    page.route("**/cards", lambda route: held.append(route))
    choices.write(served.studio.session.workspace.root, "ada", "model_card", {"strength": 0.6})
    unset = page.locator("[inert] > label > #card-strength")
    with page.expect_request("**/cards"):
        page.click("#tab-model_card-button")
    expect(unset).to_be_attached()
    held.pop().continue_()
    expect(page.locator("#card-strength")).to_have_value("0.6")
    expect(unset).not_to_be_attached()
    for route in held:  # asked again meanwhile
        route.continue_()
