"""Pictures of real aspects at several sides, and the moving average of the weights."""

import pytest
import torch
from safetensors.torch import load_file
from test_train_loop import CancelAt, checkpoints, curve, lora, same
from train_helpers import Bench

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.presets import TrainingSettings
from pipelines.models import registry
from pipelines.storage.presets import shipped
from pipelines.training.loop import fingerprint
from pipelines.training.schedule import Schedule

REAL = {"1:1": (1024, 1024), "2:3": (1365, 2048), "3:4": (3024, 4032), "4:5": (1080, 1350), "9:16": (1080, 1920),
        "16:9": (3840, 2160), "phone": (1170, 2532)}  # fmt: skip


@pytest.mark.parametrize("aspect", REAL)
@pytest.mark.parametrize("name", ["flux1-dev", "qwen-image-edit-2509"])
def test_every_side_keeps_a_pictures_aspect_and_the_models_grid(name: str, aspect: str) -> None:
    model, (width, height) = shipped().models[name], REAL[aspect]
    architecture = registry.of(model)
    multiple = max(model.multiple, architecture.grid)
    preset = shipped().trainings["character-24gb"].settings
    assert preset.sides == (1024, 768, 512)
    for side in preset.sides:
        made = architecture.edit_size(width, height, side**2, multiple)
        assert all(s % multiple == 0 for s in made)
        assert made[0] * made[1] == pytest.approx(side**2, rel=0.13)
        seen = min(2.0, max(0.5, width / height))  # beyond two to one the middle is seen
        off = (made[0] / made[1]) / seen
        assert 1 - multiple / min(made) <= off <= 1 + multiple / min(made)


@pytest.mark.slow(seconds=5)
def test_a_picture_is_seen_at_each_side_in_its_own_aspect(bench: Bench) -> None:
    tall = bench.paint(5, (96, 128))
    items = (bench.item(0), bench.item(1, image=tall.ref))
    request = bench.request(items=items, steps=6, resolution=64, smaller=(48,), batch=4)
    _, events = bench.train(request)
    assert len(curve(events)) == 6
    notes = {e.note for e in events if e.type == "progress"}
    assert any("at 64 px" in n for n in notes) and any("at 48 px" in n for n in notes)
    drawn = Schedule(items, request.settings)
    sides = {d.side for step in range(20) for d in drawn.draw(step, 0)}
    assert sides == {0, 1}


def test_one_side_draws_as_ever(bench: Bench) -> None:
    """What trained at one side draws the same pictures, captions and noise as before there were several."""
    items = tuple(bench.item(n) for n in range(4))
    plain = TrainingSettings(batch=4)
    assert plain.sides == (1024,)
    unreal = TrainingSettings(batch=4, smaller=(1024, 2048))  # none of these is smaller
    for step in range(10):
        both = [[(d.index, d.dropped) for d in Schedule(items, s).draw(step, 0)] for s in (plain, unreal)]
        assert both[0] == both[1]
    assert fingerprint(bench.request()) == fingerprint(bench.request(ema=0.0, smaller=()))
    assert fingerprint(bench.request()) != fingerprint(bench.request(ema=0.9))


@pytest.mark.slow(seconds=6)
def test_the_average_is_what_is_kept_and_a_resumed_run_has_the_same(bench: Bench) -> None:
    whole, halved, last = (
        bench.request(folder=name, ema=decay) for name, decay in (("whole", 0.9), ("halved", 0.9), ("last", 0.0))
    )
    bench.train(whole)
    bench.train(last)
    stop = CancelAt("step", 4)
    with pytest.raises(Cancelled):
        bench.train(halved, stop, stop.emit)
    bench.train(halved)
    assert same(lora(bench, whole), lora(bench, halved))
    assert not same(lora(bench, whole), lora(bench, last))
    folder = checkpoints(bench, whole) / "000006"
    averaged, weights = (load_file(folder / f"{n}.safetensors") for n in ("adapter", "weights"))
    plain = load_file(checkpoints(bench, last) / "000006" / "adapter.safetensors")
    assert all(torch.equal(weights[n], plain[n]) for n in plain), "the steps themselves are the same"
    moved = [n for n in plain if not torch.equal(averaged[n], plain[n])]
    assert moved
    assert not (checkpoints(bench, last) / "000006" / "weights.safetensors").exists()


@pytest.mark.parametrize(("pictures", "steps"), [(0, 1000), (3, 1000), (10, 1000), (17, 1700), (30, 3000), (64, 3000)])
def test_steps_follow_the_number_of_pictures(pictures: int, steps: int) -> None:
    assert shipped().trainings["character-24gb"].steps(pictures) == steps


def test_no_preset_has_a_phase_of_heads_first() -> None:
    assert all(p.focus == "all" for preset in shipped().trainings.values() for p in preset.settings.phases)
    assert shipped().trainings["character-24gb"].settings.lr_scheduler == "cosine"
