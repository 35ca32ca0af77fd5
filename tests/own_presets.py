"""A model preset of the user's own: the mini world's FLUX by another name."""

from pathlib import Path
from typing import Any

import tomli_w

from pipelines.storage.preset_files import PRESETS
from pipelines.storage.presets import our_entries


def own_flux(root: Path, **changes: Any) -> Path:
    """Write ``presets/models/mine.toml`` in the workspace at ``root``; it finds its weights by their whole path."""
    table = our_entries()["models"].tables["mini-flux"] | {"name": "mine", "title": "Mine"}
    table |= {"weights": {"folder": str(PRESETS / "mini" / "flux")}} | changes
    path = root / "presets" / "models" / "mine.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomli_w.dumps(table), encoding="utf-8")
    return path
