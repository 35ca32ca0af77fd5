"""Characters over the routes, the command line and the page: renamed, put away, brought back."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import NASTY, Served

from pipelines.domain.records import Character, ImageRecord
from pipelines.workflow import characters
from studio.server.state import Studio

Put = Callable[..., ImageRecord]


def test_who_is_put_away_stands_in_no_list_of_the_page_and_comes_back(client: TestClient, studio: Studio) -> None:
    characters.create(studio.session, "Bea", may_use=True)
    client.post("/characters/bea/choose")
    assert client.post("/characters/bea", json={"name": NASTY}).json() == {"id": "bea"}
    assert client.get("/status").json()["character"]["name"] == NASTY
    assert client.post("/characters/bea/delete").json() == {"id": "ada"}
    told = client.get("/status").json()
    assert [c["id"] for c in told["characters"]] == ["ada"] and told["away"] == 1 and told["character"]["id"] == "ada"
    assert client.post("/characters/bea/choose").status_code == 404
    assert client.get("/characters/away").json() == {"archived": [], "trash": [{"id": "bea", "name": NASTY}]}
    assert client.post("/characters/ada/archive").json() == {"id": ""}
    assert "archived" in client.post("/characters/ada/choose").json()["detail"]
    assert client.post("/characters/bea/restore").json() == {"id": "bea"}
    assert client.post("/characters/nobody/restore").status_code == 404
    assert client.post("/characters/bea", json={"name": " "}).status_code == 422


def test_the_command_line_puts_away_and_brings_back(studio: Studio, put: Put, run: Any) -> None:
    put("source")
    studio.session.close()
    assert run("character", "--rename", "Grace")[1]["character"]["name"] == "Grace"
    assert run("character", "--character", "Grace", "--delete")[0] == 0
    assert run("character", "--away")[1]["trash"] == ["ada"]
    assert run("review")[0] != 0 and run("status")[1]["characters"] == []
    assert run("character", "--restore", "Grace")[0] == 0 and run("status")[1]["character"] == "ada"
    assert run("character", "--archive")[0] == 0
    assert run("status")[1]["characters"] == [] and run("review", "--character", "ada")[0] == 0
    assert run("character", "--restore", "ada")[0] == 0 and run("character", "--empty-trash")[1]["removed"] == []
    assert run("character", "--delete")[0] == 0
    assert run("character", "--empty-trash")[1] == {"ok": True, "removed": ["Grace"], "left": []}
    assert run("character", "--restore", "ada")[0] != 0


@pytest.mark.slow
def test_a_character_is_renamed_deleted_and_brought_back_in_the_page(page: Page, served: Served) -> None:
    store = served.studio.session.store
    characters.create(served.studio.session, "Bea", may_use=True)
    served.studio.choose("bea")
    expect(page.locator("#character-picker")).to_have_value("bea")
    page.click("#character-edit")
    page.fill("#character-rename", NASTY)
    page.click("#save-character")
    expect(page.locator("#character-picker option:checked")).to_have_text(NASTY)
    page.click("#character-edit")
    page.click("#character-delete")
    expect(page.locator("#character-picker")).to_have_value("ada")
    page.click("#characters-away")
    expect(page.locator("#away-dialog")).to_contain_text("In the trash")
    page.locator("#away-dialog").get_by_role("button", name="Bring back").click()
    expect(page.locator("#character-picker")).to_have_value("bea")
    expect(page.locator("#characters-away")).to_be_hidden()
    page.click("#character-edit")
    page.click("#character-delete")
    page.click("#characters-away")
    page.click("#trash-empty")
    assert store.get(Character, "bea") is not None
    page.click("#trash-sure")
    expect(page.locator(".toast", has_text="Removed for good")).to_be_visible()
    assert store.get(Character, "bea") is None and page.evaluate("window.pwned") is None
