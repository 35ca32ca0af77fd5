"""The rail: what is next, in the order of the wheel, and why a gate is closed."""

from typing import Any

import pytest

from pipelines.domain.records import Character, Decision, LoraRecord, TrainingRun
from pipelines.session import Session
from pipelines.workflow import characters, flywheel, loras, pristine, training


def _states(session: Session, character: Character) -> dict[str, str]:
    return {s.key: s.state for s in flywheel.status(session, character.id).steps}


def test_the_rail_follows_the_wheel(session: Session, ada: Character, put: Any) -> None:
    rail = flywheel.status(session, ada.id)
    assert rail.next.tab == "enrich"
    assert _states(session, ada)["train"] == "blocked"

    source = put("source", label="good")
    assert flywheel.status(session, ada.id).next.title == "Enrich the sources"
    waiting = put("enriched", sources=(source.ref,))
    assert flywheel.status(session, ada.id).next.title == "Review 1 picture"
    steps = {s.key: s for s in flywheel.status(session, ada.id).steps}
    assert (steps["good"].state, steps["train"].state) == ("next", "blocked")
    assert "wait for review" in steps["train"].why

    session.store.decide(Decision(image=waiting.id, who="human", action="label", value="good"))
    assert flywheel.status(session, ada.id).next.title == "Train v1"
    session.store.decide(Decision(image=source.id, who="human", action="label", value=None))
    assert f"{source.id[:8]} waits for review" in flywheel.status(session, ada.id).next.why
    session.store.decide(Decision(image=source.id, who="human", action="label", value="good"))
    assert flywheel.status(session, ada.id).next.why == "the gate is open"

    session.store.put(
        TrainingRun(
            id="run", character=ada.id, target="character", version="v1", family="mini-flux", preset="p", state="done"
        ),
        LoraRecord(
            id="l1", name="ada_v1", path="x", family="flux", rank=4, origin="trained", character=ada.id, version="v1",
            run="run",
        ),
    )  # fmt: skip
    assert flywheel.status(session, ada.id).next.tab == "generate"
    candidate = put("synthetic", score=0.9)
    assert flywheel.status(session, ada.id).next.gate == "synthetic"
    session.store.decide(Decision(image=candidate.id, who="human", action="label", value="good"))
    assert flywheel.status(session, ada.id).next.title == "Keep the best as pristine"
    pristine.keep(session, ada.id, [candidate.id])
    rail = flywheel.status(session, ada.id)
    assert (rail.next.title, rail.round) == ("Train v2", 2)
    assert {s.key: s.state for s in rail.steps}["retrain"] == "next"
    session.store.decide(Decision(image=candidate.id, who="human", action="label", value="reject"))
    assert flywheel.status(session, ada.id).next.tab == "model_card"  # what is not learnt from is no reason to train


def test_a_character_needs_a_name_and_leave_to_use_its_pictures(session: Session) -> None:
    with pytest.raises(characters.NotAllowed, match="may use"):
        characters.create(session, "Bob")
    with pytest.raises(characters.NotAllowed, match="name"):
        characters.create(session, "  ", may_use=True)
    first = characters.create(session, "Zoë <b>O'Hara</b> ../x", may_use=True)
    assert first.id == "zoe-b-o-hara-b-x"
    assert characters.create(session, "Zoë <b>O'Hara</b> ../x", may_use=True).id == "zoe-b-o-hara-b-x-2"


def test_one_model_may_be_both_and_each_lora_is_what_it_was_trained_as(session: Session, ada: Character) -> None:
    both = ada.model_copy(update={"generator": "flux2-klein-4b", "editor": "flux2-klein-4b"})
    common = {"character": "ada", "version": "v1", "family": "flux2-klein-4b", "preset": "p", "state": "done"}
    runs = [TrainingRun(id=t, target=t, lora=t, **common) for t in ("character", "editor")]  # type: ignore[arg-type]
    made = [
        LoraRecord(
            id=t, name=t, path=f"loras/{t}.safetensors", family="flux2-klein", rank=4, origin="trained",
            character="ada", version="v1", run=t,
        )
        for t in ("character", "editor")
    ]  # fmt: skip
    session.store.put(both, *runs, *made)
    assert [x.id for x in loras.trained(session, "ada", "character")] == ["character"]
    assert [x.id for x in loras.trained(session, "ada", "editor")] == ["editor"]
    assert flywheel.status(session, "ada").round == 2
    assert {x.id for x in loras.usable(session, "flux2-klein-4b")} == {"character", "editor"}
    assert {"character-24gb"} == set(training.presets_for(session, "ada", "character"))
    assert {"editor-24gb"} == set(training.presets_for(session, "ada", "editor"))
