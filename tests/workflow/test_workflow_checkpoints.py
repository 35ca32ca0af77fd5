"""Checkpoints against strengths: what can be drawn, the LoRA of a checkpoint, where identity is highest."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file as load_torch

from pipelines.domain.presets import TrainingSettings
from pipelines.domain.records import Character, ImageRecord, Job, LoraRecord, TrainingRun
from pipelines.domain.requests import TrainItem, TrainRequest
from pipelines.domain.scores import Identity, Scores
from pipelines.domain.shots import LoraStack, Purpose, Shot
from pipelines.models import lora_export
from pipelines.models.lora_export import Learned
from pipelines.models.lora_files import LoraRefused, inspect
from pipelines.session import NotFound, Session
from pipelines.storage.atomic import file_hash
from pipelines.workflow import checkpoint_ranking, checkpoints, loras
from pipelines.workflow.characters import NotAllowed

Put = Callable[..., ImageRecord]
SETTINGS = TrainingSettings(rank=4, alpha=8, steps=40)
MODULES = ("single_transformer_blocks.0.attn.to_q", "transformer_blocks.0.attn.to_k")


@pytest.fixture
def request_of(session: Session, ada: Character, put: Put) -> TrainRequest:
    family = session.family("mini-flux")
    samples = tuple(
        Shot(
            family="mini-flux",
            revision=family.revision,
            prompt=f"ohwx_char person, {cell}",
            seed=n,
            steps=2,
            guidance=1,
            width=64,
            height=64,
            purpose=Purpose(step="sample", cell=cell, labels={"angle": "front"}),
        )
        for n, cell in enumerate(("front/neutral", "front/smiling"))
    )
    source = put("source")
    return TrainRequest(
        target="character", character="ada", name="ada_v1", version="v1", family="mini-flux",
        revision=family.revision, items=(TrainItem(image=source.ref, caption="c"),), settings=SETTINGS,
        trigger="ohwx_char", folder=session.workspace.lora_folder("ada", "character", "v1"), samples=samples,
    )  # fmt: skip


def weights(step: int) -> dict[str, np.ndarray]:
    """An adapter as a checkpoint keeps it: float32, no prefix, alpha not folded in."""
    made = {}
    for n, module in enumerate(MODULES):
        rng = np.random.default_rng(100 * step + n)
        made[f"{module}.lora_A.weight"] = rng.normal(size=(4, 8)).astype(np.float32)
        made[f"{module}.lora_B.weight"] = rng.normal(size=(8, 4)).astype(np.float32)
    return made


@pytest.fixture
def run(session: Session, request_of: TrainRequest) -> TrainingRun:
    """A run with checkpoints at 20 and 40, the finished LoRA of which is the one at 40."""
    folder = session.workspace.path(request_of.folder)
    for step in (20, 40):
        place = folder / "checkpoints" / f"{step:06d}"
        place.mkdir(parents=True)
        save_file(weights(step), place / "adapter.safetensors")
        (place / "state.json").write_text(json.dumps({"step": step, "fingerprint": "f", "losses": [0.5] * step}))
    (folder / "checkpoints" / "partial-000060").mkdir()
    path = f"{request_of.folder}/ada_v1.safetensors"
    learned = Learned(weights(40), [0.5] * 40, "f")
    sha = lora_export.write(session.workspace.path(path), learned, request_of, session.family("mini-flux"))
    job = Job(id="j" * 16, kind="train", title="t", character="ada", request=request_of.model_dump(mode="json"))
    made = TrainingRun(
        id="run-1", character="ada", target="character", version="v1", family="mini-flux", preset="p", lora=sha,
        settings=SETTINGS.model_dump(mode="json"), job=job.id, state="done",
    )  # fmt: skip
    session.store.put(job, made, LoraRecord(id=sha, name="ada_v1", path=path, family="flux", rank=4, origin="trained",
                                         character="ada", version="v1", run="run-1"))  # fmt: skip
    return made


def test_the_grid_is_steps_by_strengths_by_prompts(session: Session, run: TrainingRun) -> None:
    assert checkpoints.steps(session, run) == [20, 40]
    assert len(checkpoints.ahead(session, run, [20, 40], [0.8, 1.0, 1.2])) == 12
    assert not list(session.workspace.path("characters/ada/models").rglob("*_step_*"))  # looking ahead writes nothing
    plan = checkpoints.plan(session, run, [20, 40], [0.8, 1.0, 1.2])
    assert len({s.id for s in plan.shots}) == 12 and plan.folder.endswith("/ada_v1/grid")
    places = {(s.purpose.labels["training_step"], s.stack.adapters[0].weight, s.purpose.cell) for s in plan.shots}
    assert len(places) == 12 and ("20", 1.2, "front/smiling") in places
    own = {s.stack.adapters[0] for s in plan.shots if s.purpose.labels["training_step"] == "40"}
    assert {a.sha256 for a in own} == {run.lora}  # the finished file, not a copy of it
    assert {s.seed for s in plan.shots if s.purpose.cell == "front/neutral"} == {0}


def test_a_checkpoint_becomes_the_file_that_the_end_would_have_written(
    session: Session, run: TrainingRun, tmp_path: Path
) -> None:
    """Held against the finished file of the same weights: same keys, same numbers."""
    bare = run.model_copy(update={"lora": ""})
    adapter = checkpoints.plan(session, bare, [40], [1.0]).shots[0].stack.adapters[0]
    path = session.workspace.path(adapter.path)
    assert adapter.sha256 == file_hash(path) and adapter.path.endswith("/ada_v1_step_40.safetensors")
    finished = load_torch(session.workspace.path("characters/ada/models/flux_lora/ada_v1/ada_v1.safetensors"))
    written = load_torch(path)
    assert written.keys() == finished.keys()
    assert all(torch.equal(written[k], finished[k]) for k in finished)
    header = inspect(path)
    assert (header.family, header.rank, header.modules, header.trigger) == ("flux", 4, 2, "ohwx_char")
    b = f"{MODULES[0]}.lora_B.weight"
    assert torch.equal(written["transformer." + b], (2 * torch.tensor(weights(40)[b])).to(torch.bfloat16))


@pytest.mark.parametrize(
    ("at", "strengths", "words"),
    [([], [1.0], "at least one step"), ([20], [], "at least one step"), ([20], [3.0], "between 0 and 2")],
)
def test_what_cannot_be_drawn_is_said(
    session: Session, run: TrainingRun, at: list[int], strengths: list[float], words: str
) -> None:
    with pytest.raises(NotAllowed, match=words):
        checkpoints.plan(session, run, at, strengths)


def test_a_grid_that_is_refused_leaves_no_lora(session: Session, run: TrainingRun) -> None:
    """The weights are gone; or one of two checkpoints cannot be read."""
    folder = session.workspace.path("characters/ada/models/flux_lora/ada_v1")
    job = session.store.get(Job, run.job)
    assert job
    elsewhere = [sample | {"family": "flux1-dev"} for sample in job.request["samples"]]
    session.store.put(job.model_copy(update={"request": job.request | {"samples": elsewhere}}))
    with pytest.raises(NotAllowed, match="FLUX"):
        checkpoints.submit(session, run, [20], [1.0])
    assert not list(folder.glob("*_step_*"))
    damaged = folder / "checkpoints" / "000060"
    damaged.mkdir()
    (damaged / "adapter.safetensors").write_bytes(b"nothing")
    with pytest.raises(LoraRefused):
        checkpoints.plan(session, run, [20, 60], [1.0])
    assert not list(folder.glob("*_step_*"))


def test_a_step_that_was_dropped_is_named(session: Session, run: TrainingRun) -> None:
    with pytest.raises(NotFound, match=r"Step 30 of v1 is not kept \(there are: 20, 40\)"):
        checkpoints.plan(session, run, [30], [1.0])
    no_samples = run.model_copy(update={"job": "gone"})
    with pytest.raises(NotAllowed, match="no samples"):
        checkpoints.ahead(session, no_samples, [20], [1.0])


@pytest.mark.parametrize("lost", ["state.json", "adapter.safetensors", "job"])
def test_a_step_without_its_history_is_no_lora(session: Session, run: TrainingRun, lost: str) -> None:
    place = session.workspace.path("characters/ada/models/flux_lora/ada_v1/checkpoints/000020")
    if lost == "job":
        with pytest.raises(NotFound, match="not in the records any more"):
            checkpoints.export(session, run.model_copy(update={"job": "gone"}), 20)
    else:
        (place / lost).write_bytes(b"half")
        with pytest.raises(LoraRefused, match="step 20 cannot be read"):
            checkpoints.export(session, run, 20)
    assert not list(session.workspace.path("characters/ada/models").rglob("*_step_*"))


def test_a_step_can_be_kept_as_a_lora(session: Session, run: TrainingRun) -> None:
    kept = checkpoints.export(session, run, 20)
    assert session.store.get(LoraRecord, kept.id) == kept
    assert (kept.name, kept.family, kept.trigger, kept.run) == ("ada_v1_step_20", "flux", "ohwx_char", "run-1")
    assert kept.origin == "imported"  # it is no new version of the character: v1 is still the newest that was trained
    assert checkpoints.export(session, run, 40).id == run.lora


def test_the_best_place_is_one_where_every_picture_was_measured(session: Session, run: TrainingRun, put: Put) -> None:
    scores = {(20, 0.8): (0.5, 0.6), (20, 1.2): (0.9, None), (40, 0.8): (0.7, 0.6), (40, 1.2): (0.1, 0.2)}
    made = []
    for (step, strength), pair in scores.items():
        for n, score in enumerate(pair):
            image = put("sample")
            assert image.shot
            labels = {"training_step": str(step), "strength": f"{strength:g}"}
            shot = image.shot.model_copy(
                update={"purpose": Purpose(step="sample", cell=f"cell {n}", labels=labels), "stack": LoraStack()}
            )
            identity = Identity(recogniser="x", model_hash="x", score=score)
            made.append(image.model_copy(update={"shot": shot, "scores": Scores(identity=identity)}))
    best = checkpoints.best(made)
    assert best is not None
    assert (best.step, best.strength, best.pictures) == (40, 0.8, 2) and best.identity == pytest.approx(0.65)
    assert checkpoints.best([]) is None


def test_the_base_model_stands_beside_the_grid(session: Session, run: TrainingRun, put: Put) -> None:
    plan = checkpoints.plan(session, run, [40], [1.0], baseline=True)
    bare = [s for s in plan.shots if not s.stack.adapters]
    assert len(plan) == 4 and [s.purpose.cell for s in bare] == ["front/neutral", "front/smiling"]
    own = next(s for s in plan.shots if s.stack.adapters and s.purpose.cell == "front/neutral")
    assert (bare[0].prompt, bare[0].seed) == (own.prompt, own.seed)
    assert len(checkpoints.ahead(session, run, [40], [1.0], baseline=True)) == 4
    image = put("sample", path=plan.path(bare[0]))
    session.store.put(image.model_copy(update={"shot": bare[0]}))
    assert len(checkpoints.ahead(session, run, [40], [1.0], baseline=True)) == 3
    assert len(checkpoints.ahead(session, run, [40], [1.0])) == 2
    assert checkpoints.best([image.model_copy(update={"shot": bare[0]})]) is None


def test_a_checkpoint_is_made_the_version_and_the_last_step_again(session: Session, run: TrainingRun) -> None:
    assert checkpoints.used(session, run) == 40
    early = checkpoints.use(session, run, 20)
    now = session.store.get(TrainingRun, run.id)
    assert now and now.lora == early.id and checkpoints.used(session, now) == 20
    assert (early.origin, early.version, early.trigger) == ("trained", "v1", "ohwx_char")
    assert [x.id for x in loras.trained(session, "ada", "character")] == [early.id]
    assert checkpoints.export(session, now, 40).id == run.lora  # the end's file is what it was
    assert checkpoints.use(session, now, 40).id == run.lora
    assert [x.id for x in loras.trained(session, "ada", "character")] == [run.lora]
    with pytest.raises(NotFound, match="Step 30"):
        checkpoints.use(session, now, 30)
    with pytest.raises(NotAllowed, match="has not ended"):
        checkpoints.use(session, now.model_copy(update={"lora": ""}), 20)


def placed(
    put: Put, at: tuple[int, float], angle: str, second: float, first: float, seen: str, dhash: str
) -> ImageRecord:
    image = put("sample")
    assert image.shot
    labels = {"training_step": str(at[0]), "strength": f"{at[1]:g}", "angle": angle}
    shot = image.shot.model_copy(update={"purpose": Purpose(step="sample", cell=angle, labels=labels)})
    scores = Scores(
        identity=Identity(recogniser="gate", model_hash="x", score=first),
        second_opinion=Identity(recogniser="other", model_hash="x", score=second),
        angle=seen,  # type: ignore[arg-type]
    )
    return image.model_copy(update={"shot": shot, "scores": scores, "dhash": dhash})


def test_checkpoints_are_ranked_by_who_does_not_gate(put: Put, session: Session) -> None:
    zero, full = "0" * 16, "f" * 16
    made = [
        # the gate's own recogniser prefers 40, the other 20; 20 is turned as asked in both, 40 in one
        placed(put, (20, 1.0), "front", 0.8, 0.5, "front", zero),
        placed(put, (20, 1.0), "half-left", 0.6, 0.5, "half-left", full),
        placed(put, (40, 1.0), "front", 0.7, 0.9, "front", zero),
        placed(put, (40, 1.0), "half-left", 0.5, 0.9, "front", zero),
        placed(put, checkpoints.BARE, "front", 0.1, 0.1, "front", zero),
    ]
    best, worse, bare = checkpoint_ranking.ranking(made)
    assert (best.step, worse.step, (bare.step, bare.strength)) == (20, 40, checkpoints.BARE)
    assert best.judge == "other" and best.identity == pytest.approx(0.7)
    assert best.weakest == ("half-left", pytest.approx(0.6)) and best.by_angle["front"] == pytest.approx(0.8)
    assert (best.followed, best.asked) == (2, 2) and (worse.followed, worse.asked) == (1, 2)
    assert best.diversity == 1.0 and worse.diversity == 0.0
    assert best.words == "step 20 at 1: identity 0.70 (weakest half-left: 0.60), 2 of 2 as asked, diversity 1.00"
    assert bare.words.startswith("the base model: identity 0.10")
    assert checkpoint_ranking.ranking([]) == []


def test_without_a_second_recogniser_the_gates_own_ranks(put: Put, session: Session) -> None:
    image = placed(put, (20, 1.0), "front", 0.0, 0.5, "front", "0" * 16)
    alone = image.model_copy(update={"scores": image.scores.model_copy(update={"second_opinion": None})})
    (only,) = checkpoint_ranking.ranking([alone])
    assert (only.judge, only.identity) == ("gate", 0.5)
