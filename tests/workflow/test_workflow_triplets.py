"""Triplets before they teach: which can, which are kept for the proof; the proof itself; and who goes into Enrich."""

import itertools
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from pipelines.domain.records import Character, Correction, Decision, ImageRecord, LoraRecord, SavedStack, TrainingRun
from pipelines.domain.shots import Adapter, LoraStack, Purpose, Shot
from pipelines.session import NotFound, Session
from pipelines.storage.pictures import save_picture
from pipelines.workflow import editor_trial, flywheel, review, training, triplets
from pipelines.workflow.characters import NotAllowed
from studio import __main__ as cli

Put = Callable[..., ImageRecord]


def flat(session: Session, colour: int, *, size: tuple[int, int] = (48, 48), **fields: object) -> ImageRecord:
    """A picture of one grey, which says how far it is from another."""
    drawn = Image.new("RGB", size, (colour,) * 3)
    made = save_picture(session.workspace, drawn, character="ada", version="v1", **fields)  # type: ignore[arg-type]
    session.store.put(made)
    return made


def corrected(
    session: Session, put: Put, prompt: str, colour: int = 100, held: bool | None = None, **fields: object
) -> Correction:
    """A correction of an edit that was asked for by ``prompt``; ``held``: by words that are held out, or are not."""
    source = put("source", label="good")
    if held is not None:
        words = (f"{prompt} {n}" for n in itertools.count())
        prompt = next(w for w in words if triplets.is_held_out((source.id, w)) == held)
    wrong = put("enriched", sources=(source.ref,))
    assert wrong.shot
    wrong = wrong.model_copy(update={"shot": wrong.shot.model_copy(update={"prompt": prompt})})
    target = flat(session, colour, kind="correction", path=f"characters/ada/{prompt}.png", **fields)
    found_good = Decision(image=target.id, who="human", action="label", value="good", where="correction")
    made = Correction(
        id=prompt, character="ada", version="v1", source=source.ref, wrong=wrong.ref, target=target.ref,
        instruction=prompt, what_was_wrong="", chosen=found_good.id,
    )  # fmt: skip
    session.store.add(wrong, made, decided=[found_good])
    return made


@pytest.fixture
def many(session: Session, ada: Character, put: Put) -> list[Correction]:
    """Twelve corrections, three of which are held out by their contents."""
    return [corrected(session, put, f"edit {n}", 40 + n, held=n % 4 == 1) for n in range(12)]


def test_what_cannot_teach_is_named_with_its_reason(session: Session, ada: Character, put: Put) -> None:
    fine = corrected(session, put, "fine", 10)
    wide = corrected(session, put, "wide", 20, size=(96, 48))
    source = session.store.get(ImageRecord, fine.source.id)
    assert source
    same = fine.model_copy(update={"id": "same", "target": fine.source, "chosen": ""})
    silent = corrected(session, put, "silent", 30).model_copy(update={"instruction": "  "})
    gone = corrected(session, put, "gone", 50)
    session.workspace.path(gone.source.path).unlink()
    rejected = corrected(session, put, "rejected", 60)
    session.store.decide(Decision(image=rejected.source.id, who="human", action="label", value="reject"))
    session.store.put(same, silent)
    found = triplets.triplets(session, ada.id)
    told = {unfit.correction.id: unfit.words for unfit in found.unfit}
    assert "other proportions (96 x 48 px) than its source (48 x 48 px)" in told[wide.id]
    assert "is the source itself" in told["same"]
    assert "no instruction" in told["silent"] and "the source is gone" in told["gone"]
    assert [c.id for c in found.taught] == [fine.id] and [c.id for c in found.barred] == [rejected.id]
    learning = training.dataset(session, ada.id, "editor")
    assert [i.image.id for i in learning.items if i.origin == "correction"] == [fine.target.id]
    assert any("other proportions" in line for line in learning.warnings)


def test_the_right_size_is_the_editors_own_law(session: Session, ada: Character, put: Put) -> None:
    """An edit of a source of odd sides is rounded to the model's grid: that is no other size."""
    corrected(session, put, "rounded", 10, size=(50, 48))
    assert triplets.triplets(session, ada.id).unfit == []


def test_what_is_held_out_is_never_trained_on_and_follows_from_content_alone(
    session: Session, ada: Character, many: list[Correction]
) -> None:
    found = triplets.triplets(session, ada.id)
    assert (len(found.held_out), len(found.taught)) == (3, 9)
    assert all(triplets.is_held_out(triplets.edit_of(c)) for c in found.held_out)
    seen = {
        ref.id for item in training.dataset(session, ada.id, "editor").items for ref in (item.image, *item.controls)
    }
    assert not seen & {c.target.id for c in found.held_out}
    shuffled = random.Random(0).sample(many, 12)
    assert {c.id for c in shuffled if triplets.is_held_out(triplets.edit_of(c))} == {c.id for c in found.held_out}
    share = sum(triplets.is_held_out((str(n), "turn the head")) for n in range(2000)) / 2000
    assert share == pytest.approx(triplets.HELD_OUT, abs=0.04)


def test_no_good_edit_gives_away_what_is_held_out(
    session: Session, ada: Character, put: Put, many: list[Correction]
) -> None:
    held = triplets.triplets(session, ada.id).held_out[0]
    twin = put("enriched", sources=(held.source,), label="good")
    assert twin.shot
    session.store.put(
        twin.model_copy(update={"shot": twin.shot.model_copy(update={"prompt": f" {held.instruction} "})})
    )
    other = put("enriched", sources=(held.source,), label="good")
    learnt = {item.image.id for item in training.dataset(session, ada.id, "editor").items}
    assert twin.id not in learnt and other.id in learnt


def test_few_corrections_are_all_learnt_from(session: Session, ada: Character, put: Put) -> None:
    for n in range(triplets.ENOUGH - 1):
        corrected(session, put, f"few {n}", 10 + n)
    found = triplets.triplets(session, ada.id)
    assert found.held_out == [] and len(found.taught) == triplets.ENOUGH - 1


def run_of(session: Session, images: tuple[str, ...] = ()) -> TrainingRun:
    lora = LoraRecord(
        id="new", name="ada_editor_v1", path="new.safetensors", family="qwen-image-edit", rank=4, origin="trained",
        character="ada", version="v1", run="run",
    )  # fmt: skip
    run = TrainingRun(
        id="run", character="ada", target="editor", version="v1", family="mini-qwen-edit", preset="p", state="done",
        lora="new", images=images,
    )  # fmt: skip
    session.workspace.path("new.safetensors").touch()
    session.store.put(lora, run)
    return run


def tried(session: Session, run: TrainingRun, distances: dict[str, int]) -> None:
    """The pictures of a proof: so many greys away from the corrected picture."""
    for candidate, stack in editor_trial.candidates(session, run).items():
        for shot in editor_trial.plan(session, run).shots:
            labels = shot.purpose.labels
            if labels["candidate"] != candidate:
                continue
            assert shot.stack == stack
            correction = session.store.get(Correction, labels["correction"])
            assert correction
            with Image.open(session.workspace.path(correction.target.path)) as target:
                grey = target.convert("L").getpixel((0, 0))
            assert isinstance(grey, int)
            path = f"{session.workspace.lora_folder('ada', 'editor', 'v1')}/trial/{shot.id}.png"
            flat(session, grey + distances[candidate], kind="sample", path=path, shot=shot)


def test_only_what_the_training_did_not_see_proves_it(session: Session, ada: Character, many: list[Correction]) -> None:
    held = triplets.triplets(session, ada.id).held_out
    assert triplets.proof_of(session, run_of(session)) == held
    assert triplets.proof_of(session, run_of(session, (held[0].target.id,))) == held[1:]


def test_a_lora_that_is_nearer_wins_and_goes_into_enrich(
    session: Session, ada: Character, many: list[Correction]
) -> None:
    run = run_of(session)
    before = editor_trial.trial(session, run)
    assert before.to_make == 2 * editor_trial.TRIES * before.edits and not before.won and "not tried" in before.words
    with pytest.raises(NotAllowed, match="not tried"):
        editor_trial.promote(session, run)
    tried(session, run, {"base": 51, "new": 10})
    proof = editor_trial.trial(session, run)
    assert proof.won and proof.to_make == 0 and "it wins" in proof.words
    base, new = proof.measured
    assert base.distance == pytest.approx(51 / 255) and new.distance == pytest.approx(10 / 255)
    n = proof.duels[0].tries
    assert (proof.duels[0].nearer, proof.duels[0].p) == (n, pytest.approx(2 / 2**n))
    step = next(s for s in flywheel.status(session, ada.id).steps if s.key == "editor")
    assert step.count == 12 and step.state == "open" and "it wins" in step.why
    saved = editor_trial.promote(session, run)
    assert [a.sha256 for a in saved.stack.adapters] == ["new"] and editor_trial.is_promoted(session, run)
    assert next(s for s in flywheel.status(session, ada.id).steps if s.key == "editor").state == "done"


def test_a_lora_that_loses_stays_out_unless_a_human_overrules(
    session: Session, ada: Character, many: list[Correction]
) -> None:
    run = run_of(session)
    community = LoraRecord(id="c", name="angles", path="c.safetensors", family="qwen-image-edit", rank=4)
    session.workspace.path("c.safetensors").touch()
    stack = LoraStack(adapters=(Adapter(name="angles", sha256="c", path="c.safetensors", weight=0.9),))
    session.store.put(community, SavedStack(id="ada/editor/", character="ada", role="editor", stack=stack))
    assert list(editor_trial.candidates(session, run)) == ["base", "community", "new"]
    tried(session, run, {"base": 51, "community": 5, "new": 10})
    proof = editor_trial.trial(session, run)
    assert [duel.won for duel in proof.duels] == [True, False] and not proof.won and "does not win" in proof.words
    with pytest.raises(NotAllowed, match="overrule"):
        editor_trial.promote(session, run)
    saved = editor_trial.promote(session, run, anyway=True)
    assert [a.sha256 for a in saved.stack.adapters] == ["new", "c"] and saved.off == ("c",)
    assert editor_trial.trial(session, run).to_make == 0  # what it was held against stays what it was
    with pytest.raises(NotFound, match="no editor LoRA v7"):
        editor_trial.newest(session, ada.id, "v7")


def test_a_lora_or_a_picture_that_is_gone_breaks_no_rail(
    session: Session, ada: Character, many: list[Correction]
) -> None:
    run = run_of(session)
    tried(session, run, {"base": 51, "new": 10})
    made = next(i for i in session.store.all(ImageRecord, kind="sample"))
    session.workspace.path(made.path).unlink()
    assert editor_trial.trial(session, run).to_make == 1  # that one is to be made again
    session.workspace.path("new.safetensors").unlink()
    step = next(s for s in flywheel.status(session, ada.id).steps if s.key == "editor")
    assert step.state == "open" and "gone" in step.why


def test_too_few_held_out_edits_prove_nothing(session: Session, ada: Character, put: Put) -> None:
    corrected(session, put, "alone")
    run = run_of(session)
    assert "cannot be proven" in editor_trial.trial(session, run).words
    with pytest.raises(NotAllowed, match="cannot be proven"):
        editor_trial.plan(session, run)


def test_more_strangers_lose_whatever_the_distance() -> None:
    assert editor_trial.duel("base", [0.1, 0.1, 0.3], [0.2, 0.2, 0.2]).won
    assert not editor_trial.duel("base", [0.1, 0.1], [0.2, 0.2], no_worse=False).won
    assert not editor_trial.duel("base", [0.1, 0.2], [0.2, 0.1]).won
    assert not editor_trial.duel("base", [0.19, 0.19, 0.9], [0.2, 0.2, 0.2]).won  # nearer often, far on average


def test_a_better_try_may_be_what_is_held_out(session: Session, ada: Character, put: Put) -> None:
    source = put("source", label="good")
    wrong, better = put("enriched", sources=(source.ref,)), put("enriched", sources=(source.ref,))
    review.correct_with(session, wrong.id, better.id, "")
    assert [c.target.id for c in triplets.triplets(session, ada.id).taught] == [better.id]
    assert isinstance(better.shot, Shot) and isinstance(better.shot.purpose, Purpose)


def test_the_command_line_tells_proves_and_promotes(
    session: Session, ada: Character, many: list[Correction], capsys: pytest.CaptureFixture[str]
) -> None:
    run = run_of(session)
    tried(session, run, {"base": 10, "new": 51})
    root = str(session.workspace.root)
    session.close()

    def say(*words: str) -> tuple[int, dict[str, Any]]:
        status = cli.main(["--workspace", root, "--json", "editor", *words])
        return status, json.loads(capsys.readouterr().out)

    status, told = say()
    assert status == 0 and len(told["held_out"]) == 3 and len(told["taught"]) == 9 and not told["trial"]["won"]
    status, told = say("--promote")
    assert status != 0 and "overrule" in told["error"]
    status, told = say("--promote", "--anyway")
    assert status == 0 and told["trial"]["promoted"]
    status, told = say("--version", "v9")
    assert status != 0 and "no editor LoRA v9" in told["error"]
