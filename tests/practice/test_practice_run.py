"""The whole wheel with the mini models, a worker process and the simulated reviewer: small, killed, gone on with."""

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipelines.desk import Desk
from pipelines.jobs.queue import JobQueue
from pipelines.library.presets import trainings
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
from pipelines.practice.choices import Choices, choices
from pipelines.practice.figures import figures
from pipelines.practice.run import Halted, Run, Wish
from studio import cli

ENRICHED, SYNTHETIC, HELD_OUT = 6, 4, 2


def tiny() -> Choices:
    """A wheel of a few pictures and steps."""
    known = choices()
    few = {"steps": 3, "batch": 1, "rank": 4, "save_every": 100, "sample_every": 100, "phases": ()}
    settings = trainings()[known.train.character].settings.model_copy(update=few)
    return known.model_copy(
        update={
            "enrich": known.enrich.model_copy(update={"per_source": 1, "count": ENRICHED}),
            "generate": known.generate.model_copy(update={"variants": 1, "count": SYNTHETIC}),
            "train": known.train.model_copy(update={"settings": settings}),
            "held_out_edits": HELD_OUT,
        }
    )


class Killer:
    """Waits for jobs; kills the worker in the middle of the first that makes pictures."""

    def __init__(self, queue: JobQueue) -> None:
        self.queue, self.done = queue, False

    def __call__(self, job: Job) -> Job:
        while not self.done and job.kind == "render" and job.state not in ("done", "failed"):
            live = self.queue.live()
            if live.job and live.job.id == job.id and live.job.done >= 2 and live.worker_pid:
                os.kill(live.worker_pid, signal.SIGKILL)
                self.done = True
            job = self.queue.wait(job.id, timeout=0.01)
        return self.queue.wait(job.id)


def test_killed_and_gone_on_with_nothing_is_done_twice(workspace_root: Path) -> None:
    """Error 0.5: with models that only draw noise, a reviewer who never erred would let nothing through."""
    wish = Wish(3, 2, error=0.5, seed=1, choices=tiny())
    with Desk.open(workspace_root) as desk:
        killer = Killer(desk.jobs)
        with pytest.raises(Halted, match="interrupted"):
            Run(desk, wish, follow=killer).go()
        assert killer.done
        some = len(desk.store.all(ImageRecord, kind="enriched"))
        assert 2 <= some < ENRICHED
    heard: list[dict[str, Any]] = []
    with Desk.open(workspace_root) as desk:
        cleo = Run(desk, wish, follow=lambda job: desk.jobs.wait(job.id), tell=heard.append).go()
        _each_once(desk)
        jobs = len(desk.store.all(Job))
        decisions = len(desk.store.all(Decision))
        again = Run(desk, wish, follow=lambda job: desk.jobs.wait(job.id)).go()
        assert again.id == cleo.id
        assert (len(desk.store.all(Job)), len(desk.store.all(Decision))) == (jobs, decisions)
        told = figures(desk, cleo.id)
        assert [c.lora for c in told.cards] == ["cleo_v1", "cleo_v2"]
        assert told.gain and told.gain.both + told.gain.only_first + told.gain.only_last + told.gain.neither == 23
        assert {"sources", "enrich", "generate", "train", "cards", "look"} <= set(told.by_step)
    assert [e["version"] for e in heard if e["event"] == "card"] == ["v1", "v2"]
    assert json.dumps(heard)


def _each_once(desk: Desk) -> None:
    images = desk.store.all(ImageRecord)
    assert Counter(i.kind for i in images if i.kind != "sample") == {
        "source": 12, "enriched": ENRICHED, "synthetic": SYNTHETIC, "card": 46
    }  # fmt: skip
    shots = [(i.kind, i.version, i.shot.id) for i in images if i.shot and i.kind != "sample"]
    assert len(set(shots)) == len(shots)
    assert [(r.version, r.state) for r in desk.store.all(TrainingRun)] == [("v1", "done"), ("v2", "done")]
    assert [x.name for x in desk.store.all(LoraRecord)] == ["cleo_v1", "cleo_v2"]
    assert len(desk.store.all(Card)) == 2
    judged = [i for i in images if i.kind in ("enriched", "card")]
    assert {desk.store.verdict(i.id).who for i in judged} == {"simulated"}
    first, second = desk.store.all(TrainingRun)
    pristine = desk.store.get(DatasetVersion, "cleo/pristine/v1")
    assert set(second.images) - set(first.images) == set(pristine.images if pristine else ())
    for image in desk.store.all(ImageRecord):
        if image.id in second.images:
            assert desk.store.verdict(image.id).label == "good"


def test_the_second_flywheel_turns_on_true_targets(workspace_root: Path) -> None:
    """Noise is never the right person: the gate's pictures are called right by hand, as far as the person goes."""
    with Desk.open(workspace_root) as desk:
        wish = Wish(3, 1, error=0.0, corrections=True, choices=tiny())
        run = Run(desk, wish, follow=lambda job: desk.jobs.wait(job.id))
        run.edit()
        assert not desk.store.all(Correction)
        wrong = desk.store.all(ImageRecord, kind="enriched")[:2]
        desk.store.decide(
            *(Decision(image=i.id, who="simulated", action="label", value="needs_correction") for i in wrong)
        )
        run.go()
        made = desk.store.all(Correction)
        assert {c.wrong.id for c in made} == {i.id for i in wrong}
        assert {desk.store.verdict(c.target.id).who for c in made} == {"simulated"}
        assert [r.target for r in desk.store.all(TrainingRun)] == ["editor", "character"]
        (survey,) = desk.store.all(Survey)
        compared = desk.store.all(ImageRecord, kind="survey", version=survey.version)
        assert Counter(len(i.shot.stack.adapters) for i in compared if i.shot) == {0: HELD_OUT, 1: HELD_OUT}
        used = {(i.parents[0].id, i.shot.purpose.cell) for i in desk.store.all(ImageRecord, kind="enriched") if i.shot}
        assert not used & {(i.parents[0].id, i.shot.purpose.cell) for i in compared if i.shot}
        told = figures(desk, "cleo").editor
        assert told is not None
        assert (told.triplets, told.before.total, told.after.total) == (2, HELD_OUT, HELD_OUT)


@pytest.mark.parametrize(
    "words, said",
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
