"""Rounds, the stop rule and the lineage over HTTP, on the command line, and as a picture to click through."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import Served

from pipelines.domain.records import Card, Decision, ImageRecord, LoraRecord, TrainingRun
from studio.server.state import Studio

Put = Callable[..., ImageRecord]


@pytest.fixture
def turned(studio: Studio, put: Put) -> Studio:
    """One round: a source, an edit, v1 and its card, all right."""
    session = studio.session
    source = put("source")
    edit = put("enriched", sources=(source.ref,))
    lora = LoraRecord(
        id="sha", name="ada_v1", path="v1.safetensors", family="flux", rank=4, origin="trained", character="ada",
        version="v1", run="run",
    )  # fmt: skip
    run = TrainingRun(
        id="run", character="ada", target="character", version="v1", family="mini-flux", preset="p", state="done",
        lora="sha", images=(source.id, edit.id), settings={"rank": 4, "steps": 300},
    )  # fmt: skip
    session.store.put(lora, run, Card(id="ada/v1", character="ada", version="v1", lora="sha", seed=1))
    for cell in session.presets.card.cells:
        image = put("card", cell=cell.name)
        session.store.decide(Decision(image=image.id, who="human", action="label", value="good", where="card"))
    return studio


def test_the_wheel_is_told(client: TestClient, turned: Studio) -> None:
    told = client.get("/wheel").json()
    assert told["rule"]["reason"] == "proven" and told["rounds"][0]["learnt"] == "1 source, 1 enriched"
    assert {"origin": "enriched/v1", "to": "lora/v1", "count": 1} in told["edges"]
    assert len(client.get("/wheel/lora/v1").json()["pictures"]) == 2
    for wrong in ("lora/v9", "%2e%2e/x", "nothing"):
        assert client.get(f"/wheel/{wrong}").status_code == 404
    assert client.get("/cards").json()["rule"]["words"] == told["rule"]["words"]
    card = next(s for s in client.get("/status").json()["rail"] if s["key"] == "card")
    assert card["why"] == told["rule"]["words"]


def test_on_the_command_line(run: Any, turned: Studio, tmp_path: Path) -> None:
    file = tmp_path / "rounds.md"
    status, told = run("rounds", "--lineage", "--export", str(file))  # beside the open studio
    assert status == 0 and told["rule"]["stop"] and told["rounds"][0]["learnt"] == {"source": 1, "enriched": 1}
    assert any(node["id"] == "lora/v1" for node in told["lineage"]["nodes"])
    assert "23 of 23 right" in file.read_text()
    status, told = run("rounds", "--export", str(file))
    assert status != 0 and "overwritten" in told["error"]


@pytest.mark.slow
def test_the_lineage_is_clicked_and_keyed_through(page: Page, served: Served, turned: Studio) -> None:
    page.click("#wheel-open")
    expect(page.locator("#wheel-rule")).to_contain_text("the target of 80 % is proven")
    page.locator('[data-node="source"]').focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator('[data-node="enriched/v1"]')).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#wheel-node h3")).to_have_text("LoRA v1: 2 pictures")
    page.locator("#wheel-node .tiny").first.click()
    expect(page.locator("#picture-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator('[data-node="card/v1"]').click()
    expect(page.locator("#card-rule")).to_contain_text("Stop")
    expect(page.locator("#card-poster")).to_be_visible()
