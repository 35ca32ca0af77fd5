"""What is done with cards over HTTP and on the command line: compared, written down, failed cells planned."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import Served

from pipelines.domain.records import Card, Decision, ImageRecord
from studio import __main__ as cli
from studio.server.state import Studio

Put = Callable[..., ImageRecord]


def card(studio: Studio, put: Put, version: str, **verdicts: str) -> None:
    """A card whose cells (``front_sad``) are right or wrong."""
    studio.session.store.put(Card(id=f"ada/{version}", character="ada", version=version, lora="", seed=1))
    for name, verdict in verdicts.items():
        image = put("card", cell=name.replace("_", "/"), version=version)
        label = "good" if verdict == "right" else "reject"
        studio.session.store.decide(Decision(image=image.id, who="human", action="label", value=label, where="card"))


@pytest.fixture
def two(studio: Studio, put: Put) -> None:
    card(studio, put, "v1", front_sad="wrong", front_angry="wrong", front_neutral="right")
    card(studio, put, "v2", front_sad="right", front_angry="wrong", front_neutral="right")


def test_cards_are_compared_and_their_failed_cells_planned(client: TestClient, two: None) -> None:
    told = client.get("/cards/compare", params={"first": "v1", "second": "v2"}).json()
    assert (told["gained"], told["lost"], told["p"]) == (["front/sad"], [], 1.0)
    assert client.get("/cards/v2/failed").json() == {"chains": ["angle/front > expression/angry"]}
    assert client.get("/cards/compare", params={"first": "v1", "second": "v7"}).status_code == 404
    assert client.get("/cards/v7/failed").status_code == 404


@pytest.mark.parametrize("form", ["md", "json", "html"])
def test_a_card_is_downloaded(client: TestClient, two: None, form: str) -> None:
    answer = client.get(f"/cards/v2/export.{form}")
    assert answer.status_code == 200 and "front/angry" in answer.text
    assert f"ada-card-v2.{form}" in answer.headers["content-disposition"]
    assert "sandbox" in answer.headers["content-security-policy"]
    assert client.get("/cards/v2/export.exe").status_code == 422


def run(root: Path, *arguments: str) -> tuple[int, dict]:
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(io.StringIO()):
        status = cli.main(["--workspace", str(root), "--json", *arguments])
    return status, json.loads(said.getvalue())


def test_on_the_command_line(studio: Studio, two: None, tmp_path: Path) -> None:
    root = studio.session.workspace.root
    studio.session.close()
    status, told = run(root, "card", "--show", "v2", "--against", "v1", "--export", str(tmp_path / "card.md"))
    assert status == 0 and told["against"]["gained"] == ["front/sad"] and "McNemar" in told["against"]["words"]
    assert (tmp_path / "card.md").read_text().startswith("# Model card v2 of Ada")
    status, told = run(root, "card", "--show", "v2", "--export", str(tmp_path / "card.md"))
    assert status != 0 and "overwritten" in told["error"]
    status, told = run(root, "card", "--show", "v2", "--export", str(tmp_path / "card.exe"))
    assert status != 0 and ".md" in told["error"]
    status, told = run(root, "enrich", "--failed-of", "v7")
    assert status != 0 and "no card v7" in told["error"]


def test_failed_cells_become_chains_by_a_click(page: Page, served: Served, two: None) -> None:
    page.click("#tab-enrich-button")
    page.click("#tab-model_card-button")
    page.locator("#card-compare").select_option("v1")
    expect(page.locator("#card-compared")).to_contain_text("1 gained (front/sad)")
    page.click("#card-failed")
    expect(page.locator("#enrich-chains textarea")).to_have_value("angle/front > expression/angry")
    expect(page.locator("#enrich-chains textarea")).to_be_visible()
    expect(page.locator("#enrich-best-of input[type=number]")).to_have_value("4")
