"""The gate is asked when a training begins, for every picture that it will see, however it came to begin. The queue
and its worker process are real; the handlers note what reached them."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.domain.records import Character, Decision, ImageRecord, Job, TrainingRun
from pipelines.domain.shots import Plan, Purpose, Shot
from pipelines.queue.status import Status
from pipelines.session import Session
from pipelines.workflow import calibration, characters, checkpoints, enrich, render, review, sources, training
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.opening import open_queue, open_session

HANDLERS = str(Path(__file__).with_name("gate_handlers.py"))
WAIT = 60
Put = Callable[..., ImageRecord]


@pytest.fixture
def session(workspace_root: Path) -> Iterator[Session]:
    with at(workspace_root) as opened:
        yield opened


@contextmanager
def at(root: Path) -> Iterator[Session]:
    """A session whose worker notes what it is given."""
    session = open_session(root)
    session.jobs.close()
    open_queue(session, HANDLERS)
    try:
        yield session
    finally:
        session.close()


def given(session: Session, kind: str = "train") -> list[dict[str, Any]]:
    """The requests of a kind that reached the worker."""
    notes = session.workspace.root / "given.jsonl"
    lines = notes.read_text().splitlines() if notes.exists() else []
    return [request for line in lines if (request := json.loads(line))["kind"] == kind]


def until(session: Session, seen: Callable[[Status], bool]) -> Status:
    deadline = time.monotonic() + WAIT
    while not seen(status := session.jobs.status()):
        assert time.monotonic() < deadline, status
        time.sleep(0.01)
    return status


def reject(session: Session, image: ImageRecord, value: str | None = "reject") -> None:
    review.decide(session, [Decision(image=image.id, who="human", action="label", value=value)])


def hold(session: Session) -> Job:
    """A job that keeps the worker busy until ``let_go``."""
    shot = Shot(
        family="mini-flux", revision="1", prompt="hold", seed=0, steps=1, guidance=1, width=16, height=16,
        purpose=Purpose(step="generate", cell="0"),
    )  # fmt: skip
    plan = Plan(character="ada", kind="sample", version="v1", folder="cache/hold", shots=(shot,))
    job = render.submit(session, plan, "Hold")
    until(session, lambda status: len(given(session, "render")) > 0)
    return job


def let_go(session: Session) -> None:
    (session.workspace.root / "go").touch()


@pytest.fixture
def pictures(put: Put) -> tuple[ImageRecord, ImageRecord]:
    """A source and a good edit of it."""
    source = put("source", label="good")
    return source, put("enriched", label="good", sources=(source.ref,))


def train(session: Session) -> Job:
    return training.submit(session, "ada", training.TrainOptions("character", "character-practice"))


def test_resume_does_not_pass_the_gate(session: Session, pictures: tuple[ImageRecord, ...]) -> None:
    hold(session)
    job = train(session)
    session.jobs.cancel(job.id)
    assert session.jobs.wait(job.id, WAIT).state == "cancelled"
    reject(session, pictures[1])
    before = session.store.revision
    with pytest.raises(NotAllowed, match=rf"{pictures[1].id[:8]}.*rejected.*new training"):
        session.jobs.resume(job.id)
    assert session.store.revision == before and session.jobs.status().queued == []
    reject(session, pictures[1], "good")  # the human thinks better of it
    again = session.jobs.resume(job.id)
    let_go(session)
    session.jobs.wait(again.id, WAIT)
    assert len(given(session)) == 1


def test_a_training_that_has_seen_a_rejected_picture_is_not_gone_on_with(
    session: Session, pictures: tuple[ImageRecord, ...]
) -> None:
    (session.workspace.root / "slow").touch()
    job = train(session)
    until(session, lambda status: status.job is not None and status.job.done == 1)
    session.jobs.cancel(job.id)
    assert session.jobs.wait(job.id, WAIT).state == "cancelled"
    sources.remove(session, pictures[0].id)
    with pytest.raises(NotAllowed, match="seen"):
        session.jobs.resume(job.id)


def test_what_is_rejected_while_a_training_waits_is_not_trained_on(
    session: Session, pictures: tuple[ImageRecord, ...]
) -> None:
    held, job = hold(session), train(session)
    after = sources.measure(session, "ada")
    reject(session, pictures[1])
    let_go(session)
    ended = session.jobs.wait(job.id, WAIT)
    assert ended.state == "failed" and pictures[1].id[:8] in ended.error and "new training" in ended.error
    assert not ended.traceback
    assert session.jobs.wait(after.id, WAIT).state == "done" and session.jobs.wait(held.id, WAIT).state == "done"
    assert given(session) == []
    (run,) = session.store.all(TrainingRun)
    assert run.state == "failed" and not run.lora


def test_a_training_that_waits_over_a_restart_is_asked_again(
    session: Session, pictures: tuple[ImageRecord, ...], workspace_root: Path
) -> None:
    hold(session)
    job = train(session)
    reject(session, pictures[1])
    session.close()
    with at(workspace_root) as later:
        ended = later.jobs.wait(job.id, WAIT)
        assert ended.state == "failed" and pictures[1].id[:8] in ended.error
        assert given(later) == []


def test_a_worker_that_died_before_it_began_is_not_the_way_in(
    session: Session, pictures: tuple[ImageRecord, ...]
) -> None:
    let_go(session)
    first = sources.measure(session, "ada")
    assert session.jobs.wait(first.id, WAIT).state == "done"
    pid = session.jobs.status().worker_pid
    assert pid
    os.kill(pid, signal.SIGSTOP)  # it takes the training, and does not begin
    job = train(session)
    until(session, lambda status: status.job is not None and status.job.id == job.id)
    reject(session, pictures[1])
    os.kill(pid, signal.SIGKILL)
    ended = session.jobs.wait(job.id, WAIT)
    assert ended.state == "failed" and pictures[1].id[:8] in ended.error
    assert given(session) == []


def test_what_is_rejected_before_a_worker_takes_a_training_ends_it(
    session: Session, pictures: tuple[ImageRecord, ...]
) -> None:
    for name in ("go", "slow"):
        (session.workspace.root / name).touch()
    assert session.jobs.wait(sources.measure(session, "ada").id, WAIT).state == "done"
    pid = session.jobs.status().worker_pid
    assert pid
    os.kill(pid, signal.SIGSTOP)  # as one that is still starting
    (session.workspace.root / "go").unlink()
    job = train(session)
    until(session, lambda status: status.job is not None and status.job.id == job.id)
    reject(session, pictures[1])
    os.kill(pid, signal.SIGCONT)
    ended = session.jobs.wait(job.id, WAIT)
    assert ended.state == "failed" and pictures[1].id[:8] in ended.error
    (run,) = session.store.all(TrainingRun)
    assert run.state == "failed" and not run.lora


def test_a_paused_training_does_not_go_on_with_what_was_rejected(
    session: Session, pictures: tuple[ImageRecord, ...]
) -> None:
    (session.workspace.root / "slow").touch()
    job = train(session)
    until(session, lambda status: status.job is not None and status.job.done == 1)
    session.jobs.pause(job.id)
    until(session, lambda status: status.paused)
    reject(session, pictures[1])
    with pytest.raises(NotAllowed, match=pictures[1].id[:8]):
        session.jobs.unpause(job.id)
    assert session.jobs.status().paused
    session.jobs.cancel(job.id)
    assert session.jobs.wait(job.id, WAIT).state == "cancelled"


def test_an_editor_learns_nothing_from_sources_that_were_left_out(
    session: Session, ada: Character, put: Put, pictures: tuple[ImageRecord, ...]
) -> None:
    source, good = pictures
    other = put("source", label="good")
    data = session.workspace.path(put("card").path).read_bytes()
    for ref in (source.ref, other.ref):
        wrong = put("enriched", sources=(ref,))
        review.correct(session, wrong.id, "fixed.png", data, "the nose")
    hold(session)
    job = training.submit(session, "ada", training.TrainOptions("editor", "editor-practice"))
    (run,) = session.store.all(TrainingRun)
    assert {source.id, other.id, good.id} < set(run.images)  # what stands at an input is seen, too
    sources.remove(session, source.id)
    let_go(session)
    ended = session.jobs.wait(job.id, WAIT)
    assert ended.state == "failed" and f"{source.id[:8]}" in ended.error and "left out" in ended.error
    kept = session.workspace.path(f"{job.request['folder']}/checkpoints/000010/adapter.safetensors")
    kept.parent.mkdir(parents=True)
    kept.touch()
    grid = checkpoints.ahead(session, run, [10], [1.0])
    assert [[ref.id for ref in shot.sources] for shot in grid] == [[other.id]]  # nor is it drawn from again
    learning = training.dataset(session, "ada", "editor")
    assert learning.blockers == [] and {c.id for i in learning.items for c in i.controls} == {other.id}
    assert good.id not in {i.image.id for i in learning.items}
    assert any("2 of 3 edits are left out" in warning for warning in learning.warnings)
    new = session.jobs.wait(
        training.submit(session, "ada", training.TrainOptions("editor", "editor-practice")).id, WAIT
    )
    (request,) = given(session)
    assert new.request == request and source.id not in json.dumps(request)


def test_a_left_out_source_is_not_edited_by_what_waited(session: Session, ada: Character, put: Put) -> None:
    kept, gone = put("source", label="good"), put("source", label="good")
    hold(session)
    first, second = (enrich.submit(session, _edits(session, ids)) for ids in ([kept.id, gone.id], [kept.id]))
    sources.remove(session, gone.id)
    let_go(session)
    ended = session.jobs.wait(first.id, WAIT)
    assert ended.state == "failed" and gone.id[:8] in ended.error and "Plan it again" in ended.error
    assert session.jobs.wait(second.id, WAIT).state == "done"
    with pytest.raises(NotAllowed, match=gone.id[:8]):
        session.jobs.resume(first.id)
    assert [len(r["plan"]["shots"]) for r in given(session, "render")] == [1, len(_edits(session, [kept.id]))]


def _edits(session: Session, ids: list[str]) -> Plan:
    return enrich.plan(
        session, "ada", enrich.EnrichOptions(tuple(ids), ("expression/smiling", "expression/angry"), gaps=False)
    )


def test_nobody_is_measured_against_a_source_that_was_left_out_meanwhile(
    session: Session, ada: Character, put: Put
) -> None:
    kept, gone = put("source", label="good"), put("source", label="good")
    more = [put("source", label="good") for _ in range(2)]
    right, doubted = put("enriched", label="good"), put("enriched", label="good")
    other = characters.create(session, "Bea", may_use=True)
    theirs, left_out = (_source_of(session, other, put("source", label="good")) for _ in range(2))
    hold(session)
    made, looked = calibration.submit(session, "ada"), sources.measure(session, "ada")
    for image in (gone, left_out, doubted):
        reject(session, image)
    let_go(session)
    assert session.jobs.wait(looked.id, WAIT).state == "done"
    (drawn,), (judged,) = given(session, "calibrate"), given(session, "score")
    stand = {i.id for i in (kept, *more)}
    assert {r["image"]["id"] for r in drawn["references"]} == stand
    assert {r["image"]["id"] for r in judged["scoring"]["references"]} == stand
    assert [r["image"]["id"] for r in drawn["verified"]] == [right.id]
    assert [i["id"] for o in drawn["others"] for i in o["images"]] == [theirs.id]
    assert session.jobs.job(made.id).request == drawn  # the record says what it was drawn from


def _source_of(session: Session, character: Character, image: ImageRecord) -> ImageRecord:
    session.store.put(image := image.model_copy(update={"character": character.id}))
    return image
