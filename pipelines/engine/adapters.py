"""LoRA stacks on the resident model: loaded once, kept within a budget, weights set for a shot and restored after it.

Loaders are silent about much: keys in a layout they do not expect load nothing at all, or half an adapter, or weights
without their scale. So: the header is read first (family, format), the architecture brings the keys into the layout
that its loader takes, and after loading every module must be found in the model; else all is rolled back.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from pipelines.domain.shots import Adapter, LoraStack
from pipelines.models import lora_names, registry
from pipelines.models.driver import Driver
from pipelines.models.lora_files import LoraRefused, inspect
from pipelines.storage.workspace import Workspace

BUDGET_BYTES = 4 * 2**30
_DOWN = re.compile(r"(\.lora_A(\.default)?\.weight|\.lora_down(\.default)?\.weight|_lora\d?\.down\.weight)$")

Tensors = dict[str, torch.Tensor]


@dataclass
class Loaded:
    """An adapter in the model. ``name`` is ours: a user's name may hold characters that peft refuses."""

    name: str
    bytes: int
    in_text: bool


class Shelf:
    """The adapters that are in a driver's model, by the hash of their file, least recently used first."""

    def __init__(self) -> None:
        self.kept: OrderedDict[str, Loaded] = OrderedDict()
        self.active: tuple[tuple[str, float], ...] = ()
        self.loads = 0


@contextmanager
def applied(
    driver: Driver, stack: LoraStack, workspace: Workspace, budget: int = BUDGET_BYTES
) -> Iterator[list[Loaded]]:
    """Within, the model is the base with ``stack`` on it; afterwards it is as it was before, whatever happened.

    Files are read at their first use only. Raises LoraRefused (wrong family, not a LoRA, changed since it was chosen,
    does not fit the model); the model is untouched then.
    """
    shelf = _shelf(driver)
    before = shelf.active
    loaded = [_loaded(driver, adapter, workspace) for adapter in stack.adapters]
    _trim(driver, {a.sha256 for a in stack.adapters} | {sha for sha, _ in before}, budget)
    try:
        _activate(driver, tuple((a.sha256, a.weight) for a in stack.adapters))
        yield loaded
    finally:
        _activate(driver, before)


def _shelf(driver: Driver) -> Shelf:
    if driver.shelf is None:
        driver.shelf = Shelf()
    return driver.shelf


def _activate(driver: Driver, wanted: tuple[tuple[str, float], ...]) -> None:
    """Make exactly ``wanted`` (file hash, weight) active, in this order."""
    shelf = _shelf(driver)
    if wanted:
        driver.pipe.enable_lora()
        driver.pipe.set_adapters([shelf.kept[sha].name for sha, _ in wanted], [weight for _, weight in wanted])
    elif shelf.kept:
        driver.pipe.disable_lora()
    shelf.active = wanted
    driver.text_adapters = tuple((sha, weight) for sha, weight in wanted if shelf.kept[sha].in_text)


def _loaded(driver: Driver, adapter: Adapter, workspace: Workspace) -> Loaded:
    shelf = _shelf(driver)
    if adapter.sha256 not in shelf.kept:
        name = f"a{shelf.loads}"
        shelf.loads += 1
        try:
            shelf.kept[adapter.sha256] = load(driver, workspace.path(adapter.path), name, adapter.sha256)
        finally:
            # Loading activates what it loads, and a refused file may have left others inactive.
            _activate(driver, shelf.active)
    shelf.kept.move_to_end(adapter.sha256)
    return shelf.kept[adapter.sha256]


def _trim(driver: Driver, needed: set[str], budget: int) -> None:
    """Take out the adapters that were not used for longest, until what is kept is within ``budget`` bytes."""
    shelf = _shelf(driver)
    for sha in list(shelf.kept):
        if sum(kept.bytes for kept in shelf.kept.values()) <= budget:
            return
        if sha not in needed:
            driver.pipe.delete_adapters([shelf.kept.pop(sha).name])


def load(driver: Driver, path: Path, name: str, sha256: str = "") -> Loaded:
    """Load one file into the driver's model as adapter ``name``, or leave the model as it was and raise LoraRefused."""
    header, architecture = inspect(path), registry.of(driver.family)
    if architecture.name not in (header.family, *header.fits):
        raise LoraRefused(
            f"{path.name} is a LoRA for {header.family}, and {driver.family.title} takes LoRAs for"
            f" {architecture.name}. Choose another file or another model."
        )
    if sha256 and _hash(path) != sha256:
        raise LoraRefused(f"{path.name} has changed since it was chosen: add it again.")
    tensors, metadata = _read(path)
    text = any(key.startswith(lora_names.TEXT) for key in tensors)
    try:
        source = architecture.normalised(tensors, metadata)
        _check(driver, dict(source or tensors), path.name)
        if source is None:
            driver.pipe.load_lora_weights(
                path.parent,
                weight_name=path.name,
                adapter_name=name,
                use_safetensors=True,
                local_files_only=True,
            )
        else:
            driver.pipe.load_lora_weights(source, adapter_name=name)
        _verify(driver, tensors, name, path.name)
    except LoraRefused:
        _roll_back(driver, name)
        raise
    except torch.OutOfMemoryError:
        _roll_back(driver, name)
        raise
    except Exception as error:
        _roll_back(driver, name)
        raise LoraRefused(f"{path.name} does not fit {driver.family.title}: {error}") from error
    return Loaded(name=name, bytes=path.stat().st_size, in_text=text)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> tuple[Tensors, dict[str, str]]:
    with safe_open(path, framework="pt") as file:  # type: ignore[no-untyped-call]
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118


def _check(driver: Driver, tensors: Tensors, file: str) -> None:
    """Compare names and shapes with the model, before anything is loaded.

    A loader that meets a half of another width does not refuse: it dequantizes the base's layer and makes it wider.
    """
    converted = driver.pipe.lora_state_dict(tensors)
    converted = converted[0] if isinstance(converted, tuple) else converted
    modules = dict(driver.pipe.transformer.named_modules())
    for key, tensor in converted.items():
        match = re.fullmatch(r"transformer\.(.+)\.lora_([AB])(\..+)?\.weight", key)
        if not match:
            continue
        module = modules.get(match[1])
        if module is None:
            raise LoraRefused(f"{file}: {driver.family.title} has no module {match[1]}. It was made for another model.")
        size = module.in_features if match[2] == "A" else module.out_features
        if size != tensor.shape[1 if match[2] == "A" else 0]:
            raise LoraRefused(f"{file}: its weights for {match[1]} have another size than {driver.family.title}'s.")


def _verify(driver: Driver, tensors: Tensors, name: str, file: str) -> None:
    wanted = {_DOWN.sub("", key) for key in tensors if _DOWN.search(key) and not key.startswith(lora_names.TEXT)}
    layers = [m for m in driver.pipe.transformer.modules() if name in getattr(m, "lora_A", {})]
    # A fused projection (qkv) of the file becomes several modules, so there may be more than in the file.
    if len(layers) < len(wanted) or not layers:
        raise LoraRefused(
            f"{file}: only {len(layers)} of its {len(wanted)} modules exist in {driver.family.title}."
            " It was made for another model."
        )
    weights = [half[name].weight for layer in layers for half in (layer.lora_A, layer.lora_B)]
    if any(weight.is_meta for weight in weights):
        raise LoraRefused(f"{file}: its weights do not reach the modules they are named after.")
    if not all(torch.isfinite(weight).all() for weight in weights):
        raise LoraRefused(f"{file} holds numbers that are not finite: it is damaged.")


def _roll_back(driver: Driver, name: str) -> None:
    """Remove every trace of adapter ``name``, also of one that is half there."""
    for part in ("transformer", *driver.encoders):
        module: Any = getattr(driver.pipe, part, None)
        if module is None:
            continue
        for layer in module.modules():
            if name in getattr(layer, "lora_A", {}):
                layer.delete_adapter(name)
        getattr(module, "peft_config", {}).pop(name, None)
    if not _shelf(driver).kept:
        driver.pipe.unload_lora_weights()
