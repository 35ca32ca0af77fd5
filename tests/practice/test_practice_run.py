"""The whole wheel turned by the simulated reviewer: the real steps, store, queue and worker process, with handlers that
need no model; killed at every kind of job, and gone on with. (``test_practice_real``: the same with the models.)"""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pipelines.domain.rates import wilson
from pipelines.domain.records import (
    Card,
    Correction,
    DatasetVersion,
    Decision,
    ImageRecord,
    Job,
    LoraRecord,
    Survey,
    TrainingRun,
)
from pipelines.domain.shots import Shot
from pipelines.practice.choices import choices
from pipelines.practice.figures import figures
from pipelines.practice.reviewer import again, opinion, readings
from pipelines.practice.run import Halted, PracticeRun, Wish
from pipelines.queue.job_queue import JobQueue
from pipelines.session import Session
from pipelines.workflow import card as cards
from pipelines.workflow import review, training, triplets
from pipelines.workflow.opening import open_queue, open_session
from pipelines.workflow.sources import cell_of
from studio import __main__ as cli
from studio.cli import practice_command

HANDLERS = str(Path(__file__).with_name("quick_handlers.py"))
EDITS = 4 * 2 + 8 * 3
"""Of the twelve sources four show the front, whose profiles half views are nearer to: they become angry and sad; the
half views also turn to the profile beside them."""


@contextmanager
def at(root: Path) -> Iterator[Session]:
    """A session whose worker has the quick handlers."""
    session = open_session(root)
    session.jobs.close()
    open_queue(session, HANDLERS)
    try:
        yield session
    finally:
        session.close()


def waiting(session: Session) -> Callable[[Job], Job]:
    return lambda job: session.jobs.wait(job.id)


def killing(session: Session, kind: str, nth: int) -> Callable[[Job], Job]:
    """Waits for jobs, and kills the worker in the middle of the ``nth`` of a kind."""
    left = nth

    def follow(job: Job) -> Job:
        nonlocal left
        if job.kind == kind:
            left -= 1
        while left == 0 and job.kind == kind and session.jobs.job(job.id).state in ("queued", "running"):
            status = session.jobs.status()
            if status.job and status.job.id == job.id and status.worker_pid and status.job.done >= 2:
                os.kill(status.worker_pid, signal.SIGKILL)
                break
            time.sleep(0.002)
        return session.jobs.wait(job.id)

    return follow


def test_two_rounds_leave_what_two_rounds_of_a_human_leave(workspace_root: Path) -> None:
    heard: list[dict[str, Any]] = []
    with at(workspace_root) as session:
        PracticeRun(session, Wish(3, 2, error=0.05, seed=1), follow=waiting(session), tell=heard.append).go()
        each_once(session)
        enriched = session.store.all(ImageRecord, kind="enriched")
        assert {i.shot.purpose.cell for i in enriched if i.shot} <= set(choices().enrich.edits)
        # decisions follow the truth, but for about one in twenty
        seen = readings(session, "cleo")
        judged = [i for i in session.store.all(ImageRecord) if i.id in seen]
        wrong = [i for i in judged if opinion(i, seen[i.id]).right != (session.store.verdict(i.id).label == "good")]
        low, high = wilson(len(wrong), len(judged), z=4)
        assert low <= 0.05 <= high
        assert len(judged) > 150
        # what was good at both looks and shows what no source shows is kept
        good = [
            i for i in session.store.all(ImageRecord, kind="synthetic") if session.store.verdict(i.id).label == "good"
        ]
        kept = session.store.get(DatasetVersion, "cleo/pristine/v1")
        shown = {cell_of(i) for i in session.store.all(ImageRecord, kind="source")}
        sure = [i for i in again(good, seen, seed=1, error=0.05) if cell_of(i) not in shown]
        assert kept and 0 < len(sure) < len(good)
        assert set(kept.images) == {i.id for i in sure}
        told = figures(session, "cleo")
        assert [c.lora for c in told.cards] == ["cleo_v1", "cleo_v2"]
        assert {"sources", "calibrate", "enrich", "generate", "train", "cards", "look"} <= set(told.by_step)
    assert [e["version"] for e in heard if e["event"] == "card"] == ["v1", "v2"]
    assert [e["step"] for e in heard if e["event"] == "ended" and e["step"] != "earlier"] == [
        "sources", "calibrate", "enrich", "look", "train", "card", "look", "generate", "look", "train", "card", "look"
    ]  # fmt: skip
    assert json.dumps(heard)
    words = [practice_command._words(event) for event in heard]
    assert "cleo: 12 sources" in words
    assert any(line.startswith(f"  pristine v1: {len(kept.images)} pictures") for line in words)
    assert any(line.startswith("  cleo_v2: ") and "right at the first try" in line for line in words)
    lines = practice_command.summary(told)
    assert lines[0].startswith("cleo_v1: ") and "cells won" in lines[2] and "minutes: " in lines[3]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "nth"), [("render", 1), ("train", 1), ("render", 3)])
def test_killed_and_gone_on_with_nothing_is_done_twice(workspace_root: Path, kind: str, nth: int) -> None:
    wish = Wish(3, 2, error=0.05, seed=1)
    with at(workspace_root) as session, pytest.raises(Halted, match="interrupted"):
        PracticeRun(session, wish, follow=killing(session, kind, nth)).go()
    with at(workspace_root) as session:
        PracticeRun(session, wish, follow=waiting(session)).go()
        each_once(session)
        before = len(session.store.all(Job)), len(session.store.all(Decision))
        PracticeRun(session, wish, follow=waiting(session)).go()
        assert (len(session.store.all(Job)), len(session.store.all(Decision))) == before


def each_once(session: Session) -> None:
    """What two rounds make is there, and nothing of it twice."""
    images = session.store.all(ImageRecord)
    wanted = choices()
    assert Counter(i.kind for i in images) == {
        "source": 12,
        "enriched": EDITS,
        "synthetic": len(wanted.generate.scenarios) * wanted.generate.variants,
        "card": 46,
    }
    shots = [(i.kind, i.version, i.shot.id) for i in images if i.shot]
    assert len(set(shots)) == len(shots)
    first, second = session.store.all(TrainingRun)
    assert [(r.version, r.state) for r in (first, second)] == [("v1", "done"), ("v2", "done")]
    assert [x.name for x in session.store.all(LoraRecord)] == ["cleo_v1", "cleo_v2"]
    assert len(session.store.all(Card)) == 2
    assert {session.store.verdict(i.id).who for i in images if i.kind not in ("source", "synthetic")} == {"simulated"}
    (kept,) = session.store.all(DatasetVersion, kind="pristine")
    assert set(second.images) - set(first.images) == set(kept.images)
    assert {session.store.verdict(i).label for i in second.images} == {"good"}
    for image in images:
        labels = [d for d in session.store.decisions(image.id) if d.action == "label"]
        assert len(labels) == 1


@pytest.mark.slow(seconds=6)
def test_corrections_teach_the_editor_and_held_out_edits_prove_it(workspace_root: Path) -> None:
    with at(workspace_root) as session:
        for most in (3, None):
            wish = Wish(3, 1, error=0.0, corrections=True, triplets=most)
            PracticeRun(session, wish, follow=waiting(session)).edit()
        enriched = session.store.all(ImageRecord, kind="enriched")
        assert len(enriched) == EDITS  # not once more after a training has used them
        wrong = {i.id for i in enriched if session.store.verdict(i.id).label == "needs_correction"}
        seen = readings(session, "cleo")
        assert wrong == {i.id for i in enriched if not seen[i.id].same or seen[i.id].angle == "back"}
        made = session.store.all(Correction)
        assert Counter(c.wrong.id for c in made) == dict.fromkeys(wrong, 1)
        assert {session.store.verdict(c.target.id).who for c in made} == {"simulated"}
        said = {c.wrong.id: c.what_was_wrong for c in made}
        assert {said[i].startswith("face is someone else") for i in wrong if not seen[i].same} == {True}
        assert {said[i] for i in wrong if seen[i].same} == {"view wrong"}
        good = {i.id for i in enriched if session.store.verdict(i.id).label == "good"}
        targets = [c.target.id for c in made]
        edited = {i.parents[0].id for i in enriched if i.id in good | wrong}
        seen_by = [set(r.images) - good - edited for r in training.runs(session, "cleo", "editor")]
        kept = {c.target.id for c in made if triplets.is_held_out(triplets.edit_of(c))}  # sources differ by machine
        assert seen_by == [set(targets[:3]), set(targets) - kept]
        assert all(edited & set(r.images) for r in training.runs(session, "cleo", "editor"))
        assert all(good <= set(r.images) for r in training.runs(session, "cleo", "editor"))
        first, last = session.store.all(Survey)
        used = {(i.parents[0].id, i.shot.purpose.cell) for i in enriched if i.shot}
        sets = []
        for survey in (first, last):
            compared = session.store.all(ImageRecord, kind="survey", version=survey.version)
            assert Counter(len(i.shot.stack.adapters) for i in compared if i.shot) == {0: 24, 1: 24}
            sets.append({(i.parents[0].id, i.shot.purpose.cell) for i in compared if i.shot})
        assert sets[0] == sets[1]
        assert not used & sets[0]
        told = figures(session, "cleo").editor
        assert told is not None
        assert (told.lora, told.triplets, told.before.total) == ("cleo_editor_v2", len(wrong), 24)
        by = {bool(i.shot.stack.adapters): 0 for i in compared if i.shot}
        for image in compared:
            by[bool(image.shot and image.shot.stack.adapters)] += opinion(image, seen_now(session)[image.id]).right
        assert (told.before.right, told.after.right) == (by[False], by[True])
        turns = sum(i.shot is not None and i.shot.purpose.cell.startswith("angle/") for i in compared) // 2
        assert 0 < turns < 24
        assert (told.turned, told.others) == ((turns, 0), (0, 24 - turns))


@pytest.mark.slow(seconds=4)
def test_a_training_that_may_not_go_on_is_asked_for_anew(workspace_root: Path) -> None:
    heard: list[dict[str, Any]] = []
    with at(workspace_root) as session:

        def stop_the_worker(event: dict[str, Any]) -> None:
            if event["event"] == "decided":  # what comes next is the training: it is taken, and does not begin
                pid = session.jobs.status().worker_pid
                assert pid
                os.kill(pid, signal.SIGSTOP)

        def cancel(job: Job) -> Job:
            if job.kind == "train":
                session.jobs.cancel(job.id, force=True)
            return session.jobs.wait(job.id)

        with pytest.raises(Halted, match="cancelled"):
            PracticeRun(session, Wish(3, 1, error=0.0), follow=cancel, tell=stop_the_worker).go()
        (run,) = training.runs(session, "cleo", "character")
        picture = next(i for i in session.store.all(ImageRecord, kind="enriched") if i.id in run.images)
        review.decide(session, [Decision(image=picture.id, who="human", action="label", value="reject")])
        PracticeRun(session, Wish(3, 1, error=0.0), follow=waiting(session), tell=heard.append).go()
        (told,) = [e for e in heard if e["event"] == "not resumed"]
        assert picture.id[:8] in told["why"]
        first, second = training.runs(session, "cleo", "character")
        assert (first.state, second.state) == ("cancelled", "done")
        assert set(first.images) - set(second.images) == {picture.id}


def seen_now(session: Session) -> Any:
    return readings(session, "cleo")


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(queue: JobQueue, job: Job, told: Any = None) -> Job:
        queue.cancel(job.id)
        raise KeyboardInterrupt

    monkeypatch.setattr(practice_command, "follow", interrupted)
    assert cli.main(["--workspace", str(tmp_path / "w"), "--json", "practice", "--character", "1"]) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["ok"], told["event"]) == (False, "halted")
    assert told["error"] == "Stopped. The same command goes on here."


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--character", "Ada"], "takes the number"),
        (["--character", "11"], "no practice character 11"),
        (["--character", "1", "--rounds", "0"], "at least 1"),
        (["--character", "1", "--error", "0.9"], "between 0 and 0.5"),
        (["--sources", "0"], "from 1 to 12"),
        (["--sources", "13", "--character", "1"], "from 1 to 12"),
        (["--sources", "3", "--characters", "0"], "from 1 to 1000"),
    ],
)
def test_what_cannot_be_practised_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert cli.main(["--workspace", str(tmp_path / "w"), "--json", "practice", *words]) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said in told["error"]


def ends(job: Job) -> Iterator[dict[str, str]]:
    """What is to be seen where the edits and chains of a job end."""
    plan = job.request["plan"]
    begun = {chain["first"] for chain in plan["chains"]}
    yield from (chain["then"][-1]["purpose"]["labels"] for chain in plan["chains"])
    yield from (shot["purpose"]["labels"] for shot in plan["shots"] if Shot.model_validate(shot).id not in begun)


@pytest.mark.slow(seconds=13)
def test_what_failed_on_the_card_is_edited_anew_and_learnt_from(workspace_root: Path) -> None:
    heard: list[dict[str, Any]] = []
    with at(workspace_root) as session:
        PracticeRun(session, Wish(3, 2, error=0.0, tries=2), follow=waiting(session), tell=heard.append).go()
        first = session.store.all(Card)[0]
        wrong = {c.cell for c in cards.board(session, first) if c.verdict == "wrong"}
        wished = {(c.angle, c.expression) for c in wrong if not c.pose}
        (told,) = [e for e in heard if e["event"] == "edited anew"]
        assert set(told["chains"]) == {f"angle/{a} > expression/{e}" for a, e in wished}
        made = session.store.all(ImageRecord, kind="enriched", version="v2")
        done = [e["job"] for e in heard if e.get("step") == "enrich" and e["event"] == "ended"]
        asked = [job for job in session.store.all(Job) if job.id in done[1:]]
        shows = {f"angle/{one['angle']} > expression/{one['expression']}" for job in asked for one in ends(job)}
        there = {cell_of(source) for source in session.store.all(ImageRecord, kind="source")}
        lacking = {f"angle/{a} > expression/{e}" for a, e in wished - there}
        assert len(shows & lacking) > len(lacking) / 2
        assert not shows & {f"angle/{a} > expression/{e}" for a, e in there}, "true pictures teach more"
        assert all(session.store.verdict(i.id).label for i in made)
        learnt = set(training.runs(session, "cleo", "character")[1].images)
        assert {i.id for i in made if session.store.verdict(i.id).label == "good"} & learnt
