"""The training loop, one for all families: encode, then steps; checkpoints, samples and the file at the end."""

import math
import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from pipelines.domain.base import content_hash
from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Measured, Progress, Started, Warned
from pipelines.domain.faults import out_of_memory
from pipelines.domain.presets import ModelFamily
from pipelines.domain.records import Metric
from pipelines.domain.requests import TrainRequest
from pipelines.engine.memory import RanOut
from pipelines.models import lora_export
from pipelines.models.denoiser import denoiser_of
from pipelines.models.driver import Driver
from pipelines.models.lora_export import Learned
from pipelines.storage.atomic import file_hash, remove_folder
from pipelines.storage.safetensors_file import read_metadata
from pipelines.storage.workspace import Workspace
from pipelines.training import checkpoints
from pipelines.training.adapter import LearnedAdapter, attached, modules_of
from pipelines.training.character import CharacterTask
from pipelines.training.checkpoints import Checkpoint
from pipelines.training.context import TrainingContext
from pipelines.training.dataset import Cache, Encoder, Example
from pipelines.training.editor import EditorTask
from pipelines.training.emphasis import emphasis
from pipelines.training.loss import Loss
from pipelines.training.offload import Offload
from pipelines.training.samples import Samples
from pipelines.training.schedule import Schedule
from pipelines.training.task import Task, TrainingDataError

TASKS: dict[str, Task] = {"character": CharacterTask(), "editor": EditorTask()}
"""By what a request calls its target."""
GRADIENT_NORM = 1.0
"""Gradients are clipped to this norm, as all trainers of these families do."""
RAN_OUT = (
    "Memory ran out {when}, against the prediction. Choose a smaller resolution, batch or rank, or close other programs"
    " that use the card; checkpoints are kept."
)


class Diverged(RuntimeError):
    """The loss is no longer a number. The message says what to do."""


def fingerprint(request: TrainRequest) -> str:
    """What makes two requests the same training: pictures, captions, base and settings, but not how often it saves."""
    content = request.model_dump(include={"target", "family", "revision", "items", "settings", "trigger"})
    for key in ("save_every", "sample_every", "checkpoints_total_limit"):
        content["settings"].pop(key)
    for key in ("smaller", "ema"):  # came later: a training begun before goes on
        if not content["settings"][key]:
            content["settings"].pop(key)
    for item in content["items"]:
        item["image"], item["controls"] = item["image"]["id"], [c["id"] for c in item["controls"]]
    return content_hash(content)


def result(request: TrainRequest, sha256: str, loss: float) -> dict[str, Any]:
    """What the job answers: where the file is and what it holds. Alpha is folded into the file: it equals rank."""
    s = request.settings
    lora = f"{request.folder}/{request.name}.safetensors"
    return {"lora": lora, "sha256": sha256, "rank": s.rank, "alpha": s.rank, "steps": s.steps, "loss": loss}


def finished(request: TrainRequest, workspace: Workspace) -> dict[str, Any] | None:
    """The result of this very training if its file is there already."""
    path = workspace.path(f"{request.folder}/{request.name}.safetensors")
    header = read_metadata(path)
    if header.get("flenwheel.fingerprint") != fingerprint(request):
        return None
    return result(request, file_hash(path), float(header["flenwheel.loss"]))


class Training:
    """One run of the loop on a resident model. ``run`` does it all and returns the job's result."""

    optimizer: torch.optim.Optimizer
    adapter: LearnedAdapter

    def __init__(
        self,
        request: TrainRequest,
        family: ModelFamily,
        driver: Driver,
        context: TrainingContext,
    ):
        self.request, self.family, self.context = request, family, context
        self.workspace, self.emit = context.workspace, context.emit
        self.settings, self.driver = request.settings, driver
        self.denoiser = denoiser_of(driver, self.settings.resolution)
        self.folder = self.workspace.path(request.folder)
        self.checkpoints = self.folder / "checkpoints"
        self.fingerprint = fingerprint(request)
        self.schedule = Schedule(request.items, self.settings)
        self.loss = Loss(self.denoiser, driver.device, self.settings.seed)
        self.offload = Offload(driver)
        self.samples = Samples(request, driver, context)
        self.losses: list[float] = []
        self.stage = "before the first step"
        self.times: list[float] = []  # seconds of each step that was done now, and of nothing else

    def run(self) -> dict[str, Any]:
        """Train, from the newest checkpoint if there is one.

        Raises Cancelled (within one step, a checkpoint written first), TrainingDataError, Diverged, RanOut.
        """
        try:
            return self._run()
        except Exception as error:
            if not out_of_memory(error):
                raise
        # Outside the handler: a live traceback would hold on to what has to go.
        raise RanOut(RAN_OUT.format(when=self._when()))

    def _run(self) -> dict[str, Any]:
        s, transformer = self.settings, self.driver.pipe.transformer
        kept = self._newest()
        self.losses = list(kept.losses) if kept else []
        self.emit(Started(total=s.steps, unit="steps", skipped=self.done))
        for text in (*TASKS[self.request.target].warnings(self.request), *self._faceless(), *self.schedule.warnings):
            self.emit(Warned(text=text))
        if kept:
            self.samples.announce()
        examples = self._encode()
        # a run that began when the preset named other layers goes on with its own
        targets = modules_of(kept.adapter) if kept else self.family.lora_targets
        with (
            self.offload.offloaded(),
            attached(transformer, targets, s.rank, s.alpha, s.seed, s.gradient_checkpointing) as self.adapter,
        ):
            parameters = list(self.adapter.parameters.values())
            self.optimizer = checkpoints.make_optimizer(s.optimizer, parameters, s.learning_rate)
            if kept:
                self.adapter.load(kept.adapter, kept.average)
                self.optimizer.load_state_dict(kept.optimizer)
            self._steps(examples)
            return self._finish()

    def _when(self) -> str:
        return self.stage or f"at step {self.done + 1}"

    @property
    def done(self) -> int:
        """Steps that are finished."""
        return len(self.losses)

    # -- before the steps

    def _newest(self) -> Checkpoint | None:
        kept = checkpoints.newest(self.checkpoints)
        if kept and kept.fingerprint != self.fingerprint:
            raise TrainingDataError(
                f"{self.request.folder} holds the checkpoints of another training (other pictures or settings). "
                "Train into a new version."
            )
        return kept

    def _encode(self) -> list[Example]:
        """All items encoded, from the cache where it has them: at the largest side, then at each smaller one."""
        base = f"{self.family.name}@{self.request.revision}"
        cache = Cache(self.folder / "cache")
        examples = []
        for side in self.settings.sides:
            denoiser = denoiser_of(self.driver, side)
            encoder = Encoder(denoiser, cache, self.workspace.path, base, side, self._weigh)
            for n, item in enumerate(self.request.items):
                self.context.stop_if_cancelled()
                at = f" at {side} px" if self.settings.smaller else ""
                note = f"Encoding picture {n + 1} of {len(self.request.items)}{at}"
                self.stage = f"while picture {n + 1} of {len(self.request.items)} was encoded{at}"
                self.emit(Progress(done=self.done, note=note))
                examples.append(encoder.example(item))
        return examples

    def _faceless(self) -> list[str]:
        if not self.settings.face_weight or self.context.finder:
            return []
        return ["Nobody here finds faces: all of a picture counts alike, though faces were to count more."]

    def _weigh(self, picture: Image.Image, height: int, width: int) -> Tensor | None:
        """The weights of a picture at a size in latents; ``None`` where no face is to count more."""
        gain, finder = self.settings.face_weight, self.context.finder
        found = finder(picture) if gain and finder else None
        return emphasis(found, height, width, gain) if found else None

    # -- the steps

    def _steps(self, examples: list[Example]) -> None:
        try:
            self.stage = ""
            return self._all_steps(examples)
        except Exception as error:
            if not out_of_memory(error):
                raise
        # Outside the handler: a live traceback would hold on to the tensors that have to go before the other parts of
        # the pipeline come back to the card.
        raise RanOut(RAN_OUT.format(when=self._when()))

    def _all_steps(self, examples: list[Example]) -> None:
        saved = self.done if self.done else -1
        try:
            if self.done and self._due(self.settings.sample_every):
                self._sample(examples)  # a run killed between checkpoint and sample makes it now
            elif not self.done:
                self._measure("fixed_loss", self.loss.fixed(examples))
            while self.done < self.settings.steps:
                self._step(examples)
                if self._due(self.settings.save_every):
                    self._save()
                    saved = self.done
                if self._due(self.settings.sample_every):
                    self._sample(examples)
        except Cancelled:
            if saved != self.done:
                self._save()
            raise

    def _due(self, every: int) -> bool:
        return self.done % every == 0 or self.done == self.settings.steps

    def _step(self, examples: list[Example]) -> None:
        """One optimizer step over ``accumulate`` parts of ``batch`` examples."""
        step, began = self.done, time.monotonic()
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.learning_rate(step)
        self.optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for part in range(self.settings.accumulate):
            for share, loss in self._parts(examples, step, part):
                self.context.stop_if_cancelled()
                weighted = loss() * share
                weighted.backward()
                total += float(weighted.detach())
        if not math.isfinite(total):
            raise Diverged(f"The loss is not a number at step {step + 1}. Train again with a lower learning rate.")
        torch.nn.utils.clip_grad_norm_(list(self.adapter.parameters.values()), GRADIENT_NORM)
        self.optimizer.step()
        self.adapter.follow(self.settings.ema, step)
        self.losses.append(total)
        self.times.append(time.monotonic() - began)
        self._measure("loss", total)
        self.emit(Progress(done=self.done, note=f"loss {total:.4f}"))

    def _parts(self, examples: list[Example], step: int, part: int) -> list[tuple[float, Callable[[], Tensor]]]:
        """The batch of one part as groups that can go through the model together, each with its share of the mean."""
        groups = defaultdict(list)
        for n, draw in enumerate(self.schedule.draw(step, part)):
            example = examples[draw.side * len(self.request.items) + draw.index]
            sigma, noise = self.loss.draw(example, step, part, n)
            text = example.empty if draw.dropped else example.text
            groups[example.shape, text.embeds.shape].append((example, sigma, noise, draw.dropped))
        whole = self.settings.batch * self.settings.accumulate
        return [(len(g) / whole, lambda g=g: self.loss.of_batch(g)) for g in groups.values()]

    # -- what the steps leave behind

    def _save(self) -> None:
        now = Checkpoint(
            self.done,
            self.fingerprint,
            self.adapter.tensors(),
            self.optimizer.state_dict(),
            tuple(self.losses),
            self.adapter.average,
        )
        checkpoints.save(self.checkpoints, now, self.settings.checkpoints_total_limit)

    def _sample(self, examples: list[Example]) -> None:
        self._measure("fixed_loss", self.loss.fixed(examples))
        self.emit(self.context.memory())
        if self.samples.missing(self.done):
            self.optimizer.zero_grad(set_to_none=True)
            self.stage = f"while a sample was drawn after step {self.done}"
            with self.offload.fetched():
                self.samples.make(self.done, self.adapter)
            self.stage = ""

    def _finish(self) -> dict[str, Any]:
        weights = {name: t.numpy() for name, t in self.adapter.learned().items()}
        learned = Learned(weights, self.losses, self.fingerprint)
        path = self.folder / f"{self.request.name}.safetensors"
        sha256 = lora_export.write(path, learned, self.request, self.family)
        remove_folder(self.folder / "cache")
        pace = {"seconds_a_step": median(self.times)} if self.times else {}
        return result(self.request, sha256, learned.loss) | pace

    def _measure(self, name: str, value: float) -> None:
        if not math.isfinite(value):
            raise Diverged(f"The {name} is not a number at step {self.done}. Train again with a lower learning rate.")
        self.emit(Measured(metric=Metric(name=name, step=self.done, value=value)))
