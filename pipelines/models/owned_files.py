"""What a model file that a user owns is, from its header alone: which parts of which architectures, in which numbers,
and why it cannot be used where it cannot. Without torch."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines.domain.presets import ModelFamily
from pipelines.models import registry
from pipelines.models.part_files import PartFile, Piece
from pipelines.storage.atomic import check_file
from pipelines.storage.gguf_file import BLOCKS, MAGIC, read_gguf
from pipelines.storage.safetensors_header import Entry, Header, NotSafetensors, read_header

ENDINGS = (".safetensors", ".sft", ".gguf")
_TITLES = {"BF16": "bf16", "F16": "fp16", "F32": "fp32", "F8_E4M3": "fp8", "F8_E5M2": "fp8"}
SCALED = "fp8_scaled"
_COARSE = tuple(name for name in BLOCKS if name.startswith("Q") and name != "Q8_0")
_FINEST = ("fp32", "bf16", "fp16", "Q8_0", SCALED, "fp8", *_COARSE)
"""Kinds of numbers, the finest first."""
_BESIDE = re.compile(r"\.(scale_weight|weight_scale|scale_input|input_scale|comfy_quant)$|(^|\.)scaled_fp8$")
_LORA = re.compile(r"lora_(A|B|up|down)|\.lokr_|\.hada_")
_NUMBERS = "fp bf e m fn q k s l xl scaled fast gguf 0 1 3 4 5 6 8 16 32"
_NEUTRAL = frozenset(f"{_NUMBERS} diffusion model models transformer unet comfy org kijai city 96".split())
"""Words of file names that say nothing of which weights they are."""


@dataclass(frozen=True)
class Content:
    """A part that a file holds, with what stands before the names of its tensors."""

    architecture: str
    file: PartFile
    prefix: str


@dataclass(frozen=True)
class Owned:
    """A file. ``kind`` is its numbers (``bf16``, ``fp8_scaled``, ``Q8_0``), ``contents`` what it holds, ``lora``: it is
    a LoRA and no model, ``problem`` why it cannot be used and ``warning`` what is worth knowing, in words."""

    path: Path
    size: int
    kind: str = ""
    contents: tuple[Content, ...] = ()
    lora: bool = False
    problem: str = ""
    warning: str = ""

    @property
    def rank(self) -> tuple[int, str]:
        """For choosing among files of the same part: the finest numbers first."""
        return (_FINEST.index(self.kind) if self.kind in _FINEST else len(_FINEST)), str(self.path)


def header_of(path: Path) -> Header:
    """The header of a safetensors or GGUF file, known by its first bytes. Raises NotSafetensors, OSError."""
    told = path.stat()
    return _header(path, told.st_size, told.st_mtime_ns)


@lru_cache(maxsize=256)
def _header(path: Path, size: int, changed: int) -> Header:
    del size, changed
    check_file(path)
    with path.open("rb") as file:
        packed = file.read(4) == MAGIC
    return read_gguf(path) if packed else read_header(path)


def beside(name: str) -> bool:
    """Whether a tensor is no weight: scales of fp8 and what else stands beside them."""
    return bool(_BESIDE.search(name))


def scale_of(name: str, header: Header) -> str:
    """The tensor that an fp8 weight is multiplied by; empty when there is none."""
    layer = name.removesuffix(".weight")
    return next((s for s in (f"{layer}.scale_weight", f"{layer}.weight_scale") if s in header.tensors), "")


def look(path: Path) -> Owned:
    """What the file at ``path`` is. Raises nothing."""
    try:
        told = path.stat()
    except OSError as error:
        return Owned(path, 0, problem=f"it cannot be read: {error.strerror}")
    return _look(path, told.st_size, told.st_mtime_ns)


@lru_cache(maxsize=4096)
def _look(path: Path, size: int, changed: int) -> Owned:
    """A file as it was when it had that size and was changed at that time: folders are looked through often."""
    del changed
    try:
        header = header_of(path)
    except NotSafetensors as problem:
        return Owned(path, size, problem=f"{problem}")
    except OSError as error:
        return Owned(path, 0, problem=f"it cannot be read: {error.strerror}")
    if any(_LORA.search(name) for name in header.tensors):
        return Owned(path, size, _kind(header), lora=True, problem="this is a LoRA, no model: it is offered with LoRAs")
    contents = tuple(_contents(header))
    kind = _kind(header)
    problem = _problem(header, contents)
    warning = f"{kind} is coarse to make 4 bits of: Q8_0 or finer is recommended" if kind in _COARSE else ""
    return Owned(path, size, kind, contents, problem=problem, warning=warning)


def _contents(header: Header) -> Iterator[Content]:
    for architecture in registry.architectures().values():
        for file in architecture.files():
            mark = next((n for m in file.marks for n in header.tensors if n == m or n.endswith(f".{m}")), None)
            if mark is not None:
                known = next(m for m in file.marks if mark.endswith(m))
                yield Content(architecture.name, file, mark.removesuffix(known))


def _kind(header: Header) -> str:
    """The numbers that most of its weights are in."""
    sizes: Counter[str] = Counter()
    for name, entry in header.tensors.items():
        if not beside(name):
            scaled = entry.dtype.startswith("F8") and scale_of(name, header)
            sizes[SCALED if scaled else _TITLES.get(entry.dtype, entry.dtype)] += entry.last - entry.first
    return max(sizes, key=lambda kind: sizes[kind], default="")


def _problem(header: Header, contents: tuple[Content, ...]) -> str:
    names = header.tensors
    if any(".quant_state.bitsandbytes" in name for name in names):
        return "its weights are in bitsandbytes' 4 bits in one file, which is not taken apart: get bf16, fp8 or GGUF"
    if not contents:
        return "nothing in it is a part of a model that FLENwheel drives"
    for name, entry in names.items():
        if not beside(name) and (wrong := _unusable(name, entry, header)):
            return wrong
    return ""


def _unusable(name: str, entry: Entry, header: Header) -> str:
    if entry.dtype not in _TITLES and entry.dtype not in BLOCKS:
        if len(entry.shape) < 2 and entry.dtype.startswith(("I", "U", "BOOL")):
            return ""  # position ids
        how = "too coarse" if entry.dtype.startswith(("Q2", "Q3", "IQ")) else "not undone here"
        return f"{name} is quantized as {entry.dtype}, which is {how}: get bf16, fp8 or a GGUF of Q8_0"
    scale = scale_of(name, header) if entry.dtype.startswith("F8") else ""
    if scale and header.tensors[scale].shape not in ((), (1,), entry.shape[:1], (*entry.shape[:1], 1), (1, 1)):
        return f"{name} has scales by blocks ({scale}), which are not undone here: get bf16, or fp8_scaled"
    return ""


def fit(owned: Owned, content: Content, config: Mapping[str, Any]) -> list[str]:
    """What of a part by that config the file lacks or has in another size, in words; empty when it fits."""
    wanted = dict(content.file.sizes(config))
    layers = dict(_layers(owned, content, config))
    wrong = [n for n, size in wanted.items() if n in layers and layers[n] != size]
    if wrong:
        name = wrong[0]
        (into, out), (theirs, outs) = wanted[name], layers[name]
        return [f"{name} makes {outs} numbers of {theirs}, not {out} of {into}: it was made for another model"]
    lost = [name for name in wanted if name not in layers]
    said = [f"it lacks {len(lost)} of {len(wanted)} layers, such as {lost[0]}"] if lost else []
    if content.file.part == "transformer" and (strange := [n for n in layers if n not in wanted]):
        said.append(f"it has {len(strange)} layers that are not the model's, such as {strange[0]}")
    return said


def _layers(owned: Owned, content: Content, config: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, int]]]:
    """The layers of a part as the library names them, with inputs and outputs."""
    pieces = content.file.pieces(config)
    for name, entry in header_of(owned.path).tensors.items():
        if not name.startswith(content.prefix) or not name.endswith(".weight") or len(entry.shape) < 2:
            continue
        own = name.removeprefix(content.prefix)
        rows = entry.shape[0]
        for piece in pieces(own) or (Piece(own),):
            layer = content.file.spelled(piece.name.removesuffix(".weight"))
            yield layer, (entry.shape[1], (rows if piece.last is None else min(rows, piece.last)) - piece.first)


def named_for(family: ModelFamily, path: Path) -> bool:
    """Whether a file is called as these weights are: their title or repository, and beside it only words that tell its
    numbers. Fine-tunes have the same layers, and must not be taken for the original."""
    said = set(_words(path.stem))
    for name in (family.title, family.weights.hub.rpartition("/")[2]):
        words = set(_words(name))
        if words and words - {"1"} <= said and said - words <= _NEUTRAL:
            return True
    return False


def _words(name: str) -> list[str]:
    return re.findall(r"[a-z]+|\d+", name.lower())
