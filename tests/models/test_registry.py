"""Architectures as data: what a LoRA's header tells of them, what a preset may say, and how one is added."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_helpers import QWEN, checkpoint, family, ramp, same, shot
from pydantic import ValidationError

from pipelines import models as package
from pipelines.domain.presets import Geometry, ModelFamily, TrainingSettings
from pipelines.domain.requests import TrainItem
from pipelines.domain.shots import ImageRef
from pipelines.engine.memory import lora_width, predict_training
from pipelines.engine.resident import Resident
from pipelines.models import registry
from pipelines.models.base import Layers
from pipelines.models.denoiser import denoiser_of
from pipelines.storage.preset_files import PRESETS, PresetError
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
from pipelines.training.dataset import Example
from pipelines.training.loss import Loss

PUBLISHED = (
    "flux1-dev", "flux1-krea-dev", "flux2-klein-4b", "qwen-image-2.1", "qwen-image-edit-2509", "qwen-image-edit-2511",
)  # fmt: skip


def table(name: str) -> dict[str, Any]:
    return tomllib.loads((PRESETS / "models" / f"{name}.toml").read_text())


# ---- presets


@pytest.mark.parametrize("name", list(shipped().models))
def test_every_module_that_a_preset_trains_is_in_its_architecture(name: str) -> None:
    chosen = shipped().models[name]
    architecture = registry.of(chosen)
    for target in chosen.lora_targets:
        assert lora_width(architecture, (target,), architecture.geometry), target


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_model_has_a_training_for_each_of_its_roles(name: str) -> None:
    target = {"generator": "character", "editor": "editor"}
    offered = {t.target for t in shipped().trainings.values() if name in t.families}
    assert offered == {target[role] for role in shipped().models[name].roles}


def test_a_new_family_is_one_table(workspace_root: Path) -> None:
    """The 9B klein: the 4B's table with other numbers. What it takes in memory follows from them."""
    own = {"name": "flux2-klein-9b", "geometry": {"width": 4096, "double": 8, "single": 24}}
    large = ModelFamily.model_validate({**table("flux2-klein-4b"), **own, "modelspec": "Flux.2-klein-9b"})
    small, asked = shipped().models["flux2-klein-4b"], TrainingSettings(rank=16, resolution=768)
    workspace, settings = Workspace(workspace_root), Settings(device="cpu")
    more, less = (predict_training(f, asked, workspace, settings, 1).phases["train"] for f in (large, small))
    assert more["LoRA and optimizer"] > 1.5 * less["LoRA and optimizer"] and more["activations"] > less["activations"]
    assert large.geometry == Geometry(width=4096, double=8, single=24)
    versions = [registry.of(small).base_version(f) for f in (small, large)]
    assert versions == ["flux_2_klein_4b", "flux_2_klein_9b"]


def test_a_model_without_a_role_or_with_one_that_nobody_knows_is_refused() -> None:
    for wrong in ({"roles": []}, {"roles": ["painter"]}, {"variants": ["a"]}):
        with pytest.raises(ValidationError):
            ModelFamily.model_validate({**table("mini-flux"), **wrong})


def test_an_unknown_architecture_is_told_with_those_there_are() -> None:
    odd = ModelFamily.model_validate({**table("mini-flux"), "architecture": "sdxl"})
    with pytest.raises(
        PresetError, match=r"no architecture .sdxl. \(known: flux, flux2-klein, qwen-image-2.1, qwen-image-edit\)"
    ):
        registry.of(odd)


# ---- what a header tells


def layers(*modules: str, into: int = 6, out: int = 6) -> Layers:
    keys = tuple(f"{m}.lora_{half}.weight" for m in modules for half in "AB")
    return Layers(keys, dict.fromkeys(modules, (into, out)))


@pytest.mark.parametrize(
    ("seen", "claim", "whose"),
    [
        (layers("transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj"), "", ["flux2-klein"]),
        (layers("transformer.transformer_blocks.0.ff.linear_in"), "flux1", ["flux2-klein"]),
        (layers("transformer.single_transformer_blocks.0.attn.to_out"), "", ["flux2-klein"]),
        # the original names are those of FLUX.1: how much wider the layer is tells them apart
        (layers("diffusion_model.single_blocks.0.linear1", into=3072, out=27648), "", ["flux2-klein"]),
        (layers("diffusion_model.single_blocks.0.linear1", into=3072, out=21504), "flux2", ["flux"]),
        (layers("lora_unet_double_blocks_0_img_mlp_0", into=3072, out=18432), "flux1", ["flux2-klein"]),
        (layers("lora_unet_double_blocks_0_img_mlp_0", into=3072, out=12288), "", ["flux"]),
        # where even that is the same, the header's word counts
        (layers("lora_unet_double_blocks_0_img_attn_qkv", out=18), "Flux.2-klein-4b/lora", ["flux2-klein"]),
        (layers("lora_unet_double_blocks_0_img_attn_qkv", out=18), "flux1", ["flux"]),
        (layers("lora_unet_double_blocks_12_img_attn_qkv", out=18), "flux2", ["flux"]),
        (layers("double_blocks.0.img_attn.qkv", "img_in", "txt_in.x"), "", ["flux"]),
        (layers("transformer.transformer_blocks.30.attn.to_q"), "flux", ["qwen-image-edit"]),
        (layers("transformer.transformer_blocks.9.attn.to_q"), "", ["flux", "qwen-image-edit"]),
        (layers("transformer.transformer_blocks.1.attn.to_q"), "FLUX.2", ["flux2-klein"]),
        (layers("transformer.transformer_blocks.1.attn.to_q"), "", ["flux", "flux2-klein", "qwen-image-edit"]),
        (layers("transformer.transformer_blocks.0.attn.to_q", "txt_in.lora"), "", ["qwen-image-edit"]),
        (layers("transformer.transformer_blocks.0.img_mlp.gate_layer"), "qwen-image-edit", ["qwen-image-2.1"]),
        (layers("transformer.transformer_blocks.0.img_mlp.net.2"), "Qwen-Image-2.1/lora", ["qwen-image-edit"]),
        (layers("diffusion_model.transformer_blocks.9.attn.to_q", into=4096, out=4096), "", ["qwen-image-2.1"]),
        (layers("diffusion_model.transformer_blocks.7.attn.to_q", into=4096, out=4096), "FLUX.2", ["flux2-klein"]),
        (layers("unknown.thing"), "flux", []),
    ],
)
def test_whose_layers_these_are(seen: Layers, claim: str, whose: list[str]) -> None:
    assert sorted(a.name for a in registry.recognise(seen, claim)) == whose


def test_names_shapes_and_headers_are_read_without_torch() -> None:
    code = (
        "import sys\n"
        "from pipelines.models import registry, lora_files, lora_export\n"
        "from pipelines.engine import memory\n"
        "assert len(registry.architectures()) == 4\n"
        "assert not {'torch', 'diffusers', 'transformers', 'peft'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, cwd=PRESETS.parent)


# ---- a new architecture is one package and one table


def test_a_package_beside_the_others_is_an_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resident: Resident
) -> None:
    own = tmp_path / "twin"
    shutil.copytree(Path(package.__file__).parent / "flux", own)
    facts = (own / "facts.py").read_text()
    (own / "facts.py").write_text(facts.replace('name = "flux"', 'name = "twin"').replace("FLUX.1", "Twin"))
    monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
    monkeypatch.setattr(registry, "architectures", registry.architectures.__wrapped__)
    twin = ModelFamily.model_validate({**table("mini-flux"), "name": "twin", "architecture": "twin"})
    assert registry.of(twin).name == "twin" and "Twin" in registry.titles()
    with resident.use(family("mini-flux")) as driver:
        known = driver.render(shot("mini-flux"), [])
    with resident.use(twin) as driver:
        assert type(driver).__module__ == "pipelines.models.twin.drive"
        assert same(driver.render(shot("mini-flux"), []), known)
        assert type(denoiser_of(driver, 64)).__module__ == "pipelines.models.twin.train"


# ---- what is new in Qwen-Image-Edit 2511


@pytest.mark.slow(seconds=6)
def test_inputs_with_a_time_of_their_own_are_drawn_with_and_trained(tmp_path: Path, workspace: Workspace) -> None:
    """2511's transformer takes its inputs at time 0 (``zero_cond_t``): the same calls, on the small weights."""
    twin = family(QWEN).model_copy(update={"name": "twin-2511"})
    folder = tmp_path / "models" / twin.name
    shutil.copytree(checkpoint(QWEN), folder)
    config = json.loads((folder / "transformer" / "config.json").read_text())
    (folder / "transformer" / "config.json").write_text(json.dumps({**config, "zero_cond_t": True}))
    resident = Resident(workspace, Settings(models_dir=tmp_path / "models", device="cpu"))
    wanted = shot(QWEN, sources=(ImageRef(id="a", path="-"),))
    with resident.use(family(QWEN)) as driver:
        plain = driver.render(wanted, [ramp()])
    with resident.use(twin) as driver:
        assert driver.pipe.transformer.config.zero_cond_t
        assert not same(driver.render(wanted, [ramp()]), plain)
        denoiser = denoiser_of(driver, 64)
        with torch.no_grad():
            picture = denoiser.encode_picture(ramp(64))
            text = denoiser.encode_text("turn the head", [ramp()])
            controls = (denoiser.encode_control(ramp()),)
        item = TrainItem(image=ImageRef(id="a", path="-"), caption="turn the head")
        example = Example(item, picture, controls, text, text)
        loss = Loss(denoiser, driver.device, 0)
        sigma, noise = loss.draw(example, 0)
        alone = loss.of(example, sigma, noise)
        pair = loss.of_batch([(example, sigma, noise, False)] * 2)
        assert torch.isfinite(alone) and float(pair) == pytest.approx(float(alone), rel=0.02)
    resident.drop()
