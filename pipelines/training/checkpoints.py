"""Checkpoints of a training: safetensors and JSON only, complete or absent, the newest K kept."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from pipelines.storage.atomic import new_folder, remove_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checkpoint:
    """All that a training needs to go on after ``step`` steps as if it had never stopped.

    Noise, pictures and dropped captions are drawn from seed and step alone, so there is no generator state besides
    ``step`` and the settings' seed (which ``fingerprint`` covers). ``average``: the moving average of the weights,
    where one is kept.
    """

    step: int
    fingerprint: str
    adapter: dict[str, Tensor]
    optimizer: dict[str, Any]
    losses: tuple[float, ...]
    average: dict[str, Tensor] | None = None


def _level(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value, with inner dicts laid open: bitsandbytes hides its 8-bit states in one, and reads both ways."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from value.items()
        else:
            yield name, value


def _flatten(state: dict[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's ``state_dict`` as named tensors and plain JSON."""
    tensors, plain = {}, {}
    for index, values in state["state"].items():
        for name, value in _level(values):
            if isinstance(value, Tensor):
                # 8-bit optimizers share their lookup tables among parameters; safetensors wants tensors of their own
                tensors[f"{index}.{name}"] = value.detach().to("cpu", copy=True).contiguous()
            else:
                plain[f"{index}.{name}"] = value
    groups = [{k: v for k, v in group.items() if not isinstance(v, Tensor)} for group in state["param_groups"]]
    return tensors, {"values": plain, "param_groups": groups}


def _unflatten(tensors: dict[str, Tensor], plain: dict[str, Any]) -> dict[str, Any]:
    state: dict[int, dict[str, Any]] = {}
    for key, value in (*tensors.items(), *plain["values"].items()):
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    return {"state": state, "param_groups": plain["param_groups"]}


def _steps(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("*") if p.is_dir() and p.name.isdigit())


def save(folder: Path, checkpoint: Checkpoint, total_limit: int) -> Path:
    """Write ``checkpoint`` to ``folder/<step>`` and drop the oldest beyond ``total_limit``.

    It appears whole: a kill at any moment leaves the earlier ones as they are.
    """
    final = folder / f"{checkpoint.step:06d}"
    tensors, plain = _flatten(checkpoint.optimizer)
    state = {
        "step": checkpoint.step,
        "fingerprint": checkpoint.fingerprint,
        "losses": checkpoint.losses,
        "optimizer": plain,
    }
    with new_folder(final) as fresh:
        # what is learnt lies in adapter.safetensors, which is what becomes a LoRA; the weights in training beside it
        save_file(checkpoint.average or checkpoint.adapter, fresh / "adapter.safetensors")
        if checkpoint.average:
            save_file(checkpoint.adapter, fresh / "weights.safetensors")
        save_file(tensors, fresh / "optimizer.safetensors")
        (fresh / "state.json").write_bytes(json.dumps(state).encode())
    for old in _steps(folder)[:-total_limit]:
        remove_folder(old)
    return final


def read(path: Path) -> Checkpoint:
    """The checkpoint in ``path``. Raises OSError, ValueError, KeyError or SafetensorError when it is damaged."""
    state = json.loads((path / "state.json").read_text(encoding="utf-8"))
    optimizer = _unflatten(load_file(path / "optimizer.safetensors"), state["optimizer"])
    adapter, average = load_file(path / "adapter.safetensors"), None
    if (path / "weights.safetensors").exists():
        adapter, average = load_file(path / "weights.safetensors"), adapter
    return Checkpoint(state["step"], state["fingerprint"], adapter, optimizer, tuple(state["losses"]), average)


def newest(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that can be read whole; damaged ones are passed over and logged."""
    for path in reversed(_steps(folder)):
        try:
            return read(path)
        except (OSError, ValueError, KeyError, SafetensorError):
            log.warning("checkpoint %s is damaged and is passed over", path, exc_info=True)
    return None


def make_optimizer(kind: str, parameters: list[torch.nn.Parameter], learning_rate: float) -> torch.optim.Optimizer:
    """AdamW for the LoRA's weights: 8-bit states (bitsandbytes) on CUDA, plain elsewhere, unless ``kind`` says so."""
    if kind == "adamw" or (kind == "auto" and not parameters[0].is_cuda):
        return torch.optim.AdamW(parameters, lr=learning_rate)
    from bitsandbytes.optim.adamw import AdamW8bit

    return AdamW8bit(parameters, lr=learning_rate)
