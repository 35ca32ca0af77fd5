"""Finished model folders: what they have beside their weights (the curve, what it draws, nothing about this machine),
and how a training goes on from one."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from labs.mini_training import curve


def release(to: Path, curves: Mapping[str, Sequence[curve.Point]], sheet: Path) -> None:
    """Complete the diffusers folder ``to``: ``curve.svg``, ``sheet.webp``. Where its VAE was read from is forgotten."""
    config = to / "vae" / "config.json"
    told = json.loads(config.read_text(encoding="utf-8"))
    told.pop("_name_or_path", None)
    config.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8", newline="\n")
    (to / "curve.svg").write_text(curve.svg(curves), encoding="utf-8", newline="\n")
    shutil.copyfile(sheet, to / "sheet.webp")


def begin(parts: Mapping[str, Any], folder: Path) -> None:
    """Give each part, a model of diffusers or transformers, the weights in its folder of ``folder`` in float32: a
    training goes on from a finished model instead of from nothing. A checkpoint comes before it."""
    for name, own in parts.items():
        finished = type(own).from_pretrained(folder / name, dtype=torch.float32, use_safetensors=True)
        own.load_state_dict(finished.state_dict())
