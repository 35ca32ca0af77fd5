"""What every architecture tells without torch: names, shapes, signature. Its tensors are in ``drive`` and ``train``."""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pipelines.domain.presets import Geometry, ModelFamily
from pipelines.domain.sampling import NoiseSchedule
from pipelines.domain.sizes import fitted

if TYPE_CHECKING:
    from pipelines.models.part_files import PartFile

Linear = tuple[str, int, int]
"""A linear layer: its name, its inputs, its outputs."""
Sizes = Mapping[str, tuple[int, int]]
"""Linear layers by name: inputs and outputs."""
TRANSFORMER = "transformer"
TILE = 512
"""Pixels of a side of the tiles that pictures are decoded and encoded in where memory is short: less than the real
models' usual 1024, or there would be one tile."""
_BLOCK = re.compile(r"(?<!single_)(?:transformer_blocks|double_blocks)[._](\d+)")


@dataclass(frozen=True)
class Place:
    """Where a layer of a LoRA file goes: a module of a part of the pipeline, and which outputs of the file's layer are
    the module's (``first`` to before ``last``; ``None``: all). ``swapped``: the halves of the outputs stand the other
    way round in the file (shift and scale of the last modulation)."""

    part: str
    module: str
    first: int = 0
    last: int | None = None
    swapped: bool = False


def side_by_side(modules: Iterable[tuple[str, int]], part: str = TRANSFORMER) -> tuple[Place, ...]:
    """Modules (name, outputs) that a file has as one layer, such as ``qkv``: its outputs are theirs one after
    another."""
    places, at = [], 0
    for name, outputs in modules:
        places.append(Place(part, name, at, at + outputs))
        at += outputs
    return tuple(places)


def shape_of(config: Mapping[str, Any]) -> Geometry:
    """The shape of a transformer as its diffusers config tells it."""
    return Geometry(
        width=config["num_attention_heads"] * config["attention_head_dim"],
        double=config["num_layers"],
        single=config.get("num_single_layers", 0),
    )


def no_chat_template(folder: Path, part: str) -> list[str]:
    """What to say where ``part`` of a checkpoint has no chat template; nothing where it has one."""
    if (folder / part / "chat_template.jinja").is_file():
        return []
    for name in ("tokenizer_config.json", "chat_template.json", "processor_config.json"):
        try:
            told = json.loads((folder / part / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(told, dict) and told.get("chat_template"):
            return []
    return [f"{part}/chat_template.jinja is missing"]


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
    width) the backward pass of a block needs, ``kept`` how many a block leaves for it without checkpointing (both with
    LoRA layers, counted as the next two are). ``decoded`` and ``encoded`` are how many numbers a pixel its VAE keeps
    alive at once while it makes a picture of latents and latents of a picture (counted on its published configuration
    without data, ``tests/engine/test_live_bytes.py``). ``unused``: part, and beginning of the names of its parameters
    that ``drive`` drops after loading. ``schedule``: which values of a noise schedule its pipeline heeds. ``config``
    is what the first published transformer's config says of its layers, and ``encoders`` the configs of the text
    encoders that LoRAs may adapt, by part. In LoRA files: ``prefix`` before every key, ``modelspec`` the model spec's
    name of the architecture (a preset may have its own), ``kohya`` its ``ss_base_model_version``, ``claim`` how a
    header calls the base. ``grid``: pixels that its pipeline rounds the sides of an edit's inputs to (0: as those of
    any picture). ``patch``: latents of a side that are one token. ``remembered``: tensors of (tokens, width) that each
    block keeps of words and input pictures while a picture is made (keys and values that no step changes).
    """

    name: ClassVar[str]
    title: ClassVar[str]
    pipeline: ClassVar[str]
    geometry: ClassVar[Geometry]
    config: ClassVar[Mapping[str, Any]]
    encoders: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    backward: ClassVar[int]
    kept: ClassVar[int]
    decoded: ClassVar[int]
    encoded: ClassVar[int]
    unused: ClassVar[tuple[str, str]] = ("", "")
    schedule: ClassVar[frozenset[str]] = frozenset(NoiseSchedule.model_fields)
    prefix: ClassVar[str]
    modelspec: ClassVar[str]
    kohya: ClassVar[str]
    claim: ClassVar[re.Pattern[str]]
    grid: ClassVar[int] = 0
    patch: ClassVar[int] = 2
    remembered: ClassVar[int] = 0

    @abstractmethod
    def likeness(self, layers: Layers) -> Likeness:
        """How much the layers of a LoRA look like this architecture's."""

    @abstractmethod
    def linear_layers(self, shape: Geometry) -> Iterator[Linear]:
        """The linear layers of all blocks."""

    @abstractmethod
    def other_layers(self, config: Mapping[str, Any]) -> Iterator[Linear]:
        """The linear layers that ``linear_layers`` leaves out: modulation, and what goes into the blocks and out."""

    @abstractmethod
    def spellings(self, config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Place, ...]]]:
        """What else LoRA files call the transformer's layers besides their names in diffusers, and where these go."""

    def modules(self, config: Mapping[str, Any]) -> Sizes:
        """All linear layers of a transformer of that diffusers config."""
        layers = (*self.linear_layers(shape_of(config)), *self.other_layers(config))
        return {name: (inputs, outputs) for name, inputs, outputs in layers}

    def encoder_modules(self, part: str, config: Mapping[str, Any]) -> Sizes:
        """The linear layers of a text encoder of that transformers config, which LoRAs may adapt."""
        return {}

    def files(self) -> "tuple[PartFile, ...]":
        """Its parts as files of other programs hold them (``part_files``)."""
        return ()

    def config_of(self, family: ModelFamily) -> Mapping[str, Any]:
        """The transformer's config as far as presets know it."""
        shape = family.geometry
        if shape is None:
            return self.config
        heads = shape.width // self.config["attention_head_dim"]
        own = {"num_attention_heads": heads, "num_layers": shape.double, "num_single_layers": shape.single}
        return {**self.config, **own}

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

    def picture_tokens(self, family: ModelFamily, pixels: int) -> int:
        """Tokens that the transformer sees of a picture of so many pixels."""
        return pixels // (family.factor * self.patch) ** 2

    def text_tokens(self, family: ModelFamily, pictures: int) -> int:
        """Tokens of text that the transformer sees beside ``pictures`` input pictures."""
        return family.text_length

    def lacking(self, folder: Path) -> list[str]:
        """What a checkpoint of this architecture lacks beyond what all have, in words."""
        return []

    def module(self, name: Literal["drive", "train"]) -> ModuleType:
        """The module of its package that knows its tensors. Imports torch; ``driver`` and ``denoiser`` ask for it."""
        return import_module(f"{type(self).__module__.rpartition('.')[0]}.{name}")
