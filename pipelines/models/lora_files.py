"""LoRA files, judged by their header alone: no tensor is read, nothing in the file can run.

Which architecture a file was made for is asked of ``lora_families``; whether it fits a model, of
``lora_mapping``, as when it is loaded. Here is what is said of it, and what is taken in.
"""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from pipelines.domain.records import LoraRecord
from pipelines.models import lora_keys, registry
from pipelines.models.lora_families import whose
from pipelines.models.lora_mapping import Fit, fit
from pipelines.models.lora_scales import Scales, scales_of
from pipelines.models.lora_targets import LoraTarget, shipped_targets
from pipelines.storage import safetensors_header as safetensors
from pipelines.storage.atomic import copy_durably, file_hash, make_folder, remove, replace, temporary, write_durably
from pipelines.storage.names import harmless, slug
from pipelines.storage.safetensors_header import PICKLE, Entry, Header, NotSafetensors, read_header
from pipelines.storage.workspace import Workspace

Format = Literal["diffusers", "comfy", "kohya", "onetrainer", "xlabs", "peft", "lycoris", "unprefixed"]

MAX_BYTES = 16 * 2**30
LARGEST = 1e4
"""No weight of a LoRA that was trained is anywhere near: larger numbers come from a training that blew up, or from
damage."""
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
FILES = (".safetensors", ".gguf", *_PICKLES)
"""Ends of names by which a file is meant as weights, and is judged as such."""

_PREFIXES: dict[str, Format] = {
    "lora_unet_": "kohya",
    "lora_transformer_": "onetrainer",
    "lycoris_": "lycoris",
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
    it may be for), ``other`` (``made_for`` names the base model in words) or ``unknown``. ``fault`` says what else
    forbids to take it.

    ``rank`` is the highest of the modules' ranks; ``alpha`` is None where the file leaves it open (then it is the
    rank); ``modules`` counts adapted layers, text encoders' included (``text_encoder`` says whether there are any).
    ``fitting`` are the models that it fits, each with what goes where.
    """

    path: Path
    family: str
    format: Format
    rank: int
    alpha: float | None
    modules: int
    trigger: str
    base: str
    metadata: dict[str, str]
    bytes: int
    made_for: str = ""
    fits: tuple[str, ...] = ()
    text_encoder: bool = False
    fault: str = ""
    fitting: tuple[Fit, ...] = ()

    @cached_property
    def sha256(self) -> str:
        """Of the whole file, which is read for it. Raises OSError."""
        return file_hash(self.path)

    def fit_of(self, architecture: str) -> Fit | None:
        """How it fits the first model of an architecture that it fits."""
        return next((f for f in self.fitting if f.target.architecture.name == architecture), None)


def inspect(path: Path, shown: str = "", targets: Collection[LoraTarget] = ()) -> LoraHeader:
    """Read the header of a LoRA file. ``shown`` is what messages call it, ``targets`` the models that are known (none:
    those that come with the product). Raises LoraRefused."""
    name = shown or path.name
    header, scales = _read(path, name)
    _refuse_foreign(header, name)
    layers = {lora_keys.parsed(key) for key in header.tensors}
    weighing = {layer for layer, role in layers if role not in ("", "alpha")}
    if not weighing:
        raise LoraRefused(
            f"{name}: this is not a LoRA (none of its {len(header.tensors)} tensors is a part of a difference to a"
            " model). Whole models go into a model folder."
        )
    base = _base(header.metadata)
    said = whose(header.tensors, base, (fit(header.tensors, target) for target in targets or shipped_targets()))
    return LoraHeader(
        path=path,
        family=said.family,
        format=_format(list(header.tensors)),
        rank=_rank(header.tensors),
        alpha=_alpha(header, scales),
        modules=len(weighing),
        trigger=_trigger(header.metadata),
        base=base,
        metadata=dict(header.metadata),
        bytes=path.stat().st_size,
        made_for=said.made_for,
        fits=said.fits,
        text_encoder=any(lora_keys.adapts_text(layer) for layer in weighing),
        fault=said.fault,
        fitting=said.fitting,
    )


def admit_lora(
    workspace: Workspace,
    data: bytes | Path,
    filename: str,
    expected_family: str | None = None,
    name: str = "",
    *,
    model: LoraTarget | None = None,
    targets: Collection[LoraTarget] = (),
    known: Callable[[str], LoraRecord | None] = lambda sha256: None,
) -> LoraRecord:
    """Copy a LoRA file into the workspace; the caller keeps the record. One that is ``known`` by its hash is not copied
    again: its file is put back where it is missing.

    ``expected_family`` is the architecture of the model that it is meant for; it also decides for a file whose
    header leaves the family open. ``model`` is that model itself, where it is known, and ``targets`` all models.
    ``known`` finds the record of a file by its SHA-256: such a file stays where it is, and its record keeps what it
    says. Raises LoraAmbiguous when the family is open and none is given, LoraRefused, and OSError. A refusal leaves
    nothing.
    """
    shown = harmless(filename, "lora.safetensors")
    _refuse_source(data, shown)
    title = name.strip() or Path(shown).stem
    with _arriving(workspace, data) as arrived:
        header, family, chosen = judged(arrived, shown, expected_family, model=model, targets=targets)
        refuse_numbers(arrived, chosen, shown)
        before = known(header.sha256)
        relative = before.path if before else _place(workspace, title, header.sha256)
        if not (before and workspace.path(relative).is_file()):
            make_folder(workspace.path(relative).parent)
            replace(arrived, workspace.path(relative))
    return record_of(header, family, chosen, id=header.sha256, name=title, path=relative)


def record_of(header: LoraHeader, family: str, chosen: Fit, *, id: str, name: str, path: str) -> LoraRecord:
    """The record of a file that was ``judged``."""
    return LoraRecord(
        id=id,
        name=name,
        path=path,
        family=family,
        rank=header.rank,
        alpha=header.alpha,
        trigger=header.trigger,
        modules=header.modules,
        bytes=header.bytes,
        width=chosen.target.width,
        left_out=chosen.left_out,
    )


def judged(
    path: Path,
    shown: str,
    expected_family: str | None,
    *,
    model: LoraTarget | None = None,
    targets: Collection[LoraTarget] = (),
) -> tuple[LoraHeader, str, Fit]:
    """What the header of a file decides: what it is, the architecture that it is for, and what goes where there.
    Arguments and errors are those of ``admit_lora``."""
    header = inspect(path, shown, (*([model] if model else []), *(targets or shipped_targets())))
    return header, *decided(header, shown, expected_family, model)


def decided(header: LoraHeader, shown: str, expected: str | None, model: LoraTarget | None = None) -> tuple[str, Fit]:
    """The architecture that a header is for, and what goes where there; arguments and errors are those of
    ``admit_lora``."""
    family = _settle(header, expected, shown)
    return family, _chosen(header, family, model, shown)


def _refuse_source(data: bytes | Path, shown: str) -> None:
    if Path(shown).suffix.lower() in _PICKLES:
        raise LoraRefused(f"{shown}: {PICKLE}.")
    if isinstance(data, Path) and data.is_dir():
        raise LoraRefused(f"{shown}: this is a folder. Choose the .safetensors file in it.")
    if isinstance(data, Path) and not data.is_file():
        raise LoraRefused(f"{shown}: there is no such file.")
    _refuse_large(data.stat().st_size if isinstance(data, Path) else len(data), shown)


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
        fault = f" ({header.fault})" if header.fault else ""
        raise LoraRefused(
            f"{name}: this LoRA was made for {header.made_for}{fault}. Here {registry.titles()} are used."
        )
    if header.fault:
        raise LoraRefused(f"{name}: {header.fault}.")
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


def _chosen(header: LoraHeader, family: str, model: LoraTarget | None, name: str) -> Fit:
    """How the file fits ``model``, or the first of its family. Raises LoraRefused."""
    fitting = [f for f in header.fitting if f.target.architecture.name == family]
    if model is None:
        return fitting[0]
    chosen = next((f for f in fitting if f.target is model), None)
    if chosen is None:
        others = " and ".join(dict.fromkeys(f.target.title for f in fitting))
        widths = f"its layers are {fitting[0].target.width} wide, and {model.title}'s {model.width}"
        why = f" ({widths})" if fitting[0].target.width != model.width else ""
        raise LoraRefused(f"{name}: this LoRA was made for {others}, not for {model.title}{why}.")
    return chosen


# ---- the file


def opened(path: Path, name: str) -> Header:
    """The header of a LoRA file. Raises LoraRefused."""
    if path.suffix.lower() in _PICKLES:
        raise LoraRefused(f"{name}: {PICKLE}.")
    try:
        _refuse_size(path.stat().st_size, name)
        return read_header(path)
    except NotSafetensors as error:
        raise LoraRefused(f"{name}: {error}.") from error
    except OSError as error:
        raise LoraRefused(f"{name}: the file cannot be read ({error.strerror}).") from error


def _read(path: Path, name: str) -> tuple[Header, Scales]:
    header = opened(path, name)
    try:
        return header, scales_of(path, header)
    except NotSafetensors as error:
        raise LoraRefused(f"{name}: {error}.") from error


def _refuse_size(size: int, name: str) -> None:
    if size < 10:
        raise LoraRefused(f"{name}: the file is empty or cut off. Download it again.")
    _refuse_large(size, name)


def _refuse_large(size: int, name: str) -> None:
    if size > MAX_BYTES:
        raise LoraRefused(f"{name}: {size / 2**30:.0f} GiB is too large for a LoRA.")


def _refuse_foreign(header: Header, name: str) -> None:
    for method, pattern in lora_keys.FOREIGN.items():
        if any(pattern.search(key) for key in header.tensors):
            raise LoraRefused(f"{name}: this is a file of {method}, which cannot be applied here. LoRA, DoRA, LoKr and"
                              " LoHa can.")  # fmt: skip


def refuse_numbers(path: Path, chosen: Fit, name: str) -> None:
    """Raises LoraRefused for a file whose weights are no numbers, or so large that no training can have made them: what
    they draw is black, or noise."""
    import numpy as np  # only where a file is brought in: what lists them starts without

    header = opened(path, name)
    for patch in chosen.patches:
        for role, key in patch.keys.items():
            for piece in safetensors.chunks(path, header, key):
                if not np.isfinite(piece).all():
                    raise LoraRefused(f"{name}: {key} holds numbers that are not finite: it is damaged.")
                if role != "alpha" and piece.size and (top := float(np.abs(piece).max())) > LARGEST:
                    raise LoraRefused(
                        f"{name}: {key} holds numbers as large as {top:.0e}, which no sound training gives. Its"
                        " pictures would be black, or noise."
                    )


# ---- what the header says


def _base(metadata: Mapping[str, str]) -> str:
    keys = ("ss_base_model_version", "modelspec.architecture", "ss_sd_model_name", "base_model")
    return " ".join(metadata[key] for key in keys if metadata.get(key))


def _rank(tensors: Mapping[str, Entry]) -> int:
    """The highest rank of all layers; of whole factors their smaller side."""
    low, whole = [0], [0]
    for key, entry in tensors.items():
        role = lora_keys.parsed(key)[1]
        if role == "down" or role.endswith("_b"):
            low.append(entry.shape[0] if entry.shape else 0)
        elif role in ("lokr_w2", "diff") and len(entry.shape) > 1:
            whole.append(min(entry.shape))
    return max(low) or max(whole)


def _format(keys: list[str]) -> Format:
    if any(".processor." in key for key in keys):
        return "xlabs"
    for prefix, form in _PREFIXES.items():
        if any(key.startswith(prefix) for key in keys):
            return form
    return "unprefixed"


def _alpha(header: Header, scales: Scales) -> float | None:
    if (common := scales.common()) is not None:
        return common
    with suppress(KeyError, ValueError):
        return float(header.metadata["ss_network_alpha"])
    return None


def _trigger(metadata: Mapping[str, str]) -> str:
    """The trigger words as the file names them, else the five commonest tags of its training captions."""
    for key in ("modelspec.trigger_phrase", "trigger_words", "trigger_word", "instance_prompt"):
        if metadata.get(key):
            return metadata[key][:200]
    counts: Counter[str] = Counter()
    with suppress(KeyError, ValueError, TypeError, AttributeError):
        for folder in json.loads(metadata["ss_tag_frequency"]).values():
            counts.update({tag.strip(): int(n) for tag, n in folder.items()})
    return ", ".join(tag for tag, _ in counts.most_common(5))[:200]
