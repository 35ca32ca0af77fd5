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

from pipelines.desk import Desk
from pipelines.jobs.queue import JobQueue
from pipelines.library.records import (
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
from pipelines.practice.choices import choices
from pipelines.practice.figures import figures
from pipelines.practice.reviewer import again, opinion, readings
from pipelines.practice.run import Halted, Run, Wish
from pipelines.rates import wilson
from pipelines.steps import outcomes, training
from pipelines.steps.sources import cell_of
from studio import cli, practice_command

HANDLERS = str(Path(__file__).with_name("quick_handlers.py"))
EDITS = 4 * 2 + 8 * 3
"""Of the twelve sources four show the front, whose profiles half views are nearer to: they become angry and sad; the
half views also turn to the profile beside them."""


@contextmanager
def at(root: Path) -> Iterator[Desk]:
    """A desk whose worker has the quick handlers."""
    desk = Desk.open(root)
    desk.jobs.close()
    desk.queue = JobQueue(desk.store, desk.workspace, desk.settings, handlers=HANDLERS)
    outcomes.listen(desk)
    try:
        yield desk
    finally:
        desk.close()


def waiting(desk: Desk) -> Callable[[Job], Job]:
    return lambda job: desk.jobs.wait(job.id)


def killing(desk: Desk, kind: str, nth: int) -> Callable[[Job], Job]:
    """Waits for jobs, and kills the worker in the middle of the ``nth`` of a kind."""
    left = nth

    def follow(job: Job) -> Job:
        nonlocal left
        if job.kind == kind:
            left -= 1
        while left == 0 and job.kind == kind and desk.jobs.job(job.id).state in ("queued", "running"):
            live = desk.jobs.live()
            if live.job and live.job.id == job.id and live.worker_pid and live.job.done >= 2:
                os.kill(live.worker_pid, signal.SIGKILL)
                break
            time.sleep(0.002)
        return desk.jobs.wait(job.id)

    return follow


def test_two_rounds_leave_what_two_rounds_of_a_human_leave(workspace_root: Path) -> None:
    heard: list[dict[str, Any]] = []
    with at(workspace_root) as desk:
        Run(desk, Wish(3, 2, error=0.05, seed=1), follow=waiting(desk), tell=heard.append).go()
        each_once(desk)
        enriched = desk.store.all(ImageRecord, kind="enriched")
        assert {i.shot.purpose.cell for i in enriched if i.shot} <= set(choices().enrich.edits)
        # decisions follow the truth, but for about one in twenty
        seen = readings(desk, "cleo")
        judged = [i for i in desk.store.all(ImageRecord) if i.id in seen]
        wrong = [i for i in judged if opinion(i, seen[i.id]).right != (desk.store.verdict(i.id).label == "good")]
        low, high = wilson(len(wrong), len(judged), z=4)
        assert low <= 0.05 <= high
        assert len(judged) > 150
        # what was good at both looks and shows what no source shows is kept
        good = [i for i in desk.store.all(ImageRecord, kind="synthetic") if desk.store.verdict(i.id).label == "good"]
        kept = desk.store.get(DatasetVersion, "cleo/pristine/v1")
        shown = {cell_of(i) for i in desk.store.all(ImageRecord, kind="source")}
        sure = [i for i in again(good, seen, seed=1, error=0.05) if cell_of(i) not in shown]
        assert kept and 0 < len(sure) < len(good)
        assert set(kept.images) == {i.id for i in sure}
        told = figures(desk, "cleo")
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


@pytest.mark.parametrize(("kind", "nth"), [("render", 1), ("train", 1), ("render", 3)])
def test_killed_and_gone_on_with_nothing_is_done_twice(workspace_root: Path, kind: str, nth: int) -> None:
    wish = Wish(3, 2, error=0.05, seed=1)
    with at(workspace_root) as desk, pytest.raises(Halted, match="interrupted"):
        Run(desk, wish, follow=killing(desk, kind, nth)).go()
    with at(workspace_root) as desk:
        Run(desk, wish, follow=waiting(desk)).go()
        each_once(desk)
        before = len(desk.store.all(Job)), len(desk.store.all(Decision))
        Run(desk, wish, follow=waiting(desk)).go()
        assert (len(desk.store.all(Job)), len(desk.store.all(Decision))) == before


def each_once(desk: Desk) -> None:
    """What two rounds make is there, and nothing of it twice."""
    images = desk.store.all(ImageRecord)
    wanted = choices()
    assert Counter(i.kind for i in images) == {
        "source": 12,
        "enriched": EDITS,
        "synthetic": len(wanted.generate.scenarios) * wanted.generate.variants,
        "card": 46,
    }
    shots = [(i.kind, i.version, i.shot.id) for i in images if i.shot]
    assert len(set(shots)) == len(shots)
    first, second = desk.store.all(TrainingRun)
    assert [(r.version, r.state) for r in (first, second)] == [("v1", "done"), ("v2", "done")]
    assert [x.name for x in desk.store.all(LoraRecord)] == ["cleo_v1", "cleo_v2"]
    assert len(desk.store.all(Card)) == 2
    assert {desk.store.verdict(i.id).who for i in images if i.kind not in ("source", "synthetic")} == {"simulated"}
    (kept,) = desk.store.all(DatasetVersion, kind="pristine")
    assert set(second.images) - set(first.images) == set(kept.images)
    assert {desk.store.verdict(i).label for i in second.images} == {"good"}
    for image in images:
        labels = [d for d in desk.store.decisions(image.id) if d.action == "label"]
        assert len(labels) == 1


def test_corrections_teach_the_editor_and_held_out_edits_prove_it(workspace_root: Path) -> None:
    with at(workspace_root) as desk:
        for triplets in (3, None):
            wish = Wish(3, 1, error=0.0, corrections=True, triplets=triplets)
            Run(desk, wish, follow=waiting(desk)).edit()
        enriched = desk.store.all(ImageRecord, kind="enriched")
        assert len(enriched) == EDITS  # not once more after a training has used them
        wrong = {i.id for i in enriched if desk.store.verdict(i.id).label == "needs_correction"}
        seen = readings(desk, "cleo")
        assert wrong == {i.id for i in enriched if not seen[i.id].same or seen[i.id].angle == "back"}
        made = desk.store.all(Correction)
        assert Counter(c.wrong.id for c in made) == dict.fromkeys(wrong, 1)
        assert {desk.store.verdict(c.target.id).who for c in made} == {"simulated"}
        said = {c.wrong.id: c.what_was_wrong for c in made}
        assert {said[i].startswith("face is someone else") for i in wrong if not seen[i].same} == {True}
        assert {said[i] for i in wrong if seen[i].same} == {"view wrong"}
        good = {i.id for i in enriched if desk.store.verdict(i.id).label == "good"}
        targets = [c.target.id for c in made]
        assert [set(r.images) - good for r in training.runs(desk, "cleo", "editor")] == [set(targets[:3]), set(targets)]
        assert all(good <= set(r.images) for r in training.runs(desk, "cleo", "editor"))
        first, last = desk.store.all(Survey)
        used = {(i.parents[0].id, i.shot.purpose.cell) for i in enriched if i.shot}
        sets = []
        for survey in (first, last):
            compared = desk.store.all(ImageRecord, kind="survey", version=survey.version)
            assert Counter(len(i.shot.stack.adapters) for i in compared if i.shot) == {0: 24, 1: 24}
            sets.append({(i.parents[0].id, i.shot.purpose.cell) for i in compared if i.shot})
        assert sets[0] == sets[1]
        assert not used & sets[0]
        told = figures(desk, "cleo").editor
        assert told is not None
        assert (told.lora, told.triplets, told.before.total) == ("cleo_editor_v2", len(wrong), 24)
        by = {bool(i.shot.stack.adapters): 0 for i in compared if i.shot}
        for image in compared:
            by[bool(image.shot and image.shot.stack.adapters)] += opinion(image, seen_now(desk)[image.id]).right
        assert (told.before.right, told.after.right) == (by[False], by[True])
        turns = sum(i.shot is not None and i.shot.purpose.cell.startswith("angle/") for i in compared) // 2
        assert 0 < turns < 24
        assert (told.turned, told.others) == ((turns, 0), (0, 24 - turns))


def seen_now(desk: Desk) -> Any:
    return readings(desk, "cleo")


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
    ],
)
def test_what_cannot_be_practised_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert cli.main(["--workspace", str(tmp_path / "w"), "--json", "practice", *words]) == 1
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said in told["error"]
