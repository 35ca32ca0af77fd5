"""Models from files that people own: known by their headers, put together, turned into a copy, the same picture."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_helpers import FLUX, QWEN, distance, family, ramp, same, shot, source
from owned_helpers import (
    Tensors,
    black_forest,
    flux_comfy,
    fp8,
    fp8_scaled,
    frame,
    latent_diffusion,
    part,
    qwen_comfy,
    save,
    twin,
    wan,
    write_gguf,
)
from PIL import Image

from pipelines.domain.presets import ModelFamily, Weights
from pipelines.engine import assemble, prepare, shared_folders, weights
from pipelines.engine.resident import Resident
from pipelines.engine.tensors import TensorFile
from pipelines.models.owned_files import look, named_for
from pipelines.models.part_files import latent_diffusion_vae, transformer, wan_vae
from pipelines.models.registry import architectures
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

TITLES = {FLUX: "FLUX.1 dev", QWEN: "Qwen-Image-Edit 2509"}


def picture(model: ModelFamily, workspace: Workspace, settings: Settings, name: str) -> Image.Image:
    resident = Resident(workspace, settings)
    asked = shot(name, sources=(source(workspace),) if name == QWEN else (), steps=4)
    with resident.use(model) as driver:
        made = driver.render(asked, [ramp()] if name == QWEN else [])
    resident.drop()
    return made


def copied(name: str, models: Path, tmp_path: Path, workspace: Workspace) -> tuple[ModelFamily, Settings]:
    """The model put together from ComfyUI's folders, with its copy made."""
    model, settings = (
        twin(name, TITLES[name], frame(name, tmp_path / "frame")),
        Settings(device="cpu", shared_folders=str(models)),
    )
    lacking = weights.missing(model, workspace, settings)
    assert lacking is not None and lacking.how == "prepare" and lacking.gib == 0
    assert "are turned once into a copy" in lacking.what
    found = weights.source_to_prepare(model, workspace, settings)
    assert found.files.keys() == set(family(name).parts)
    prepare.make(model, found, workspace, settings, torch.device("cpu"))
    assert weights.missing(model, workspace, settings) is None
    return model, settings


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Image.Image]:
    """The pictures of the small models as they come, quantized while they are loaded."""
    place = Workspace(tmp_path_factory.mktemp("stock"))
    place.create()
    return {name: picture(family(name), place, Settings(device="cpu"), name) for name in (FLUX, QWEN)}


KINDS: list[tuple[str, str, float, float]] = [
    # Of a layer's numbers, how far they are off at most (fp8 has 3 bits of fraction, Q4_0 16 values), and the mean
    # difference of the picture, of 255. Making 4 bits of bf16, as all do, changes it by 4.1 (FLUX) and 15.8 (Qwen).
    ("bf16", "bf16", 0.0, 0.0),
    ("fp8", "bf16", 0.04, 9.0),
    ("fp8_scaled", "fp8_scaled", 0.04, 9.0),
    ("newer", "fp8", 0.04, 9.0),
    ("Q8_0", "bf16", 0.015, 5.0),
    ("Q4_0", "bf16", 0.17, 14.0),
]


def off(own: Tensors, models: Path) -> float:
    """How far the numbers of the worst layer are off, as a share of their size."""
    file = TensorFile(next((models / "diffusion_models").iterdir()), foreign=True)
    layers = {name: tensor.float() for name, tensor in own.items() if tensor.dim() == 2}
    return max(float((file.read(name).float() - t).norm() / t.norm()) for name, t in layers.items())


def write_transformer(kind: str, own: Tensors, models: Path, name: str) -> None:
    path = models / "diffusion_models" / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind.startswith("Q"):
        write_gguf(path.with_name(f"{name}-{kind}.gguf"), own, "flux", kind)
    else:
        made = {"bf16": lambda t: t, "fp8": fp8, "fp8_scaled": fp8_scaled, "newer": lambda t: fp8_scaled(t, newer=True)}
        save(made[kind](own), path)


@pytest.mark.parametrize(("kind", "encoders", "share", "most"), KINDS)
def test_flux_from_comfyui_files_draws_the_same_picture(
    kind: str,
    encoders: str,
    share: float,
    most: float,
    tmp_path: Path,
    workspace: Workspace,
    stock: dict[str, Image.Image],
) -> None:
    models = tmp_path / "ComfyUI/models"
    flux_comfy(models, encoders=encoders)
    own = black_forest(part(FLUX, "transformer"))
    write_transformer(kind, own, models, "flux1-dev")
    assert off(own, models) <= share
    model, settings = copied(FLUX, models, tmp_path, workspace)
    made = picture(model, workspace, settings, FLUX)
    if most == 0:
        assert same(made, stock[FLUX])
    else:
        assert 0 < distance(made, stock[FLUX]) < most
    [copy] = weights.prepared.copies(workspace, settings)
    assert bool(copy.manifest.notes) == (kind == "Q4_0")


@pytest.mark.slow(seconds=3)
@pytest.mark.parametrize(("kind", "most"), [("bf16", 0.0), ("fp8_scaled", 20.0), ("Q8_0", 12.0)])
def test_qwen_from_comfyui_files_draws_the_same_picture(
    kind: str, most: float, tmp_path: Path, workspace: Workspace, stock: dict[str, Image.Image]
) -> None:
    models = tmp_path / "models"
    qwen_comfy(models, part(QWEN, "transformer"))
    (models / "diffusion_models/qwen_image_edit_2509_bf16.safetensors").unlink()
    write_transformer(kind, part(QWEN, "transformer"), models, "Qwen-Image-Edit-2509")
    model, settings = copied(QWEN, models, tmp_path, workspace)
    made = picture(model, workspace, settings, QWEN)
    assert same(made, stock[QWEN]) if most == 0 else 0 < distance(made, stock[QWEN]) < most


def test_one_file_may_hold_all_parts(tmp_path: Path, workspace: Workspace, stock: dict[str, Image.Image]) -> None:
    """As ComfyUI's own checkpoints do."""
    whole: Tensors = {}
    for prefix, tensors in {
        "model.diffusion_model.": black_forest(part(FLUX, "transformer")),
        "text_encoders.clip_l.transformer.text_model.": part(FLUX, "text_encoder"),
        "text_encoders.t5xxl.transformer.": part(FLUX, "text_encoder_2"),
        "vae.": latent_diffusion(part(FLUX, "vae")),
    }.items():
        whole |= {prefix + name: tensor for name, tensor in tensors.items()}
    (tmp_path / "checkpoints").mkdir()
    save(whole, tmp_path / "checkpoints/flux1-dev.safetensors")
    model, settings = copied(FLUX, tmp_path / "checkpoints", tmp_path, workspace)
    assert same(picture(model, workspace, settings, FLUX), stock[FLUX])


def test_a_file_that_is_exchanged_is_another_model(tmp_path: Path, workspace: Workspace) -> None:
    models = tmp_path / "models"
    own = black_forest(part(FLUX, "transformer"))
    flux_comfy(models, own)
    model, settings = copied(FLUX, models, tmp_path, workspace)
    save({name: tensor * 1.01 for name, tensor in own.items()}, models / "diffusion_models/flux1-dev.safetensors")
    lacking = weights.missing(model, workspace, settings)
    assert lacking is not None and lacking.how == "prepare"


def test_a_fine_tune_is_used_only_where_a_preset_names_it(tmp_path: Path, workspace: Workspace) -> None:
    models = tmp_path / "models"
    flux_comfy(models, black_forest(part(FLUX, "transformer")))
    tuned = (models / "diffusion_models/flux1-dev.safetensors").rename(
        models / "diffusion_models/mySuperFlux.safetensors"
    )
    model, settings = twin(FLUX, TITLES[FLUX], frame(FLUX, tmp_path / "frame")), Settings(shared_folders=str(models))
    assert weights.source_of(model, workspace, settings) is None
    named = Weights(folder=model.weights.folder, files={"transformer": str(tuned)})
    found = weights.source_of(model.model_copy(update={"weights": named}), workspace, settings)
    assert found is not None and found.files["transformer"].owned.path == tuned


@pytest.mark.parametrize(
    ("file", "model"),
    [
        ("flux1-dev-fp8.safetensors", "flux1-dev"),
        ("flux1-dev-Q8_0.gguf", "flux1-dev"),
        ("flux1-dev-Q4_K_S.gguf", "flux1-dev"),
        ("flux_dev_fp8_e4m3fn_scaled.safetensors", "flux1-dev"),
        ("flux1-krea-dev_fp8_scaled.safetensors", "flux1-krea-dev"),
        ("qwen_image_edit_2509_fp8_e4m3fn.safetensors", "qwen-image-edit-2509"),
        ("Qwen-Image-Edit-2509-Q5_K_M.gguf", "qwen-image-edit-2509"),
        ("qwen_image_edit_2511_bf16.safetensors", "qwen-image-edit-2511"),
        ("flux1-schnell.safetensors", ""),
        ("flux1-dev-kontext_fp8_scaled.safetensors", ""),
        ("flux1-fill-dev.safetensors", ""),
        ("qwen_image_edit_fp8_e4m3fn.safetensors", ""),
        ("Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16.safetensors", ""),
        ("my_flux_dev_portrait_v3.safetensors", ""),
    ],
)
def test_a_file_is_taken_for_what_it_is_called(file: str, model: str) -> None:
    assert [f.name for f in shipped().models.values() if named_for(f, Path(file))] == ([model] if model else [])


def refused(tensors: Tensors, tmp_path: Path) -> str:
    save(tensors, tmp_path / "file.safetensors")
    return look(tmp_path / "file.safetensors").problem


def test_what_cannot_be_used_is_told_from_the_header(tmp_path: Path) -> None:
    own = black_forest(part(FLUX, "transformer"))
    block = "double_blocks.0.img_attn.qkv"
    assert "a LoRA, no model" in refused({f"{block}.lora_down.weight": torch.ones(4, 4)}, tmp_path)
    assert "nothing in it is a part" in refused({"a.weight": torch.ones(4, 4)}, tmp_path)
    quantized = {**own, f"{block}.weight.quant_state.bitsandbytes__nf4": torch.ones(4)}
    assert "bitsandbytes' 4 bits in one file" in refused(quantized, tmp_path)
    integers = {**own, f"{block}.weight": torch.ones(8, 8, dtype=torch.int8)}
    assert "quantized as I8, which is not undone here" in refused(integers, tmp_path)
    blocks = {**fp8_scaled(own), f"{block}.scale_weight": torch.ones(4, 7)}
    assert "has scales by blocks" in refused(blocks, tmp_path)
    pickled = tmp_path / "flux.safetensors"
    torch.save({"a": torch.ones(2)}, pickled)
    assert "a pickle" in look(pickled).problem
    write_gguf(tmp_path / "cut.gguf", own, "flux")
    data = (tmp_path / "cut.gguf").read_bytes()
    for length, words in ((len(data) - 1, "the file is cut off"), (400, "within its header"), (3, "")):
        (tmp_path / "cut.gguf").write_bytes(data[:length])
        assert words in look(tmp_path / "cut.gguf").problem and look(tmp_path / "cut.gguf").problem
    write_gguf(tmp_path / "coarse.gguf", own, "flux", "Q2_K")
    assert "quantized as Q2_K, which is too coarse" in look(tmp_path / "coarse.gguf").problem
    assert look(tmp_path / "missing.gguf").problem.startswith("it cannot be read")


def test_what_does_not_fit_is_told_with_the_layer(tmp_path: Path) -> None:
    model = twin(FLUX, TITLES[FLUX], frame(FLUX, tmp_path / "frame"))
    configs = assemble.configs_of(model, tmp_path / "frame")
    own = black_forest(part(FLUX, "transformer"))

    def wrong(tensors: Tensors) -> str:
        save(tensors, tmp_path / "file.safetensors")
        owned = look(tmp_path / "file.safetensors")
        [content] = [c for c in owned.contents if c.architecture == "flux"]
        return "; ".join(assemble.fit(owned, content, configs["transformer"]))

    assert wrong(own) == ""
    without_guidance = {k: t for k, t in own.items() if not k.startswith("guidance_in")}
    assert "lacks 2 of" in wrong(without_guidance) and "guidance_embedder" in wrong(without_guidance)
    wide = {**own, "img_in.weight": torch.ones(192, 384, dtype=torch.bfloat16)}
    assert "x_embedder makes 192 numbers of 384, not 192 of 64" in wrong(wide)
    assert "layers that are not the model's" in wrong({**own, "distilled_guidance_layer.in.weight": torch.ones(4, 4)})
    [published] = assemble.fits(look(tmp_path / "file.safetensors"), [shipped().models["flux1-dev"]])["flux1-dev"]
    assert "it was made for another model" in published.wrong


def test_a_part_that_lacks_a_tensor_is_refused_before_anything_is_written(tmp_path: Path, workspace: Workspace) -> None:
    models = tmp_path / "models"
    own = black_forest(part(FLUX, "transformer"))
    own.pop("double_blocks.0.img_attn.norm.query_norm.scale")
    flux_comfy(models, own)
    model, settings = (
        twin(FLUX, TITLES[FLUX], frame(FLUX, tmp_path / "frame")),
        Settings(device="cpu", shared_folders=str(models)),
    )
    found = weights.source_to_prepare(model, workspace, settings)
    with pytest.raises(prepare.CannotPrepare, match=r"does not hold all of the transformer .*norm_q\.weight"):
        prepare.make(model, found, workspace, settings, torch.device("cpu"))
    assert list((workspace.root / "models/prepared").iterdir()) == []


def test_the_true_names_are_those_that_diffusers_converts() -> None:
    """At the published configs, without memory: names and sides, against diffusers' own converters."""
    from diffusers.loaders import single_file_utils as theirs

    flux = architectures()["flux"]
    config = {"num_layers": 19, "num_single_layers": 38, "attention_head_dim": 128, "num_attention_heads": 24,
              "joint_attention_dim": 4096, "pooled_projection_dim": 768, "axes_dims_rope": [16, 56, 56],
              "guidance_embeds": True, "in_channels": 64}  # fmt: skip
    model = prepare.hollow("diffusers", "FluxTransformer2DModel", config)
    own = {name: tensor.to(torch.bfloat16) for name, tensor in model.state_dict().items()}
    original = black_forest(own)
    pieces = transformer(flux).pieces(flux.config)
    ours = {
        piece.name: tuple(prepare._taken(tensor, piece).shape)
        for name, tensor in original.items()
        for piece in pieces(name) or ()
    }
    converted = theirs.convert_flux_transformer_checkpoint_to_diffusers(dict(original))
    assert ours == {name: tuple(tensor.shape) for name, tensor in converted.items()}
    assert ours == {name: tuple(tensor.shape) for name, tensor in own.items()}


def test_the_true_names_of_both_autoencoders_are_those_that_diffusers_converts() -> None:
    from diffusers.loaders import single_file_utils as theirs

    told: dict[str, Any] = {"block_out_channels": [128, 256, 512, 512], "latent_channels": 16, "layers_per_block": 2,
                            "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4,
                            "use_quant_conv": False, "use_post_quant_conv": False}  # fmt: skip
    own = dict(prepare.hollow("diffusers", "AutoencoderKL", told).state_dict())
    original = latent_diffusion(own)
    pieces = latent_diffusion_vae(told).pieces(told)
    ours = {piece.name for name in original for piece in pieces(name) or ()}
    assert ours == set(theirs.convert_ldm_vae_checkpoint(dict(original), told)) == set(own)

    told = {"z_dim": 16, "base_dim": 96, "dim_mult": [1, 2, 4, 4], "num_res_blocks": 2}
    own = dict(prepare.hollow("diffusers", "AutoencoderKLQwenImage", told).state_dict())
    original = wan(own, 2)
    pieces = wan_vae(told).pieces(told)
    ours = {name: piece.name for name in original for piece in pieces(name) or ()}
    converted = theirs.convert_wan_vae_to_diffusers({name: name for name in original})
    assert {theirs_name: name for name, theirs_name in ours.items()} == converted
    assert set(ours.values()) == set(own)


def test_folders_of_comfyui_are_found_by_its_own_file_of_paths(tmp_path: Path) -> None:
    comfy, other = tmp_path / "ComfyUI", tmp_path / "big disk"
    (comfy / "comfy").mkdir(parents=True)
    flux_comfy(comfy / "models")
    (comfy / "custom_nodes").mkdir()
    save({"a": torch.ones(1)}, comfy / "custom_nodes/not-asked-for.safetensors")
    (other / "unet").mkdir(parents=True)
    save(black_forest(part(FLUX, "transformer")), other / "unet/flux1-dev.safetensors")
    (other / "unet/again.safetensors").symlink_to(other / "unet/flux1-dev.safetensors")
    (other / "unet/round").symlink_to(other)
    section = f"a111:\n  base_path: {other}\n  is_default: true\n  loras: lost\n"
    (comfy / "extra_model_paths.yaml").write_text(section + "  diffusion_models: |\n    models/none\n    unet\n")
    [found] = shared_folders.found(Settings(shared_folders=str(comfy)))
    assert not found.problem
    assert sorted(file.path.name for file in found.files if not file.problem) == [
        "ae.safetensors", "clip_l.safetensors", "flux1-dev.safetensors", "t5xxl_bf16.safetensors",
    ]  # fmt: skip
    [by_file] = shared_folders.found(Settings(shared_folders=str(comfy / "extra_model_paths.yaml")))
    assert len(by_file.files) == 1
    (comfy / "extra_model_paths.yaml").write_text("a: [1, 2")
    [broken] = shared_folders.found(Settings(shared_folders=str(comfy)))
    assert broken.problem and not broken.files
    lost, here = shared_folders.found(Settings(shared_folders=f"{tmp_path / 'gone'}\n{other}"))
    assert lost.problem == "there is no such folder" and len(here.files) == 1


def test_what_lacks_besides_found_files_is_named_with_its_size(tmp_path: Path, workspace: Workspace) -> None:
    """Files of true sides, without numbers: a header is all that is read."""
    model = shipped().models["flux1-dev"]
    config = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12}
    layers = architectures()["flux"].encoder_modules("text_encoder", config)
    clip = {f"text_model.{name}.weight": torch.zeros(out, into).to(torch.float8_e4m3fn)
            for name, (into, out) in layers.items()}  # fmt: skip
    save(clip, tmp_path / "clip_l.safetensors")
    lacking = weights.missing(model, workspace, Settings(shared_folders=str(tmp_path)))
    assert lacking is not None and lacking.how == "download"
    assert f"text_encoder in {tmp_path / 'clip_l.safetensors'}" in lacking.what
    assert "Missing are transformer, text_encoder_2, vae, configs and tokenizers: 31.2 GiB" in lacking.what
    assert lacking.gib == 31.2


def test_a_broken_config_of_the_frame_is_no_crash(tmp_path: Path, workspace: Workspace) -> None:
    models = tmp_path / "models"
    flux_comfy(models, black_forest(part(FLUX, "transformer")))
    folder = frame(FLUX, tmp_path / "frame")
    (folder / "vae/config.json").write_text(json.dumps({"_class_name": "AutoencoderKL", "block_out_channels": None}))
    model = twin(FLUX, TITLES[FLUX], folder)
    assert weights.source_of(model, workspace, Settings(shared_folders=str(models))) is None
    assert weights.missing(model, workspace, Settings(shared_folders=str(models))) is not None
