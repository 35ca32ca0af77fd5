"""What every model folder has beside its weights: the curve, what it draws, and nothing about this machine."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.mini.train import curve


def release(to: Path, curves: Mapping[str, Sequence[curve.Point]], sheet: Path) -> None:
    """Complete the diffusers folder ``to``: ``curve.svg``, ``sheet.webp``. Where its VAE was read from is forgotten."""
    config = to / "vae" / "config.json"
    told = json.loads(config.read_text(encoding="utf-8"))
    told.pop("_name_or_path", None)
    config.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    (to / "curve.svg").write_text(curve.svg(curves), encoding="utf-8")
    shutil.copyfile(sheet, to / "sheet.webp")
