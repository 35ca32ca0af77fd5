"""Calibration of a character end to end: pictures, job, record, report, and scores that follow the threshold."""

import io
import json
from collections.abc import Callable

import pytest
from PIL import Image

from pipelines.domain.calibrations import Calibration
from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Event, Warned
from pipelines.domain.presets import Weights
from pipelines.domain.records import Character, ImageRecord, Job, LoraRecord
from pipelines.domain.requests import CalibrateRequest, ScoreRequest
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.session import NotFound, Session
from pipelines.storage.presets import shipped
from pipelines.worker.calibrate import run
from pipelines.workflow import calibration, characters, sources
from pipelines.workflow.characters import NotAllowed

WAIT = 280


@pytest.fixture
def session(cleo_session: Session, monkeypatch: pytest.MonkeyPatch) -> Session:
    """With fewer strangers than in real life, to be quick, and a judge that needs no files."""
    monkeypatch.setattr(calibration, "STRANGERS", range(8_000_000, 8_000_012))
    known = cleo_session.presets.models
    judged = known["mini-flux"].model_copy(update={"recogniser": "perceptual", "second_opinion": ""})
    monkeypatch.setattr(Session, "family", lambda self, name: judged if name == judged.name else known[name])
    return cleo_session


def calibrated(session: Session, far: float) -> Job:
    job = session.jobs.wait(calibration.submit(session, "cleo", calibration.CalibrateOptions(far)).id, WAIT)
    assert job.state == "done", job.error
    return job


@pytest.mark.slow
def test_the_line_is_drawn_kept_reported_and_used(session: Session) -> None:
    job = calibrated(session, 0.1)
    found = calibration.current(session, "cleo")
    assert (found.id, found.job, found.provisional) == ("cleo/v1/perceptual", job.id, False)
    assert found.impostors == 5 * (12 + 9) == job.total - 12
    assert found.others == 21
    assert found.threshold == max(found.tau, found.smallest)
    assert found.floor == -1  # a stand-in calls nobody someone else
    assert found.far_low < 0.1 < found.far_high
    assert sum(r.total for r in found.rejects) == 12
    assert set(found.seen) == {s.id for s in sources.sources(session, "cleo")}
    page = session.workspace.path(found.report).read_text()
    assert f"the line, {found.threshold:.2f}" in page and "not used yet" not in page
    told = json.loads(session.workspace.path(found.report).with_suffix(".json").read_text())
    assert len(told["scores"]["genuine"]) == 12 and len(told["scores"]["impostor"]) == 105
    assert min(s for _, _, s in told["scores"]["genuine"]) == pytest.approx(found.smallest, abs=1e-4)
    assert f"{found.threshold:.2f}" in calibration.words(session, found)
    _the_line_is_used(session, found)
    _a_line_holds_only_for_its_sources(session)
    _too_few_others_leave_the_starting_values_in_use(session)


@pytest.mark.slow
def test_a_model_without_a_hub_is_not_of_the_mini_world(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """FLUX in a folder of one's own: drawn strangers are no impostors of a photographed person."""
    assert calibration.estimate(session, "cleo").others == 12 + 9
    local = (
        shipped()
        .models["flux1-dev"]
        .model_copy(update={"weights": Weights(folder="/models/flux"), "recogniser": "perceptual"})
    )
    monkeypatch.setattr(Session, "family", lambda self, name: local)
    estimate = calibration.estimate(session, "cleo")
    assert estimate.others == 0 and "Nobody else is known here yet" in estimate.weak[0]
    job = calibration.submit(session, "cleo")
    session.jobs.cancel(job.id)
    assert CalibrateRequest.model_validate(job.request).strangers == ()


def _the_line_is_used(session: Session, found: Calibration) -> None:
    spec = sources.scoring_spec(session, "cleo", "mini-flux")
    (calibrated,) = spec.thresholds
    assert (calibrated.threshold, calibrated.floor, calibrated.far) == (found.threshold, found.floor, 0.1)
    picture = sources.sources(session, "cleo")[0]
    request = ScoreRequest(character="cleo", images=(picture.ref,), scoring=spec)
    assert session.jobs.wait(session.jobs.submit(request, "Judge").id, WAIT).state == "done"
    identity = sources.sources(session, "cleo")[0].scores.identity
    assert identity is not None
    assert identity.threshold == pytest.approx(found.threshold, abs=1e-4)
    assert "calibrated at 0.1 false accepts" in identity.why


def _a_line_holds_only_for_its_sources(session: Session) -> None:
    first = sources.sources(session, "cleo")[0]
    assert sources.scoring_spec(session, "cleo", "mini-flux").thresholds
    sources.remove(session, first.id)
    assert sources.scoring_spec(session, "cleo", "mini-flux").thresholds == ()
    assert "Calibrate again" in calibration.words(session, calibration.current(session, "cleo"))
    sources.restore(session, first.id)
    assert sources.scoring_spec(session, "cleo", "mini-flux").thresholds
    sources.tag(session, first.id, angle="half-right")
    assert sources.scoring_spec(session, "cleo", "mini-flux").thresholds == ()


def _too_few_others_leave_the_starting_values_in_use(session: Session) -> None:
    again = calibrated(session, 0.001)
    found = calibration.current(session, "cleo")
    assert (found.version, found.job, found.provisional) == ("v2", again.id, True)
    assert "Too few pictures of others: 105 of 21 others" in found.why
    assert sources.scoring_spec(session, "cleo", "mini-flux").thresholds == ()
    assert "Provisional, not used" in calibration.words(session, found)
    assert len(session.store.all(Calibration)) == 2  # nothing is overwritten
    assert session.workspace.path("characters/cleo/calibrations/v1/perceptual.html").is_file()


@pytest.mark.slow
def test_who_the_others_are(session: Session, ada: Character, put: Callable[..., ImageRecord]) -> None:
    """Sources of other characters and pictures of the base model alone; nobody who may be the character itself."""
    hers = put("source")
    base, again = put("synthetic", cell="beach"), put("synthetic", cell="beach")
    session.store.put(
        LoraRecord(id="a" * 64, name="ada_v1", path="a", family="flux", rank=4, character=ada.id),
        LoraRecord(id="b" * 64, name="film", path="b", family="flux", rank=4),
    )
    for letter, cell in (("a", "by her LoRA"), ("b", "with a style"), ("c", "by an unknown LoRA")):
        image = put("synthetic", cell=cell)
        assert image.shot is not None
        stack = LoraStack(adapters=(Adapter(name=letter, sha256=letter * 64, path=letter),))
        session.store.put(image.model_copy(update={"shot": image.shot.model_copy(update={"stack": stack})}))
    put("synthetic", cell="an edit", sources=(hers.ref,))
    cleo = session.character("cleo")
    twin = characters.create(session, "Cleo", practice=cleo.practice, may_use=True)
    sources.add(session, twin.id, [("twin.png", _png((200, 10, 10)))])
    groups = {o.group: o.images for o in calibration.others(session, cleo)}
    assert set(groups) == {f"Ada ({ada.id})", "base model, beach", "base model, with a style"}
    assert groups[f"Ada ({ada.id})"] == (hers.ref,)
    assert groups["base model, beach"] == (base.ref, again.ref)
    seeds = calibration.strangers(cleo)
    assert 86 not in seeds and 48 in seeds  # Cleo herself, Ada of the cast
    assert max(seeds) < 9_000_000
    assert 86 in calibration.strangers(ada)


def test_what_cannot_be_calibrated_is_said(cleo_session: Session) -> None:
    session = cleo_session
    nobody = characters.create(session, "Nobody", may_use=True)
    with pytest.raises(NotAllowed, match="no sources yet"):
        calibration.submit(session, nobody.id)
    with pytest.raises(NotAllowed, match=r"between 0 and 0\.5"):
        calibration.submit(session, nobody.id, calibration.CalibrateOptions(2))
    with pytest.raises(NotFound, match="score --calibrate"):
        calibration.current(session, nobody.id)


def test_real_models_are_held_against_no_people_of_clay(cleo_session: Session) -> None:
    session = cleo_session
    session.store.put(session.character("cleo").model_copy(update={"generator": "flux1-dev"}))
    job = calibration.submit(session, "cleo")
    session.jobs.cancel(job.id)
    request = CalibrateRequest.model_validate(job.request)
    assert (request.strangers, request.recognisers) == ((), ("sface", "facenet"))


def test_a_source_that_is_gone_is_told_and_the_rest_counts(session: Session) -> None:
    job = calibration.submit(session, "cleo", calibration.CalibrateOptions(0.5))
    session.jobs.cancel(job.id)
    request = CalibrateRequest.model_validate(job.request).model_copy(update={"strangers": ()})
    session.workspace.path(request.references[0].image.path).unlink()
    told: list[Event] = []
    (found,) = run(
        request, workspace=session.workspace, settings=session.settings, emit=told.append, cancelled=lambda: False
    )
    assert len(found["references"]) == 11
    assert [e for e in told if isinstance(e, Warned)]
    assert found["why"] == "There are no pictures of others to compare with."
    with pytest.raises(Cancelled):
        run(request, workspace=session.workspace, settings=session.settings, emit=told.append, cancelled=lambda: True)


def _png(colour: tuple[int, int, int]) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (300, 300), colour).save(data, "PNG")
    return data.getvalue()
