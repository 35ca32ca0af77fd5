"""What the weights of a model are made of: a folder in diffusers' layout, or one without (some of) its weights, which
come from files of a user's own. Without torch."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pipelines.domain.presets import ModelFamily
from pipelines.engine import cards
from pipelines.engine.capacity import computes_bfloat16
from pipelines.models.owned_files import Content, Owned
from pipelines.storage import prepared
from pipelines.storage.prepared import Recipe
from pipelines.storage.settings import Settings

INDEX = "model_index.json"
_TENSORS = ".safetensors"
_USUAL = ("diffusion_pytorch_model.safetensors", "model.safetensors")


@dataclass(frozen=True)
class OwnPart:
    """A part of a pipeline in a file of the user's own."""

    owned: Owned
    content: Content


@dataclass(frozen=True)
class Source:
    """``frame`` is the folder: ``model_index.json``, and of each part its config and, unless ``files`` has it, its
    weights."""

    frame: Path
    files: Mapping[str, OwnPart] = field(default_factory=dict)

    @property
    def index(self) -> dict[str, Any]:
        """Parts by name, each as library and class. Raises OSError, ValueError."""
        return parts_of(json.loads((self.frame / INDEX).read_text(encoding="utf-8")))

    def config(self, part: str) -> dict[str, Any]:
        """The config of a part that has weights. Raises OSError, ValueError."""
        return json.loads((self.frame / part / "config.json").read_text(encoding="utf-8"))

    def small_files(self) -> Iterator[Path]:
        """What a copy takes over as it is: all but weights, relative to ``frame``."""
        yield Path(INDEX)
        for part in self.index:
            files = sorted(p for p in (self.frame / part).iterdir() if p.is_file() and not p.name.startswith("."))
            for path in files:
                if not path.name.endswith((_TENSORS, f"{_TENSORS}.index.json", ".bin", ".pt", ".pth", ".ckpt")):
                    yield path.relative_to(self.frame)

    def weights(self, part: str) -> list[Path]:
        """The files that hold the weights of a part, in their order."""
        return [self.files[part].owned.path] if part in self.files else weight_files(self.frame / part)

    @property
    def weighty(self) -> list[str]:
        """The parts that have weights."""
        return [part for part in self.index if part in self.files or weight_files(self.frame / part)]

    def hash(self) -> str:
        """By content, wherever it lies. Raises OSError."""
        small = ((path.as_posix(), self.frame / path) for path in self.small_files())
        heavy = ((f"{part}#{n}", path) for part in self.weighty for n, path in enumerate(self.weights(part)))
        return prepared.hash_of([*small, *heavy])

    def origins(self) -> tuple[str, ...]:
        """Where it lies, for people."""
        return str(self.frame), *dict.fromkeys(str(part.owned.path) for part in self.files.values())

    def warnings(self) -> tuple[str, ...]:
        """What is worth knowing of its files, in words."""
        files = {part.owned.path: part.owned.warning for part in self.files.values() if part.owned.warning}
        return tuple(f"{path.name}: {warning}" for path, warning in files.items())


def parts_of(index: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The parts that a ``model_index.json`` names, each as library and class."""
    named = {part: spec for part, spec in index.items() if isinstance(spec, list) and len(spec) == 2}
    return {part: (str(spec[0]), str(spec[1])) for part, spec in named.items() if spec[0]}


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a part: those that its index names, else the one of the usual name, else all. Raises
    nothing."""
    for index in sorted(folder.glob(f"*{_TENSORS}.index.json")):
        try:
            names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            return [folder / name for name in sorted(set(names))]
        except (OSError, ValueError, KeyError, AttributeError):
            continue
    usual = [folder / name for name in _USUAL if (folder / name).is_file()]
    return usual[:1] or sorted(folder.glob(f"*{_TENSORS}"))


def recipe(family: ModelFamily, settings: Settings) -> Recipe:
    """How a copy of ``family`` is made on this machine."""
    device = "cuda" if cards.chosen(settings) else "cpu"
    return Recipe(
        bitsandbytes=".".join(version("bitsandbytes").split(".")[:2]),
        dtype="bfloat16" if computes_bfloat16(device) else "float32",
        parts={name: tuple(sorted(part.skip)) for name, part in family.parts.items() if part.quantize == "nf4"},
    )


def quantized(config: Mapping[str, Any]) -> bool:
    """Whether a part's config says that its weights are in bitsandbytes' 4 bits already."""
    said = config.get("quantization_config") or {}
    return bool(said.get("load_in_4bit") or said.get("_load_in_4bit"))
