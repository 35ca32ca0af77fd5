"""Qwen-Image 2.1, both roles in one model: loaded, drawn and edited with, adapted, trained, exported."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bitsandbytes.nn import Linear4bit
from diffusers.pipelines.qwenimage21.pipeline_qwenimage21 import calculate_shift
from engine_helpers import put_in_card
from PIL import Image
from qwen21 import BLOCKS, NAME, SEEN, WIDTH, Qwen21Bench, write_checkpoint
from safetensors.torch import load_file, save_file
from test_flux2_klein import asked

from pipelines.domain.shots import Adapter, ImageRef, LoraStack, Shot
from pipelines.engine.adapters import applied
from pipelines.engine.memory import predict_render, predict_training
from pipelines.engine.resident import Resident
from pipelines.engine.weights import check_folder, missing
from pipelines.models.denoiser import denoiser_of
from pipelines.models.driver import ShotError
from pipelines.models.lora_files import LoraRefused, admit_lora, inspect
from pipelines.storage.presets import shipped
from pipelines.storage.safetensors_file import read_metadata
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
from pipelines.training.dataset import Cache, Encoder

FAMILY = shipped().models[NAME]
REFERENCE = ImageRef(id="a", path="-")
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qwen21")
    write_checkpoint(folder / NAME)
    return folder


@pytest.fixture(scope="module")
def bench(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qwen21Bench]:
    """One model for all tests here: it is as it was after each of them, which is tested, too."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    workspace.create()
    made = Qwen21Bench(workspace, models_dir)
    yield made
    made.residents["character"].drop()


def opened(bench: Qwen21Bench, path: str) -> Image.Image:
    return Image.open(bench.workspace.path(path)).convert("RGB")


def drawn(bench: Qwen21Bench, wanted: Shot, **options: Any) -> np.ndarray:
    sources = [opened(bench, ref.path) for ref in wanted.sources]
    return np.asarray(bench.driver().render(wanted, sources, **options)).astype(int)


def sources(bench: Qwen21Bench, count: int) -> tuple[ImageRef, ...]:
    return tuple(picture.ref for picture in bench.pictures[:count])


def stock(bench: Qwen21Bench, wanted: Shot) -> np.ndarray:
    """What diffusers' pipeline makes of the same words and pictures by itself, on white."""
    guided = {"negative_prompt": wanted.negative_prompt} if wanted.guidance > 1 else {}
    made = bench.driver().pipe(
        prompt=wanted.prompt, image=[opened(bench, ref.path) for ref in wanted.sources] or None, height=wanted.height,
        width=wanted.width, num_inference_steps=wanted.steps, true_cfg_scale=wanted.guidance, output_resolution=SEEN,
        generator=torch.Generator("cpu").manual_seed(wanted.seed), **guided,
    ).images[0]  # fmt: skip
    assert made.mode == "RGBA"
    return np.asarray(Image.alpha_composite(Image.new("RGBA", made.size, "white"), made).convert("RGB")).astype(int)


# ---- the checkpoint, and what is told before it is fetched


def test_the_licence_is_told_before_anything_is_fetched(workspace_root: Path) -> None:
    workspace, settings = Workspace(workspace_root), Settings(models_dir=workspace_root / "none")
    lacking = missing(FAMILY, workspace, settings)
    assert lacking and "licence: Qwen Research License" in lacking.what and lacking.gib == pytest.approx(30.3, abs=0.5)
    assert "Non-commercial" in FAMILY.licence_note


def test_a_folder_without_the_chat_template_is_incomplete(models_dir: Path, tmp_path: Path) -> None:
    assert check_folder(models_dir / NAME) == []
    shutil.copytree(models_dir / NAME, tmp_path / NAME)
    (tmp_path / NAME / "processor" / "chat_template.jinja").unlink()
    assert check_folder(tmp_path / NAME) == ["processor/chat_template.jinja is missing"]


def test_what_is_quantized_and_what_it_takes_is_as_foretold(bench: Qwen21Bench) -> None:
    pipe, settings = bench.driver().pipe, bench.residents["character"].settings
    forecast = predict_render(bench.family, [], bench.workspace, settings).phases["denoise"]
    for name, part in FAMILY.parts.items():
        module = getattr(pipe, name)
        linear = {n: m for n, m in module.named_modules() if isinstance(m, torch.nn.Linear)}
        packed = {n for n, m in linear.items() if isinstance(m, Linear4bit)}
        assert packed == ({n for n in linear if n.split(".")[0] not in part.skip} if part.quantize == "nf4" else set())
        held = sum(p.nbytes for p in module.parameters())
        states = [m.weight.quant_state for n, m in linear.items() if n in packed]
        held += sum(s.absmax.nbytes + (s.state2.absmax.nbytes if s.nested else 0) for s in states)
        assert forecast[name] * 2**30 == pytest.approx(held, rel=0.06), name
    assert isinstance(pipe.text_encoder.lm_head, torch.nn.Identity)


def test_the_published_model_fits_with_all_its_references(
    monkeypatch: pytest.MonkeyPatch, workspace_root: Path, bench: Qwen21Bench
) -> None:
    put_in_card(monkeypatch)
    workspace, settings = Workspace(workspace_root), Settings(device="auto", memory_budget_gib=24)

    def foretold(count: int) -> Any:
        shots = [bench.shot(sources=(REFERENCE,) * count, width=1024, height=1024)]
        return predict_render(FAMILY, shots, workspace, settings)

    alone, one, ten = (foretold(count) for count in (0, 1, 10))
    assert alone.fits and alone.ladder == () and alone.phases["load"]["transformer"] == pytest.approx(3.6, abs=0.1)
    assert one.fits and one.phases["denoise"]["words and sources"] == pytest.approx(2.03, abs=0.03)
    assert ten.fits and ten.ladder[-1] == "prefix" and "words and sources" not in ten.phases["denoise"]
    for target in (0, 1):
        training = shipped().trainings["editor-24gb" if target else "character-24gb"].settings
        assert predict_training(FAMILY, training, workspace, settings, target).fits


# ---- pictures


@pytest.mark.parametrize("count", [0, 3])
def test_it_draws_and_edits_as_the_stock_pipeline_does(bench: Qwen21Bench, count: int) -> None:
    wanted = bench.shot(sources=sources(bench, count))
    edited = drawn(bench, wanted)
    assert np.array_equal(edited, stock(bench, wanted)) and np.array_equal(edited, drawn(bench, wanted))
    if count > 1:  # each of them is seen, and in their order
        turned = wanted.model_copy(update={"sources": wanted.sources[::-1]})
        assert not np.array_equal(edited, drawn(bench, turned))


def test_with_guidance_the_negative_prompt_counts(bench: Qwen21Bench) -> None:
    wanted = bench.shot(sources=sources(bench, 1), guidance=4.0, negative_prompt="blurry")
    guided = drawn(bench, wanted)
    assert np.array_equal(guided, stock(bench, wanted))
    assert not np.array_equal(guided, drawn(bench, wanted.model_copy(update={"negative_prompt": ""})))


def test_words_and_sources_computed_anew_give_the_same_but_for_rounding(bench: Qwen21Bench) -> None:
    driver, wanted = bench.driver(), bench.shot(sources=sources(bench, 2), steps=3)
    kept = drawn(bench, wanted)
    driver.take("prefix")
    try:
        anew = drawn(bench, wanted)
    finally:
        driver.keeps_prefix = True
    without = drawn(bench, bench.shot(steps=3))
    assert np.abs(kept - anew).mean() < 0.25 * np.abs(kept - without).mean()


def test_what_words_and_pictures_mean_is_encoded_once(bench: Qwen21Bench) -> None:
    cache = bench.driver().cache
    wanted = bench.shot(prompt="somebody else", sources=sources(bench, 1))
    drawn(bench, wanted)
    before = cache.misses
    drawn(bench, wanted.model_copy(update={"seed": 5}))
    assert cache.misses == before
    drawn(bench, wanted.model_copy(update={"sources": sources(bench, 2)}))
    assert cache.misses == before + 1


def test_previews_show_the_picture_to_come(bench: Qwen21Bench) -> None:
    shown: list[Image.Image] = []
    last = drawn(bench, bench.shot(steps=8, height=160), on_preview=shown.append)
    assert {(p.size, p.mode) for p in shown} == {((96, 160), "RGB")} and len(shown) == 3
    far, near = (np.abs(np.asarray(p).astype(int) - last).mean() for p in (shown[0], shown[-1]))
    assert near < far


def test_words_when_a_shot_cannot_be_made(bench: Qwen21Bench) -> None:
    driver, picture = bench.driver(), Image.new("RGB", (96, 96))
    with pytest.raises(ShotError, match="at most 10 source pictures, the shot has 11"):
        driver.render(bench.shot(sources=(REFERENCE,) * 11), [picture] * 11)
    with pytest.raises(ShotError, match="needs at least 2 steps"):
        driver.render(bench.shot(steps=1), [])


# ---- LoRAs

SIZES = {
    "attn.to_q": (WIDTH, WIDTH), "attn.to_k": (WIDTH, WIDTH), "attn.to_v": (WIDTH, WIDTH),
    "img_mlp.gate_layer": (WIDTH, 3 * WIDTH), "img_mlp.out": (3 * WIDTH, WIDTH),
}  # fmt: skip


def random_lora(seed: int = 0) -> Tensors:
    """On a few layers, by diffusers name without prefix."""
    draw, made = torch.Generator().manual_seed(seed), {}
    for n in range(BLOCKS):
        shared = torch.randn(4, WIDTH, generator=draw) * 0.3
        for name, (into, out) in SIZES.items():
            fused = name.startswith("attn")
            made[f"transformer_blocks.{n}.{name}.lora_A.weight"] = (
                shared.clone() if fused else torch.randn(4, into, generator=draw) * 0.3
            )
            made[f"transformer_blocks.{n}.{name}.lora_B.weight"] = torch.randn(out, 4, generator=draw) * 0.3
    return made


def written(bench: Qwen21Bench, name: str, tensors: Tensors) -> Adapter:
    path = bench.workspace.path(f"loras/{name}.safetensors")
    path.parent.mkdir(exist_ok=True)
    save_file(tensors, path)
    return Adapter(name=name, sha256=inspect(path).sha256, path=f"loras/{name}.safetensors")


def worn(bench: Qwen21Bench, adapter: Adapter, weight: float, wanted: Shot | None = None) -> np.ndarray:
    stack = LoraStack(adapters=(adapter.model_copy(update={"weight": weight}),))
    with applied(bench.driver(), stack, bench.workspace):
        return drawn(bench, wanted or bench.shot())


def prefixed(tensors: Tensors, prefix: str) -> Tensors:
    return {prefix + key: tensor for key, tensor in tensors.items()}


def kohya(tensors: Tensors) -> Tensors:
    made = {}
    for key, tensor in tensors.items():
        module, half = key.split(".lora_")
        half = {"A.weight": "lora_down.weight", "B.weight": "lora_up.weight"}[half]
        made[f"lora_unet_{module.replace('.', '_')}.{half}"] = tensor
        made[f"lora_unet_{module.replace('.', '_')}.alpha"] = torch.tensor(4.0)
    return made


def fused(tensors: Tensors) -> Tensors:
    made = {k: t for k, t in tensors.items() if ".attn." not in k}
    for n in range(BLOCKS):
        block = f"transformer_blocks.{n}.attn"
        made[f"{block}.to_qkv.lora_A.weight"] = tensors[f"{block}.to_q.lora_A.weight"]
        made[f"{block}.to_qkv.lora_B.weight"] = torch.cat(
            [tensors[f"{block}.to_{p}.lora_B.weight"] for p in ("q", "k", "v")]
        )
    return prefixed(made, "diffusion_model.")


LAYOUTS: dict[str, Callable[[Tensors], Tensors]] = {
    "unprefixed": lambda t: t,
    "comfy": lambda t: prefixed(t, "diffusion_model."),
    "kohya": kohya,
    "fused": fused,
}


@pytest.mark.slow(seconds=4)
def test_a_lora_of_every_layout_is_put_on_weighed_and_taken_off(bench: Qwen21Bench) -> None:
    base, tensors = drawn(bench, bench.shot()), random_lora()
    plain = written(bench, "plain", prefixed(tensors, "transformer."))
    full = worn(bench, plain, 1.0)
    assert np.abs(full - base).max() > 3 and not np.array_equal(worn(bench, plain, 0.5), full)
    assert np.array_equal(worn(bench, plain, 0.0), base)
    for layout, change in LAYOUTS.items():
        other = written(bench, layout, change(tensors))
        assert inspect(bench.workspace.path(other.path)).family == NAME
        assert np.abs(worn(bench, other, 1.0) - full).max() <= 1, layout
    assert np.array_equal(drawn(bench, bench.shot()), base)
    edit = bench.shot(sources=sources(bench, 2))
    assert not np.array_equal(worn(bench, plain, 1.0, edit), drawn(bench, edit))


def attention(width: int, blocks: int) -> bytes:
    import safetensors.numpy

    names = [f"transformer.transformer_blocks.{n}.attn.to_q" for n in range(blocks)]
    halves = {"lora_A.weight": (1, width), "lora_B.weight": (width, 1)}
    return safetensors.numpy.save(
        {f"{name}.{half}": np.zeros(shape, np.float16) for name in names for half, shape in halves.items()}
    )


@pytest.mark.parametrize(
    ("width", "blocks", "whose"),
    [(4096, 32, NAME), (4096, 9, NAME), (3072, 60, "qwen-image-edit"), (3072, 19, "flux")],
)
def test_whose_an_attention_lora_is_follows_from_its_sides(width: int, blocks: int, whose: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(attention(width, blocks))
    header = inspect(path)
    assert header.family == whose
    assert (NAME in header.fits) == (width == 4096)


def test_a_lora_for_another_model_is_refused_in_words(workspace_root: Path) -> None:
    workspace = Workspace(workspace_root)
    workspace.create()
    with pytest.raises(LoraRefused, match=r"made for Qwen-Image-Edit, not for Qwen-Image 2\.1"):
        admit_lora(workspace, attention(3072, 60), "a.safetensors", NAME)
    with pytest.raises(LoraRefused, match=r"made for Qwen-Image 2\.1, not for Qwen-Image-Edit"):
        admit_lora(workspace, attention(4096, 32), "a.safetensors", "qwen-image-edit")


# ---- training


@pytest.mark.parametrize("count", [0, 2])
def test_training_asks_the_model_as_inference_does(bench: Qwen21Bench, tmp_path: Path, count: int) -> None:
    driver = bench.driver()
    denoiser = denoiser_of(driver, 96)
    item = bench.item(0).model_copy(update={"controls": sources(bench, count)})
    with torch.no_grad():
        example = Encoder(denoiser, Cache(tmp_path), bench.workspace.path, "b", 96).example(item)
    h, w = (side * driver.pipe.vae_scale_factor for side in example.latents.shape[-2:])
    wanted = bench.shot(prompt=item.caption, width=w, height=h, sources=item.controls)
    inference = asked(driver.pipe.transformer, lambda: drawn(bench, wanted))
    noise = torch.randn(example.latents.shape, generator=torch.Generator().manual_seed(3))
    training = asked(
        driver.pipe.transformer, lambda: denoiser.predict(noise, torch.ones(1), example.controls, example.text)
    )
    tokens = denoiser.pack(noise).shape[1]
    for name in ("encoder_hidden_states", "timestep", "img_mask"):
        assert torch.equal(inference[name].float(), training[name].float()), name
    assert inference["img_shapes"] == training["img_shapes"]
    assert inference["encoder_hidden_states_mask"] is training["encoder_hidden_states_mask"] is None
    assert inference["hidden_states"].shape == training["hidden_states"].shape
    assert torch.equal(inference["hidden_states"][:, :-tokens], training["hidden_states"][:, :-tokens])
    assert torch.equal(training["hidden_states"][:, -tokens:], denoiser.pack(noise).to(driver.pipe.dtype))


def test_noise_levels_are_shifted_as_the_pipeline_shifts_them(bench: Qwen21Bench) -> None:
    denoiser, config = denoiser_of(bench.driver(), 96), bench.driver().pipe.scheduler.config
    names = ("base_image_seq_len", "max_image_seq_len", "base_shift", "max_shift")
    assert denoiser.shift(4096) == pytest.approx(calculate_shift(4096, *(config[name] for name in names)))


def test_what_an_input_looks_like_at_one_size_is_not_taken_for_another(bench: Qwen21Bench, tmp_path: Path) -> None:
    """Words and pictures are encoded together, as large as the training sees the picture."""
    item = bench.item(0).model_copy(update={"controls": sources(bench, 1)})
    with torch.no_grad():
        seen = [
            Encoder(denoiser_of(bench.driver(), px), Cache(tmp_path), bench.workspace.path, "b", px).example(item)
            for px in (96, 64)
        ]
    assert [int(example.text.places.sum()) for example in seen] == [  # type: ignore[union-attr]
        example.controls[0].shape[-1] * example.controls[0].shape[-2] // 4 for example in seen
    ]
    assert seen[0].text.embeds.shape != seen[1].text.embeds.shape


@pytest.mark.parametrize("target", [pytest.param("character", marks=pytest.mark.slow), "editor"])
def test_trained_exported_and_read_again_it_gives_the_trainers_picture(
    bench: Qwen21Bench, target: str, models_dir: Path
) -> None:
    request = bench.request(
        target, alpha=2.5, folder=f"characters/ada/models/{target}", learning_rate=2e-2, batch=2,
        samples=(bench.shot(target),), save_every=4,
    )  # fmt: skip
    base = drawn(bench, request.samples[0])
    result, events = bench.train(request)
    assert np.array_equal(drawn(bench, request.samples[0]), base)
    sample = np.asarray(opened(bench, [e.image.path for e in events if e.type == "image"][-1])).astype(int)
    adapter = Adapter(name="ada_v1", sha256=result["sha256"], path=result["lora"])
    assert np.abs(base - sample).max() > 3
    assert np.array_equal(worn(bench, adapter, 1.0, request.samples[0]), sample)
    path = bench.workspace.path(result["lora"])
    header, told = inspect(path), read_metadata(path)
    assert (header.family, header.format, header.rank, header.modules) == (NAME, "diffusers", 4, BLOCKS * 7)
    assert all(key.startswith("transformer.") for key in load_file(path))
    assert told["modelspec.architecture"] == "Qwen-Image-2.1/lora" and told["flenwheel.base"] == "Qwen/Qwen-Image-2.1"
    fresh = Resident(bench.workspace, Settings(models_dir=models_dir, device="cpu"))
    with fresh.use(bench.family) as driver:  # by diffusers' own loader
        driver.pipe.load_lora_weights(path, adapter_name="reloaded")
        pictures = [opened(bench, ref.path) for ref in request.samples[0].sources]
        reloaded = np.asarray(driver.render(request.samples[0], pictures)).astype(int)
    fresh.drop()
    assert np.array_equal(reloaded, sample)


@pytest.mark.slow
def test_it_learns(bench: Qwen21Bench) -> None:
    request = bench.request("editor", folder="learnt", steps=12, learning_rate=1e-2, rank=8, save_every=12)
    _, events = bench.train(request)
    fixed = [e.metric.value for e in events if e.type == "metric" and e.metric.name == "fixed_loss"]
    assert fixed[-1] < fixed[0]
