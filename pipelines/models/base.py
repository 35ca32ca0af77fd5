"""What every architecture tells without torch: names, shapes, signature. Its tensors are in ``drive`` and ``train``."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

from pipelines.domain.presets import Geometry, ModelFamily
from pipelines.domain.sampling import NoiseSchedule
from pipelines.domain.sizes import fitted

Linear = tuple[str, int, int]
"""A linear layer: its name, its inputs, its outputs."""
_BLOCK = re.compile(r"(?<!single_)(?:transformer_blocks|double_blocks)[._](\d+)")


class Likeness(IntEnum):
    """How much the layers of a LoRA look like an architecture's. ``POSSIBLE``: it has layers of these names, others
    have them, too; ``CERTAIN``: nobody else has."""

    NONE = 0
    POSSIBLE = 1
    LIKELY = 2
    CERTAIN = 3


@dataclass(frozen=True)
class Layers:
    """The layers of a LoRA, from its header. ``keys`` are all tensors; ``sizes`` inputs and outputs of each module by
    its name in the file."""

    keys: tuple[str, ...]
    sizes: Mapping[str, tuple[int, int]]

    def named(self, pattern: re.Pattern[str]) -> bool:
        """Whether any tensor is called like that."""
        return any(pattern.search(key) for key in self.keys)

    def widening(self, pattern: re.Pattern[str], factor: float) -> bool:
        """Whether a module of that name makes ``factor`` numbers out of one."""
        return any(out == factor * into for name, (into, out) in self.sizes.items() if pattern.search(name))

    @cached_property
    def last_block(self) -> int:
        """The highest number among blocks that carry text beside the picture; -1 without any."""
        return max((int(match[1]) for key in self.keys for match in [_BLOCK.search(key)] if match), default=-1)


class Architecture(ABC):
    """One architecture; its subclass is in ``<package>/facts.py``, and an object of it is ``ARCHITECTURE`` there.

    ``name`` is what presets and records call it, ``pipeline`` the diffusers class. ``geometry`` is that of its first
    published model (a preset or a checkpoint's own config goes first) and ``backward`` how many tensors of (tokens,
    width) the backward pass of a block needs. ``unused``: part, and beginning of the names of its parameters that
    ``drive`` drops after loading. ``schedule``: which values of a noise schedule its pipeline heeds. In LoRA files:
    ``prefix`` before every key, ``modelspec`` the model spec's name of the architecture (a preset may have its own),
    ``kohya`` its ``ss_base_model_version``, ``claim`` how a header calls the base. ``grid``: pixels that its pipeline
    rounds the sides of an edit's inputs to (0: as those of any picture).
    """

    name: ClassVar[str]
    title: ClassVar[str]
    pipeline: ClassVar[str]
    geometry: ClassVar[Geometry]
    backward: ClassVar[int]
    unused: ClassVar[tuple[str, str]] = ("", "")
    schedule: ClassVar[frozenset[str]] = frozenset(NoiseSchedule.model_fields)
    prefix: ClassVar[str]
    modelspec: ClassVar[str]
    kohya: ClassVar[str]
    claim: ClassVar[re.Pattern[str]]
    grid: ClassVar[int] = 0

    @abstractmethod
    def likeness(self, layers: Layers) -> Likeness:
        """How much the layers of a LoRA look like this architecture's."""

    @abstractmethod
    def linear_layers(self, shape: Geometry) -> Iterator[Linear]:
        """The linear layers of all blocks."""

    @abstractmethod
    def normalised(self, tensors: Mapping[str, Any], metadata: Mapping[str, str]) -> dict[str, Any] | None:
        """The tensors of a LoRA file in a layout that its diffusers pipeline takes whole, or None when they are."""

    def multiple(self, family: ModelFamily) -> int:
        """What the sides of an edit are multiples of, pixels."""
        return family.defaults.multiple or self.grid or family.multiple

    def edit_size(self, width: int, height: int, area: float, multiple: int) -> tuple[int, int]:
        """Width and height, pixels, of what is made from a picture of that size, on about ``area`` pixels: those that
        its pipeline sees the picture at."""
        return fitted(width, height, area, multiple)

    def base_version(self, family: ModelFamily) -> str:
        """``ss_base_model_version`` of LoRAs for a model."""
        return self.kohya

    def text_tokens(self, family: ModelFamily, pictures: int) -> int:
        """Tokens of text that the transformer sees beside ``pictures`` input pictures."""
        return family.text_length

    def lacking(self, folder: Path) -> list[str]:
        """What a checkpoint of this architecture lacks beyond what all have, in words."""
        return []

    def module(self, name: Literal["drive", "train"]) -> ModuleType:
        """The module of its package that knows its tensors. Imports torch; ``driver`` and ``denoiser`` ask for it."""
        return import_module(f"{type(self).__module__.rpartition('.')[0]}.{name}")
