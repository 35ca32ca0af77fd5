"""What a LoRA can be put on: the linear layers of a model by name and size, as its config or its preset tells them.

Imports no torch: what is checked before a file is taken is what is checked again when it is loaded, there against the
model's own modules.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from pipelines.domain.presets import ModelFamily
from pipelines.models import registry
from pipelines.models.base import TRANSFORMER, Architecture, Place, Sizes, shape_of
from pipelines.models.lora_keys import flat
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.presets import shipped


@dataclass(frozen=True)
class LoraTarget:
    """A model as LoRAs see it: ``parts`` of its pipeline (the transformer, text encoders) with their linear layers;
    ``config`` is its transformer's."""

    architecture: Architecture
    title: str
    config: Mapping[str, Any]
    parts: Mapping[str, Sizes]

    @property
    def width(self) -> int:
        """The inner width of the transformer."""
        return shape_of(self.config).width

    @cached_property
    def names(self) -> dict[str, tuple[Place, ...]]:
        """Where a layer goes, by every name that files have for it, with underscores for dots."""
        layers = self.parts[TRANSFORMER]
        spelled = self.architecture.spellings(self.config)
        # some models lack a layer that their architecture has a name for: schnell, one that reads guidance
        found = {flat(name): places for name, places in spelled if all(p.module in layers for p in places)}
        for part, modules in self.parts.items():
            for module in modules:
                place = (Place(part, module),)
                found[flat(module)] = place
                if part != TRANSFORMER:  # what transformers called CLIP's layers until its version 5
                    found[f"text_model_{flat(module)}"] = place
        return found


def target_of(family: ModelFamily, folder: Path | None = None) -> LoraTarget:
    """The model of a preset; ``folder`` is its diffusers folder, where it is on this machine. A config that cannot be
    read counts as absent."""
    architecture = registry.of(family)
    config = {**architecture.config_of(family), **_config(folder, TRANSFORMER)}
    encoders = {part: {**known, **_config(folder, part)} for part, known in architecture.encoders.items()}
    parts = {part: architecture.encoder_modules(part, told) for part, told in encoders.items()}
    return LoraTarget(architecture, family.title, config, {TRANSFORMER: architecture.modules(config), **parts})


@cache
def shipped_targets() -> tuple[LoraTarget, ...]:
    """The models that are known without a workspace: those of the presets that come with the product."""
    return tuple(
        target_of(family, PRESETS / family.weights.folder if family.weights.folder else None)
        for family in shipped().models.values()
    )


def _config(folder: Path | None, part: str) -> dict[str, Any]:
    if folder is None:
        return {}
    try:
        told = json.loads((folder / part / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
