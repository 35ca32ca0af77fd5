"""How strong each layer of a LoRA file is meant to be: its difference times alpha / rank.

An alpha of the layer's own counts first, then what the adapter's metadata say of it by pattern, then their common one;
without any it is the rank, and the scale 1. ``ss_network_alpha`` is a note of the trainer's and scales nothing.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from pathlib import Path
from typing import Any

from pipelines.models import lora_keys
from pipelines.models.lora_mapping import LOHA, LOKR, LORA, Patch
from pipelines.storage.safetensors_header import Entry, Header, numbers

METADATA = "lora_adapter_metadata"
"""Where diffusers keeps PEFT's config of an adapter in a header: JSON, each name led by the part of the pipeline."""


@dataclass(frozen=True)
class Scales:
    """``alphas`` by key of the file; ``told``: PEFT's config of the adapter, by part and name."""

    alphas: Mapping[str, float] = field(default_factory=dict)
    told: Mapping[str, Any] = field(default_factory=dict)

    def of(self, patch: Patch, tensors: Mapping[str, Entry]) -> float:
        """What the difference of a patch is multiplied with."""
        rank, own = _rank(patch, tensors), self.alphas.get(patch.keys.get("alpha", ""))
        if own is not None:
            return own / rank if rank else 1.0  # a LoKr of whole factors has no rank: LyCORIS and ComfyUI take 1
        alpha = self._by_pattern(patch, "alpha_pattern", "lora_alpha")
        rank = rank or self._by_pattern(patch, "rank_pattern", "r")
        if alpha is None or not rank:
            return 1.0
        return alpha / (sqrt(rank) if self._get(patch.place.part, "use_rslora") else rank)

    def common(self) -> float | None:
        """The alpha that the file is said to have: its first layer's, else the adapter's."""
        return next(iter(self.alphas.values()), None) or _number(self._get("transformer", "lora_alpha"))

    def _by_pattern(self, patch: Patch, patterns: str, common: str) -> float | None:
        """PEFT matches a pattern with the end of a module's name, from a dot on."""
        table = self._get(patch.place.part, patterns)
        for pattern, value in table.items() if isinstance(table, dict) else ():
            try:
                if re.match(rf"(.*\.)?({pattern})$", patch.place.module):
                    return _number(value)
            except re.error:
                continue
        return _number(self._get(patch.place.part, common))

    def _get(self, part: str, name: str) -> Any:
        return self.told.get(f"{part}.{name}", self.told.get(name))


def scales_of(path: Path, header: Header) -> Scales:
    """The scales of a file: a few numbers are read. Raises OSError, NotSafetensors."""
    keys = [k for k, e in header.tensors.items() if lora_keys.parsed(k)[1] == "alpha" and e.last > e.first]
    return Scales({key: float(numbers(path, header, key)[0]) for key in keys}, _told(header.metadata))


def _told(metadata: Mapping[str, str]) -> dict[str, Any]:
    try:
        told = json.loads(metadata.get(METADATA, "{}"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _rank(patch: Patch, tensors: Mapping[str, Entry]) -> int | None:
    """The rank of a patch's low-rank product; ``None`` where its factors are whole."""
    names = {LORA: ("down",), LOHA: ("hada_w1_b",), LOKR: ("lokr_w2_b", "lokr_w1_b")}.get(patch.kind, ())
    return next((tensors[patch.keys[name]].shape[0] for name in names if name in patch.keys), None)
