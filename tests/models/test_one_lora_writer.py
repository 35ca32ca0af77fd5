"""Every LoRA that leaves the house is written alike: the finished file and a kept checkpoint of a real training."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from train_helpers import FAMILY, Bench, fresh_resident

from pipelines.domain.records import ImageRecord, Job, LoraRecord, TrainingRun
from pipelines.domain.requests import TrainRequest
from pipelines.domain.shots import LoraStack, Shot
from pipelines.engine.adapters import applied
from pipelines.session import Session
from pipelines.storage.safetensors_file import to_bfloat16
from pipelines.storage.workspace import Workspace
from pipelines.workflow import characters, checkpoints
from pipelines.workflow.opening import open_session

OWN_TO_A_FILE = {
    # when and as what it was written, at which step, with which loss and which numbers in it
    *("modelspec.date", "modelspec.title", "modelspec.hash_sha256", "ss_output_name", "ss_steps", "ss_tag_frequency"),
    *("flenwheel.step", "flenwheel.loss"),
}


def header(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return file.metadata()


@pytest.fixture
def session(workspace_root: Path) -> Iterator[Session]:
    with open_session(workspace_root) as opened:
        yield opened


@pytest.fixture
def bench(session: Session, tmp_path: Path) -> Bench:
    home = Workspace(tmp_path / "models")
    home.create()
    return Bench(session.workspace, {target: fresh_resident(home) for target in FAMILY})


def trained(session: Session, bench: Bench, target: str) -> tuple[TrainRequest, TrainingRun, dict[int, Any]]:
    """A training of four steps, checkpoints at two and four, and the numbers of its samples by step."""
    characters.create(session, "Ada", origin="drawn here", may_use=True)
    lineage = {"dataset": "ada/pristine/v3", "run": "run-1", "pictures": "2 source", "base_licence": "Apache-2.0"}
    request = bench.request(
        target, alpha=2, steps=4, save_every=2, sample_every=2, learning_rate=3e-2, lineage=lineage,
        samples=(bench.shot(target),),
    )  # fmt: skip
    result, events = bench.train(request)
    job = Job(id="j" * 16, kind="train", title="t", character="ada", request=request.model_dump(mode="json"))
    run = TrainingRun(
        id="run-1", character="ada", target=request.target, version="v1", family=request.family, preset="p",
        settings=request.settings.model_dump(mode="json"), job=job.id, state="done", lora=result["sha256"],
    )  # fmt: skip
    finished = LoraRecord(
        id=result["sha256"], name="ada_v1", path=result["lora"], family="any", rank=4, origin="trained",
        character="ada", version="v1", run="run-1",
    )  # fmt: skip
    shown = [
        ImageRecord(id=r.id, character="ada", kind="source", version="v1", path=r.path, width=64, height=64, pixels="")
        for r in request.samples[0].sources
    ]
    session.store.put(job, run, finished, *shown)
    samples = [e.image for e in events if e.type == "image"]
    return request, run, {int(i.shot.purpose.labels["training_step"]): i for i in samples if i.shot}


@pytest.mark.slow(seconds=6)
@pytest.mark.parametrize("target", ["character", "editor"])
def test_a_kept_checkpoint_is_as_good_a_lora_as_the_finished_one(session: Session, bench: Bench, target: str) -> None:
    request, run, _ = trained(session, bench, target)
    kept = session.workspace.path(checkpoints.export(session, run, 2).path)
    finished = session.workspace.path(f"{request.folder}/ada_v1.safetensors")
    of_kept, of_finished = header(kept), header(finished)
    assert of_kept.keys() == of_finished.keys() >= OWN_TO_A_FILE
    assert {k for k in of_kept if of_kept[k] != of_finished[k]} <= OWN_TO_A_FILE
    assert (of_kept["flenwheel.step"], of_finished["flenwheel.step"]) == ("2", "4")
    assert (of_kept["ss_steps"], of_kept["modelspec.title"]) == ("2", "ada_v1_step_2")
    assert of_kept["modelspec.license"] and of_kept["flenwheel.dataset"] == "ada/pristine/v3"
    assert of_kept["flenwheel.run"] == "run-1" and of_kept["flenwheel.fingerprint"]
    here, there = load_file(kept), load_file(finished)
    assert {k: (t.dtype, t.shape) for k, t in here.items()} == {k: (t.dtype, t.shape) for k, t in there.items()}
    assert {t.dtype for t in here.values()} == {torch.bfloat16}
    raw = load_file(session.workspace.path(f"{request.folder}/checkpoints/000002/adapter.safetensors"))
    for key, tensor in raw.items():
        (name,) = [k for k in here if k.endswith(f".{key}")]
        assert torch.equal(here[name], (tensor * 0.5 if ".lora_B." in key else tensor).to(torch.bfloat16))


@pytest.mark.slow(seconds=5)
@pytest.mark.parametrize("target", ["character", "editor"])
def test_a_kept_checkpoint_gives_the_trainers_own_picture_of_that_step(
    session: Session, bench: Bench, target: str, tmp_path: Path
) -> None:
    request, run, samples = trained(session, bench, target)
    shot: Shot = request.samples[0]
    stack = LoraStack(adapters=(checkpoints.plan(session, run, [2], [1.0]).shots[0].stack.adapters[0],))
    driver = bench.driver(target)
    sources = [bench_picture(bench, ref.path) for ref in shot.sources]
    base = np.asarray(driver.render(shot, sources)).astype(int)
    with applied(driver, stack, session.workspace):
        drawn = np.asarray(driver.render(shot, sources)).astype(int)
    of_the_trainer = np.asarray(bench_picture(bench, samples[2].path)).astype(int)
    assert np.abs(drawn - of_the_trainer).max() == 0
    assert np.abs(drawn - base).max() > 3


def bench_picture(bench: Bench, path: str) -> Any:
    return Image.open(bench.workspace.path(path)).convert("RGB")


@pytest.mark.slow(seconds=6)
def test_a_checkpoint_is_kept_again_with_the_same_numbers(session: Session, bench: Bench) -> None:
    _, run, _ = trained(session, bench, "character")
    once = checkpoints.export(session, run, 2)
    first = load_file(session.workspace.path(once.path))
    session.workspace.path(once.path).unlink()
    again = load_file(session.workspace.path(checkpoints.export(session, run, 2).path))
    assert first.keys() == again.keys() and all(torch.equal(first[k], again[k]) for k in first)


def test_bfloat16_is_rounded_as_torch_rounds() -> None:
    drawn = torch.randn(4096, generator=torch.Generator().manual_seed(0))
    edges = torch.tensor([0.0, -0.0, 1.0, 3.0e38, 1e-40, float("inf"), -float("inf"), 1 + 2**-8, 1 + 3 * 2**-8])
    numbers = torch.cat([drawn, drawn * 1e-30, edges])
    ours = torch.from_numpy(to_bfloat16(numbers.numpy())).view(torch.bfloat16)
    assert torch.equal(ours, numbers.to(torch.bfloat16))
    assert torch.isnan(torch.from_numpy(to_bfloat16(np.array([np.nan], np.float32))).view(torch.bfloat16)).all()
