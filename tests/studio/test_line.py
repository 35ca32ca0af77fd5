"""The identity line in the studio: what is missing, the job, the figures, the report."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import NASTY, Served

from pipelines.domain.calibrations import Calibration
from pipelines.domain.rates import wilson
from pipelines.domain.records import ImageRecord, Job
from pipelines.domain.requests import CalibrateRequest
from pipelines.faces import calibration as faces
from pipelines.session import Session
from pipelines.worker.calibrate import run
from pipelines.workflow import calibration
from studio.server.state import Studio

Put = Callable[..., ImageRecord]


@pytest.fixture(autouse=True)
def few_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer others than in real life, to be quick, and a judge that needs no files."""
    monkeypatch.setattr(calibration, "STRANGERS", range(8_000_000, 8_000_008))
    monkeypatch.setattr(calibration, "CAST", ())
    family = Session.family

    def perceptual(session: Session, name: str) -> object:
        return family(session, name).model_copy(update={"recogniser": "perceptual", "second_opinion": ""})

    monkeypatch.setattr(Session, "family", perceptual)


def drawn(studio: Studio, far: float = 0.2) -> Calibration:
    """A calibration done here and now, as its job would have."""
    job = calibration.submit(studio.session, "ada", calibration.CalibrateOptions(far))
    studio.session.jobs.cancel(job.id)
    request = CalibrateRequest.model_validate(job.request)
    found = run(request, workspace=studio.session.workspace, settings=studio.session.settings, emit=lambda e: None,
                cancelled=lambda: False)  # fmt: skip
    done = job.model_copy(update={"state": "done", "result": {"calibrations": found}})
    (made,) = calibration.keep(studio.session, done, request)
    return made


def test_what_is_missing_is_said_before_anything_is_tried(client: TestClient, studio: Studio, put: Put) -> None:
    assert "no sources yet" in client.get("/line").json()["shut"]
    refused = client.post("/line", json={"far": 0.01})
    assert refused.status_code == 422 and "no sources yet" in refused.json()["detail"]
    put("source")
    assert "nothing to be held against" in client.get("/line").json()["shut"]
    assert client.post("/line", json={"far": 0.01}).status_code == 422
    put("source")
    told = client.get("/line").json()
    assert told["shut"] == "" and told["others"] == 8
    assert [w for w in told["weak"] if "2 sources of at least 5" in w]
    real = studio.session.character("ada").model_copy(update={"generator": "flux1-dev"})
    studio.session.store.put(real)
    assert [w for w in client.get("/line").json()["weak"] if "Nobody else is known here yet" in w]
    assert studio.session.store.all(Job) == []
    assert calibration.ENOUGH == faces.SOURCES  # the same bound on both sides of the wall


def test_the_line_its_rates_and_its_report(client: TestClient, studio: Studio, put: Put) -> None:
    for _ in range(6):
        put("source")
    assert client.get("/line/now").json()["state"] == "none"
    made = drawn(studio)
    (line,) = client.get("/line").json()["lines"]
    assert line["used"] and line["threshold"] == made.threshold and line["far_high"] == made.far_high
    out = sum(r.not_passed for r in made.rejects)
    assert (line["frr"]["out"], line["frr"]["total"]) == (out, 6)
    assert (line["frr"]["low"], line["frr"]["high"]) == pytest.approx(wilson(out, 6))
    assert len(line["genuine"]) == 6 and len(line["impostor"]) == 40
    assert min(line["genuine"]) == pytest.approx(made.smallest, abs=1e-4)
    assert "The higher of the two is the line" in line["words"]
    report = client.get(line["report"])
    assert f"the line, {made.threshold:.2f}" in report.text
    policy = report.headers["content-security-policy"]
    assert "sandbox" in policy and "script-src" not in policy and "default-src 'none'" in policy
    assert client.get("/line/now").json() == {"state": "used", "threshold": made.threshold}
    put("source")
    assert client.get("/line/now").json()["state"] == "stale"


@pytest.mark.parametrize("where", ["v1/nobody", "v9/perceptual", "..%2f..%2fflenwheel.json/x", "v1/..%2fperceptual"])
def test_a_report_is_found_by_its_record_alone(client: TestClient, studio: Studio, put: Put, where: str) -> None:
    put("source")
    studio.session.workspace.path("characters/ada/x.html").write_text("secret")
    assert client.get(f"/line/{where}").status_code == 404


def test_pictures_judged_before_are_judged_again(client: TestClient, studio: Studio, put: Put) -> None:
    for _ in range(6):
        put("source")
    old = put("enriched", score=0.4, verdict="unsure")
    put("enriched")  # never judged: nothing to judge again
    assert client.post("/line/judge").status_code == 404
    made = drawn(studio)
    assert client.get("/line").json()["waiting"] == 1
    job = studio.session.store.get(Job, client.post("/line/judge").json()["job"])
    assert job is not None
    studio.session.jobs.cancel(job.id)
    assert [i["id"] for i in job.request["images"]] == [old.id]
    assert [line["threshold"] for line in job.request["judge"]["lines"]] == [made.threshold]
    identity = old.scores.identity
    assert identity is not None
    scores = old.scores.model_copy(update={"identity": identity.model_copy(update={"threshold": made.threshold})})
    studio.session.store.put(old.model_copy(update={"scores": scores}))
    assert client.get("/line").json()["waiting"] == 0
    assert "judged by this line already" in client.post("/line/judge").json()["detail"]


def test_calibrating_by_a_click(page: Page, served: Served, put: Put) -> None:
    """From the picture that is judged to the line that judges it: the job, then numbers, figures and words."""
    for _ in range(6):
        put("source", filename=NASTY)
    put("enriched", score=0.4, verdict="unsure")
    page.click("#tab-review-button")
    expect(page.locator("#review-line")).to_have_text("Identity line: calibrate")
    page.click("#review-line")
    dialog = page.locator("#line-dialog")
    expect(dialog).to_contain_text("There is enough: 6 sources, held against 8 others.")
    page.click("#line-calibrate")
    expect(dialog.locator("#line-progress")).to_be_visible()
    expect(page.locator("#line-stop")).to_be_enabled()
    expect(dialog.locator(".ln-facts b")).to_have_count(4, timeout=120_000)
    made = served.studio.session.store.all(Calibration)[-1]
    expect(dialog.locator(".ln-facts b").first).to_have_text(f"{made.threshold:.2f}")
    expect(page.locator("#line-progress")).to_be_hidden()
    figures = dialog.locator("svg[role=img]")
    expect(figures.first).to_have_attribute("aria-label", "Scores: 6 sources and 40 pictures of others")
    told = json.loads(served.studio.session.workspace.path(made.report).with_suffix(".json").read_text())["scores"]
    scores = {name: [s for _, _, s in told[name]] for name in told}
    points = page.evaluate(
        "async (s) => (await import('/ui/charts/scale.js')).rocPoints(s.genuine, s.impostor)", scores
    )
    known = faces.roc(np.array(scores["genuine"]), np.array(scores["impostor"]))
    assert np.allclose(points, known[: len(points)]) and len(points) == len(known) - 1
    expect(page.locator("#line-report")).to_have_attribute("href", "/line/v1/perceptual")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator("#review-line")).to_contain_text("Identity line")
    assert page.evaluate("window.pwned") is None
