"""The file: read back in a fresh pipeline it gives the trainer's pictures; its header tells where it comes from."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from train_helpers import FAMILY, Bench, fresh_resident

from pipelines.domain.requests import TrainRequest
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.engine.adapters import applied
from pipelines.models.lora_export import Learned, tag_frequency
from pipelines.models.lora_export import header as made
from pipelines.models.lora_files import inspect
from pipelines.storage.presets import shipped
from pipelines.storage.workspace import Workspace

TARGETS = ("character", "editor")


def path_of(bench: Bench, request: TrainRequest) -> Path:
    return bench.workspace.path(f"{request.folder}/{request.name}.safetensors")


def header(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return file.metadata()


def keys(path: Path) -> list[str]:
    with safe_open(path, framework="pt") as file:
        return list(file.keys())


def opened(bench: Bench, path: str) -> np.ndarray:
    return np.asarray(Image.open(bench.workspace.path(path)).convert("RGB")).astype(int)


def sources(bench: Bench, target: str) -> list[Image.Image]:
    return [Image.open(bench.workspace.path(bench.pictures[0].path)).convert("RGB")] if target == "editor" else []


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [4, 2.5])
@pytest.mark.parametrize("target", TARGETS)
def test_a_fresh_pipeline_gives_the_trainers_picture(
    bench: Bench, models_root: Workspace, target: str, alpha: float, record_property: Any
) -> None:
    request = bench.request(target, alpha=alpha, steps=4, learning_rate=2e-2, samples=(bench.shot(target),))
    _, events = bench.train(request)
    in_training = opened(bench, [e.image.path for e in events if e.type == "image"][-1])
    with fresh_resident(models_root).use(shipped().models[FAMILY[target]]) as driver:
        base = np.asarray(driver.render(bench.shot(target), sources(bench, target))).astype(int)
        driver.pipe.load_lora_weights(path_of(bench, request), adapter_name="reloaded")
        reloaded = np.asarray(driver.render(bench.shot(target), sources(bench, target))).astype(int)
    difference = int(np.abs(reloaded - in_training).max())
    record_property("max_abs_difference", difference)
    print(f"{target}, alpha {alpha}: max abs difference {difference}; to the base {np.abs(base - in_training).max()}")
    assert difference == 0
    # the LoRA does something, and it is no blown-out picture: equal means something
    assert np.abs(base - in_training).max() > 3 and in_training.std() > 5


def test_the_header_names_input_pictures_too(bench: Bench) -> None:
    told = made("ada", Learned({}, [0.5], "f"), bench.request("editor"), shipped().models[FAMILY["editor"]])
    assert json.loads(told["flenwheel.images"]) == sorted(p.id for p in bench.pictures[:3])  # two to make, of two


@pytest.mark.slow(seconds=3)
@pytest.mark.parametrize("target", TARGETS)
def test_the_studio_renders_it_like_any_lora(bench: Bench, target: str) -> None:
    request = bench.request(target, learning_rate=3e-2, samples=(bench.shot(target),))
    result, events = bench.train(request)
    sample = opened(bench, [e.image.path for e in events if e.type == "image"][-1])
    stack = LoraStack(adapters=(Adapter(name="ada_v1", sha256=result["sha256"], path=result["lora"]),))
    driver = bench.driver(target)
    with applied(driver, stack, bench.workspace):
        rendered = np.asarray(driver.render(bench.shot(target), sources(bench, target))).astype(int)
    assert np.abs(rendered - sample).max() == 0


@pytest.mark.slow(seconds=4)
def test_loras_kept_for_rendering_are_not_disturbed_by_a_training(bench: Bench) -> None:
    driver = bench.driver("character")
    result, _ = bench.train(bench.request(steps=2, learning_rate=3e-2))
    stack = LoraStack(adapters=(Adapter(name="a", sha256=result["sha256"], path=result["lora"], weight=0.7),))

    def pictures() -> list[bytes]:
        with applied(driver, stack, bench.workspace):
            styled = driver.render(bench.shot(), [])
        with applied(driver, LoraStack(), bench.workspace):
            return [styled.tobytes(), driver.render(bench.shot(), []).tobytes()]

    before = pictures()
    alone = bench.request(folder="other", name="other", steps=2, seed=9)
    with_kept, _ = bench.train(alone)
    assert pictures() == before and before[0] != before[1]
    again, _ = bench.train(bench.request(folder="again", name="other", steps=2, seed=9))
    # what is kept on the shelf takes no part in training
    assert again["loss"] == with_kept["loss"]


@pytest.mark.parametrize(
    ("target", "prefix", "family"),
    [("character", "transformer.", "flux"), ("editor", "transformer.transformer_blocks.", "qwen-image-edit")],
)
def test_keys_are_named_as_the_readers_expect(bench: Bench, target: str, prefix: str, family: str) -> None:
    request = bench.request(target, steps=1)
    bench.train(request)
    path = path_of(bench, request)
    assert all(k.startswith(prefix) and k.endswith((".lora_A.weight", ".lora_B.weight")) for k in keys(path))
    read = inspect(path)
    assert (read.family, read.rank, read.alpha, read.trigger) == (family, 4, 4, "ohwx_char")
    assert read.modules == len(keys(path)) // 2


def test_alpha_is_folded_into_b(bench: Bench) -> None:
    request = bench.request(alpha=1, steps=2, save_every=2)
    bench.train(request)
    kept = bench.workspace.path(f"{request.folder}/checkpoints/000002/adapter.safetensors")
    with safe_open(kept, framework="pt") as raw, safe_open(path_of(bench, request), framework="pt") as file:
        for key in raw.keys():  # noqa: SIM118
            scale = 0.25 if ".lora_B." in key else 1.0
            expected = (raw.get_tensor(key) * scale).to(torch.bfloat16)
            assert torch.equal(file.get_tensor(f"transformer.{key}"), expected)


def test_the_header_tells_base_rank_trigger_dataset_and_lineage(bench: Bench) -> None:
    request = bench.request(alpha=8, steps=1)
    result, _ = bench.train(request)
    told = header(path_of(bench, request))
    assert {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "flux-1-dev/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": "ada_v1",
        "modelspec.resolution": "64x64",
        "modelspec.trigger_phrase": "ohwx_char",
        "modelspec.license": "Apache-2.0",
        "ss_base_model_version": "flux1",
        "ss_output_name": "ada_v1",
        "ss_network_dim": "4",
        "ss_network_alpha": "4",
        "trigger_words": "ohwx_char",
        "flenwheel.family": "mini-flux",
        "flenwheel.base": "mini-flux",
        "flenwheel.revision": request.revision,
        "flenwheel.rank": "4",
        "flenwheel.alpha": "8",
        "flenwheel.trigger": "ohwx_char",
        "flenwheel.dataset": "ada/pristine/v3",
        "flenwheel.run": "run-17",
        "flenwheel.origins": "source 2",
        "flenwheel.licence": "Apache-2.0",
    }.items() <= told.items()
    assert json.loads(told["ss_tag_frequency"]) == {"ada_v1": {"front view": 1, "ohwx_char person": 2, "smiling": 1}}
    assert json.loads(told["flenwheel.images"]) == sorted(p.id for p in bench.pictures[:2])
    assert float(told["flenwheel.loss"]) == result["loss"]
    assert told["modelspec.hash_sha256"].startswith("0x")


def test_the_real_base_is_named_by_its_hub_id(bench: Bench) -> None:
    family = shipped().models["qwen-image-edit-2509"]
    told = made("ada_v1", Learned({}, [0.5], "f"), bench.request("editor"), family)
    assert told["flenwheel.base"] == "Qwen/Qwen-Image-Edit-2509"
    assert told["modelspec.architecture"] == "Qwen-Image-Edit-Plus/lora"


def test_the_header_lies_in_a_fixed_order(bench: Bench) -> None:
    request = bench.request(steps=1)
    bench.train(request)
    data = path_of(bench, request).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    assert list(metadata) == sorted(metadata) and length % 8 == 0


@pytest.mark.slow(seconds=5)
def test_no_pickle_and_no_cache_is_left(bench: Bench) -> None:
    request = bench.request("editor", samples=(bench.shot("editor"),))
    bench.train(request)
    files = [p for p in bench.workspace.path(request.folder).rglob("*") if p.is_file()]
    assert {p.suffix for p in files} == {".safetensors", ".json", ".png"}
    assert not any("cache" in p.parts for p in (f.relative_to(bench.workspace.root) for f in files))


def test_tags_are_counted_by_commas() -> None:
    assert json.loads(tag_frequency("x", ["a, b", "b,", "ü"])) == {"x": {"a": 1, "b": 2, "ü": 1}}
