"""What is done with cards over HTTP and on the command line: compared, written down, failed cells planned."""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from playwright.sync_api import Page, Request, Route, expect
from studio_helpers import Served

from pipelines.domain.reading import Reading
from pipelines.domain.records import Card, Decision, ImageRecord, Job
from pipelines.domain.requests import ReadRequest
from pipelines.domain.scores import Quality, Scores
from pipelines.workflow import sources
from studio import __main__ as cli
from studio.server import choices
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


@pytest.mark.parametrize("form", ["md", "json", "html", "png"])
def test_a_card_is_downloaded(client: TestClient, two: None, form: str) -> None:
    answer = client.get(f"/cards/v2/export.{form}")
    assert answer.status_code == 200
    assert answer.content.startswith(b"\x89PNG") if form == "png" else "front/angry" in answer.text
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
    status, _ = run(root, "card", "--show", "v2", "--export", str(tmp_path / "card.png"))
    assert status == 0 and Image.open(tmp_path / "card.png").size > (800, 600)
    status, told = run(root, "card", "--show", "v2", "--export", str(tmp_path / "card.exe"))
    assert status != 0 and ".md" in told["error"]
    status, told = run(root, "enrich", "--failed-of", "v7")
    assert status != 0 and "no card v7" in told["error"]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_was_set_last_is_what_is_planned_though_an_earlier_request_is_late(
    page: Page, served: Served, two: None, put: Put
) -> None:
    """One click unticks the edits, sets the tries and writes the chain: as many events at once."""
    sources.tag(served.studio.session, put("source").id, angle="front", expression="neutral")
    page.click("#tab-enrich-button")
    expect(page.locator("#enrich-axes input:checked")).not_to_have_count(0)
    expect(page.locator("#enrich-make")).to_be_enabled()
    page.click("#tab-model_card-button")
    page.locator("#card-compare").select_option("v1")
    expect(page.locator("#card-compared")).to_contain_text("1 gained (front/sad)")
    held: list[Route] = []
    sent: list[Request] = []

    def late(route: Route) -> None:
        if "expression" in (route.request.post_data or "") and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/queue/join*", late)
    page.on("request", lambda request: sent.append(request) if "queue/join" in request.url and held else None)
    with page.expect_request("**/queue/join*"):
        page.click("#card-failed")
    expect(page.locator("#enrich-chains textarea")).to_have_value("angle/front > expression/angry")
    page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert not sent, "they wait until it has been taken in"
    held[0].continue_()
    expect(page.locator("#enrich-make")).to_have_text("Make 4")
    root, kept = served.studio.session.workspace.root, {}
    while kept.get("chains") != "angle/front > expression/angry":  # the last of them, after all others
        page.wait_for_timeout(50)
        kept = choices.read(root, "ada", "enrich")
    assert not any(kept[name] for name in kept if name.startswith("axis/"))


@pytest.mark.slow
def test_failed_cells_become_chains_by_a_click(page: Page, served: Served, two: None, put: Put) -> None:
    """Alone: of all that is ticked at first every source took its share, and of that four tries."""
    sources.tag(served.studio.session, put("source").id, angle="front", expression="neutral")
    page.click("#tab-enrich-button")
    expect(page.locator("#enrich-axes input:checked")).not_to_have_count(0)
    page.click("#tab-model_card-button")
    page.locator("#card-compare").select_option("v1")
    expect(page.locator("#card-compared")).to_contain_text("1 gained (front/sad)")
    page.click("#card-failed")
    expect(page.locator("#enrich-chains textarea")).to_have_value("angle/front > expression/angry")
    expect(page.locator("#enrich-chains textarea")).to_be_visible()
    expect(page.locator("#enrich-best-of input[type=number]")).to_have_value("4")
    expect(page.locator("#enrich-axes input:checked")).to_have_count(0)
    expect(page.locator("#enrich-make")).to_have_text("Make 4")
    page.reload()
    expect(page.locator("#enrich-make")).to_have_text("Make 4")


def seen_by(angle: str, said: str) -> dict:
    """What the recogniser measured and a reader said."""
    read = Reading(fact="angle", value=said, likely=0.9, lead=0.8, reader="mini-reader")
    looked = Quality(sharpness=1.0, light=0.5, contrast=0.2)
    return {"scores": Scores(angle=angle, quality=looked), "readings": (read,)}  # type: ignore[arg-type]


def test_a_card_says_which_reader_saw_what_and_is_read_on_request(client: TestClient, studio: Studio, put: Put) -> None:
    studio.session.store.put(Card(id="ada/v1", character="ada", version="v1", lora="", seed=1))
    agreed, torn = (put("card", cell=f"front/{name}", version="v1") for name in ("sad", "angry"))
    studio.session.store.put(agreed.model_copy(update=seen_by("half-left", "half-left")))
    studio.session.store.put(torn.model_copy(update=seen_by("front", "half-left")))
    told = client.get("/cards").json()
    assert told["reader"]["reader"] and not told["reader"]["lacking"]
    cells = {cell["name"]: cell for cell in told["cards"][0]["cells"]}
    assert cells["front/sad"]["verdict"] == "wrong" and cells["front/sad"]["why"] == "view is half-left"
    assert cells["front/sad"]["read"] == "angle half-left by the recogniser and mini-reader"
    assert cells["front/angry"]["verdict"] == "unsure"
    assert cells["front/angry"]["read"] == "angle unsure: the recogniser sees front, mini-reader sees half-left"
    job = studio.session.store.get(Job, client.post("/cards/v1/read").json()["job"])
    assert job is not None
    asked = ReadRequest.model_validate(job.request)
    assert agreed.id in {one.image.id for one in asked.images} and len(asked.images) == 2
    assert client.post("/cards/v7/read").status_code == 404
    studio.session.jobs.cancel(job.id)


@pytest.mark.slow
def test_the_readers_buttons_ask_for_sources_and_for_a_card(page: Page, served: Served, two: None, put: Put) -> None:
    session, source = served.studio.session, put("source")

    def asked() -> list[str]:
        """Kinds of the pictures that were asked about, and the jobs stopped: it is not their work that is looked at."""
        jobs = session.store.all(Job, kind="read")
        for job in jobs:
            session.jobs.cancel(job.id)
        requests = [ReadRequest.model_validate(job.request) for job in jobs]
        found = [session.store.get(ImageRecord, one.image.id) for request in requests for one in request.images]
        return [image.kind for image in found if image]

    page.click("#tab-model_card-button")
    expect(page.locator("#card-reader")).to_contain_text("can read angle and expression")
    with page.expect_response("**/cards/v2/read"):
        page.click("#card-read")
    assert asked() == ["card"] * 3
    page.click("#tab-enrich-button")
    page.click("#enrich-tags")
    expect(page.locator("#tag-reader")).to_contain_text("can read them all")
    with page.expect_response("**/tags/read"):
        page.click("#tag-read")
    assert asked() == ["card"] * 3 + ["source"] and source.kind == "source"
