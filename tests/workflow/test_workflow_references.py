"""Several references through the real worker: seen, remembered, counted, learnt from; and a luminance map."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_helpers import put_memory_in
from PIL import Image

from pipelines.domain.records import Character, Decision, ImageRecord
from pipelines.domain.shots import Plan
from pipelines.engine.memory import predict_render
from pipelines.queue.admission import NotAllowed
from pipelines.session import NotFound, Session
from pipelines.workflow import enrich, render, review, survey, training
from pipelines.workflow.references import Beside


def plan(session: Session, ada: Character, source: ImageRecord, **beside: Any) -> Plan:
    edits = ("expression/smiling",)
    options = enrich.EnrichOptions((source.id,), edits, per_source=1, steps=2, beside=Beside(**beside))
    return enrich.plan(session, ada.id, options)


def made(session: Session, planned: Plan) -> ImageRecord:
    job = session.jobs.wait(enrich.submit(session, planned).id, timeout=300)
    assert job.state == "done", job.error
    (image,) = [i for i in session.store.all(ImageRecord) if i.shot == planned.shots[0]]
    return image


@pytest.mark.slow
def test_the_editor_sees_them_and_the_picture_remembers_them(session: Session, ada: Character, put: Any) -> None:
    first, second, third = (
        put("source", label="good", angle=angle) for angle in ("front", "half-left", "profile-left")
    )
    alone = made(session, plan(session, ada, first))
    both = made(session, plan(session, ada, first, references=2))
    named = made(session, plan(session, ada, first, named=(third.id,)))
    mapped = made(session, plan(session, ada, first, control=third.id))
    pixels = {image.id: pixels_of(session, image) for image in (alone, both, named, mapped)}
    assert len({p.tobytes() for p in pixels.values()}) == 4, "what it sees shows"
    assert both.parents == (first.ref, second.ref, third.ref) and named.parents == (first.ref, third.ref)
    assert mapped.shot and mapped.shot.seen == (first.ref, third.ref) and mapped.parents == (first.ref,)

    correction = review.correct(session, both.id, "fixed.png", picture(session, 9), "the nose")
    assert correction.beside == (second.ref, third.ref)
    learnt = {i.image.id: i.controls for i in training._editor_set(session, ada.id).items}
    assert learnt[correction.target.id] == (first.ref, second.ref, third.ref)


def pixels_of(session: Session, image: ImageRecord) -> np.ndarray:
    with Image.open(session.workspace.path(image.path)) as opened:
        return np.asarray(opened.convert("RGB"))


def picture(session: Session, seed: int) -> Path:
    path = session.workspace.root / "corrected.png"
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (128, 128, 3), dtype=np.uint8)).save(path)
    return path


def test_more_pictures_take_more_memory(
    session: Session, ada: Character, put: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_memory_in(monkeypatch)
    first, *_ = (put("source") for _ in range(3))
    family = session.presets.models["qwen-image-edit-2509"]
    session.store.put(ada.model_copy(update={"editor": family.name}))

    def peak(**beside: Any) -> float:
        shots = plan(session, ada, first, **beside).shots
        return predict_render(family, shots, session.workspace, session.settings).phase_gib("denoise")

    alone, one, two = peak(), peak(references=1), peak(references=2)
    assert alone < one < two and two - one == pytest.approx(one - alone, rel=0.05)
    assert peak(control=first.id) == one


def test_what_cannot_be_shown_is_refused_in_words(session: Session, ada: Character, put: Any) -> None:
    first, second = put("source"), put("source")
    with pytest.raises(NotFound):
        plan(session, ada, first, named=("0" * 64,))
    with pytest.raises(NotFound):
        plan(session, ada, first, control="0" * 64)
    with pytest.raises(ValueError, match="references"):
        plan(session, ada, first, references=3)
    planned = plan(session, ada, first, control=second.id)
    gone = Decision(image=second.id, who="human", action="label", value="reject", where="sources")
    session.store.decide(gone)
    with pytest.raises(NotAllowed, match="not to be used any more"):
        render.submit(session, planned, "Enrich")


def test_a_survey_takes_them_too(session: Session, ada: Character, put: Any) -> None:
    sources = [put("source") for _ in range(3)]
    options = survey.SurveyOptions((sources[0].id,), beside=Beside(references=1))
    assert {len(s.sources) for s in survey.plan(session, ada.id, options)} == {2}
