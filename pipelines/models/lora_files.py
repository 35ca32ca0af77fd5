"""LoRA files, judged by their header alone: no tensor is read, nothing in the file can run.

Which architecture a file was made for is asked of ``registry``; here is what all have in common.
"""

import json
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pipelines.domain.records import LoraRecord
from pipelines.models import lora_names, registry
from pipelines.models.base import Layers
from pipelines.storage.atomic import copy_durably, file_hash, make_folder, remove, replace, temporary, write_durably
from pipelines.storage.names import harmless, slug
from pipelines.storage.workspace import Workspace

Format = Literal["diffusers", "comfy", "kohya", "onetrainer", "xlabs", "peft", "unprefixed"]

MAX_HEADER = 100 * 2**20
MAX_BYTES = 16 * 2**30
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
_DTYPES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}

# made for what is not in the registry: the base models in words
_OTHERS = {
    "Stable Diffusion 1.5 or XL": re.compile(r"lora_unet_(input|output|middle|down|up|mid)_|attn[12][._]to_|lora_te2_"),
    "Z-Image or Lumina": re.compile(r"context_refiner|noise_refiner"),
    "Wan or Hunyuan video": re.compile(r"cross_attn|self_attn\.[qkvo]\."),
}
_DOWN = re.compile(r"lora_(A|down)(\.default)?\.weight$|_lora\d?\.down\.weight$|lora\.down\.weight$")
_UP = re.compile(r"lora_(B|up)(\.default)?\.weight$|_lora\d?\.up\.weight$|lora\.up\.weight$")
_VARIANTS = {
    "LoKr (LyCORIS)": re.compile(r"[._]lokr_"),
    "LoHa (LyCORIS)": re.compile(r"\.hada_"),
    "OFT": re.compile(r"\.oft_|oft_blocks|\.boft"),
    "DoRA": re.compile(r"\.dora_scale$|lora_magnitude_vector"),
}

_PREFIXES: dict[str, Format] = {
    "lora_unet_": "kohya",
    "lora_transformer_": "onetrainer",
    "diffusion_model.": "comfy",
    "base_model.": "peft",
    "transformer.": "diffusers",
}


class LoraRefused(ValueError):
    """A LoRA file that is not taken. The message is for the user: which file, what is wrong, what to do."""


class LoraAmbiguous(LoraRefused):
    """The header does not tell which model the LoRA is for: the user has to say."""


@dataclass(frozen=True)
class LoraHeader:
    """What the header of a LoRA file tells. ``family`` is an architecture's name, ``ambiguous`` (``fits`` names those
    it may be for), ``other`` (``made_for`` names the base model in words) or ``unknown``.

    ``rank`` is the highest of the modules' ranks; ``alpha`` is None where the file leaves it open (then it is the
    rank); ``modules`` counts adapted layers, text encoders' included (``text_encoder`` says whether there are any).
    """

    family: str
    format: Format
    rank: int
    alpha: float | None
    modules: int
    trigger: str
    base: str
    metadata: dict[str, str]
    bytes: int
    sha256: str
    made_for: str = ""
    fits: tuple[str, ...] = ()
    text_encoder: bool = False


def inspect(path: Path, shown: str = "") -> LoraHeader:
    """Read the header of a LoRA file. ``shown`` is what messages call it. Raises LoraRefused."""
    name = shown or path.name
    metadata, tensors, start = _read_header(path, name)
    down = [key for key in tensors if _DOWN.search(key)]
    _refuse_variants(tensors, name)
    if not down:
        raise LoraRefused(
            f"{name}: this is not a LoRA (none of its {len(tensors)} tensors is one half of a low-rank pair). Whole "
            "models go into a model folder."
        )
    if any(len(tensors[key]["shape"]) < 2 for key in down):
        raise LoraRefused(_not_safetensors(name))
    base = _base(metadata)
    family, made_for, fits = _family(tensors, base)
    return LoraHeader(
        family=family,
        format=_format(list(tensors)),
        rank=max(int(tensors[key]["shape"][0]) for key in down),
        alpha=_alpha(metadata, tensors, path, start),
        modules=len(down),
        trigger=_trigger(metadata),
        base=base,
        metadata=metadata,
        bytes=path.stat().st_size,
        sha256=file_hash(path),
        made_for=made_for,
        fits=fits,
        text_encoder=any(key.startswith(lora_names.TEXT) for key in tensors),
    )


def admit_lora(
    workspace: Workspace,
    data: bytes | Path,
    filename: str,
    expected_family: str | None = None,
    name: str = "",
    known: Callable[[str], LoraRecord | None] = lambda sha256: None,
) -> LoraRecord:
    """Copy a LoRA file into the workspace; the caller keeps the record. One that is ``known`` by its hash is not copied
    again: its file is put back where it is missing.

    ``expected_family`` is the architecture of the model that it is meant for; it also decides for a file whose
    header leaves the family open. Raises LoraAmbiguous when it does and none is given, LoraRefused, and OSError.
    """
    shown = harmless(filename, "lora.safetensors")
    if Path(shown).suffix.lower() in _PICKLES:
        raise LoraRefused(_pickle(shown))
    if isinstance(data, Path) and not data.is_file():
        raise LoraRefused(f"{shown}: there is no such file.")
    title = name.strip() or Path(shown).stem
    with _arriving(workspace, data) as arrived:
        header = inspect(arrived, shown)
        family = _settle(header, expected_family, shown)
        before = known(header.sha256)
        relative = before.path if before else _place(workspace, title, header.sha256)
        if not (before and workspace.path(relative).is_file()):
            make_folder(workspace.path(relative).parent)
            replace(arrived, workspace.path(relative))
    return LoraRecord(
        id=header.sha256,
        name=title,
        path=relative,
        family=family,
        rank=header.rank,
        alpha=header.alpha,
        trigger=header.trigger,
        modules=header.modules,
        bytes=header.bytes,
    )


def _place(workspace: Workspace, title: str, sha256: str) -> str:
    return f"{workspace.loras()}/{slug(title, 'lora')}-{sha256[:8]}.safetensors"


@contextmanager
def _arriving(workspace: Workspace, data: bytes | Path) -> Iterator[Path]:
    """A copy in the workspace under a temporary name, so that what is inspected is what is kept."""
    copy = temporary(workspace.path(workspace.loras()) / "arriving.safetensors")
    try:
        if isinstance(data, Path):
            copy_durably(data, copy)
        else:
            write_durably(copy, data)
        yield copy
    finally:
        remove(copy)


def _settle(header: LoraHeader, expected: str | None, name: str) -> str:
    """The family that the record gets. Raises LoraRefused when it is not ``expected``."""
    if header.family == "other":
        raise LoraRefused(f"{name}: this LoRA was made for {header.made_for}. Here {registry.titles()} are used.")
    if header.family == "unknown":
        raise LoraRefused(f"{name}: its layers have names that neither {registry.titles('nor')} knows.")
    known = registry.architectures()
    wanted = known[expected].title if expected in known else str(expected)
    if header.family == "ambiguous":
        titles = " and ".join(known[fit].title for fit in header.fits)
        if expected is None:
            raise LoraAmbiguous(f"{name}: its header fits {titles}. Say which it was made for.")
        if expected not in header.fits:
            raise LoraRefused(f"{name}: this LoRA was made for one of {titles}, not for {wanted}.")
        return expected
    if expected not in (None, header.family):
        raise LoraRefused(f"{name}: this LoRA was made for {known[header.family].title}, not for {wanted}.")
    return header.family


# ---- the file


def _read_header(path: Path, name: str) -> tuple[dict[str, str], dict[str, dict[str, Any]], int]:
    """``(metadata, tensors by key, where the data begins)``. Raises LoraRefused."""
    if path.suffix.lower() in _PICKLES:
        raise LoraRefused(_pickle(name))
    prefix, size, length = b"", 0, 0
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            prefix = file.read(8)
            _refuse_size(size, name)
            length = struct.unpack("<Q", prefix)[0]
            entries = json.loads(file.read(length)) if length <= min(MAX_HEADER, size - 8) else None
    except OSError as error:
        raise LoraRefused(f"{name}: the file cannot be read ({error.strerror}).") from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        entries = None
    if not isinstance(entries, dict):
        raise LoraRefused(_not_safetensors(name, prefix))
    metadata = entries.pop("__metadata__", None)
    metadata = metadata if isinstance(metadata, dict) else {}
    _check_layout(entries, size - 8 - length, name)
    return {str(k): str(v) for k, v in metadata.items()}, entries, 8 + length


def _refuse_size(size: int, name: str) -> None:
    if size < 10:
        raise LoraRefused(f"{name}: the file is empty or cut off. Download it again.")
    if size > MAX_BYTES:
        raise LoraRefused(f"{name}: {size / 2**30:.0f} GiB is too large for a LoRA.")


def _pickle(name: str) -> str:
    return (
        f"{name}: this is a pickle, which can run any program when it is opened, so it is not taken. Get the "
        ".safetensors version of it."
    )


def _not_safetensors(name: str, prefix: bytes = b"") -> str:
    # a zip is what torch.save writes today; pickles of protocol 2 and later begin with 0x80
    if prefix[:4] == b"PK\x03\x04" or (prefix[:1] == b"\x80" and prefix[1:2] in (b"\2", b"\3", b"\4", b"\5")):
        return _pickle(name)
    if prefix[:4] == b"GGUF":
        return f"{name}: GGUF files hold quantized models; a LoRA comes as .safetensors."
    return f"{name}: this is not a safetensors file, or its header is broken. Download it again."


def _check_layout(entries: dict[str, Any], available: int, name: str) -> None:
    """Every tensor lies within the file, and its size is what its shape and type say. Raises LoraRefused."""
    end = 0
    for entry in entries.values():
        try:
            first, last = entry["data_offsets"]
            count = 1
            for side in entry["shape"]:
                count *= side
            width = _DTYPES.get(entry["dtype"])
            fits = 0 <= first <= last and all(side >= 0 for side in entry["shape"])
        except (KeyError, TypeError, ValueError) as error:
            raise LoraRefused(_not_safetensors(name)) from error
        if not fits or (width and last - first != count * width):
            raise LoraRefused(_not_safetensors(name))
        end = max(end, last)
    if end > available:
        raise LoraRefused(
            f"{name}: the file is cut off: {available / 2**20:.1f} of {end / 2**20:.1f} MiB are there. Get it again."
        )


def _refuse_variants(tensors: Iterable[str], name: str) -> None:
    for variant, pattern in _VARIANTS.items():
        if any(pattern.search(key) for key in tensors):
            raise LoraRefused(f"{name}: this is a {variant} file, which cannot be applied here. Plain LoRA can.")


# ---- what the header says


def _base(metadata: dict[str, str]) -> str:
    keys = ("ss_base_model_version", "modelspec.architecture", "ss_sd_model_name", "base_model")
    return " ".join(metadata[key] for key in keys if metadata.get(key))


def _family(tensors: dict[str, dict[str, Any]], base: str) -> tuple[str, str, tuple[str, ...]]:
    """``(family, base model in words when it is another, the families that an ambiguous file fits)``."""
    for title, pattern in _OTHERS.items():
        if any(pattern.search(key) for key in tensors):
            return "other", title, ()
    fits = tuple(a.name for a in registry.recognise(Layers(tuple(tensors), _sizes(tensors)), base))
    if len(fits) == 1:
        return fits[0], "", ()
    return ("ambiguous" if fits else "unknown"), "", fits


def _sizes(tensors: dict[str, dict[str, Any]]) -> dict[str, tuple[int, int]]:
    """Inputs and outputs of each adapted layer: A is (rank, inputs), B is (outputs, rank)."""
    shapes = {key: entry["shape"] for key, entry in tensors.items() if len(entry["shape"]) > 1}
    inputs = {_DOWN.sub("", key).rstrip("._"): shape[1] for key, shape in shapes.items() if _DOWN.search(key)}
    outputs = {_UP.sub("", key).rstrip("._"): shape[0] for key, shape in shapes.items() if _UP.search(key)}
    return {name: (inputs[name], outputs[name]) for name in inputs.keys() & outputs.keys()}


def _format(keys: list[str]) -> Format:
    if any(".processor." in key for key in keys):
        return "xlabs"
    for prefix, form in _PREFIXES.items():
        if any(key.startswith(prefix) for key in keys):
            return form
    return "unprefixed"


def _alpha(metadata: dict[str, str], tensors: dict[str, Any], path: Path, start: int) -> float | None:
    with suppress(KeyError, ValueError, TypeError, AttributeError):
        return float(json.loads(metadata["lora_adapter_metadata"])["transformer.lora_alpha"])
    with suppress(KeyError, ValueError):
        return float(metadata["ss_network_alpha"])
    scalar = next((entry for key, entry in tensors.items() if key.endswith(".alpha")), None)
    return _read_scalar(path, start, scalar) if scalar else None


def _read_scalar(path: Path, start: int, entry: dict[str, Any]) -> float | None:
    """The value of a tensor of one element; a few bytes."""
    first, last = entry["data_offsets"]
    if last - first > 8:
        return None
    with path.open("rb") as file:
        file.seek(start + first)
        raw = file.read(last - first)
    if entry["dtype"] == "BF16":
        raw, entry = b"\0\0" + raw, {"dtype": "F32"}
    code = {"F64": "<d", "F32": "<f", "F16": "<e"}.get(entry["dtype"])
    return float(struct.unpack(code, raw)[0]) if code and struct.calcsize(code) == len(raw) else None


def _trigger(metadata: dict[str, str]) -> str:
    """The trigger words as the file names them, else the five commonest tags of its training captions."""
    for key in ("modelspec.trigger_phrase", "trigger_words", "trigger_word", "instance_prompt"):
        if metadata.get(key):
            return metadata[key][:200]
    counts: Counter[str] = Counter()
    with suppress(KeyError, ValueError, TypeError, AttributeError):
        for folder in json.loads(metadata["ss_tag_frequency"]).values():
            counts.update({tag.strip(): int(n) for tag, n in folder.items()})
    return ", ".join(tag for tag, _ in counts.most_common(5))[:200]
