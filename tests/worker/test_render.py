"""A plan becomes pictures: bases and LoRAs loaded once, what exists skipped, a failure does not stop the rest."""

import base64
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_helpers import (
    FLUX,
    FLUX_TARGETS,
    QWEN,
    events,
    family,
    flux_lora,
    lora_tensors,
    models_dir,
    prefixed,
    qwen_lora,
    ramp,
    resident,
    settings,
    shot,
    source,
    stack,
    weighted,
    workspace,
    write_lora,
)
from own_presets import own_flux
from PIL import Image

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import ImageMade, Memory, Preview, Progress, Started, StepDone, Warned
from pipelines.domain.records import ImageRecord
from pipelines.domain.shots import Adapter, ImageRef, Plan, Shot
from pipelines.engine.memory import WillNotFit
from pipelines.engine.resident import Resident
from pipelines.engine.weights import WeightsMissing
from pipelines.models.flux import drive
from pipelines.storage.pictures import pixel_hash, read_recipe
from pipelines.storage.presets import load_presets
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
from pipelines.worker.render import BlankPicture, RenderFailed, _refuse_blank, render

__all__ = ["events", "models_dir", "resident", "settings", "workspace"]


def plan(*shots: Shot, version: str = "v1") -> Plan:
    folder = f"characters/ada/data/synthetic/{version}"
    return Plan(character="ada", kind="synthetic", version=version, folder=folder, shots=shots)


def run(planned: Plan, resident: Resident, events: list[Any], cancelled=lambda: False) -> list[ImageRecord]:
    return render(
        planned, resident=resident, workspace=resident.workspace, emit=events.append, cancelled=cancelled, job="j1"
    )


def of(kind: type, events: list[Any]) -> list[Any]:
    return [e for e in events if isinstance(e, kind)]


@pytest.mark.slow(seconds=5)
def test_two_families_and_moving_sliders_load_each_once(
    resident: Resident, events: list, workspace: Workspace, models_dir: Path
) -> None:
    style, angles = flux_lora(workspace, models_dir), qwen_lora(workspace, models_dir)
    ref = source(workspace)
    shots = []
    for weight in (0.2, 1.0, 0.6):
        # families alternate in the plan: it is the order of rendering that keeps each loaded once
        shots.append(shot(FLUX, stack=stack(weighted(style, weight))))
        shots.append(shot(QWEN, stack=stack(weighted(angles, weight)), sources=(ref,)))
    made = run(plan(*shots), resident, events)
    assert resident.loads == {FLUX: 1, QWEN: 1}
    assert [record.shot for record in made] == shots
    assert len({record.pixels for record in made}) == 6
    assert len(of(ImageMade, events)) == 6
    with resident.use(family(QWEN)) as driver:
        assert driver.shelf.loads == 1


def test_a_picture_on_disk_is_what_was_rendered_and_carries_its_recipe(resident: Resident, events: list) -> None:
    planned = plan(shot())
    (record,) = run(planned, resident, events)
    path = resident.workspace.path(planned.path(planned.shots[0]))
    with Image.open(path) as image:
        assert pixel_hash(image) == record.pixels
        assert "Seed: 1" in image.info["parameters"]
    assert read_recipe(path, record.path) == record
    assert (record.kind, record.version, record.job, record.width) == ("synthetic", "v1", "j1", 64)
    assert record.seconds is not None
    assert record.caption == planned.shots[0].prompt


def test_the_same_shot_in_another_place_has_identical_pixels(resident: Resident, events: list) -> None:
    first = run(plan(shot()), resident, events)
    resident.drop()
    again = run(plan(shot(seed=5), shot(), version="v2"), resident, events)
    assert again[1].pixels == first[0].pixels
    assert again[0].pixels != first[0].pixels


def test_what_exists_is_skipped_and_told(resident: Resident, events: list, workspace: Workspace) -> None:
    shots = [shot(seed=n) for n in range(4)]
    first = run(plan(*shots[:2]), resident, [])
    # a file that breaks off is no picture: it is made again
    workspace.path(first[1].path).write_bytes(workspace.path(first[1].path).read_bytes()[:100])
    made = run(plan(*shots), resident, events)
    assert of(Started, events) == [Started(total=4, skipped=1)]
    assert made[0] == first[0]
    assert made[1].pixels == first[1].pixels
    assert [e.image.id for e in of(ImageMade, events)] == [record.id for record in made]
    assert resident.loads == {FLUX: 1}


def test_a_plan_that_is_done_loads_nothing(
    resident: Resident, workspace: Workspace, settings: Settings, events: list
) -> None:
    made = run(plan(shot()), resident, [])
    fresh = Resident(workspace, settings, events.append)
    assert run(plan(shot()), fresh, events) == made
    assert fresh.loads == {}


def test_events_tell_the_way(resident: Resident, events: list) -> None:
    run(plan(shot(steps=4), shot(steps=4, seed=2)), resident, events)
    assert [(e.k, e.n) for e in of(StepDone, events)] == [(k, 4) for k in (1, 2, 3, 4)] * 2
    assert [e.done for e in of(Progress, events) if not e.note.startswith("Loading")] == [0, 1, 2]
    assert of(Memory, events)[-1].resident == FLUX
    assert of(Memory, events)[-1].used_gib > 0
    previews = of(Preview, events)
    assert len(previews) >= 4
    for preview in previews:
        image = Image.open(io.BytesIO(base64.b64decode(preview.jpeg)))
        assert image.format == "JPEG"
        assert max(image.size) <= 256


def test_cancel_stops_within_a_step_and_keeps_what_is_finished(
    resident: Resident, events: list, workspace: Workspace, models_dir: Path
) -> None:
    adapter = flux_lora(workspace, models_dir)
    shots = [shot(seed=n, steps=6, stack=stack(adapter)) for n in range(3)]

    def cancelled() -> bool:
        return len(of(ImageMade, events)) == 1 and len(of(StepDone, events)) >= 8

    with pytest.raises(Cancelled):
        run(plan(*shots), resident, events, cancelled)
    assert len(of(StepDone, events)) == 8
    assert [workspace.path(plan().folder + f"/{s.id}.png").exists() for s in shots] == [True, False, False]
    with resident.use(family(FLUX)) as driver:
        assert driver.shelf.active == ()
    made = run(plan(*shots), resident, [])
    assert len({record.id for record in made}) == 3


def test_a_cancel_before_the_start_loads_nothing(resident: Resident, events: list) -> None:
    with pytest.raises(Cancelled):
        run(plan(shot()), resident, events, lambda: True)
    assert resident.loads == {}


@pytest.mark.slow(seconds=6)
def test_one_failed_shot_warns_and_the_rest_goes_on(
    resident: Resident, events: list, workspace: Workspace, models_dir: Path
) -> None:
    wrong = qwen_lora(workspace, models_dir)
    lost = ImageRef(id="0" * 64, path="characters/ada/data/source/v1/lost.png")
    ref = source(workspace)
    changed = ImageRef(id="1" * 64, path=ref.path)
    shots = [
        shot(stack=stack(wrong)),
        shot(revision="of old"),
        shot(),
        shot(QWEN, sources=(lost,)),
        shot(QWEN, sources=(changed,)),
        shot(QWEN),
        shot(QWEN, sources=(ref,)),
    ]
    made = run(plan(*shots), resident, events)
    assert [record.shot for record in made] == [shots[2], shots[6]]
    warned = " | ".join(e.text for e in of(Warned, events))
    assert len(of(Warned, events)) == 5
    for words in (
        "LoRA for qwen-image-edit",
        "revision 'of old'",
        "lost.png cannot be read",
        "not the picture",
        "no source",
    ):
        assert words in warned


def test_a_picture_that_is_none_is_a_failed_shot_in_words(
    resident: Resident, events: list, workspace: Workspace, models_dir: Path
) -> None:
    """A LoRA that throws the model out of its numbers: as files they pass, each weight is below what is refused."""
    halves = lora_tensors(models_dir / FLUX, FLUX_TARGETS)
    sha = write_lora(workspace.path("loras/huge.safetensors"), prefixed({n: t * 3000 for n, t in halves.items()}))
    huge = Adapter(name="huge", sha256=sha, path="loras/huge.safetensors", weight=1e30)
    shots = [shot(stack=stack(huge)), shot()]
    made = run(plan(*shots), resident, events)
    assert [record.shot for record in made] == [shots[1]]
    (warned,) = of(Warned, events)
    assert "portrait" in warned.text and ("out of bounds" in warned.text or "flat colour" in warned.text)
    assert "LoRA" in warned.text
    assert not workspace.path(plan(*shots).path(shots[0])).exists()


def test_a_flat_picture_is_not_kept() -> None:
    with pytest.raises(BlankPicture, match=r"one flat colour \(0, 0, 0\)"):
        _refuse_blank(Image.new("RGB", (64, 64)))
    _refuse_blank(ramp())


def test_many_failures_are_named_together_at_the_end(resident: Resident, events: list) -> None:
    shots = [shot(revision="of old", seed=n) for n in range(22)]
    run(plan(shot(), *shots), resident, events)
    assert of(Warned, events)[-1].text.startswith("22 of 23 pictures failed: ")
    assert of(Warned, events)[-1].text.endswith("and 2 more.")


def test_when_nothing_at_all_can_be_made_the_run_fails(resident: Resident, events: list) -> None:
    with pytest.raises(RenderFailed, match=r"None of the 2 pictures.*revision"):
        run(plan(shot(revision="of old"), shot(revision="of old", seed=3)), resident, events)


def test_absent_weights_stop_the_run_before_anything_is_made(resident: Resident, events: list) -> None:
    with pytest.raises(WeightsMissing, match=r"31\.4 GiB"):
        run(plan(shot(), shot("flux1-dev", revision="main")), resident, events)
    assert resident.loads == {}
    assert not of(ImageMade, events)


def test_a_plan_that_will_not_fit_is_refused_in_words(workspace: Workspace, models_dir: Path, events: list) -> None:
    small = Resident(workspace, Settings(models_dir=models_dir, device="cpu", memory_budget_gib=1.0), events.append)
    with pytest.raises(WillNotFit, match=r"Mini FLUX.*needs about \d+\.\d GiB, and 1\.0 GiB may be used.*smaller"):
        run(plan(shot(width=16384, height=16384)), small, events)
    assert small.loads == {}


class Starved(drive.FluxDriver):
    """The real driver on a device that runs out of memory in the second step of a picture, so many times."""

    times = 0
    error: Exception = torch.OutOfMemoryError("CUDA out of memory")

    def render(self, shot, sources, on_step=lambda k, n: None, on_preview=None):
        def step(k: int, n: int) -> None:
            on_step(k, n)
            if k == 2 and Starved.times > 0:
                Starved.times -= 1
                raise Starved.error

        return super().render(shot, sources, step, on_preview)


CPU = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate"


@pytest.mark.slow
@pytest.mark.parametrize(
    "error", [RuntimeError(f"{CPU} 9 bytes."), MemoryError(), RuntimeError("CUDA error: out of memory")]
)
def test_memory_that_runs_out_without_a_type_of_its_own_is_known_as_that(
    error: Exception, resident: Resident, events: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's own memory gave a plain RuntimeError, and the picture was given up at once, in the allocator's
    words or (MemoryError) in none."""
    monkeypatch.setattr(drive, "DRIVER", Starved)
    monkeypatch.setattr(Starved, "times", 3)
    monkeypatch.setattr(Starved, "error", error)
    records = run(plan(*(shot(seed=n) for n in range(2)), version="v3"), resident, events)
    assert [r.shot.seed for r in records if r.shot] == [1]
    warned = [e.text for e in of(Warned, events)]
    assert "decoded in tiles" in warned[0] and "does not fit into memory" in warned[-1]


@pytest.mark.slow
@pytest.mark.parametrize(("times", "made"), [(1, [0, 1, 2]), (2, [0, 1, 2]), (3, [1, 2])])
def test_out_of_memory_takes_measures_tells_and_goes_on(
    times: int, made: list[int], resident: Resident, events: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    shots = [shot(seed=n) for n in range(3)]
    plain = [record.pixels for record in run(plan(*shots), resident, [])]
    resident.drop()
    monkeypatch.setattr(drive, "DRIVER", Starved)
    monkeypatch.setattr(Starved, "times", times)
    records = run(plan(*shots, version="v2"), resident, events)
    assert [record.pixels for record in records] == [plain[n] for n in made]
    warned = [e.text for e in of(Warned, events)]
    assert len(warned) == times
    assert "decoded in tiles" in warned[0]
    assert times < 2 or "text encoders leave" in warned[1]
    assert times < 3 or "does not fit into memory" in warned[2]
    with resident.use(family(FLUX)) as driver:
        assert driver.tiled
        assert driver.encoders_stay == (times < 2)
    assert resident.loads == {FLUX: 2}


def test_a_model_of_the_users_own_draws_until_its_preset_says_something_else(
    resident: Resident, events: list, workspace: Workspace
) -> None:
    own_flux(workspace.root)
    revision = load_presets(workspace.root).models["mine"].revision
    first, second = (shot(family="mine", revision=revision, seed=n) for n in (1, 2))
    (made,) = run(plan(first), resident, events)
    assert made.shot == first and workspace.path(made.path).exists()
    assert shot(revision=revision.partition("~")[0]).id != first.id
    own_flux(workspace.root, title="By another title", licence="another")
    assert len(run(plan(first, second), resident, events)) == 2
    own_flux(workspace.root, parts={"transformer": {"parameters": 1, "quantize": "nf4"}})
    with pytest.raises(RenderFailed, match="preset of Mine says has changed since"):
        run(plan(first, shot(family="mine", revision=revision, seed=3)), resident, events)
    assert [r.shot for r in run(plan(first, second), resident, events)] == [first, second]  # what is made stays
