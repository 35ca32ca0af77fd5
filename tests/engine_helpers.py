"""Shared by the engine's tests: real small models built once, shots, pictures, and LoRA files in many layouts."""

import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from pipelines.domain.presets import ModelFamily
from pipelines.domain.shots import Adapter, ImageRef, LoraStack, Purpose, Shot
from pipelines.engine import cards
from pipelines.engine.cards import Card
from pipelines.engine.resident import Resident
from pipelines.storage.pictures import save_picture
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

FLUX = "mini-flux"
QWEN = "mini-qwen-edit"


def checkpoint(name: str) -> Path:
    """The folder with the weights of a small model, as they come with the product."""
    return PRESETS / family(name).weights.folder


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both small models, as a user's own models folder would be."""
    folder = tmp_path_factory.mktemp("models")
    for name in (FLUX, QWEN):
        (folder / name).symlink_to(checkpoint(name))
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "workspace")
    made.create()
    return made


@pytest.fixture
def settings(models_dir: Path) -> Settings:
    return Settings(models_dir=models_dir, device="cpu")


@pytest.fixture
def events() -> list[Any]:
    return []


@pytest.fixture
def resident(workspace: Workspace, settings: Settings, events: list[Any]) -> Iterator[Resident]:
    made = Resident(workspace, settings, events.append)
    yield made
    made.drop()


def put_in_card(monkeypatch: pytest.MonkeyPatch, gib: int = 24) -> None:
    """From now on this machine has a card that nobody else uses, as far as planning goes."""
    monkeypatch.setattr(cards, "cards", lambda: [Card("GPU-1", "a card", gib * 2**30)])
    monkeypatch.setattr(cards, "torch_computes_on_cards", lambda: True)
    monkeypatch.delenv(cards.VISIBLE, raising=False)


def put_memory_in(monkeypatch: pytest.MonkeyPatch, gib: int = 256) -> None:
    """From now on so much memory is free, as far as planning goes: what is foretold depends on what is free."""
    told = psutil.virtual_memory()._replace(total=gib * 2**30, available=gib * 2**30)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: told)


def family(name: str) -> ModelFamily:
    return shipped().models[name]


def shot(name: str = FLUX, **fields: Any) -> Shot:
    """A shot of 64 px in 2 steps unless said otherwise."""
    values: dict[str, Any] = {
        "family": name,
        "revision": family(name).revision,
        "prompt": "portrait of ohwx_char person, smiling",
        "seed": 1,
        "steps": 2,
        "guidance": 3.5,
        "width": 64,
        "height": 64,
        "purpose": Purpose(step="sample"),
    }
    return Shot(**{**values, **fields})


def ramp(size: int = 96, seed: int = 0) -> Image.Image:
    """A colourful picture that differs by seed."""
    across = np.linspace(0, 255, size)
    red, green = np.meshgrid(across, across)
    blue = np.random.default_rng(seed).uniform(0, 255, (size, size))
    return Image.fromarray(np.stack([red, green, blue], axis=-1).astype(np.uint8))


def source(workspace: Workspace, seed: int = 0) -> ImageRef:
    """A source picture in the workspace."""
    record = save_picture(workspace, ramp(seed=seed), character="ada", kind="source", version="v1")
    return record.ref


def same(a: Image.Image, b: Image.Image) -> bool:
    """Identical pixels."""
    return a.size == b.size and a.tobytes() == b.tobytes()


def distance(a: Image.Image, b: Image.Image) -> float:
    """Mean absolute difference, 0-255."""
    return float(np.abs(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)).mean())


def tensor_shapes(folder: Path) -> dict[str, list[int]]:
    """Shapes of all tensors of a part, from the headers."""
    shapes: dict[str, list[int]] = {}
    for path in folder.glob("*.safetensors"):
        data = path.read_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + length])
        shapes |= {name: entry["shape"] for name, entry in header.items() if name != "__metadata__"}
    return shapes


def lora_tensors(model: Path, targets: tuple[str, ...], rank: int = 4, seed: int = 0) -> dict[str, torch.Tensor]:
    """Halves of a LoRA on ``targets``, by plain diffusers module name: ``<module>.lora_A.weight``."""
    random = torch.Generator().manual_seed(seed)
    halves: dict[str, torch.Tensor] = {}
    for name, shape in sorted(tensor_shapes(model / "transformer").items()):
        module = name.removesuffix(".weight")
        if name.endswith(".weight") and any(module.endswith(f".{target}") for target in targets):
            halves[f"{module}.lora_A.weight"] = torch.randn(rank, shape[1], generator=random) * 0.3
            halves[f"{module}.lora_B.weight"] = torch.randn(shape[0], rank, generator=random) * 0.3
    assert halves, "no module is called like that"
    return halves


def write_lora(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> str:
    """Write a LoRA file; its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: t.contiguous() for name, t in tensors.items()}, path, metadata)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def prefixed(tensors: dict[str, torch.Tensor], prefix: str = "transformer.") -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


FLUX_TARGETS = ("attn.to_q", "attn.to_v", "attn.to_out.0", "ff.net.2", "ff_context.net.2")
QWEN_TARGETS = ("attn.to_q", "attn.to_v", "attn.to_out.0", "img_mlp.net.2")


def flux_lora(workspace: Workspace, models_dir: Path, name: str = "style", seed: int = 0) -> Adapter:
    """A LoRA for the small FLUX in the workspace."""
    path = workspace.path(f"loras/{name}.safetensors")
    sha = write_lora(path, prefixed(lora_tensors(models_dir / FLUX, FLUX_TARGETS, seed=seed)))
    return Adapter(name=name, sha256=sha, path=f"loras/{name}.safetensors")


def qwen_lora(workspace: Workspace, models_dir: Path, name: str = "angles", seed: int = 0) -> Adapter:
    """A LoRA for the small Qwen editor in the workspace."""
    path = workspace.path(f"loras/{name}.safetensors")
    sha = write_lora(path, prefixed(lora_tensors(models_dir / QWEN, QWEN_TARGETS, seed=seed)))
    return Adapter(name=name, sha256=sha, path=f"loras/{name}.safetensors")


def stack(*adapters: Adapter) -> LoraStack:
    return LoraStack(adapters=adapters)


def weighted(adapter: Adapter, weight: float) -> Adapter:
    return adapter.model_copy(update={"weight": weight})
