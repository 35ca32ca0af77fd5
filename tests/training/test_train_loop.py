"""The loop on the real mini models: it learns, it stops when told, it goes on as if it had never stopped."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from safetensors.torch import load_file
from train_helpers import Bench, curve

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Event
from pipelines.domain.presets import Phase
from pipelines.domain.requests import TrainRequest
from pipelines.engine.memory import RanOut, WillNotFit
from pipelines.engine.resident import Resident
from pipelines.models.denoiser import Denoiser, denoiser_of
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
from pipelines.training import Diverged, TrainingDataError, train
from pipelines.training.adapter import NAME, attached
from pipelines.training.dataset import Cache, Encoder, Example
from pipelines.training.loss import Loss

TARGETS = ("character", "editor")


def checkpoints(bench: Bench, request: TrainRequest) -> Path:
    return bench.workspace.path(request.folder) / "checkpoints"


def lora(bench: Bench, request: TrainRequest) -> dict[str, torch.Tensor]:
    return load_file(bench.workspace.path(f"{request.folder}/{request.name}.safetensors"))


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def images(events: list[Event]) -> list[str]:
    return [e.image.path for e in events if e.type == "image"]


class CancelAt:
    """Turns true once an event for which ``when`` holds has been emitted."""

    def __init__(self, when: str, step: int):
        self.when, self.step, self.now = when, step, False

    def emit(self, event: Event) -> None:
        if self.when == "step" and event.type == "metric" and event.metric.name == "loss":
            self.now = self.now or event.metric.step == self.step
        if self.when == "sample" and event.type == "step":
            self.now = True

    def __call__(self) -> bool:
        return self.now


@pytest.mark.slow
@pytest.mark.parametrize(("target", "steps", "below"), [("character", 30, 0.8), ("editor", 60, 0.8)])
def test_the_loss_at_fixed_noise_falls(bench: Bench, target: str, steps: int, below: float) -> None:
    request = bench.request(target, steps=steps, save_every=steps, sample_every=steps, caption_dropout=0)
    result, events = bench.train(request)
    fixed = curve(events, "fixed_loss")
    assert set(fixed) == {0, steps}
    assert fixed[steps] < below * fixed[0]
    losses = list(curve(events).values())  # these scatter with the noise level that each step draws
    assert result["loss"] == pytest.approx(sum(losses[-(steps // 4) :]) / (steps // 4))


@pytest.mark.parametrize("target", TARGETS)
def test_gradient_reaches_every_lora_weight_on_the_nf4_base(bench: Bench, target: str) -> None:
    driver = bench.driver(target)
    task, example, loss = prepared(bench, target)
    with attached(driver.pipe.transformer, driver.family.lora_targets, 4, 4, 0, True) as adapter:
        layers = {
            n: m.base_layer for n, m in driver.pipe.transformer.named_modules() if NAME in getattr(m, "lora_A", {})
        }
        skipped = driver.family.parts["transformer"].skip
        assert len(layers) == adapter.modules > 0
        assert any(isinstance(layer, Linear4bit) for layer in layers.values())
        plain = {n for n, layer in layers.items() if not isinstance(layer, Linear4bit)}
        assert plain == {n for n in layers if any(f"{part}." in n for part in skipped)}
        for tensor in adapter.parameters.values():  # B is zero at first, and with it the gradient of A
            torch.nn.init.normal_(tensor, std=0.1)
        loss.of(example, *loss.draw(example, 0)).backward()
        without = [n for n, p in adapter.parameters.items() if p.grad is None or not p.grad.abs().max() > 0]
        # nothing reads what the last Qwen block makes of the words; all else that the presets train is reached
        last = f"transformer_blocks.{len(driver.pipe.transformer.transformer_blocks) - 1}."
        unread = ("add_q_proj", "to_add_out", "txt_mlp") if target == "editor" else ()
        assert without == [n for n in adapter.parameters if last in n and any(part in n for part in unread)]
        others = [n for n, p in task.transformer.named_parameters() if p.grad is not None and NAME not in n]
        assert others == []


def prepared(bench: Bench, target: str, n: int = 0) -> tuple[Denoiser, Example, Loss]:
    driver = bench.driver(target)
    task: Denoiser = denoiser_of(driver, 64)
    cache = Cache(bench.workspace.root / "cache" / "test")
    example = Encoder(task, cache, bench.workspace.path, "test", 64).example(bench.item(n, target))
    return task, example, Loss(task, driver.device, 0)


@pytest.mark.parametrize("target", TARGETS)
def test_checkpointing_changes_memory_and_not_gradients(bench: Bench, target: str) -> None:
    driver = bench.driver(target)
    _, example, loss = prepared(bench, target)
    gradients = []
    for checkpointing in (False, True):
        with attached(driver.pipe.transformer, driver.family.lora_targets, 4, 4, 0, checkpointing) as adapter:
            loss.of(example, *loss.draw(example, 0)).backward()
            gradients.append({n: p.grad for n, p in adapter.parameters.items() if p.grad is not None})
    assert same(*gradients)


@pytest.mark.parametrize("target", TARGETS)
def test_a_batch_costs_what_its_examples_cost_one_by_one(bench: Bench, target: str) -> None:
    driver = bench.driver(target)
    _, first, loss = prepared(bench, target, 0)
    _, second, _ = prepared(bench, target, 2)  # the same words: texts of one length
    with attached(driver.pipe.transformer, driver.family.lora_targets, 4, 4, 0, False), torch.no_grad():
        parts = [(first, *loss.draw(first, 0), False), (second, *loss.draw(second, 1), False)]
        single = [float(loss.of_batch([part])) for part in parts]
        assert float(loss.of_batch(parts)) == pytest.approx(sum(single) / 2, rel=0.003)
        assert single[0] != pytest.approx(single[1], rel=0.01)


@pytest.mark.slow
def test_pictures_of_different_shape_and_text_share_a_batch(bench: Bench) -> None:
    tall = bench.paint(5, (64, 128))
    items = (bench.item(0, "editor"), bench.item(0, "editor", image=tall.ref, caption="ohwx_char"))
    _, events = bench.train(bench.request("editor", items=items, steps=4, batch=3, accumulate=2, caption_dropout=0.5))
    assert len(curve(events)) == 4


def test_a_dropped_caption_is_replaced_by_the_empty_one(bench: Bench) -> None:
    driver = bench.driver("character")
    task, example, loss = prepared(bench, "character")
    empty = task.encode_text("", [])
    assert torch.equal(example.empty.embeds, empty.embeds.cpu()) and not torch.equal(example.text.embeds, empty.embeds)
    sigma, noise = loss.draw(example, 0)
    with attached(driver.pipe.transformer, driver.family.lora_targets, 4, 4, 0, False), torch.no_grad():
        assert float(loss.of(example, sigma, noise)) != float(loss.of(example, sigma, noise, dropped=True))


@pytest.mark.slow(seconds=6)
def test_a_head_phase_trains_on_heads_alone(bench: Bench) -> None:
    phases = (Phase(name="head", share=1, focus="head"),)
    body = bench.item(1, "editor", focus="body")
    plain = {"steps": 3, "phases": phases, "caption_dropout": 0}
    with_body = bench.request("editor", items=(bench.item(0, "editor"), body), folder="a", **plain)
    without = bench.request("editor", items=(bench.item(0, "editor"), bench.item(0, "editor")), folder="b", **plain)
    curves = [curve(bench.train(r)[1]) for r in (with_body, without)]
    # the same picture at the same noise, whatever else lies in the dataset
    assert curves[0] == curves[1]


@pytest.mark.parametrize(
    ("target", "optimizer"),
    [("character", "auto"), pytest.param("editor", "auto", marks=pytest.mark.slow), ("editor", "adamw8bit")],
)
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(bench: Bench, target: str, optimizer: str) -> None:
    whole, halved = (
        bench.request(
            target, folder=name, optimizer=optimizer, warmup=3, caption_dropout=0.3, samples=(bench.shot(target),)
        )
        for name in ("whole", "halved")
    )
    expected, events = bench.train(whole)
    stop = CancelAt("step", 4)
    with pytest.raises(Cancelled):
        bench.train(halved, stop, stop.emit)
    assert sorted(p.name for p in checkpoints(bench, halved).iterdir()) == ["000003", "000004"]
    result, rest = bench.train(halved)
    assert rest[0].type == "started" and rest[0].skipped == 4 and rest[0].total == 6
    assert curve(rest) == {step: value for step, value in curve(events).items() if step > 4}
    assert same(lora(bench, whole), lora(bench, halved))
    for name in ("adapter.safetensors", "optimizer.safetensors"):
        both = [(checkpoints(bench, r) / "000006" / name).read_bytes() for r in (whole, halved)]
        assert both[0] == both[1]
    assert result["loss"] == expected["loss"]
    samples = [[e.image.pixels for e in es if e.type == "image"] for es in (events, rest)]
    assert samples[0][-1] == samples[1][-1]


@pytest.mark.slow
def test_a_killed_run_goes_on_from_an_older_checkpoint(bench: Bench) -> None:
    whole, killed = (
        bench.request("editor", folder=name, sample_every=3, samples=(bench.shot("editor"),))
        for name in ("whole", "killed")
    )
    bench.train(whole)
    _, before = bench.train(killed)
    folder = bench.workspace.path("killed")
    (folder / "ada_v1.safetensors").unlink()
    shutil.rmtree(folder / "checkpoints" / "000006")
    (folder / "checkpoints" / "partial-000006").mkdir()
    _, events = bench.train(killed)
    assert list(curve(events)) == [4, 5, 6]
    assert same(lora(bench, whole), lora(bench, killed))
    # the records of earlier samples may have died with the run: they are told again
    assert images(events) == images(before) and len(images(before)) == 2


def test_cancel_stops_within_one_step_and_leaves_a_checkpoint(bench: Bench) -> None:
    stop, seen = CancelAt("step", 2), []

    def emit(event: Event) -> None:
        seen.append(event)
        stop.emit(event)

    request = bench.request("editor", steps=50, save_every=50, sample_every=50)
    with pytest.raises(Cancelled):
        bench.train(request, stop, emit)
    assert list(curve(seen)) == [1, 2]
    assert [p.name for p in checkpoints(bench, request).iterdir()] == ["000002"]
    assert not bench.workspace.path(f"{request.folder}/ada_v1.safetensors").exists()


@pytest.mark.slow
def test_cancel_within_a_sample_picture(bench: Bench) -> None:
    stop = CancelAt("sample", 0)
    request = bench.request("editor", steps=4, save_every=50, sample_every=2, samples=(bench.shot("editor"),))
    with pytest.raises(Cancelled):
        bench.train(request, stop, stop.emit)
    assert [p.name for p in checkpoints(bench, request).iterdir()] == ["000002"]
    _, events = bench.train(request)
    assert [e.image.path for e in events if e.type == "image"] == [
        f"{request.folder}/samples/000002_0.png",
        f"{request.folder}/samples/000004_0.png",
    ]
    assert list(curve(events)) == [3, 4]


def test_cancel_while_pictures_are_encoded(bench: Bench) -> None:
    with pytest.raises(Cancelled):
        bench.train(bench.request("editor"), lambda: True)
    assert NAME not in getattr(bench.driver("editor").pipe.transformer, "peft_config", {})


@pytest.mark.slow
def test_samples_are_made_as_often_as_asked_and_show_the_training(bench: Bench) -> None:
    shots = (bench.shot("editor", seed=1), bench.shot("editor", seed=2))
    request = bench.request("editor", sample_every=3, samples=shots, learning_rate=2e-2)
    _, events = bench.train(request)
    images = [e.image for e in events if e.type == "image"]
    assert [i.path.rsplit("/", 1)[1] for i in images] == [f"{s:06d}_{n}.png" for s in (3, 6) for n in (0, 1)]
    assert all(i.kind == "sample" and bench.workspace.path(i.path).exists() for i in images)
    assert images[0].shot is not None
    assert images[0].shot.purpose.labels == {"lora": "ada_v1", "training_step": "3"}
    assert len({i.pixels for i in images}) == 4


@pytest.mark.slow(seconds=6)
def test_events_tell_what_goes_on(bench: Bench) -> None:
    result, events = bench.train(bench.request("editor", steps=3, samples=(bench.shot("editor"),)))
    assert events[0].type == "started" and (events[0].total, events[0].unit, events[0].skipped) == (3, "steps", 0)
    assert [e.done for e in events if e.type == "progress" and e.done] == [1, 2, 3]
    assert any(e.type == "progress" and e.note == "Encoding picture 2 of 2" for e in events)
    assert [(e.k, e.n) for e in events if e.type == "step"] == [(1, 3), (2, 3), (3, 3)]
    assert set(result) == {"lora", "sha256", "rank", "alpha", "steps", "loss", "seconds_a_step"}
    assert result["seconds_a_step"] > 0


def test_the_base_is_left_as_it_was(bench: Bench) -> None:
    driver = bench.driver("character")
    before = driver.render(bench.shot(), [])
    bench.train(bench.request(steps=2, learning_rate=5e-2, samples=(bench.shot(),)))
    transformer = driver.pipe.transformer
    assert driver.render(bench.shot(), []).tobytes() == before.tobytes()
    assert NAME not in getattr(transformer, "peft_config", {})
    assert not transformer.training and not transformer.is_gradient_checkpointing
    assert not any(p.requires_grad for p in transformer.parameters())


@pytest.mark.slow(seconds=5)
def test_the_seed_decides(bench: Bench) -> None:
    curves = [
        curve(bench.train(bench.request("editor", folder=f"f{n}", steps=2, seed=s))[1]) for n, s in enumerate((1, 1, 2))
    ]
    assert curves[0] == curves[1] != curves[2]


@pytest.mark.slow(seconds=4)
def test_only_the_newest_checkpoints_are_kept(bench: Bench) -> None:
    request = bench.request("editor", save_every=1, checkpoints_total_limit=2)
    bench.train(request)
    assert sorted(p.name for p in checkpoints(bench, request).iterdir()) == ["000005", "000006"]


def test_a_loss_that_is_no_number_ends_in_words(bench: Bench) -> None:
    transformer = bench.driver("editor").pipe.transformer

    def poison(event: Event) -> None:
        if event.type == "metric" and event.metric.name == "loss" and event.metric.step == 2:
            for parameter in transformer.parameters():
                if parameter.requires_grad:
                    parameter.data.fill_(float("nan"))

    with pytest.raises(Diverged, match=r"step 3.*lower learning rate"):
        bench.train(bench.request("editor"), emit=poison)


@pytest.mark.slow(seconds=3)
def test_a_finished_training_answers_again_without_training(bench: Bench) -> None:
    request = bench.request("editor")
    first, _ = bench.train(request)
    second, events = bench.train(request)
    assert first.pop("seconds_a_step") > 0, "nothing was timed the second time"
    assert second == first and curve(events) == {}


def test_checkpoints_of_another_training_are_refused(bench: Bench) -> None:
    bench.train(bench.request("editor", steps=3))
    with pytest.raises(TrainingDataError, match=r"another training.*new version"):
        bench.train(bench.request("editor", steps=3, learning_rate=1e-3))


@pytest.mark.parametrize(
    ("target", "changes", "words"),
    [
        ("character", {"items": ()}, "no pictures"),
        ("character", {"family": "mini-qwen-edit"}, "cannot be trained as character.*mini-flux"),
        ("character", {"family": "nonesuch"}, "nonesuch"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(bench: Bench, target: str, changes: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        bench.train(bench.request(target, **changes))


def test_captions_without_the_trigger_are_pointed_out(bench: Bench) -> None:
    items = (bench.item(0), bench.item(1, caption="a person"))
    _, events = bench.train(bench.request(items=items, steps=1))
    assert [e.text for e in events if e.type == "warning"] == ['1 of 2 captions lack the trigger word "ohwx_char".']


def test_what_will_not_fit_is_refused_before_anything_loads(bench: Bench, models_root: Workspace) -> None:
    resident = Resident(models_root, Settings(device="cpu", memory_budget_gib=0.5))
    with pytest.raises(WillNotFit, match="GiB"):
        train(
            bench.request("editor"),
            resident=resident,
            workspace=bench.workspace,
            settings=resident.settings,
            emit=lambda event: None,
            cancelled=lambda: False,
        )
    assert not resident.loads


@pytest.mark.slow(seconds=5)
def test_running_out_of_memory_is_told_in_words(bench: Bench) -> None:
    def run_out(event: Event) -> None:
        if event.type == "progress" and event.done == 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    request = bench.request("editor")
    with pytest.raises(RanOut, match=r"step 5.*smaller resolution.*checkpoints are kept"):
        bench.train(request, emit=run_out)
    _, events = bench.train(request)
    assert list(curve(events)) == [4, 5, 6]


@pytest.mark.slow(seconds=3)
def test_a_checkpoint_and_samples_are_made_when_they_are_asked_for(bench: Bench) -> None:
    """Between what the settings say; each once."""
    asks = iter([frozenset(), frozenset({"save", "sample"})])
    request = bench.request(steps=4, save_every=4, sample_every=4, samples=(bench.shot(),))
    _, events = bench.train(request, asked=lambda: next(asks, frozenset()))
    kept = sorted(path.name for path in checkpoints(bench, request).iterdir())
    assert kept == ["000002", "000004"]
    made = [e.image.shot.purpose.labels["training_step"] for e in events if e.type == "image" and e.image.shot]
    assert made == ["2", "4"]
    assert set(curve(events, "fixed_loss")) == {0, 2, 4}
    rates, norms = curve(events, "learning_rate"), curve(events, "gradient_norm")
    assert rates == {n: pytest.approx(request.settings.learning_rate) for n in range(1, 5)}
    assert all(norm > 0 for norm in norms.values()) and len(norms) == 4
    assert all(pace > 0 for pace in curve(events, "steps_per_second").values())
    notes = [e.note for e in events if e.type == "progress" and e.note.startswith("loss")]
    assert len(notes) == 4 and "it/s, lr 0.004, gradient norm" in notes[-1]


@pytest.mark.slow
def test_it_is_told_at_what_memory_ran_out(bench: Bench) -> None:
    """Encoding and samples take other memory than steps: the person has to know which it was."""

    def at(kind: str, note: str = "") -> Callable[[Event], None]:
        def run_out(event: Event) -> None:
            if event.type == kind and note in getattr(event, "note", ""):
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

        return run_out

    request = bench.request("editor", sample_every=2, samples=(bench.shot("editor"),))
    with pytest.raises(RanOut, match=r"ran out while picture 2 of \d+ was encoded"):
        bench.train(request, emit=at("progress", "Encoding picture 2"))
    with pytest.raises(RanOut, match=r"ran out while a sample was drawn after step \d+"):
        bench.train(request, emit=at("step"))
    assert bench.train(request)[0]["lora"]
