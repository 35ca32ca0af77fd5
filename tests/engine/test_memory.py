"""Memory foretold: the arithmetic of docs/numbers.md, from presets and from headers; refusals in words."""

import json
from pathlib import Path
from typing import Literal

import pytest
from engine_helpers import FLUX, QWEN, family, put_in_card, put_memory_in, shot, tensor_shapes

from pipelines.domain.presets import Geometry, TrainingSettings
from pipelines.engine import memory
from pipelines.engine.capacity import capacity
from pipelines.engine.memory import lora_width, predict_render, predict_training
from pipelines.engine.resident import Resident
from pipelines.models import registry
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

# What the published figures are for. Of Qwen every linear layer of a block: the preset trains attention only; of FLUX
# without the feed-forward of its single blocks, which the preset trains.
DOUBLE_BLOCKS_OF_FLUX = tuple(t for t in family("flux1-dev").lora_targets if t not in ("proj_mlp", "proj_out"))
ALL_OF_QWEN = (
    *("attn.to_k", "attn.to_q", "attn.to_v", "attn.to_out.0"),
    *("attn.add_k_proj", "attn.add_q_proj", "attn.add_v_proj", "attn.to_add_out"),
    *("img_mlp.net.0.proj", "img_mlp.net.2", "txt_mlp.net.0.proj", "txt_mlp.net.2"),
)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card of 24 GiB: the published figures are for bfloat16."""
    put_in_card(monkeypatch)


@pytest.fixture
def roomy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for all there is: nothing is spared."""
    put_memory_in(monkeypatch)


def kept_gib(name: str) -> float:
    """What the modules that stay in bf16 cost, GiB: the figures are for transformers that are quantized whole."""
    part = family(name).parts["transformer"]
    return part.plain * (memory.BF16 - memory.NF4) / memory.GIB


def weights_of(phase: dict[str, float]) -> float:
    return sum(gib for name, gib in phase.items() if name not in ("overhead", "activations"))


def test_resident_weights_are_as_calculated_for_the_real_models(card: None, workspace: Workspace) -> None:
    flux = predict_render(family("flux1-dev"), [], workspace, Settings(device="auto"))
    assert weights_of(flux.phases["load"]) == pytest.approx(10.0 + kept_gib("flux1-dev"), abs=0.05)
    assert flux.phases["load"]["transformer"] == pytest.approx(5.72 + kept_gib("flux1-dev"), abs=0.01)
    assert flux.phases["load"]["text_encoder_2"] == pytest.approx(3.86, abs=0.01)
    qwen = predict_render(family("qwen-image-edit-2509"), [], workspace, Settings(device="auto"))
    assert weights_of(qwen.phases["load"]) == pytest.approx(15.6 + kept_gib("qwen-image-edit-2509"), abs=0.06)
    assert weights_of(qwen.phases["denoise"]) == pytest.approx(14.5 + kept_gib("qwen-image-edit-2509"), abs=0.05)
    assert qwen.phases["load"]["text_encoder"] == pytest.approx(5.49, abs=0.01)


def test_encoders_leave_when_that_makes_it_fit(card: None, workspace: Workspace) -> None:
    roomy = predict_render(family("qwen-image-edit-2509"), [], workspace, Settings(device="auto", memory_budget_gib=24))
    tight = predict_render(
        family("qwen-image-edit-2509"), [], workspace, Settings(device="auto", memory_budget_gib=16.5)
    )
    assert roomy.ladder == ()
    assert tight.ladder == ("tiling", "encoders off")
    assert weights_of(tight.phases["denoise"]) == pytest.approx(10.1 + kept_gib("qwen-image-edit-2509"), abs=0.06)
    assert tight.fits


@pytest.mark.parametrize(
    ("name", "targets", "side", "gib"),
    [
        ("flux1-dev", DOUBLE_BLOCKS_OF_FLUX, 512, 7.92),
        ("flux1-dev", DOUBLE_BLOCKS_OF_FLUX, 768, 8.72),
        ("flux1-dev", DOUBLE_BLOCKS_OF_FLUX, 1024, 9.79),
        ("qwen-image-edit-2509", ALL_OF_QWEN, 512, 12.98),
        ("qwen-image-edit-2509", ALL_OF_QWEN, 768, 14.42),
        ("qwen-image-edit-2509", ALL_OF_QWEN, 1024, 16.36),
    ],
)
def test_training_takes_what_was_calculated(
    name: str, targets: tuple[str, ...], side: int, gib: float, card: None, workspace: Workspace
) -> None:
    trained = family(name).model_copy(update={"lora_targets": targets}) if targets else family(name)
    settings = TrainingSettings(rank=16, resolution=side)
    prediction = predict_training(trained, settings, workspace, Settings(device="auto", memory_budget_gib=24))
    assert prediction.phase_gib("train") == pytest.approx(gib + kept_gib(name), abs=0.06)


def test_training_grows_with_what_makes_it_grow(roomy: None, workspace: Workspace) -> None:
    def gib(**changes) -> float:
        settings = TrainingSettings(**{"rank": 16, "resolution": 512, **changes})
        return predict_training(family("flux1-dev"), settings, workspace, Settings(device="cpu")).phase_gib("train")

    assert gib() < gib(rank=32) < gib(rank=64)
    assert gib() < gib(batch=2)
    assert gib() < gib(gradient_checkpointing=False)


def test_a_refusal_says_how_much_and_what_to_do(card: None, workspace: Workspace) -> None:
    settings = Settings(device="auto", memory_budget_gib=8)
    pictures = predict_render(family("flux1-dev"), [], workspace, settings)
    assert not pictures.fits
    assert "FLUX.1 dev needs about 10.8 GiB, and 8.0 GiB may be used here" in pictures.why
    training = predict_training(family("flux1-dev"), TrainingSettings(), workspace, settings)
    assert not training.fits
    assert "smaller resolution, batch or rank" in training.why
    assert predict_render(family(FLUX), [], workspace, settings).why == ""


def test_a_cpu_that_does_not_compute_bfloat16_needs_more(
    card: None, roomy: None, monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    def phases(device: Literal["auto", "cpu"], bfloat16: bool) -> dict[str, dict[str, float]]:
        monkeypatch.setattr(memory, "computes_bfloat16", lambda kind: bfloat16 or kind == "cuda")
        return predict_render(family("flux1-dev"), [], workspace, Settings(device=device)).phases

    narrow, wide = phases("cpu", True), phases("cpu", False)
    assert narrow == phases("auto", False)
    assert wide["load"]["text_encoder"] == pytest.approx(2 * narrow["load"]["text_encoder"])
    kept = family("flux1-dev").parts["transformer"].plain * memory.BF16 / memory.GIB
    assert wide["load"]["transformer"] == pytest.approx(narrow["load"]["transformer"] + kept)
    assert wide["denoise"]["activations"] == pytest.approx(2 * narrow["denoise"]["activations"])


@pytest.mark.parametrize("name", [FLUX, QWEN])
def test_headers_foretell_what_the_loaded_model_holds(
    name: str, roomy: None, resident: Resident, settings: Settings
) -> None:
    forecast = predict_render(family(name), [], resident.workspace, settings).phases["denoise"]
    with resident.use(family(name)) as driver:
        for part in family(name).parts:
            module = getattr(driver.pipe, part)
            held = sum(p.nbytes for p in module.parameters())
            states = [
                m.weight.quant_state for m in module.modules() if hasattr(getattr(m, "weight", None), "quant_state")
            ]
            held += sum(s.absmax.nbytes + (s.state2.absmax.nbytes if s.nested else 0) for s in states)
            # what a state holds besides (256 entries of a code book) does not grow with the model
            assert forecast[part] * 2**30 == pytest.approx(held, rel=0.06)


def test_larger_pictures_and_more_sources_take_more(roomy: None, workspace: Workspace, settings: Settings) -> None:
    def peak(*shots) -> float:
        return predict_render(family(QWEN), shots, workspace, settings).phase_gib("denoise")

    assert (
        peak(shot(QWEN))
        < peak(shot(QWEN, width=512, height=512))
        == peak(shot(QWEN), shot(QWEN, width=512, height=512))
    )


def test_the_lora_of_a_real_model_is_counted_module_by_module(models_dir: Path) -> None:
    config = json.loads((models_dir / FLUX / "transformer" / "config.json").read_text())
    width = config["num_attention_heads"] * config["attention_head_dim"]
    shape = Geometry(width=width, double=config["num_layers"], single=config["num_single_layers"])
    targets = family(FLUX).lora_targets
    counted = sum(
        sum(size)
        for name, size in tensor_shapes(models_dir / FLUX / "transformer").items()
        if any(name.endswith(f".{target}.weight") for target in targets)
    )
    assert lora_width(registry.of(family(FLUX)), targets, shape) == counted


def test_the_budget_of_the_settings_is_a_limit_and_never_more_than_there_is() -> None:
    free = capacity(Settings(device="cpu"))
    assert free.device == "cpu"
    assert 0 < free.usable_gib <= free.total_gib * 1.01
    assert capacity(Settings(device="cpu", memory_budget_gib=1.5)).usable_gib == 1.5
    assert capacity(Settings(device="cpu", memory_budget_gib=10_000)).usable_gib <= free.total_gib * 1.01
