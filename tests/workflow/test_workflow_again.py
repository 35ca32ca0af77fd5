"""Retry and Vary: the same shot with other seeds, as real jobs."""

from collections.abc import Callable

import pytest

from pipelines.domain.records import Character, ImageRecord
from pipelines.session import Session
from pipelines.workflow import again, datasets, generate, sources
from pipelines.workflow.characters import NotAllowed

Put = Callable[..., ImageRecord]


@pytest.mark.slow
def test_a_real_picture_is_retried_and_varied(session: Session, ada: Character) -> None:
    plan = generate.plan(session, ada.id, generate.GenerateOptions(variants=1, count=1, steps=1))
    assert session.jobs.wait(generate.submit(session, plan).id, 240).state == "done"
    (first,) = datasets.pictures(session, ada.id, "synthetic")
    retried = session.jobs.wait(again.retry(session, first.id).id, 240)
    varied = session.jobs.wait(again.vary(session, first.id).id, 240)
    assert (retried.state, retried.done, varied.state, varied.done) == ("done", 1, "done", 4)
    made = datasets.pictures(session, ada.id, "synthetic")
    shots = [image.shot for image in made if image.shot]
    assert len({shot.seed for shot in shots}) == len({image.pixels for image in made}) == 6
    assert [shot.purpose.variant for shot in shots] == [0, 1, 2, 3, 4, 5]
    alike = {shot.model_copy(update={"seed": 0, "purpose": shots[0].purpose}).id for shot in shots}
    assert len(alike) == 1 and {shot.purpose.cell for shot in shots} == {shots[0].purpose.cell}


def test_one_thing_is_varied_and_all_else_stays(session: Session, ada: Character, put: Put) -> None:
    image = put("synthetic")
    assert image.shot
    plan = again.one_thing(session, image, "guidance", ["2", " 3.5 ", "2", f"{image.shot.guidance:g}"])
    assert [shot.guidance for shot in plan] == [2.0, 3.5]
    same = {s.model_copy(update={"guidance": 0.0, "purpose": image.shot.purpose}).id for s in (*plan, image.shot)}
    assert len(same) == 1 and len({shot.purpose.variant for shot in plan}) == 2
    prompts = again.one_thing(session, image, "prompt", ["a hat,\n red"])
    assert [(s.prompt, s.seed) for s in prompts] == [("a hat, red", image.shot.seed)]
    asked: list[tuple[str, list[str], str]] = [
        ("guidance", [], "one to 12"), ("steps", ["0"], "Steps '0'"), ("steps", ["many"], "Steps 'many'"),
        ("guidance", ["nan"], "Guidance"), ("seed", ["1"], "one can be varied"), ("strength", ["1"], "without a LoRA"),
        ("steps", [str(image.shot.steps)], "already"), ("steps", [str(n) for n in range(1, 20)], "one to 12"),
    ]  # fmt: skip
    for name, values, words in asked:
        with pytest.raises(NotAllowed, match=words):
            again.one_thing(session, image, name, values)


def test_more_of_it_goes_into_the_version_that_is_open(session: Session, ada: Character, put: Put) -> None:
    source = put("source", label="good")
    edit = put("enriched", sources=(source.ref,))
    (used,) = datasets.holding(session, ada.id, [edit.id])
    session.store.put(used.model_copy(update={"frozen": True}))
    plan = again.plan(session, edit, 4)
    assert (plan.version, plan.kind) == ("v2", "enriched") and plan.folder.endswith("enriched/v2")
    assert {shot.sources for shot in plan} == {(source.ref,)}


def test_what_cannot_be_made_again_is_said(session: Session, ada: Character, put: Put) -> None:
    source = put("source", label="good")
    edit = put("enriched", sources=(source.ref,))
    assert [again.repeatable(i) for i in (edit, source, put("card"), put("survey"))] == [True, False, False, False]
    for image in (source, put("card")):
        with pytest.raises(NotAllowed, match="Enrich or Generate"):
            again.retry(session, image.id)
    sources.remove(session, source.id)
    with pytest.raises(NotAllowed, match="left out"):
        again.vary(session, edit.id)
    assert session.jobs.status().queued == []
