"""One base model at a time, loaded once; its memory is free before the next one comes."""

import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from engine_helpers import FLUX, QWEN, checkpoint, family, ramp, shot

from pipelines.domain.events import Memory, Warned
from pipelines.domain.presets import ModelFamily
from pipelines.domain.shots import ImageRef
from pipelines.engine import precision
from pipelines.engine.lone_part import LonePart
from pipelines.engine.memory import RanOut, WillNotFit
from pipelines.engine.resident import Resident, pick_device
from pipelines.engine.weights import WeightsMissing
from pipelines.models.driver import Driver
from pipelines.models.flux.drive import FluxDriver
from pipelines.models.qwen_image_edit.drive import QwenEditDriver
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace


def test_the_same_model_is_loaded_once(resident: Resident) -> None:
    with resident.use(family(FLUX)) as first:
        pass
    with resident.use(family(FLUX)) as second:
        assert second is first
        assert isinstance(first, FluxDriver)
    assert resident.loads == {FLUX: 1}


def test_another_model_takes_the_place_and_the_memory_of_the_first(resident: Resident, events: list) -> None:
    with resident.use(family(FLUX)) as driver:
        probe = weakref.ref(driver.pipe.transformer)
    # ``driver`` still lives here, as a careless caller's would: the model must go all the same
    with resident.use(family(QWEN)) as other:
        assert isinstance(other, QwenEditDriver)
        assert probe() is None
    assert resident.loads == {FLUX: 1, QWEN: 1}
    assert not [e for e in events if isinstance(e, Warned)]
    assert [e.resident for e in events if isinstance(e, Memory)] == [FLUX, QWEN]


def test_memory_that_does_not_come_free_is_told(resident: Resident, events: list) -> None:
    with resident.use(family(FLUX)) as driver:
        kept = driver.pipe.transformer
    resident.drop()
    assert [e.text for e in events if isinstance(e, Warned)]
    assert kept is not None


def test_weights_are_nf4_where_the_preset_says_so(resident: Resident) -> None:
    def quantized(part: torch.nn.Module) -> set[str]:
        return {name for name, m in part.named_modules() if isinstance(m, Linear4bit)}

    with resident.use(family(FLUX)) as driver:
        transformer = {n for n, m in driver.pipe.transformer.named_modules() if isinstance(m, torch.nn.Linear)}
        skipped = {
            n for n in transformer if any(f"{skip}." in f"{n}." for skip in family(FLUX).parts["transformer"].skip)
        }
        assert {"transformer_blocks.0.attn.to_q", "single_transformer_blocks.0.attn.to_q", "x_embedder"} <= skipped
        assert "single_transformer_blocks.1.attn.to_q" not in skipped
        assert quantized(driver.pipe.transformer) == transformer - skipped
        t5 = quantized(driver.pipe.text_encoder_2)
        assert t5
        assert not any(name.endswith(".wo") for name in t5)
        assert not quantized(driver.pipe.text_encoder)
        assert not quantized(driver.pipe.vae)
        layer = next(m for m in driver.pipe.transformer.modules() if isinstance(m, Linear4bit))
        assert layer.weight.quant_type == "nf4"
        assert layer.weight.quant_state.nested
        assert layer.compute_dtype == driver.pipe.dtype == precision.native("cpu")


@pytest.mark.parametrize("name", [FLUX, QWEN])
def test_a_picture_leaves_the_weights_as_they_were(name: str, resident: Resident) -> None:
    """bitsandbytes would repack them in place on a CPU with AVX512-BF16, which breaks saving and training."""

    def weights(pipe) -> list[torch.Tensor]:
        parts = [p for p in pipe.components.values() if isinstance(p, torch.nn.Module)]
        layers = [m for part in parts for m in part.modules() if isinstance(m, Linear4bit)]
        assert layers
        assert not any(layer.support_avx512bf16_for_cpu for layer in layers)
        return [dequantize_4bit(layer.weight.data, layer.weight.quant_state) for layer in layers]

    refs = (ImageRef(id="s", path="-"),) if name == QWEN else ()
    with resident.use(family(name)) as driver:
        before = weights(driver.pipe)
        driver.render(shot(name, sources=refs), [ramp()] if refs else [])
        assert all(torch.equal(a, b) for a, b in zip(before, weights(driver.pipe), strict=True))


def test_missing_weights_are_named_with_size_and_licence_and_not_downloaded(resident: Resident) -> None:
    words = r"FLUX\.1 dev.*31\.4 GiB.*black-forest-labs/FLUX\.1-dev.*Non-Commercial"
    with pytest.raises(WeightsMissing, match=words), resident.use(family("flux1-dev")):
        pass
    assert resident.loads == {}


def test_a_failed_change_leaves_no_model_and_the_next_one_loads(resident: Resident) -> None:
    with resident.use(family(FLUX)):
        pass
    with pytest.raises(WeightsMissing), resident.use(family("flux1-dev")):
        pass
    with resident.use(family(FLUX)) as driver:
        assert driver.render(shot(), []).size == (64, 64)


def test_a_folder_with_another_model_is_refused(workspace: Workspace, models_dir: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / FLUX).symlink_to(models_dir / QWEN)
    resident = Resident(workspace, Settings(models_dir=wrong, device="cpu"))
    with pytest.raises(RuntimeError, match="holds a QwenImageEditPlusPipeline"), resident.use(family(FLUX)):
        pass


def test_a_vae_of_another_factor_is_refused(resident: Resident) -> None:
    other = family(FLUX).model_copy(update={"factor": 16})
    with (
        pytest.raises(RuntimeError, match=r"pixels of a side, but Mini FLUX .* is described with 16"),
        resident.use(other),
    ):
        pass


def test_a_model_that_comes_with_the_product_loads_from_there(workspace: Workspace) -> None:
    resident = Resident(workspace, Settings(device="cpu"))
    assert resident.folder(family(QWEN)) == checkpoint(QWEN)
    assert not resident.holds(family(FLUX))
    with resident.use(family(FLUX)) as driver:
        assert driver.family.name == FLUX
    assert resident.holds(family(FLUX))
    assert not workspace.path("models").exists() or not any(workspace.path("models").iterdir())


def test_attention_whose_gradients_are_no_numbers_is_left_out(workspace: Workspace) -> None:
    torch.backends.cuda.enable_cudnn_sdp(True)
    with Resident(workspace, Settings(device="cpu")).use(family(FLUX)):
        assert not torch.backends.cuda.cudnn_sdp_enabled()
        assert torch.backends.cuda.flash_sdp_enabled()


def test_a_card_that_is_not_there_is_refused_in_words() -> None:
    if torch.cuda.is_available():
        assert pick_device("auto").type == "cuda"
    else:
        assert pick_device("auto").type == "cpu"
        with pytest.raises(RuntimeError, match="no"):
            pick_device("cuda")


def test_what_the_page_needs_of_the_engine_imports_no_torch() -> None:
    code = (
        "import sys; import pipelines.engine.weights, pipelines.engine.memory, pipelines.domain.cancelled;"
        "from pipelines.storage.presets import shipped; from pipelines.storage.workspace import Workspace;"
        "from pipelines.storage.settings import Settings;"
        "w = Workspace('/nonexistent'); f = shipped().models['flux1-dev'];"
        "pipelines.engine.weights.missing(f, w, Settings());"
        "pipelines.engine.memory.predict_render(f, [], w, Settings());"
        "print([m for m in ('torch', 'diffusers', 'transformers', 'peft') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_out_of_memory_while_loading_is_tried_once_more_and_told_in_words(
    error: Exception, resident: Resident, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No picture is too large while a model is loaded: smaller ones are no advice."""
    load, tried = resident._load, []

    def starved(model: ModelFamily, times: int) -> Driver:
        tried.append(model.name)
        if len(tried) <= times:
            raise error
        return load(model)

    monkeypatch.setattr(resident, "_load", lambda model: starved(model, 1))
    with resident.use(family(FLUX)):
        assert len(tried) == 2
    resident.drop()
    tried.clear()
    monkeypatch.setattr(resident, "_load", lambda model: starved(model, 9))
    words = r"while Mini FLUX .* was loaded.*Smaller pictures would not help"
    with pytest.raises(WillNotFit, match=words), resident.use(family(FLUX)):
        raise AssertionError("it was not loaded")
    assert len(tried) == 2
    assert not resident.holds(family(FLUX))


def test_a_reader_that_does_not_load_for_memory_is_told_in_words(
    resident: Resident, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def starved(part: LonePart) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(resident, "_load_part", starved)
    part = LonePart(checkpoint(QWEN), "text_encoder", family(QWEN).parts["text_encoder"], "The reader")
    with pytest.raises(RanOut, match=r"while The reader was loaded.*another reader"), resident.use_part(part):
        raise AssertionError("it was not loaded")


def test_a_part_that_was_moved_by_half_when_memory_ran_out_is_moved_whole() -> None:
    """Its first parameter lies where it is wanted, and it was taken to be there: nothing computed with it any more."""
    half = torch.nn.Sequential(torch.nn.Linear(2, 2, device="meta"), torch.nn.Linear(2, 2))
    pipe = SimpleNamespace(vae=half, set_progress_bar_config=lambda disable: None)
    driver = FluxDriver(family(FLUX), pipe, torch.device("meta"))
    driver.place(driver.device, "vae")
    assert {p.device.type for p in half.parameters()} == {"meta"}
