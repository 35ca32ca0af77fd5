"""LoRA stacks on the resident model: loaded once, kept within a budget, weights set for a shot and restored after it.

The loaders of the libraries are silent about much: keys in a layout they do not expect load nothing at all, or half an
adapter, or weights without their scale. So what goes where is worked out here (``models.lora_mapping``), the same way
as when the file was brought in, and put into PEFT's layers tensor by tensor; what cannot be, leaves no trace.
"""

import re
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.utils.peft_utils import (
    recurse_remove_peft_layers,
    set_adapter_layers,
    set_weights_and_activate_adapters,
)
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from safetensors import safe_open

from pipelines.domain.faults import out_of_memory
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.engine.lora_weights import Builder, Halves
from pipelines.engine.memory import LORAS_KEPT
from pipelines.models import registry
from pipelines.models.base import TRANSFORMER
from pipelines.models.driver import Driver
from pipelines.models.lora_files import LoraHeader, LoraRefused, inspect, opened
from pipelines.models.lora_mapping import Fit, Patch
from pipelines.models.lora_scales import Scales, scales_of
from pipelines.models.lora_targets import LoraTarget, shipped_targets
from pipelines.storage.safetensors_header import Header
from pipelines.storage.workspace import Workspace

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
def applied(driver: Driver, stack: LoraStack, workspace: Workspace, budget: int = LORAS_KEPT) -> Iterator[list[Loaded]]:
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


def keep_only(driver: Driver, files: set[str]) -> int:
    """Take out all adapters but those of these files (SHA-256); how many bytes that gave back."""
    shelf = _shelf(driver)
    gone = [sha for sha in shelf.kept if sha not in files and sha not in dict(shelf.active)]
    given_back = sum(shelf.kept[sha].bytes for sha in gone)
    for sha in gone:
        _remove(driver, shelf.kept.pop(sha).name)
    return given_back


def _shelf(driver: Driver) -> Shelf:
    if driver.shelf is None:
        driver.shelf = Shelf()
    return driver.shelf


def _activate(driver: Driver, wanted: tuple[tuple[str, float], ...]) -> None:
    """Make exactly ``wanted`` (file hash, weight) active, in this order. One of weight 0 is off: a DoRA of weight 0 is
    not the base, as its magnitudes stay."""
    shelf = _shelf(driver)
    on = [(shelf.kept[sha].name, weight) for sha, weight in wanted if weight]
    for part in _parts(driver).values():
        if not getattr(part, "peft_config", {}):
            continue
        set_adapter_layers(part, enabled=bool(on))
        if on:
            set_weights_and_activate_adapters(part, [name for name, _ in on], [weight for _, weight in on])
    shelf.active = wanted
    driver.text_adapters = tuple((sha, weight) for sha, weight in wanted if shelf.kept[sha].in_text and weight)


def _parts(driver: Driver) -> dict[str, Any]:
    """The parts of the pipeline that LoRAs may adapt and that are there."""
    names = (TRANSFORMER, *registry.of(driver.family).encoders)
    return {name: part for name in names if (part := getattr(driver.pipe, name, None)) is not None}


def _loaded(driver: Driver, adapter: Adapter, workspace: Workspace) -> Loaded:
    shelf = _shelf(driver)
    if adapter.sha256 not in shelf.kept:
        name = f"a{shelf.loads}"
        shelf.loads += 1
        try:
            shelf.kept[adapter.sha256] = load(driver, workspace.lora_file(adapter.path), name, adapter.sha256)
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
            _remove(driver, shelf.kept.pop(sha).name)


def load(driver: Driver, path: Path, name: str, sha256: str = "") -> Loaded:
    """Load one file into the driver's model as adapter ``name``, or leave the model as it was and raise LoraRefused."""
    chosen, scales, header = _fitting(driver, path, sha256)
    parts, target = _parts(driver), chosen.target
    try:
        builder = Builder(_read(path, chosen), parts[TRANSFORMER].dtype)
        for part, patches in _by_part(chosen.patches).items():
            layers = _injected(parts[part], [patch.place.module for patch in patches], name)
            for patch, layer in zip(patches, layers, strict=True):
                inputs, outputs = target.parts[part][patch.place.module]
                halves = builder.halves(patch, scales.of(patch, header.tensors), inputs, outputs)
                _put(layer, name, halves, patch, path.name)
    except LoraRefused:
        _remove(driver, name)
        raise
    except Exception as error:
        _remove(driver, name)
        if out_of_memory(error):
            raise
        raise LoraRefused(f"{path.name} does not fit {driver.family.title}: {error}") from error
    text = any(patch.place.part != TRANSFORMER for patch in chosen.patches)
    return Loaded(name=name, bytes=_bytes(driver, name), in_text=text)


def _fitting(driver: Driver, path: Path, sha256: str) -> tuple[Fit, Scales, Header]:
    """How a file fits the model that is loaded: the same that its import asked, of the model's own layers."""
    target = live_target(driver)
    header = inspect(path, targets=[target, *shipped_targets()])
    chosen = next((f for f in header.fitting if f.target is target), None)
    own = target.architecture.name
    if chosen is None:
        found = header.fits or ((header.family,) if header.family in registry.architectures() else ())
        other = header.made_for or (" or ".join(found) if own not in found else "")
        if other:
            why = f"is a LoRA for {other}, and {driver.family.title} takes LoRAs for {own}"
        else:
            why = f"does not fit {driver.family.title}: {header.fault or _against(header, target)}"
        raise LoraRefused(f"{path.name} {why}. Choose another file or another model.")
    if sha256 not in ("", header.sha256):
        raise LoraRefused(f"{path.name} has changed since it was chosen: add it again.")
    told = opened(path, path.name)
    return chosen, scales_of(path, told), told


def _against(header: LoraHeader, target: LoraTarget) -> str:
    """Why a file that is none of this model's is not taken."""
    if header.fitting:
        return f"its layers are {header.fitting[0].target.width} wide, and the model's {target.width}"
    return "the names of its layers are not known"


def live_target(driver: Driver) -> LoraTarget:
    """The loaded model as LoRAs see it: its own linear layers."""
    parts = {name: _linear_layers(part) for name, part in _parts(driver).items()}
    return LoraTarget(registry.of(driver.family), driver.family.title, dict(driver.pipe.transformer.config), parts)


def _linear_layers(part: torch.nn.Module) -> dict[str, tuple[int, int]]:
    """Inputs and outputs by name. A layer that is adapted already has another inside, which is not meant."""
    found: dict[str, tuple[int, int]] = {}
    for name, module in part.named_modules():
        inside = re.search(r"\.(base_layer|lora_[AB]|lora_magnitude_vector)(\.|$)", name)
        if not inside and isinstance(module, torch.nn.Linear | LoraLayer):
            layer: Any = module
            found[name] = (layer.in_features, layer.out_features)
    return found


def _by_part(patches: tuple[Patch, ...]) -> dict[str, list[Patch]]:
    found: dict[str, list[Patch]] = {}
    for patch in patches:
        found.setdefault(patch.place.part, []).append(patch)
    return found


def _read(path: Path, chosen: Fit) -> Tensors:
    """The tensors of a file that are used."""
    wanted = {key for patch in chosen.patches for key in patch.keys.values()}
    with safe_open(path, framework="pt") as file:  # type: ignore[no-untyped-call]
        return {key: file.get_tensor(key) for key in wanted}


def _injected(part: torch.nn.Module, modules: list[str], name: str) -> list[LoraLayer]:
    """PEFT layers of adapter ``name`` on exactly these modules, in order, still without weights."""
    exactly = {f"{module}.lora_A.weight": torch.empty(0) for module in modules}
    config = LoraConfig(r=1, lora_alpha=1, target_modules=modules, init_lora_weights=False)
    with warnings.catch_warnings():  # that there are several adapters is meant
        warnings.simplefilter("ignore")
        inject_adapter_in_model(config, part, adapter_name=name, low_cpu_mem_usage=True, state_dict=exactly)
    part._hf_peft_config_loaded = True  # type: ignore[assignment]  # what diffusers and transformers ask
    layers = [part.get_submodule(module) for module in modules]
    assert all(isinstance(layer, LoraLayer) and name in layer.lora_A for layer in layers)
    return layers  # type: ignore[return-value]


def _put(layer: Any, name: str, halves: Halves, patch: Patch, file: str) -> None:
    """Set the weights of adapter ``name`` in one layer."""
    device = layer.get_base_layer().weight.device
    for half in (halves.down, halves.up):
        if not all(torch.isfinite(p).all() for p in half.parameters()):
            raise LoraRefused(f"{file} holds numbers that are not finite, in {patch.layer}: it is damaged.")
    layer.lora_A[name], layer.lora_B[name] = halves.down.to(device), halves.up.to(device)
    layer.r[name] = layer.lora_alpha[name] = halves.rank
    layer.scaling[name] = 1.0
    if halves.magnitude is not None:
        variant = layer.resolve_lora_variant(config=LoraConfig(use_dora=True))
        variant.init(layer, adapter_name=name)
        layer.lora_variant[name], layer.use_dora[name] = variant, True
        layer.lora_magnitude_vector[name].weight = torch.nn.Parameter(halves.magnitude.to(device), requires_grad=False)


def _bytes(driver: Driver, name: str) -> int:
    """What adapter ``name`` takes in memory; a tensor that modules share counts once."""
    held = {
        p.data_ptr(): p.nbytes
        for part in _parts(driver).values()
        for layer in part.modules()
        if isinstance(layer, LoraLayer) and name in layer.lora_A
        for half in (layer.lora_A[name], layer.lora_B[name])
        for p in half.parameters()
    }
    return sum(held.values())


def _remove(driver: Driver, name: str) -> None:
    """Remove every trace of adapter ``name``, also of one that is half there."""
    for part in _parts(driver).values():
        for layer in part.modules():
            if isinstance(layer, LoraLayer) and name in layer.lora_A:
                layer.delete_adapter(name)
        left = getattr(part, "peft_config", {})
        left.pop(name, None)
        if not left and getattr(part, "_hf_peft_config_loaded", False):
            recurse_remove_peft_layers(part)
            part._hf_peft_config_loaded = False
            if hasattr(part, "peft_config"):
                del part.peft_config
