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
from contextlib import contextmanager, suppress
from pathlib import Path

import diffusers
import psutil
import torch

from pipelines.domain.events import Event, Memory, Warned
from pipelines.domain.presets import ModelFamily
from pipelines.engine import attention, precision, quantize, weights
from pipelines.engine.memory import WillNotFit, why_not_loaded
from pipelines.models import registry
from pipelines.models.driver import Driver, driver_of
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

log = logging.getLogger(__name__)
Emit = Callable[[Event], None]


class Resident:
    """Holds one loaded model. ``loads`` counts loads by family name. ``emit`` is told about memory and loading.

    One thread at a time is inside ``use``; others wait.
    """

    def __init__(self, workspace: Workspace, settings: Settings, emit: Emit | None = None) -> None:
        self.workspace, self.settings = workspace, settings
        self.emit: Emit = emit or (lambda event: None)
        self.loads: Counter[str] = Counter()
        self._driver: Driver | None = None
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
                self._driver, self._key = self._loaded(family), self._key_of(family)
                self.emit(self.memory())
            assert self._driver is not None
            yield self._driver

    def drop(self) -> None:
        """Let go of the loaded model, if any, and prove that its memory is free (a Warned event when it is not)."""
        with self._lock:
            if self._driver is None:
                return
            name = self._driver.family.title
            probe = weakref.ref(self._driver.pipe.transformer)
            # A caller's variable may outlive its ``with``: the driver lets go of the model, whoever holds the driver.
            self._driver.close()
            self._driver, self._key = None, None
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
        resident = self._driver.family.name if self._driver else ""
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
        return self._driver is not None and self._key == self._key_of(family)

    def folder(self, family: ModelFamily) -> Path:
        """Where the weights of ``family`` lie. A download is never started here. Raises WeightsMissing."""
        return weights.require(family, self.workspace, self.settings)

    def _loaded(self, family: ModelFamily) -> Driver:
        """Loaded; when the card is full on the way, once more with all given back that was taken. Raises WillNotFit, in
        words: at loading no picture is too large."""
        for _ in range(2):
            with suppress(torch.OutOfMemoryError):
                return self._load(family)
            # Outside the handler: a live traceback would hold on to what was loaded so far.
            self.release()
        raise WillNotFit(why_not_loaded(family, self.workspace, self.settings))

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
            quantization_config=quantize.config(family, dtype),
        )
        for part in pipe.components.values():
            if isinstance(part, torch.nn.Module):
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


def pick_device(wanted: str) -> torch.device:
    """``auto``: CUDA when there is a card, else the CPU. Raises RuntimeError for CUDA without a card."""
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if wanted.startswith("cuda") and not torch.cuda.is_available():
        raise RuntimeError("The settings ask for a CUDA card, but there is none: set device to 'auto' or 'cpu'.")
    return torch.device(wanted)
