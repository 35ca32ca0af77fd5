"""The identity threshold in the studio: what is missing, the job, the figures, the report."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import NASTY, Served

from pipelines.domain.calibrations import Calibration
from pipelines.domain.rates import wilson
from pipelines.domain.records import Decision, ImageRecord, Job
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
    (made,) = calibration.record(studio.session, done, request)
    return made


def test_what_is_missing_is_said_before_anything_is_tried(client: TestClient, studio: Studio, put: Put) -> None:
    assert "no sources yet" in client.get("/thresholds").json()["blocker"]
    refused = client.post("/thresholds", json={"far": 0.01})
    assert refused.status_code == 422 and "no sources yet" in refused.json()["detail"]
    put("source")
    assert "nothing to be held against" in client.get("/thresholds").json()["blocker"]
    assert client.post("/thresholds", json={"far": 0.01}).status_code == 422
    put("source")
    told = client.get("/thresholds").json()
    assert told["blocker"] == "" and told["others"] == 8
    assert [w for w in told["weak"] if "2 sources of at least 5" in w]
    real = studio.session.character("ada").model_copy(update={"generator": "flux1-dev"})
    studio.session.store.put(real)
    assert [w for w in client.get("/thresholds").json()["weak"] if "Nobody else is known here yet" in w]
    assert studio.session.store.all(Job) == []
    assert calibration.ENOUGH == faces.SOURCES  # the same bound on both sides of the wall


@pytest.mark.slow(seconds=5)
def test_the_line_its_rates_and_its_report(client: TestClient, studio: Studio, put: Put) -> None:
    for _ in range(6):
        put("source")
    assert client.get("/thresholds/now").json()["state"] == "none"
    made = drawn(studio)
    (told,) = client.get("/thresholds").json()["calibrations"]
    assert told["used"] and told["threshold"] == made.threshold and told["far_high"] == made.far_high
    out = sum(r.not_passed for r in made.rejects)
    assert (told["frr"]["out"], told["frr"]["total"]) == (out, 6)
    assert (told["frr"]["low"], told["frr"]["high"]) == pytest.approx(wilson(out, 6))
    assert len(told["genuine"]) == 6 and len(told["impostor"]) == 40
    assert min(told["genuine"]) == pytest.approx(made.smallest, abs=1e-4)
    assert "The higher of the two is the line" in told["words"]
    report = client.get(told["report"])
    assert f"the line, {made.threshold:.2f}" in report.text
    policy = report.headers["content-security-policy"]
    assert "sandbox" in policy and "script-src" not in policy and "default-src 'none'" in policy
    assert client.get("/thresholds/now").json() == {"state": "used", "threshold": made.threshold}
    put("source")
    assert client.get("/thresholds/now").json()["state"] == "stale"


@pytest.mark.slow(seconds=3)
def test_good_pictures_that_stay_unsure_are_counted_and_explained(client: TestClient, studio: Studio, put: Put) -> None:
    for _ in range(6):
        put("source")
    made = drawn(studio)
    (told,) = client.get("/thresholds").json()["calibrations"]
    assert told["remarks"] == []
    low, high = made.threshold - 0.01, made.threshold + 0.01
    for score in (low, low, high):
        image = put("enriched", score=score, verdict="unsure")
        studio.session.store.decide(Decision(image=image.id, who="human", action="label", value="good"))
    assert calibration.unsure_though_good(studio.session, made) == (2, 3)
    (told,) = client.get("/thresholds").json()["calibrations"]
    (remark,) = told["remarks"]
    assert remark.startswith("2 of 3 pictures that you called good score between the lines")
    assert ("The sources draw the line" in remark) == (made.smallest > made.tau)
    assert remark in calibration.words(studio.session, made)


@pytest.mark.parametrize("where", ["v1/nobody", "v9/perceptual", "..%2f..%2fflenwheel.json/x", "v1/..%2fperceptual"])
def test_a_report_is_found_by_its_record_alone(client: TestClient, studio: Studio, put: Put, where: str) -> None:
    put("source")
    studio.session.workspace.path("characters/ada/x.html").write_text("secret")
    assert client.get(f"/thresholds/{where}").status_code == 404


@pytest.mark.slow(seconds=3)
def test_pictures_judged_before_are_judged_again(client: TestClient, studio: Studio, put: Put) -> None:
    for _ in range(6):
        put("source")
    old = put("enriched", score=0.4, verdict="unsure")
    put("enriched")  # never judged: nothing to judge again
    assert client.post("/thresholds/score").status_code == 404
    made = drawn(studio)
    assert client.get("/thresholds").json()["waiting"] == 1
    job = studio.session.store.get(Job, client.post("/thresholds/score").json()["job"])
    assert job is not None
    studio.session.jobs.cancel(job.id)
    assert [i["id"] for i in job.request["images"]] == [old.id]
    assert [t["threshold"] for t in job.request["scoring"]["thresholds"]] == [made.threshold]
    identity = old.scores.identity
    assert identity is not None
    scores = old.scores.model_copy(update={"identity": identity.model_copy(update={"threshold": made.threshold})})
    studio.session.store.put(old.model_copy(update={"scores": scores}))
    assert client.get("/thresholds").json()["waiting"] == 0
    assert "judged by this line already" in client.post("/thresholds/score").json()["detail"]


@pytest.mark.slow
def test_calibrating_by_a_click(page: Page, modules: None, served: Served, put: Put) -> None:
    """From the picture that is judged to the threshold that judges it: the job, then numbers, figures and words."""
    for _ in range(6):
        put("source", filename=NASTY)
    put("enriched", score=0.4, verdict="unsure")
    page.click("#tab-review-button")
    expect(page.locator("#review-threshold")).to_have_text("Identity line: calibrate")
    page.click("#review-threshold")
    dialog = page.locator("#threshold-dialog")
    expect(dialog).to_contain_text("There is enough: 6 sources, held against 8 others.")
    page.click("#threshold-calibrate")
    expect(dialog.locator("#threshold-progress")).to_be_visible()
    expect(page.locator("#threshold-stop")).to_be_enabled()
    expect(dialog.locator(".th-facts b")).to_have_count(4, timeout=120_000)
    made = served.studio.session.store.all(Calibration)[-1]
    expect(dialog.locator(".th-facts b").first).to_have_text(f"{made.threshold:.2f}")
    expect(page.locator("#threshold-progress")).to_be_hidden()
    figures = dialog.locator("svg[role=img]")
    expect(figures.first).to_have_attribute("aria-label", "Scores: 6 sources and 40 pictures of others")
    told = json.loads(served.studio.session.workspace.path(made.report).with_suffix(".json").read_text())["scores"]
    scores = {name: [s for _, _, s in told[name]] for name in told}
    points = page.evaluate(
        "async (s) => (await import('/ui/charts/scale.js')).rocPoints(s.genuine, s.impostor)", scores
    )
    known = faces.roc(np.array(scores["genuine"]), np.array(scores["impostor"]))
    assert np.allclose(points, known[: len(points)]) and len(points) == len(known) - 1
    expect(page.locator("#threshold-report")).to_have_attribute("href", "/thresholds/v1/perceptual")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator("#review-threshold")).to_contain_text("Identity line")
    assert page.evaluate("window.pwned") is None
