"""Settings, Your presets: what was read and what was not, in words; and a studio that works whatever the files hold."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from own_presets import own_flux
from playwright.sync_api import Page, expect
from studio_helpers import Served
from tab_helpers import on_page

from pipelines.domain.records import Decision, ImageRecord
from pipelines.storage.presets import FOLDER, shipped
from pipelines.workflow.presets import TITLES
from studio.components.forms import Updates
from studio.server.state import Studio
from studio.tabs import enrich, generate, survey, train

Put = Callable[..., ImageRecord]
SLOW = 60_000
MARKUP = "<img src=x onerror=window.pwned=7>"


def folder(studio: Studio) -> Path:
    path = studio.session.workspace.root / FOLDER
    path.mkdir(exist_ok=True)
    return path


def choices(client: TestClient, name: str) -> list[str]:
    return next(f["choices"] for f in client.get("/settings").json()["fields"] if f["name"] == name)


def test_the_folder_is_begun_read_and_told_of(client: TestClient, studio: Studio) -> None:
    told = client.get("/presets").json()
    assert not told["there"] and told["folder"] == str(studio.session.workspace.root / FOLDER)
    begun = client.post("/presets/begin").json()
    assert begun["there"] and "failures.toml" in begun["written"] and begun["problems"] == []
    (folder(studio) / "failures.toml").write_text('[[failure]]\nname = "ears"\nkey = "h"')
    (folder(studio) / "prompts" / "scenarios.toml").write_text(
        '[[scenario]]\nname = "moon"\ntitle = "M"\nprompt = "moon"'
    )
    told = client.post("/presets/reload").json()
    assert told["problems"] == ["failures.toml: failure ears: key: 'h' is the letter of 'hands' already"]
    assert told["later"] == ["Scenarios"]
    assert client.post("/presets/begin").json()["written"] == []


def test_settings_offer_the_users_models(client: TestClient, studio: Studio) -> None:
    ours = [name for name, model in shipped().models.items() if "generator" in model.roles]
    assert choices(client, "generator") == ours
    file = own_flux(studio.session.workspace.root)
    assert choices(client, "generator") == [*ours, "mine"] and "mine" not in choices(client, "editor")
    assert client.post("/settings", json={"generator": "mine"}).status_code == 200
    file.unlink()
    assert "mine" in choices(client, "generator")  # what is chosen is shown, and does not turn into another by itself
    assert client.post("/settings", json={"generator": "mini-flux"}).status_code == 200
    assert "mine" not in choices(client, "generator")


def test_the_page_takes_failure_modes_from_the_presets(client: TestClient, studio: Studio, put: Put) -> None:
    words = MARKUP.replace('"', "'")
    (folder(studio) / "failures.toml").write_text(f'[[failure]]\nname = "ears"\ntitle = "{words}"\nkey = "r"')
    facts = client.get("/facts").json()
    assert facts["failures"]["r"] == "ears" and facts["failures"]["h"] == "hands"
    assert facts["failure_words"]["ears"] == words and facts["outcomes"]["failure"]["ears"]["flips"] == "failures"
    image = put("enriched")
    said = {"id": "0123456789abcdef", "image": image.id, "action": "failure", "value": "ears"}
    assert client.post("/decisions", json={"decisions": [said]}).status_code == 200
    assert studio.session.store.verdict(image.id).failures == ("ears",)


def test_a_studio_whose_models_are_gone_answers_everywhere(client: TestClient, studio: Studio) -> None:
    store, character = studio.session.store, studio.character
    assert character is not None
    store.put(character.model_copy(update={"generator": "mine", "editor": "theirs"}))
    status = client.get("/status").json()
    assert status["next"]["title"] == "Put the model preset back" and len(status["rail"]) > 3
    for address in ("/cards", "/review", "/review/pristine", "/settings", "/presets", "/thresholds/brief"):
        assert client.get(address).status_code in (200, 404), address
    told = client.get("/presets").json()["problems"]
    assert [t.split(":")[0] for t in told] == ["Ada, generator", "Ada, editor"]
    words = "".join(str(list(updates.values())) for updates in every_tab_refreshed(studio))
    assert "There is no model preset 'mine'" in words and "There is no model preset 'theirs'" in words


def every_tab_refreshed(studio: Studio) -> Iterator[Updates]:
    """What the tabs show after a change of the records; Train for both targets, and what it would take."""
    for module in (enrich, generate, survey):
        tab = on_page(module.build, studio)
        yield module.refresh(studio, tab, module.read(tab, {}))
    tab = on_page(train.build, studio)
    for target in ("character", "editor"):
        form = train.read(tab, {tab.target: target, tab.settings.preset: "character-practice"})
        yield train.refresh(studio, tab, form)
        yield train.look_ahead(studio, tab, form)


@pytest.mark.slow
def test_settings_show_the_users_presets_and_their_errors_as_text(page: Page, served: Served) -> None:
    page.click("#settings-open")
    expect(page.locator("#presets-folder")).to_have_text(str(served.studio.session.workspace.root / FOLDER))
    expect(page.locator("#presets-kinds li")).to_have_count(len(TITLES))
    expect(page.locator("#presets-problems")).to_be_hidden()
    page.click("#presets-begin")
    expect(page.locator("#presets-said")).to_contain_text("models/example.toml", timeout=SLOW)
    (folder(served.studio) / "models" / "odd.toml").write_text(f"name = '{MARKUP}'")
    own_flux(served.studio.session.workspace.root)
    page.click("#presets-reload")
    expect(page.locator("#presets-problems")).to_contain_text(f"models/odd.toml: model {MARKUP}: weights: is missing")
    expect(page.locator("#presets-kinds")).to_contain_text("of these yours: mine")
    assert page.evaluate("window.pwned") is None


@pytest.mark.slow
def test_a_failure_mode_that_is_no_more_still_shows_and_a_new_one_has_its_letter(
    page: Page, served: Served, put: Put
) -> None:
    image, store = put("enriched"), served.studio.session.store
    store.decide(Decision(image=image.id, who="human", action="failure", value="antlers"))
    (folder(served.studio) / "failures.toml").write_text('[[failure]]\nname = "ears"\ntitle = "Ears!"\nkey = "r"')
    page.reload()
    page.click("#tab-review-button")
    expect(page.locator("#review-earlier-failures")).to_have_text("antlers", timeout=SLOW)
    page.keyboard.press("f")
    page.keyboard.press("r")
    expect(page.locator('.fail[data-words="ears"]')).to_have_attribute("aria-pressed", "true")
    expect(page.locator('.fail[data-words="ears"]')).to_contain_text("Ears!")
    expect(page.locator("#review-earlier-failures")).to_have_text("antlers")
