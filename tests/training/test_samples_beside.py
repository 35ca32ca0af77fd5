"""Sample pictures of a training with another LoRA beside the one that is learnt: as an editor's, in few steps."""

from typing import Any

import numpy as np
import pytest
from engine_helpers import QWEN_TARGETS, checkpoint, lora_tensors, prefixed, write_lora
from PIL import Image
from train_helpers import FAMILY, Bench

from pipelines.domain.sampling import NoiseSchedule
from pipelines.domain.shots import Adapter, LoraStack, Shot
from pipelines.engine.adapters import applied


@pytest.fixture
def quick(bench: Bench, request: pytest.FixtureRequest) -> Shot:
    """A shot as Lightning asks for it; of a LoRA that no test before has put into the model."""
    seed = sum(request.node.name.encode())
    path = "loras/quick.safetensors"
    tensors = prefixed(lora_tensors(checkpoint(FAMILY["editor"]), QWEN_TARGETS, seed=seed))
    sha = write_lora(bench.workspace.path(path), {name: tensor * 0.3 for name, tensor in tensors.items()})
    stack = LoraStack(adapters=(Adapter(name="quick", sha256=sha, path=path, weight=0.8),))
    schedule = NoiseSchedule(base_shift=1.0986, max_shift=1.0986, shift_terminal=0.0)
    return bench.shot("editor").model_copy(update={"stack": stack, "steps": 2, "guidance": 1.0, "schedule": schedule})


def drawn(bench: Bench, shot: Shot, *more: Adapter) -> np.ndarray:
    driver = bench.driver("editor")
    sources = [Image.open(bench.workspace.path(ref.path)).convert("RGB") for ref in shot.sources]
    with applied(driver, LoraStack(adapters=(*shot.stack.adapters, *more)), bench.workspace):
        return np.asarray(driver.render(shot, sources)).astype(int)


def sampled(bench: Bench, events: list[Any]) -> np.ndarray:
    path = [e.image.path for e in events if e.type == "image"][-1]
    return np.asarray(Image.open(bench.workspace.path(path)).convert("RGB")).astype(int)


@pytest.mark.slow(seconds=4)
def test_a_sample_shows_what_the_finished_lora_gives_beside_the_other(bench: Bench, quick: Shot) -> None:
    request = bench.request("editor", folder="quick", learning_rate=2e-2, samples=(quick,), steps=4, save_every=4)
    result, events = bench.train(request)
    own = Adapter(name="own", sha256=result["sha256"], path=result["lora"])
    sample = sampled(bench, events)
    assert np.array_equal(drawn(bench, quick, own), sample)
    assert not np.array_equal(drawn(bench, quick), sample)
    record = [e.image for e in events if e.type == "image"][-1]
    assert [a.name for a in record.shot.stack.adapters] == ["quick"] and record.shot.steps == 2  # its recipe is true


@pytest.mark.slow
def test_samples_with_another_lora_change_nothing_of_what_is_learnt(bench: Bench, quick: Shot) -> None:
    often = {"steps": 4, "save_every": 4, "sample_every": 1, "learning_rate": 2e-2}
    with_it, _ = bench.train(bench.request("editor", folder="with", name="x", samples=(quick,), **often))
    without, _ = bench.train(bench.request("editor", folder="without", name="x", **often))
    assert with_it["loss"] == without["loss"]
    shelf = bench.driver("editor").shelf
    assert quick.stack.adapters[0].sha256 not in shelf.kept  # it takes no memory while steps run


def test_a_lora_that_is_gone_costs_the_sample_alone(bench: Bench, quick: Shot) -> None:
    bench.workspace.path(quick.stack.adapters[0].path).unlink()
    result, events = bench.train(bench.request("editor", folder="gone", samples=(quick,), steps=2, save_every=2))
    assert bench.workspace.path(result["lora"]).exists() and not any(e.type == "image" for e in events)
    assert any(e.type == "warning" and "Sample 1 at step 2" in e.text for e in events)
