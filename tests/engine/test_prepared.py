"""Prepared copies: made once, equal bit for bit to quantizing at load, never half-used."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_helpers import FLUX, QWEN, checkpoint, family, ramp, same, shot, source
from safetensors.torch import load_file, save_file

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.presets import ModelFamily
from pipelines.engine import prepare, weights
from pipelines.engine.memory import predict_render
from pipelines.engine.resident import Resident
from pipelines.engine.sources import Source
from pipelines.storage import prepared
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

CPU = torch.device("cpu")


def make(
    model: ModelFamily, workspace: Workspace, settings: Settings, folder: Path | None = None, **more: Any
) -> prepared.Copy:
    return prepare.make(model, Source(folder or checkpoint(model.name)), workspace, settings, CPU, **more)


def own(folder: Path, name: str = FLUX) -> tuple[ModelFamily, Path]:
    """A model preset that names a folder of its own, with a copy of the small weights."""
    shutil.copytree(checkpoint(name), folder)
    model = family(name)
    return model.model_copy(update={"weights": model.weights.model_copy(update={"folder": str(folder)})}), folder


@pytest.mark.parametrize("name", [FLUX, QWEN])
def test_the_picture_through_the_copy_is_the_picture_of_quantizing_at_load(
    name: str, workspace: Workspace, events: list[Any]
) -> None:
    settings, model = Settings(device="cpu"), family(name)
    asked = shot(name, sources=(source(workspace),) if name == QWEN else ())
    pictures = [ramp()] if name == QWEN else []
    resident = Resident(workspace, settings, events.append)
    with resident.use(model) as driver:
        before = driver.render(asked, pictures)
        tensors = {p: dict(m.state_dict()) for p, m in driver.pipe.components.items() if hasattr(m, "state_dict")}
    resident.drop()
    copy = make(model, workspace, settings)
    assert weights.locate(model, workspace, settings) == copy.folder
    with resident.use(model) as driver:
        for part, module in driver.pipe.components.items():
            if part in tensors:
                now = module.state_dict()
                assert now.keys() == tensors[part].keys()
                different = [k for k in now if not torch.equal(now[k], tensors[part][k])]
                assert not different, (part, different[:3])
        assert same(before, driver.render(asked, pictures))
    resident.drop()
    assert copy.size < sum(p.stat().st_size for p in checkpoint(name).rglob("*.safetensors"))


def test_a_copy_counts_as_much_memory_as_what_it_was_made_of(workspace: Workspace) -> None:
    settings, model = Settings(device="cpu"), family(FLUX)
    before = predict_render(model, [], workspace, settings).peak_gib
    make(model, workspace, settings)
    assert predict_render(model, [], workspace, settings).peak_gib == pytest.approx(before, rel=0.02)


def test_the_copy_is_found_by_content_and_recipe(workspace: Workspace, tmp_path: Path) -> None:
    settings = Settings(device="cpu")
    model, folder = own(tmp_path / "mine")
    copy = make(model, workspace, settings, folder)
    moved = folder.rename(tmp_path / "elsewhere")
    at = {"weights": model.weights.model_copy(update={"folder": str(moved)})}
    assert weights.locate(model.model_copy(update=at), workspace, settings) == copy.folder
    # other values in the same places: the same header, another model
    file = next((moved / "transformer").glob("*.safetensors"))
    tensors = load_file(file)
    tensors["proj_out.bias"] = tensors["proj_out.bias"] + 1
    save_file(tensors, file)
    assert weights.locate(model.model_copy(update=at), workspace, settings) == moved
    # another recipe
    part = model.parts["transformer"].model_copy(update={"skip": ("x_embedder",)})
    shutil.rmtree(moved)
    gone = model.model_copy(update={"parts": {**model.parts, "transformer": part}, "weights": model.weights})
    assert weights.locate(gone, workspace, settings) is None


def test_the_copy_alone_is_enough_when_what_it_was_made_of_is_gone(workspace: Workspace, tmp_path: Path) -> None:
    settings = Settings(device="cpu")
    model, folder = own(tmp_path / "mine")
    copy = make(model, workspace, settings, folder)
    shutil.rmtree(folder)
    assert weights.missing(model, workspace, settings) is None
    assert weights.require(model, workspace, settings) == copy.folder
    with pytest.raises(weights.WeightsMissing, match="is the copy already"):
        weights.source_to_prepare(model, workspace, settings)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


DAMAGE: list[tuple[str, Callable[[Path], None]]] = [
    ("transformer/diffusion_pytorch_model.safetensors", _cut),
    ("transformer/diffusion_pytorch_model.safetensors", _flip),
    ("vae/diffusion_pytorch_model.safetensors", Path.unlink),
    ("text_encoder_2/config.json", lambda path: path.write_text("{}") and None),
    (prepared.MANIFEST, Path.unlink),
    (prepared.MANIFEST, _cut),
]


@pytest.mark.parametrize(("file", "harm"), DAMAGE)
def test_a_damaged_copy_is_never_loaded(file: str, harm: Callable[[Path], None], workspace: Workspace) -> None:
    settings, model = Settings(device="cpu"), family(FLUX)
    copy = make(model, workspace, settings)
    harm(copy.folder / file)
    assert weights.locate(model, workspace, settings) == checkpoint(FLUX)
    again = make(model, workspace, settings)
    assert weights.locate(model, workspace, settings) == again.folder
    assert not any(wrong for _, wrong in prepared.verify(again))


def test_verifying_reads_what_a_glance_passes_over(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "_WHOLE", 2**21 + 2**17)
    monkeypatch.setattr(prepared, "_SAMPLES", 1)
    prepared._glance.cache_clear()
    copy = make(family(QWEN), workspace, Settings(device="cpu"))
    file = max(copy.folder.rglob("*.safetensors"), key=lambda p: p.stat().st_size)
    data = bytearray(file.read_bytes())
    data[2**20 + 2**16] ^= 1
    file.write_bytes(data)
    assert prepared.damage(copy) == []
    assert [n for n, wrong in prepared.verify(copy) if wrong] == [file.relative_to(copy.folder).as_posix()]
    prepared._glance.cache_clear()


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type(shutil.disk_usage("."))
    monkeypatch.setattr(prepare.shutil, "disk_usage", lambda folder: usage(10**9, 10**9, 10**6))
    with pytest.raises(prepare.CannotPrepare, match=r"takes 0\.0 GiB, and .* has 0\.0 GiB free: make room"):
        make(family(FLUX), workspace, Settings(device="cpu"))
    assert list((workspace.root / "models/prepared").iterdir()) == []


def test_progress_goes_to_the_end_and_a_cancel_leaves_nothing(workspace: Workspace) -> None:
    shares: list[float] = []
    with pytest.raises(Cancelled):
        make(family(FLUX), workspace, Settings(device="cpu"), on_progress=lambda share, note: shares.append(share),
             cancelled=lambda: len(shares) > 40)  # fmt: skip
    assert list((workspace.root / "models/prepared").iterdir()) == []
    shares.clear()
    make(family(FLUX), workspace, Settings(device="cpu"), on_progress=lambda share, note: shares.append(share))
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1


MAKING = """
import sys, time
import torch
from pathlib import Path
from pipelines.engine import prepare
from pipelines.engine.sources import Source
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
def slowly(share, note):
    print(share, flush=True)
    time.sleep(0.02)
model, source = shipped().models["mini-flux"], Source(Path(sys.argv[2]))
prepare.make(model, source, Workspace(sys.argv[1]), Settings(device="cpu"), torch.device("cpu"), slowly)
"""


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.6, 1.0])
def test_killed_while_the_copy_is_made_it_is_never_used_and_begun_anew(share: float, workspace: Workspace) -> None:
    settings, model = Settings(device="cpu"), family(FLUX)
    process = subprocess.Popen(
        [sys.executable, "-c", MAKING, str(workspace.root), str(checkpoint(FLUX))],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if float(line) >= share:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    home = workspace.root / "models/prepared"
    assert [p.name for p in home.iterdir()], "it was killed before it began"
    assert weights.copy_of(model, Source(checkpoint(FLUX)), workspace, settings) is None
    assert weights.locate(model, workspace, settings) == checkpoint(FLUX)
    copy = make(model, workspace, settings)
    assert list(home.iterdir()) == [copy.folder]
    assert not any(wrong for _, wrong in prepared.verify(copy))


@pytest.mark.slow(seconds=3)
def test_a_folder_in_4_bits_is_loaded_as_it_is_and_needs_no_copy(
    workspace: Workspace, tmp_path: Path, events: list[Any]
) -> None:
    """As ``save_pretrained`` writes a quantized pipeline."""
    settings, model = Settings(device="cpu"), family(FLUX)
    resident = Resident(workspace, settings, events.append)
    with resident.use(model) as driver:
        folder = tmp_path / "saved"
        driver.pipe.save_pretrained(folder)
        before = driver.render(shot(), [])
    resident.drop()
    theirs = model.model_copy(update={"weights": model.weights.model_copy(update={"folder": str(folder)}), "name": "x"})
    assert weights.check_folder(folder) == []
    with pytest.raises(weights.WeightsMissing, match="in 4 bits already"):
        weights.source_to_prepare(theirs, workspace, settings)
    with resident.use(theirs) as driver:
        assert same(before, driver.render(shot(), []))
    resident.drop()


def test_a_part_that_is_quantized_in_another_way_is_refused(tmp_path: Path) -> None:
    _, folder = own(tmp_path / "theirs")
    path = folder / "transformer/config.json"
    config = {**json.loads(path.read_text()), "quantization_config": {"quant_method": "torchao"}}
    path.write_text(json.dumps(config))
    [problem] = weights.check_folder(folder)
    assert problem.startswith("transformer/config.json: its weights are quantized with torchao")


def test_large_weights_get_their_copy_by_themselves_and_what_hinders_it_costs_nothing(
    workspace: Workspace, events: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "WORTH", 10**6)
    model, notes = family(FLUX), []
    unwanted = Resident(workspace, Settings(device="cpu", keep_copies=False), events.append)
    unwanted.prepare(model, lambda share, note: notes.append(note))
    assert not notes
    resident = Resident(workspace, Settings(device="cpu"), events.append)
    (workspace.root / "models").rmdir()
    (workspace.root / "models").write_text("a file where the folder should be")
    resident.prepare(model, lambda share, note: notes.append(note))
    assert "quantized anew each time" in events[-1].text
    (workspace.root / "models").unlink()
    resident.prepare(model, lambda share, note: notes.append(note))
    assert resident.folder(model).parent == workspace.root / "models/prepared"
    made = len(notes)
    resident.prepare(model, lambda share, note: notes.append(note))
    assert len(notes) == made


def test_copies_go_into_the_models_folder_of_the_settings(workspace: Workspace, tmp_path: Path) -> None:
    settings = Settings(device="cpu", models_dir=tmp_path)
    copy = make(family(FLUX), workspace, settings)
    assert copy.folder.parent == tmp_path / "prepared"
    assert prepared.copies(workspace, settings) == [copy]
    prepared.remove(copy.folder)
    assert prepared.copies(workspace, settings) == [] and not copy.folder.exists()
