"""FLUX.2 klein, a third architecture and both roles in one model: loaded, drawn with, adapted, trained, exported."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bitsandbytes.nn import Linear4bit
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from engine_helpers import put_in_card
from klein import KLEIN, KleinBench, shot, write_checkpoint
from PIL import Image
from safetensors.torch import load_file, save_file

from pipelines.domain.presets import TrainingSettings
from pipelines.domain.shots import Adapter, ImageRef, LoraStack, Shot
from pipelines.engine.adapters import applied, load
from pipelines.engine.memory import lora_width, predict_render, predict_training
from pipelines.engine.resident import Resident
from pipelines.engine.weights import check_folder
from pipelines.models import registry
from pipelines.models.denoiser import denoiser_of
from pipelines.models.driver import ShotError
from pipelines.models.lora_files import LoraRefused, inspect
from pipelines.storage.presets import shipped
from pipelines.storage.safetensors_file import read_metadata
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
from pipelines.training.dataset import Cache, Encoder
from pipelines.training.task import TrainingDataError

FAMILY = shipped().models[KLEIN]
TARGETS = ("character", "editor")
REFERENCE = ImageRef(id="a", path="-")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("klein")
    write_checkpoint(folder / KLEIN)
    return folder


@pytest.fixture(scope="module")
def bench(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KleinBench]:
    """One model for all tests here: it is as it was after each of them, which is tested, too."""
    workspace = Workspace(tmp_path_factory.mktemp("workspace"))
    workspace.create()
    made = KleinBench(workspace, models_dir)
    yield made
    made.residents["character"].drop()


def opened(bench: KleinBench, path: str) -> Image.Image:
    return Image.open(bench.workspace.path(path)).convert("RGB")


def drawn(bench: KleinBench, wanted: Shot, **options: Any) -> np.ndarray:
    sources = [opened(bench, ref.path) for ref in wanted.sources]
    return np.asarray(bench.driver().render(wanted, sources, **options)).astype(int)


def sources(bench: KleinBench, count: int) -> tuple[ImageRef, ...]:
    return tuple(picture.ref for picture in bench.pictures[:count])


# ---- the checkpoint


def test_a_folder_without_the_chat_template_is_incomplete(models_dir: Path, tmp_path: Path) -> None:
    assert check_folder(models_dir / KLEIN) == []
    shutil.copytree(models_dir / KLEIN, tmp_path / KLEIN)
    (tmp_path / KLEIN / "tokenizer" / "chat_template.jinja").unlink()
    assert check_folder(tmp_path / KLEIN) == ["tokenizer/chat_template.jinja is missing"]


def test_transformer_and_text_encoder_are_nf4(bench: KleinBench) -> None:
    pipe = bench.driver().pipe
    for part in (pipe.transformer, pipe.text_encoder):
        linear = {name: m for name, m in part.named_modules() if isinstance(m, torch.nn.Linear)}
        plain = {name.split(".")[0] for name, m in linear.items() if not isinstance(m, Linear4bit)}
        assert len(linear) > 20
        assert plain == (set(FAMILY.parts["transformer"].skip) if part is pipe.transformer else set())
    assert isinstance(pipe.text_encoder.lm_head, torch.nn.Identity)
    assert not any(isinstance(m, Linear4bit) for m in pipe.vae.modules())


def test_memory_is_foretold_as_it_is_held(bench: KleinBench) -> None:
    resident = bench.residents["character"]
    forecast = predict_render(FAMILY, [], bench.workspace, resident.settings).phases["denoise"]
    for part in FAMILY.parts:
        module = getattr(bench.driver().pipe, part)
        held = sum(p.nbytes for p in module.parameters())
        states = [m.weight.quant_state for m in module.modules() if hasattr(getattr(m, "weight", None), "quant_state")]
        held += sum(s.absmax.nbytes + (s.state2.absmax.nbytes if s.nested else 0) for s in states)
        assert forecast[part] * 2**30 == pytest.approx(held, rel=0.06)


def test_the_published_model_fits_where_others_say_it_fits(
    monkeypatch: pytest.MonkeyPatch, workspace_root: Path
) -> None:
    put_in_card(monkeypatch)
    workspace, settings = Workspace(workspace_root), Settings(device="auto", memory_budget_gib=24)
    drawing = predict_render(FAMILY, [], workspace, settings)
    assert drawing.phases["load"]["transformer"] == pytest.approx(1.86 + 0.27, abs=0.05)
    assert drawing.phases["load"]["text_encoder"] == pytest.approx(2.47, abs=0.05)
    training = predict_training(FAMILY, TrainingSettings(rank=16, resolution=1024), workspace, settings, 1)
    assert drawing.fits and 3 < training.phase_gib("train") < 10


# ---- pictures


def test_from_words_alone_it_draws_what_the_stock_pipeline_draws(bench: KleinBench) -> None:
    driver, wanted = bench.driver(), shot(negative_prompt="")
    own = driver.pipe(
        prompt=wanted.prompt, height=96, width=96, num_inference_steps=2, guidance_scale=4.0,
        generator=torch.Generator("cpu").manual_seed(1), max_sequence_length=FAMILY.text_length,
    ).images[0]  # fmt: skip
    assert np.array_equal(drawn(bench, wanted), np.asarray(own).astype(int))
    assert np.array_equal(drawn(bench, wanted), drawn(bench, wanted))


@pytest.mark.parametrize("count", [1, 3])
def test_with_references_it_edits_as_the_stock_pipeline_does(bench: KleinBench, count: int) -> None:
    driver, wanted = bench.driver(), shot(sources=sources(bench, count))
    own = driver.pipe(
        image=[opened(bench, ref.path) for ref in wanted.sources], prompt=wanted.prompt, height=96, width=96,
        num_inference_steps=2, guidance_scale=4.0, generator=torch.Generator("cpu").manual_seed(1),
        max_sequence_length=FAMILY.text_length,
    ).images[0]  # fmt: skip
    edited = drawn(bench, wanted)
    assert np.array_equal(edited, np.asarray(own).astype(int))
    assert not np.array_equal(edited, drawn(bench, shot()))
    if count > 1:  # each of them is seen, and in their order
        turned = wanted.model_copy(update={"sources": wanted.sources[::-1]})
        assert not np.array_equal(edited, drawn(bench, turned))
        assert not np.array_equal(edited, drawn(bench, shot(sources=wanted.sources[:-1])))


@pytest.mark.slow(seconds=6)
def test_text_is_encoded_once_for_drawing_and_editing(bench: KleinBench) -> None:
    cache = bench.driver().cache
    drawn(bench, shot(prompt="somebody else"))
    before = cache.misses
    drawn(bench, shot(prompt="somebody else", sources=sources(bench, 1), seed=5))
    assert cache.misses == before
    drawn(bench, shot(prompt="somebody else", negative_prompt="blurry"))
    drawn(bench, shot(prompt="somebody else", guidance=1.0))
    assert cache.misses == before + 2


def test_previews_show_the_picture_to_come(bench: KleinBench) -> None:
    shown: list[Image.Image] = []
    last = drawn(bench, shot(steps=8, height=160), on_preview=shown.append)
    assert {p.size for p in shown} == {(96, 160)} and len(shown) == 3
    far, near = (np.abs(np.asarray(p).astype(int) - last).mean() for p in (shown[0], shown[-1]))
    assert near < far


def test_words_when_a_shot_cannot_be_made(bench: KleinBench) -> None:
    driver = bench.driver()
    with pytest.raises(ShotError, match="at most 4 source pictures, the shot has 5"):
        driver.render(shot(sources=(REFERENCE,) * 5), [Image.new("RGB", (96, 96))] * 5)
    for size in ((40, 96), (640, 72)):
        with pytest.raises(ShotError, match=f"source 2 is seen at {size[0]} x {size[1]}"):
            pictures = [Image.new("RGB", (96, 96)), Image.new("RGB", size)]
            driver.render(shot(sources=(REFERENCE,) * 2), pictures)


def test_a_large_reference_is_seen_smaller(bench: KleinBench) -> None:
    assert bench.driver()._seen(Image.new("RGB", (3000, 1500))).size == (1448, 724)


# ---- LoRAs

Tensors = dict[str, torch.Tensor]
WIDTHS = {"attn.to_q": (64, 64), "ff.linear_in": (64, 384), "ff.linear_out": (192, 64)}


def random_lora(seed: int = 0) -> Tensors:
    """On a few layers, by diffusers name without prefix."""
    draw, made = torch.Generator().manual_seed(seed), {}
    modules = {f"transformer_blocks.{n}.{name}": size for n in range(2) for name, size in WIDTHS.items()}
    modules |= {f"single_transformer_blocks.{n}.attn.to_qkv_mlp_proj": (64, 576) for n in range(3)}
    modules |= {f"single_transformer_blocks.{n}.attn.to_out": (256, 64) for n in range(3)}
    for module, (into, out) in modules.items():
        made[f"{module}.lora_A.weight"] = torch.randn(4, into, generator=draw) * 0.3
        made[f"{module}.lora_B.weight"] = torch.randn(out, 4, generator=draw) * 0.3
    return made


def written(bench: KleinBench, name: str, tensors: Tensors, metadata: dict[str, str] | None = None) -> Adapter:
    path = bench.workspace.path(f"loras/{name}.safetensors")
    path.parent.mkdir(exist_ok=True)
    save_file(tensors, path, metadata)
    return Adapter(name=name, sha256=inspect(path).sha256, path=f"loras/{name}.safetensors")


def prefixed(tensors: Tensors, prefix: str) -> Tensors:
    return {prefix + key: tensor for key, tensor in tensors.items()}


def worn(bench: KleinBench, adapter: Adapter, weight: float, wanted: Shot | None = None) -> np.ndarray:
    stack = LoraStack(adapters=(adapter.model_copy(update={"weight": weight}),))
    with applied(bench.driver(), stack, bench.workspace):
        return drawn(bench, wanted or shot())


@pytest.mark.parametrize("count", [0, 2])
def test_a_lora_is_put_on_weighed_and_taken_off_without_a_trace(bench: KleinBench, count: int) -> None:
    adapter = written(bench, "style", prefixed(random_lora(), "transformer."))
    wanted = shot(sources=sources(bench, count))
    base = drawn(bench, wanted)
    full, half, none = (worn(bench, adapter, weight, wanted) for weight in (1.0, 0.5, 0.0))
    assert np.array_equal(none, base) and np.array_equal(drawn(bench, wanted), base)
    assert not np.array_equal(full, half) and not np.array_equal(half, base)
    assert np.array_equal(worn(bench, adapter, 1.0, wanted), full)


def halved(tensors: Tensors) -> Tensors:
    """With an alpha of half the rank beside each pair, and twice the strength in B: the same LoRA."""
    out = {k: 2 * t if ".lora_B." in k else t for k, t in tensors.items()}
    return out | {k.replace(".lora_A.weight", ".alpha"): torch.tensor(2.0) for k in tensors if ".lora_A." in k}


def down_up(tensors: Tensors) -> Tensors:
    return {k.replace("lora_A", "lora_down").replace("lora_B", "lora_up"): t for k, t in tensors.items()}


ORIGINAL = {
    ".ff.linear_in.": ".img_mlp.0.", ".ff.linear_out.": ".img_mlp.2.", ".attn.to_qkv_mlp_proj.": ".linear1.",
    ".attn.to_out.": ".linear2.", "single_transformer_blocks": "single_blocks",
}  # fmt: skip


def original(tensors: Tensors) -> Tensors:
    """Black Forest Labs' own names, as ComfyUI and ai-toolkit write them; attention is fused there, so it is left."""
    made = {}
    for key, tensor in tensors.items():
        for ours, theirs in ORIGINAL.items():
            key = key.replace(ours, theirs)
        made[key if key.startswith("single") else key.replace("transformer_blocks", "double_blocks")] = tensor
    return made


def kohya(tensors: Tensors) -> Tensors:
    """The original names with underscores, as sd-scripts and musubi-tuner write them."""
    made = {}
    for key, tensor in down_up(original(tensors)).items():
        module, dot, ending = key.rpartition(".lora_") if ".lora_" in key else key.rpartition(".alpha")
        made[f"lora_unet_{module.replace('.', '_')}{dot}{ending}"] = tensor
    return made


LAYOUTS: dict[str, Callable[[Tensors], Tensors]] = {
    "unprefixed": lambda t: t,
    "comfy": lambda t: prefixed(t, "diffusion_model."),
    "peft": lambda t: prefixed(t, "base_model.model."),
    "alpha": lambda t: prefixed(halved(t), "transformer."),
    "down and up": lambda t: prefixed(down_up(halved(t)), "transformer."),
    "original": lambda t: prefixed(original(t), "diffusion_model."),
    "original, alpha": lambda t: prefixed(original(halved(t)), "diffusion_model."),
    "original, down and up": lambda t: prefixed(down_up(original(halved(t))), "diffusion_model."),
    "original, unprefixed": lambda t: original(t),
    "original, diffusers' prefix": lambda t: prefixed(original(t), "transformer."),
    "kohya, alpha": lambda t: kohya(halved(t)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_picture_of_the_diffusers_layout(bench: KleinBench, layout: str) -> None:
    tensors = {k: t for k, t in random_lora().items() if ".to_q." not in k}
    plain = written(bench, "plain", prefixed(tensors, "transformer."))
    other = written(bench, "other", LAYOUTS[layout](tensors))
    assert inspect(bench.workspace.path(other.path)).family == "flux2-klein"
    difference = np.abs(worn(bench, plain, 1.0) - worn(bench, other, 1.0)).max()
    assert difference <= (0 if "alpha" not in layout and "down" not in layout else 1)


def test_what_does_not_fit_is_refused_and_leaves_no_trace(bench: KleinBench) -> None:
    base = drawn(bench, shot())
    wide = {"transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj.lora_A.weight": torch.randn(4, 96)}
    wide |= {"transformer.single_transformer_blocks.0.attn.to_qkv_mlp_proj.lora_B.weight": torch.randn(864, 4)}
    flux = {f"transformer.single_transformer_blocks.0.attn.to_q.lora_{h}.weight": torch.randn(4, 4) for h in "AB"}
    for name, tensors, words in (("nine", wide, "another size"), ("flux", flux, "LoRA for flux")):
        adapter = written(bench, name, tensors)
        with pytest.raises(LoraRefused, match=words):
            load(bench.driver(), bench.workspace.path(adapter.path), "bad")
    assert np.array_equal(drawn(bench, shot()), base)


# ---- training


class Asked(Exception):
    """The transformer was called; carries the arguments."""


def asked(transformer: Any, call: Callable[[], Any]) -> dict[str, Any]:
    def stop(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        raise Asked(kwargs)

    hook = transformer.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        call()
    except Asked as caught:
        return caught.args[0]
    finally:
        hook.remove()
    raise AssertionError("the transformer was not called")


@pytest.mark.parametrize("count", [0, 1, 2])
def test_training_asks_the_model_as_inference_does(bench: KleinBench, tmp_path: Path, count: int) -> None:
    driver = bench.driver()
    denoiser = denoiser_of(driver, 128)
    item = bench.item(0).model_copy(update={"controls": sources(bench, count)})
    with torch.no_grad():
        example = Encoder(denoiser, Cache(tmp_path), bench.workspace.path, "b", 128).example(item)
    h, w = (side * FAMILY.multiple for side in example.latents.shape[-2:])
    wanted = shot(prompt=item.caption, width=w, height=h, guidance=1.0, sources=item.controls)
    inference = asked(driver.pipe.transformer, lambda: drawn(bench, wanted))
    noise = torch.randn(example.latents.shape, generator=torch.Generator().manual_seed(3))
    training = asked(
        driver.pipe.transformer, lambda: denoiser.predict(noise, torch.ones(1), example.controls, example.text)
    )
    tokens = denoiser.pack(noise).shape[1]
    for name in ("encoder_hidden_states", "txt_ids", "img_ids", "timestep"):
        assert torch.equal(inference[name].float(), training[name].float()), name
    assert inference["guidance"] is training["guidance"] is None
    assert inference["hidden_states"].shape == training["hidden_states"].shape
    assert torch.equal(inference["hidden_states"][:, tokens:], training["hidden_states"][:, tokens:])
    assert torch.equal(training["hidden_states"][:, :tokens], denoiser.pack(noise).to(driver.pipe.dtype))


def test_noise_levels_are_shifted_as_the_pipeline_shifts_them(bench: KleinBench) -> None:
    driver = bench.driver()
    mu = denoiser_of(driver, 96).shift(4096)
    driver.pipe.scheduler.set_timesteps(sigmas=[0.5], mu=mu)
    assert float(driver.pipe.scheduler.sigmas[0]) == pytest.approx(1 / (1 + np.exp(-mu)), abs=1e-5)
    assert mu == pytest.approx(compute_empirical_mu(4096, FAMILY.defaults.steps))


@pytest.mark.slow(seconds=6)
@pytest.mark.parametrize("alpha", [4, 2.5])
@pytest.mark.parametrize("target", TARGETS)
def test_trained_exported_and_read_again_it_gives_the_trainers_picture(
    bench: KleinBench, target: str, alpha: float, models_dir: Path
) -> None:
    folder = f"characters/ada/models/{target}-{alpha}"
    request = bench.request(
        target, alpha=alpha, folder=folder, learning_rate=2e-2, samples=(bench.shot(target),), save_every=4
    )
    base = drawn(bench, request.samples[0])
    result, events = bench.train(request)
    assert np.array_equal(drawn(bench, request.samples[0]), base)
    sample = np.asarray(opened(bench, [e.image.path for e in events if e.type == "image"][-1])).astype(int)
    adapter = Adapter(name="ada_v1", sha256=result["sha256"], path=result["lora"])
    assert np.abs(worn(bench, adapter, 1.0, request.samples[0]) - sample).max() == 0
    assert np.abs(base - sample).max() > 3
    fresh = Resident(bench.workspace, Settings(models_dir=models_dir, device="cpu"))
    with fresh.use(FAMILY) as driver:
        driver.pipe.load_lora_weights(bench.workspace.path(result["lora"]), adapter_name="reloaded")
        pictures = [opened(bench, ref.path) for ref in request.samples[0].sources]
        reloaded = np.asarray(driver.render(request.samples[0], pictures)).astype(int)
    fresh.drop()
    assert np.abs(reloaded - sample).max() == 0


@pytest.mark.slow(seconds=5)
@pytest.mark.parametrize("target", TARGETS)
def test_it_learns_and_its_file_says_what_it_is(bench: KleinBench, target: str) -> None:
    request = bench.request(target, folder=f"learnt/{target}", steps=12, learning_rate=1e-2, rank=8, save_every=12)
    result, events = bench.train(request)
    fixed = [e.metric.value for e in events if e.type == "metric" and e.metric.name == "fixed_loss"]
    assert fixed[-1] < fixed[0]
    path = bench.workspace.path(result["lora"])
    tensors, told = load_file(path), read_metadata(path)
    assert all(k.startswith("transformer.") and k.endswith((".lora_A.weight", ".lora_B.weight")) for k in tensors)
    assert {t.dtype for t in tensors.values()} == {torch.bfloat16}
    header = inspect(path)
    assert (header.family, header.format, header.rank, header.trigger) == ("flux2-klein", "diffusers", 8, "ohwx_char")
    assert header.modules == 2 * 12 + 3 * 2
    assert told["modelspec.architecture"] == "Flux.2-klein-4b/lora"
    assert told["ss_base_model_version"] == "flux_2_klein_4b"
    assert told["flenwheel.base"] == "black-forest-labs/FLUX.2-klein-base-4B"
    config = bench.driver().pipe.transformer.config
    shape = FAMILY.geometry or registry.of(FAMILY).geometry
    shape = shape.model_copy(update={"width": 64, "double": config.num_layers, "single": config.num_single_layers})
    assert lora_width(registry.of(FAMILY), FAMILY.lora_targets, shape) * 8 == sum(t.numel() for t in tensors.values())


@pytest.mark.slow(seconds=6)
def test_a_reference_changes_what_is_learnt(bench: KleinBench) -> None:
    losses = []
    for n, reference in enumerate((1, 2)):
        items = (bench.item(0, "editor", controls=(bench.pictures[reference].ref,)),)
        request = bench.request("editor", folder=f"pair/{n}", items=items, steps=1, caption_dropout=0)
        losses.append(bench.train(request)[0]["loss"])
    assert losses[0] != losses[1]


def test_the_task_decides_what_an_example_is_whatever_the_model(bench: KleinBench) -> None:
    pair, alone = bench.item(0, "editor"), bench.item(0)
    with pytest.raises(TrainingDataError, match="no input picture"):
        bench.train(bench.request("editor", items=(alone,)))
    with pytest.raises(TrainingDataError, match="takes no input pictures"):
        bench.train(bench.request("character", items=(pair,)))
