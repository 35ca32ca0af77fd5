"""The one model that is loaded. ``with resident.use(family) as driver:`` loads it when it is not the one already there.

Keyed by (model, revision, quantization, dtype, device). Same key: no work. Another key: the old model is dropped, its
memory proved free, the new one loaded.
"""

import gc
import json
import logging
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import diffusers
import psutil
import torch

from pipelines.domain.events import Event, Memory, Warned
from pipelines.domain.faults import in_words, out_of_memory
from pipelines.domain.presets import ModelFamily
from pipelines.engine import attention, lone_part, precision, prepare, quantize, weights
from pipelines.engine.lone_part import LonePart
from pipelines.engine.memory import RanOut, WillNotFit, why_not_loaded
from pipelines.engine.sources import quantized
from pipelines.models import registry
from pipelines.models.driver import Driver, driver_of
from pipelines.storage.prepared import Copy
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

log = logging.getLogger(__name__)
Emit = Callable[[Event], None]
T = TypeVar("T")


@dataclass
class Alone:
    """A part by itself: ``model`` on ``device``, and the ``processor`` that makes its inputs."""

    part: LonePart
    model: Any
    processor: Any
    device: torch.device

    @property
    def name(self) -> str:
        """As the memory display calls it."""
        return self.part.name

    @property
    def title(self) -> str:
        """What people call it."""
        return self.part.title

    @property
    def heaviest(self) -> Any:
        """What holds its memory."""
        return self.model

    def close(self) -> None:
        """Let go of it: it cannot be used any more."""
        self.model = self.processor = None


class Resident:
    """Holds one loaded model, or a part of one. ``loads`` counts loads by name. ``emit`` is told about memory and
    loading.

    One thread at a time is inside ``use``; others wait.
    """

    def __init__(self, workspace: Workspace, settings: Settings, emit: Emit | None = None) -> None:
        self.workspace, self.settings = workspace, settings
        self.emit: Emit = emit or (lambda event: None)
        self.loads: Counter[str] = Counter()
        self._held: Driver | Alone | None = None
        self._key: Hashable = None
        self._lock = threading.RLock()

    @property
    def device(self) -> torch.device:
        """Where models run, by the present settings. Raises RuntimeError when there is no such device."""
        return pick_device(self.settings.device)

    @contextmanager
    def use(self, family: ModelFamily) -> Iterator[Driver]:
        """The driver of ``family``, loaded. Raises WeightsMissing, WillNotFit, RuntimeError when the folder holds
        another model."""
        with self._lock:
            if not self.holds(family):
                self.drop()
                self._held, self._key = self._loaded(family), self._key_of(family)
                self.emit(self.memory())
            assert isinstance(self._held, Driver)
            yield self._held

    @contextmanager
    def use_part(self, part: LonePart) -> Iterator[Alone]:
        """One part by itself, loaded in the place of any model. Raises WillNotFit, and what loading raises."""
        with self._lock:
            key = ("part", part, precision.native(self.device.type), self.device)
            if self._key != key:
                self.drop()
                if why := lone_part.why_not(part, self.settings):
                    raise WillNotFit(why)
                loaded = self._twice(
                    lambda: self._load_part(part), lambda: lone_part.why_not_loaded(part, self.settings)
                )
                self._held, self._key = loaded, key
                self.loads[part.title] += 1
                self.emit(self.memory())
            assert isinstance(self._held, Alone)
            yield self._held

    def drop(self) -> None:
        """Let go of the loaded model, if any, and prove that its memory is free (a Warned event when it is not)."""
        with self._lock:
            if self._held is None:
                return
            name = self._held.title
            probe = weakref.ref(self._held.heaviest)
            # A caller's variable may outlive its ``with``: the driver lets go of the model, whoever holds the driver.
            self._held.close()
            self._held, self._key = None, None
            self.release()
            if probe() is not None:
                log.error("%s is still referenced after it was dropped", name)
                self.emit(Warned(text=f"The memory of {name} could not be freed; the next model may not fit."))

    def release(self) -> None:
        """Give unused memory back: Python's cycles, then the CUDA cache."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def memory(self) -> Memory:
        """What is loaded and how much memory is in use: of the card on CUDA, of this process elsewhere."""
        resident = self._held.name if self._held else ""
        if self.device.type == "cuda":
            free, total = torch.cuda.mem_get_info(self.device)
            used = total - free
        else:
            used, total = psutil.Process().memory_info().rss, psutil.virtual_memory().total
        return Memory(
            device=self.device.type,
            used_gib=round(used / 2**30, 2),
            total_gib=round(total / 2**30, 2),
            resident=resident,
        )

    def reset_peak(self) -> None:
        """Begin to measure the highest use of the card anew."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak_gib(self) -> float | None:
        """The highest use of the card since ``reset_peak``, GiB; None where there is no card."""
        if self.device.type != "cuda":
            return None
        return round(torch.cuda.max_memory_allocated(self.device) / 2**30, 2)

    def holds(self, family: ModelFamily) -> bool:
        """Whether ``use`` would have nothing to load."""
        return self._held is not None and self._key == self._key_of(family)

    def folder(self, family: ModelFamily) -> Path:
        """Where the weights of ``family`` lie. A download is never started here. Raises WeightsMissing."""
        return weights.require(family, self.workspace, self.settings)

    def prepare(
        self,
        family: ModelFamily,
        on_progress: Callable[[float, str], None],
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make the copy that ``use`` will load from now on, where there is none and quantizing at each load takes long.

        What stands in its way (no room, a folder that can't be written) is told and costs nothing but time. Raises
        Cancelled.
        """
        source = weights.source_of(family, self.workspace, self.settings)
        if source is None or not self.settings.keep_copies or not weights.worth_a_copy(family, source):
            return
        if weights.copy_of(family, source, self.workspace, self.settings):
            return
        try:
            self.make_copy(family, source, on_progress, cancelled)
        except (prepare.CannotPrepare, OSError) as why:
            log.warning("no copy of %s", family.name, exc_info=True)
            self.emit(Warned(text=f"{family.title} is quantized anew each time it is loaded: {in_words(why)}"))

    def make_copy(
        self,
        family: ModelFamily,
        source: weights.Source,
        on_progress: Callable[[float, str], None],
        cancelled: Callable[[], bool],
    ) -> Copy:
        """Make the copy of ``family`` from ``source`` on this device. Raises as ``prepare.make`` does."""
        with self._lock:
            return prepare.make(family, source, self.workspace, self.settings, self.device, on_progress, cancelled)

    def _loaded(self, family: ModelFamily) -> Driver:
        """Loaded. Raises RanOut, in words: at loading no picture is too large."""
        return self._twice(lambda: self._load(family), lambda: why_not_loaded(family, self.workspace, self.settings))

    def _twice(self, load: Callable[[], T], why: Callable[[], str]) -> T:
        """What ``load`` gives; when memory runs out on the way, once more with all given back that was taken. Raises
        RanOut with the words of ``why``."""
        for _ in range(2):
            try:
                return load()
            except Exception as error:
                if not out_of_memory(error):
                    raise
            # Outside the handler: a live traceback would hold on to what was loaded so far.
            self.release()
        raise RanOut(why())

    def _load_part(self, part: LonePart) -> Alone:
        """A part as its config says what it is; in 4 bits where its model is held so and the files are not yet."""
        import transformers

        dtype, device = precision.native(self.device.type), self.device
        quantize.enable(device.type)
        attention.sound()
        config = transformers.AutoConfig.from_pretrained(part.weights, local_files_only=True)
        kind = getattr(transformers, (config.architectures or ["Qwen2_5_VLForConditionalGeneration"])[0])
        how = None if part.quantized else quantize.config_of(part.held, part.name, dtype)
        placed = {"device_map": {"": device}} if how is not None else {}
        model = kind.from_pretrained(
            part.weights, local_files_only=True, use_safetensors=True, dtype=dtype, quantization_config=how, **placed
        )
        quantize.even_out(model, dtype)
        quantize.settle(model)
        model = model if how is not None or part.quantized else model.to(device)
        processor = transformers.AutoProcessor.from_pretrained(part.processor, local_files_only=True)
        return Alone(part, model.eval().requires_grad_(False), processor, device)

    def _key_of(self, family: ModelFamily) -> Hashable:
        parts = tuple((name, part.quantize, part.skip) for name, part in family.parts.items())
        return family.name, family.revision, parts, precision.native(self.device.type), self.device

    def _load(self, family: ModelFamily) -> Driver:
        folder = self.folder(family)
        architecture = registry.of(family)
        made_for = json.loads((folder / weights.INDEX).read_text(encoding="utf-8")).get("_class_name")
        if made_for != architecture.pipeline:
            raise RuntimeError(f"{folder} holds a {made_for}, but {family.title} needs a {architecture.pipeline}.")
        dtype = precision.native(self.device.type)
        quantize.enable(self.device.type)
        attention.sound()
        pipe = getattr(diffusers, architecture.pipeline).from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=dtype,
            quantization_config=quantize.config(family, dtype, _done(folder)),
        )
        for part in pipe.components.values():
            if isinstance(part, torch.nn.Module):
                quantize.even_out(part, dtype)
                quantize.settle(part)
                part.eval().requires_grad_(False)
        if pipe.vae_scale_factor != family.factor:
            raise RuntimeError(
                f"The VAE in {folder} makes one latent of {pipe.vae_scale_factor} pixels of a side, but {family.title}"
                f" is described with {family.factor}."
            )
        driver = driver_of(family)(family, pipe, self.device)
        driver.prepare()
        driver.place(self.device, *pipe.components)
        self.loads[family.name] += 1
        return driver


def _done(folder: Path) -> list[str]:
    """The parts that are quantized on disk already."""
    return [p.parent.name for p in folder.glob("*/config.json") if quantized(json.loads(p.read_text(encoding="utf-8")))]


def pick_device(wanted: str) -> torch.device:
    """``auto``: CUDA when there is a card, else the CPU. Raises RuntimeError for CUDA without a card."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise RuntimeError("The settings ask for a CUDA card, but there is none: set device to 'auto' or 'cpu'.")
    return torch.device(wanted)
