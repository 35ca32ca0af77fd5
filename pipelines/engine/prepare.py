"""Makes prepared copies (``storage.prepared``): a model quantized once, tensor by tensor, to be loaded ever after.

What is quantized, and how, is asked of the libraries that would do it while loading: the part is built without
memory, their quantizer puts its layers in place, and each of these turns its weight by itself. So what is loaded from a
copy is bit for bit what loading the source would have made. Peak of main memory: what this process has without it, and
about three times the largest tensor (read, in the type that is computed with, packed), however large the model.
"""

import importlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.presets import ModelFamily
from pipelines.engine import quantize
from pipelines.engine.shards import Shards, room_for
from pipelines.engine.sources import Source, quantized, recipe
from pipelines.engine.tensors import TensorFile
from pipelines.models import registry
from pipelines.models.part_files import Piece, Pieces, as_named
from pipelines.storage import prepared
from pipelines.storage.atomic import copy_durably, file_hash, make_folder, new_folder, write_durably
from pipelines.storage.prepared import Copy, Held, Manifest
from pipelines.storage.settings import Settings
from pipelines.storage.temp_files import sweep_in
from pipelines.storage.workspace import Workspace

GIB = 2**30
NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)
"""Bytes of a weight in NF4 with double quantization (``engine.memory``)."""
OnProgress = Callable[[float, str], None]


class CannotPrepare(RuntimeError):
    """No copy can be made. The message says why and what to do."""


@dataclass
class _Part:
    """A part that has weights. ``jobs``: tensors of the files by the name that the library knows them by."""

    name: str
    model: nn.Module
    files: list[TensorFile]
    quantizer: Any
    names: Callable[[str], str | None]
    pieces: Pieces = as_named

    def parts_of(self, name: str) -> tuple[Piece, ...]:
        """What becomes of a tensor of a file, by names that the library reads."""
        return self.pieces(name) or (Piece(name),)

    def packed(self, name: str) -> bool:
        """Whether the tensor that a file calls so is held in 4 bits."""
        from bitsandbytes.nn.modules import Params4bit

        known = self.names(name) if self.quantizer else None
        return known is not None and isinstance(self.parameter(known), Params4bit)

    def parameter(self, known: str) -> Any:
        """The parameter or buffer of the library's name."""
        module, _, own = known.rpartition(".")
        return getattr(self.model.get_submodule(module), own)

    def kept(self, known: str, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """A tensor that is not packed as the copy holds it: as the file does, and loading casts it to ``dtype``.
        transformers doesn't where it finds a part quantized: there it is cast now."""
        if not self.quantizer or not tensor.is_floating_point() or not isinstance(self.model, PreTrainedModel):
            return tensor
        plan = self.model._get_dtype_plan(dtype)
        return tensor.to(next((kept for pattern, kept in plan.items() if re.search(pattern, known)), dtype))

    @property
    def stem(self) -> str:
        """What its weights' files are called."""
        return "model" if isinstance(self.model, PreTrainedModel) else "diffusion_pytorch_model"


def make(
    family: ModelFamily,
    source: Source,
    workspace: Workspace,
    settings: Settings,
    device: torch.device,
    on_progress: OnProgress = lambda share, note: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Copy:
    """The copy of ``family``, made of ``source`` unless it is there already. ``device`` quantizes: the one that loading
    would do it on. ``on_progress(share, note)``: 0-1.

    Raises Cancelled, CannotPrepare (no room on the disk, or what the source holds is not the model), NotSafetensors,
    OSError; nothing is left behind but by a kill, and that is swept by the next call.
    """
    how = recipe(family, settings)
    made_of = source.hash()
    final = prepared.place(f"{family.name}-{family.weights_revision}-{prepared.key_of(made_of, how)[:12]}",
                           workspace, settings)  # fmt: skip
    make_folder(final.parent)
    sweep_in(final.parent)
    quantize.enable(device.type)
    making = _Making(family, source, device, getattr(torch, how.dtype), on_progress, cancelled)
    _need_room(final.parent, making.size, family)
    with new_folder(final) as fresh:
        making.fill(fresh)
        manifest = Manifest(
            family=family.name, revision=family.weights_revision, recipe=how, source=made_of,
            origins=source.origins(),
            notes=source.warnings(), files=dict(making.told(fresh)),
        )  # fmt: skip
        write_durably(fresh / prepared.MANIFEST, manifest.model_dump_json(indent=1).encode())
    return Copy(final, manifest)


def _need_room(folder: Path, size: float, family: ModelFamily) -> None:
    free = shutil.disk_usage(folder).free
    if size * 1.02 > free:
        raise CannotPrepare(
            f"The copy of {family.title} takes {size / GIB:.1f} GiB, and {folder} has {free / GIB:.1f} GiB free: make"
            " room there, or set the models folder in Settings to a bigger disk."
        )


class _Making:
    """One copy in the making."""

    def __init__(
        self, family: ModelFamily, source: Source, device: torch.device, dtype: torch.dtype,
        on_progress: OnProgress, cancelled: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.family, self.source, self.device, self.dtype = family, source, device, dtype
        self.on_progress, self.cancelled = on_progress, cancelled
        self.parts = [self._opened(part) for part in source.weighty]
        self.total = max(1, sum(file.bytes_of(name) for part in self.parts for file in part.files for name in file))
        self.done = 0

    @property
    def size(self) -> float:
        """Bytes that the weights of the copy will take, about."""
        return sum(self._held(part, file, name) for part in self.parts for file in part.files for name in file)

    def _held(self, part: _Part, file: TensorFile, name: str) -> float:
        numbers = prod(file.shape(name))
        if part.packed(part.parts_of(name)[0].name):
            return numbers * NF4
        return max(file.bytes_of(name), 2 * numbers) if file.foreign else file.bytes_of(name)

    def _opened(self, name: str) -> _Part:
        library, kind = self.source.index[name]
        config = self.source.config(name)
        model = hollow(library, kind, config)
        wanted = quantize.config_of(self.family.parts[name], name, self.dtype) if name in self.family.parts else None
        quantizer = None if wanted is None or quantized(config) else quantize.put_in_place(model, wanted)
        shapes = model.state_dict()
        names = (lambda key: key if key in shapes else None) if library == "diffusers" else transformers_names(model)
        own = self.source.files.get(name)
        if own is None:
            return _Part(name, model, [TensorFile(path) for path in self.source.weights(name)], quantizer, names)
        files = [TensorFile(own.owned.path, own.content.prefix, foreign=True)]
        part = _Part(name, model, files, quantizer, names, own.content.file.pieces(config))
        self._need_whole(part, own.owned.path)
        return part

    def _need_whole(self, part: _Part, path: Path) -> None:
        """Raises CannotPrepare when a file does not hold all of a part, in its sizes."""
        found: dict[str, tuple[int, ...]] = {}
        for name in part.files[0]:
            for piece in part.parts_of(name):
                if known := part.names(piece.name):
                    found[known] = _cut(part.files[0].shape(name), piece)
        tied = getattr(part.model, "all_tied_weights_keys", None) or {}
        owner, unused = registry.of(self.family).unused
        for name, tensor in part.model.state_dict().items():
            spared = owner == part.name and name.startswith(unused)
            sides = found.get(name) or found.get(tied.get(name, ""))
            if sides is None and not spared:
                raise CannotPrepare(f"{path} does not hold all of the {part.name} of {self.family.title}: no {name}.")
            if sides is not None and not _alike(sides, tuple(tensor.shape)):
                raise CannotPrepare(
                    f"{path} is not the {part.name} of {self.family.title}: {name} has the sides {sides}, not"
                    f" {tuple(tensor.shape)}."
                )

    def fill(self, folder: Path) -> None:
        """Write everything but the manifest."""
        for path in self.source.small_files():
            copy_durably(self.source.frame / path, folder / path)
        for part in self.parts:
            self._write(part, folder / part.name)

    def _write(self, part: _Part, folder: Path) -> None:
        pieces = [piece.name for file in part.files for name in file for piece in part.parts_of(name)]
        with Shards(folder, part.stem, room_for({name: 6 if part.packed(name) else 1 for name in pieces})) as shards:
            for file in part.files:
                for name in file:
                    self._tell(part)
                    shards.add(dict(self._turned(part, file, name)))
                    self.done += file.bytes_of(name)
        if part.quantizer:
            path = folder / "config.json"
            config = json.loads(path.read_text(encoding="utf-8"))
            config["quantization_config"] = part.quantizer.quantization_config.to_dict()
            write_durably(path, json.dumps(config, indent=2).encode(), sync=False)

    def _turned(self, part: _Part, file: TensorFile, name: str) -> Iterator[tuple[str, torch.Tensor]]:
        if file.foreign and not any(part.names(piece.name) for piece in part.parts_of(name)):
            return  # what other programs keep beside the part
        whole = file.read(name)
        for piece in part.parts_of(name):
            tensor, known = _taken(whole, piece), part.names(piece.name)
            if known is None:
                yield piece.name, tensor
                continue
            layer = part.parameter(known)
            if file.foreign:
                tensor = tensor.reshape(layer.shape)
            if not part.packed(piece.name):
                yield piece.name, part.kept(known, tensor, self.dtype)
                continue
            for ending, packed in quantize.packed(tensor.to(self.dtype), layer, self.device).items():
                yield piece.name + ending, packed

    def _tell(self, part: _Part) -> None:
        if self.cancelled():
            raise Cancelled
        note = f"{self.family.title}: {part.name}, {self.done / GIB:.1f} of {self.total / GIB:.1f} GiB"
        self.on_progress(self.done / self.total, note)

    def told(self, folder: Path) -> Iterator[tuple[str, Held]]:
        """What the manifest says of the files."""
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            if self.cancelled():
                raise Cancelled
            self.on_progress(1.0, f"{self.family.title}: checking {path.name}")
            yield (
                path.relative_to(folder).as_posix(),
                Held(size=path.stat().st_size, sha256=file_hash(path), glance=prepared.glance(path)),
            )


def _cut(shape: tuple[int, ...], piece: Piece) -> tuple[int, ...]:
    rows, *sides = shape or (1,)
    return (rows if piece.last is None else min(rows, piece.last)) - piece.first, *sides


def _taken(whole: torch.Tensor, piece: Piece) -> torch.Tensor:
    """The rows of a tensor that are meant."""
    rows = whole[piece.first : piece.last] if piece.first or piece.last is not None else whole
    return torch.cat(rows.chunk(2)[::-1]) if piece.swapped else rows


def _alike(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes differ by sides of 1 alone: some files hold a linear layer as a convolution."""
    return [side for side in a if side != 1] == [side for side in b if side != 1]


def hollow(library: str, kind: str, config: Mapping[str, Any]) -> nn.Module:
    """A part of a pipeline without memory for its weights: names and shapes."""
    made: Any = getattr(importlib.import_module(library), kind)
    plain = {key: value for key, value in config.items() if key != "quantization_config"}
    with torch.device("meta"):
        return made.from_config(plain) if library == "diffusers" else made(made.config_class.from_dict(plain))


def transformers_names(model: Any) -> Callable[[str], str | None]:
    """What transformers calls a tensor that a file calls so; None where it leaves it out."""
    from transformers.conversion_mapping import get_model_conversion_mapping
    from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key

    mapping = get_model_conversion_mapping(model)
    renamings = [each for each in mapping if isinstance(each, WeightRenaming)]
    converters = [each for each in mapping if isinstance(each, WeightConverter)]
    known, prefix = model.state_dict(), model.base_model_prefix

    def name_of(key: str) -> str | None:
        renamed, pattern = rename_source_key(key, renamings, converters, prefix, known)
        if renamed not in known and key in known:
            renamed, pattern = rename_source_key(key, [], [], prefix, known)
        if pattern is not None:
            raise CannotPrepare(f"{key} is not turned by itself: transformers joins it with others while loading.")
        return renamed if renamed in known else None

    return name_of
