"""A better try as the corrected target of a triplet: which fit, what is refused, what is undone."""

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.domain.records import Character, Decision, ImageRecord, LoraRecord, TrainingRun
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.session import Session
from pipelines.workflow import characters, loras, review, training
from pipelines.workflow.characters import NotAllowed

Put = Callable[..., ImageRecord]


def prompted(session: Session, image: ImageRecord, prompt: str, cell: str = "") -> ImageRecord:
    """The same picture, asked for in other words."""
    assert image.shot
    purpose = image.shot.purpose.model_copy(update={"cell": cell or image.shot.purpose.cell})
    changed = image.model_copy(update={"shot": image.shot.model_copy(update={"prompt": prompt, "purpose": purpose})})
    session.store.put(changed)
    return changed


def test_a_better_try_is_found_good_by_who_chose_it_and_teaches_the_editor(
    session: Session, ada: Character, put: Put
) -> None:
    source = put("source", label="good")
    wrong, better = put("enriched", sources=(source.ref,)), put("enriched", sources=(source.ref,))
    made = review.correct_with(session, wrong.id, better.id, "the nose")
    assert (made.source, made.wrong, made.target) == (source.ref, wrong.ref, better.ref)
    (said,) = session.store.decisions(better.id)
    assert (said.id, said.who, said.value, said.where) == (made.chosen, "human", "good", "correction")
    assert session.store.verdict(wrong.id).label == "needs_correction"
    learning = training.dataset(session, ada.id, "editor")
    assert learning.blockers == []
    # it is a good edit, too, and yet one example
    assert [(i.image, i.origin, i.controls) for i in learning.items] == [(better.ref, "correction", (source.ref,))]


def test_undoing_the_choice_takes_the_triplet_back_and_undoing_that_brings_it_back(
    session: Session, ada: Character, put: Put
) -> None:
    source = put("source", label="good")
    wrong = put("enriched", sources=(source.ref,))
    better = put("enriched", sources=(source.ref,), label="good")  # it was good before: the triplet goes all the same
    made = review.correct_with(session, wrong.id, better.id, "")
    undo = Decision(image=better.id, who="human", action="undo", undoes=made.chosen)
    session.store.decide(undo)
    assert review.corrections(session, ada.id) == []
    assert training.dataset(session, ada.id, "editor").items == []
    assert session.store.verdict(better.id).label == "good"
    session.store.decide(Decision(image=better.id, who="human", action="undo", undoes=undo.id))
    assert review.corrections(session, ada.id) == [made]
    session.store.decide(Decision(image=better.id, who="human", action="label", value="reject"))
    assert review.corrections(session, ada.id) == []


def test_a_triplet_of_before_choices_were_kept_still_counts(session: Session, ada: Character, put: Put) -> None:
    source = put("source", label="good")
    wrong, better = put("enriched", sources=(source.ref,)), put("enriched", sources=(source.ref,))
    made = review.correct_with(session, wrong.id, better.id, "")
    old = made.model_copy(update={"chosen": ""})
    session.store.put(old)
    assert review.corrections(session, ada.id) == [old]


def test_what_does_not_fit_is_refused_in_words_and_decides_nothing(session: Session, ada: Character, put: Put) -> None:
    source, other = put("source", label="good"), put("source", label="good")
    wrong = put("enriched", sources=(source.ref,))
    eve = characters.create(session, "Eve", may_use=True)
    strange = put("enriched", sources=(source.ref,)).model_copy(update={"character": eve.id})
    session.store.put(strange)
    doubtful = put("enriched", sources=(source.ref,), label="needs_correction")
    for better, words in (
        (wrong, "correct itself"),
        (put("enriched", sources=(other.ref,)), "same source"),
        (put("synthetic"), "same source"),
        (source, "same source"),
        (strange, "is of Eve"),
        (doubtful, "needs correction itself"),
    ):
        before = session.store.decisions(better.id)
        with pytest.raises(NotAllowed, match=words):
            review.correct_with(session, wrong.id, better.id, "")
        assert session.store.decisions(better.id) == before
    with pytest.raises(NotAllowed, match="edited from a source"):
        review.correct_with(session, put("synthetic").id, wrong.id, "")
    assert review.corrections(session, ada.id) == [] and session.store.verdict(wrong.id).label is None


def test_a_file_for_a_picture_that_was_no_edit_leaves_nothing_behind(
    session: Session, ada: Character, put: Put
) -> None:
    drawn = put("synthetic")
    data = session.workspace.path(drawn.path).read_bytes()
    with pytest.raises(NotAllowed, match="edited from a source"):
        review.correct(session, drawn.id, "fixed.png", data, "")
    assert session.store.all(ImageRecord, kind="correction") == []


def test_tries_come_in_the_order_they_are_likely_to_fit(session: Session, ada: Character, put: Put) -> None:
    source, other = put("source", label="good"), put("source", label="good")
    wrong = put("enriched", sources=(source.ref,), cell="turn")
    elsewhere = put("enriched", sources=(source.ref,), cell="smile")
    smile = prompted(session, elsewhere, "smile", "smile")
    reworded = prompted(session, put("enriched", sources=(source.ref,), cell="turn"), "turn the head, please")
    rejected = put("enriched", sources=(source.ref,), cell="turn", label="reject")
    unjudged = put("survey", sources=(source.ref,), cell="turn")
    good = put("enriched", sources=(source.ref,), cell="turn", label="good")
    put("enriched", sources=(other.ref,), cell="turn")
    found = [image.id for image in review.tries(session, wrong.id)]
    assert found == [good.id, reworded.id, unjudged.id, rejected.id, smile.id]
    assert review.tries(session, put("synthetic").id) == []


def test_the_run_whose_lora_drew_the_pristine_pictures_is_the_parent(
    session: Session, ada: Character, put: Any
) -> None:
    first = TrainingRun(id="r1", character="ada", target="character", version="v1", family="mini-flux", preset="x")
    lora = LoraRecord(
        id="a" * 64, name="ada_v1", path="x", family="flux", rank=4, origin="trained", character="ada", run="r1"
    )
    session.store.put(first, lora)
    drawn = put("synthetic", label="good")
    stack = LoraStack(adapters=(Adapter(name="ada_v1", sha256=lora.id, path="x"),))
    session.store.put(drawn.model_copy(update={"shot": drawn.shot.model_copy(update={"stack": stack})}))
    put("source", label="good")
    assert loras.get(session, lora.id) == lora
    preset = next(iter(training.presets_for(session, ada.id, "character")))
    job = training.submit(session, ada.id, training.TrainOptions("character", preset))
    session.jobs.cancel(job.id)
    (plain,) = [r for r in training.runs(session, ada.id, "character") if r.job == job.id]
    assert plain.parent == ""  # good, but it was not kept for training
    from pipelines.workflow import pristine

    pristine.keep(session, ada.id, [drawn.id])
    again = training.submit(session, ada.id, training.TrainOptions("character", preset))
    session.jobs.cancel(again.id)
    (second,) = [r for r in training.runs(session, ada.id, "character") if r.job == again.id]
    assert second.parent == "r1"
