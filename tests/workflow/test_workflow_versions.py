"""Versions of LoRAs, how long trainings take, what a card says before anybody has judged it."""

from datetime import timedelta

import pytest

from pipelines.domain.records import Card, ImageRecord, Job, LoraRecord, TrainingRun, now
from pipelines.domain.shots import Purpose, Shot
from pipelines.session import Session
from pipelines.workflow import card, characters, flywheel, loras, review, training
from pipelines.workflow.card import Cell, rate


@pytest.fixture
def ada(session: Session) -> str:
    return characters.create(session, "Ada", may_use=True).id


def run(session: Session, who: str, version: str, *, steps: int = 300, took: float = 60, **job: object) -> TrainingRun:
    made = Job(id=f"job-{version}", kind="train", title=version, request={}, state="done", started=now(),
               ended=now() + timedelta(seconds=took), result=dict(job))  # fmt: skip
    training_run = TrainingRun(
        id=f"run-{version}", character=who, target="character", version=version, family="mini-flux", preset="p",
        settings={"steps": steps}, state="done", job=made.id,
    )  # fmt: skip
    session.store.put(made, training_run)
    return training_run


def lora(session: Session, who: str, version: str, n: int) -> LoraRecord:
    made = LoraRecord(
        id=f"{n:064x}", name=f"{who}_{version}", path=f"loras/{n}.safetensors", rank=4,
        family=session.family("mini-flux").architecture, origin="trained", character=who, version=version,
        run=f"run-{version}",
    )  # fmt: skip
    session.store.put(made)
    return made


def test_a_version_that_was_resumed_and_ended_late_is_no_newer_for_it(session: Session, ada: str) -> None:
    for n, version in enumerate(("v1", "v3", "v2")):  # as they ended
        run(session, ada, version)
        lora(session, ada, version, n)
    other = lora(session, "bo", "v1", 9)
    assert [x.version for x in loras.trained(session, ada, "character")] == ["v1", "v2", "v3"]
    assert [x.version for x in loras.usable(session, "mini-flux") if x.character == ada] == ["v3", "v2", "v1"]
    assert loras.usable(session, "mini-flux")[0] == other, "among characters the last that came stays first"
    titles = {step.key: step.title for step in flywheel.status(session, ada).steps}
    assert (titles["train"], titles["retrain"]) == ("v3", "v4")
    assert [r.version for r in training.runs(session, ada, "character")] == ["v1", "v2", "v3"]


def test_the_rail_names_the_version_that_train_would_make(session: Session, ada: str) -> None:
    run(session, ada, "v1")
    lora(session, ada, "v1", 1)
    run(session, ada, "v2")  # it gave no LoRA
    titles = {step.key: step.title for step in flywheel.status(session, ada).steps}
    assert titles["retrain"] == training.following(session, ada, "character") == "v3"


def test_a_short_training_that_was_mostly_loading_tells_no_pace(session: Session, ada: str) -> None:
    run(session, ada, "v1", steps=12, took=50)
    assert training.seconds(session, "mini-flux", 300) is None
    run(session, ada, "v2", steps=12, took=50, seconds_a_step=0.5)
    assert training.seconds(session, "mini-flux", 300) == pytest.approx(0.5 * 300 + 44, abs=1)
    run(session, ada, "v3", steps=200, took=100)
    assert training.seconds(session, "mini-flux", 300) == pytest.approx(0.5 * 300 + 22, abs=1)


def test_a_card_that_nobody_has_judged_tells_no_rate(session: Session) -> None:
    cells = [Cell(c, None, "unsure", "", "waits") for c in session.presets.card.cells]
    assert rate(cells).words == "Nobody has judged this card yet: 23 pictures to look at."
    cells[0].verdict, cells[0].by = "wrong", "machine"
    assert rate(cells).words == "Nobody has judged this card yet: 22 pictures to look at; 1 found wrong by machine."
    cells[1].verdict, cells[1].by = "wrong", "human"
    assert rate(cells).words.startswith("0 of 23 right at the first try")
    machine = [Cell(c, None, "wrong", "machine") for c in session.presets.card.cells]
    assert rate(machine).words.startswith("0 of 23 right"), "nothing waits any more"


def test_each_card_is_a_pile_of_its_own_and_the_newest_is_reviewed(session: Session, ada: str) -> None:
    for version in ("v1", "v2", "v10"):
        session.store.put(Card(id=f"{ada}/{version}", character=ada, version=version, lora="", seed=0))
        shot = Shot(family="mini-flux", revision="1", prompt="x", seed=0, steps=1, guidance=1, width=8, height=8,
                    purpose=Purpose(step="model_card", cell="front/neutral"))  # fmt: skip
        image = ImageRecord(id=version.rjust(64, "0").replace("v", "a"), character=ada, kind="card", version=version,
                            path=f"{version}.png", width=8, height=8, shot=shot, pixels="0" * 64)  # fmt: skip
        session.store.put(image)
    assert [i.image.version for i in review.pile(session, ada, "card")] == ["v10"]
    assert review.tally(session, ada, "card")["all"] == 1
    assert [i.version for i in review.undecided(session, ada, "card")] == ["v10"]
    assert [c.version for c in card.cards(session, ada)] == ["v1", "v2", "v10"]
