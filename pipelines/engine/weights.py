"""Where the weights of a model family lie, and what is missing. Imports no torch.

Looked up in the workspace (``models/<name>-<revision>``), then in the models folder of the settings, then among what
comes with the product (``presets/<folder>``), then in the hub cache. Where a prepared copy of what is found there
(``storage.prepared``) stands, that is loaded instead; it may be all that is left. A download is never started from here
(``model_download``).
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pipelines.domain.presets import REVISION_MARK, ModelFamily
from pipelines.engine.assemble import assembled, fillings
from pipelines.engine.shared_folders import found
from pipelines.engine.sources import INDEX, Source, quantized, recipe
from pipelines.models import registry
from pipelines.storage import prepared
from pipelines.storage.prepared import Copy
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.safetensors_header import NotSafetensors, read_header
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

_TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("spiece.model",))

SMALL = 0.02
"""GiB of the configs and tokenizers of a model, about."""
WORTH = 2 * 2**30
"""Bytes to quantize from which a prepared copy is made by itself: below, loading takes seconds either way."""


class WeightsMissing(RuntimeError):
    """The weights of a family are not on this machine, or a folder of them is incomplete."""


@dataclass(frozen=True)
class Missing:
    """What has to be obtained. ``what`` says it in words; ``gib`` is the size of the download.

    ``prepare``: nothing is missing, the copy of the user's own files is still to be made (the same job does it).
    ``reinstall``: nothing can be obtained here: the weights come with the product and are damaged, or a user's own
    preset names a place where they are not, or none.
    """

    what: str
    gib: float
    licence: str
    how: Literal["download", "reinstall", "prepare"]


def locate(family: ModelFamily, workspace: Workspace, settings: Settings) -> Path | None:
    """The folder that ``family`` is loaded from: a prepared copy, else the complete weights themselves; or None. Raises
    nothing: what is broken is passed over."""
    source = source_of(family, workspace, settings)
    copy = copy_of(family, source, workspace, settings)
    return copy.folder if copy else source.frame if source and not source.files else None


def source_of(family: ModelFamily, workspace: Workspace, settings: Settings) -> Source | None:
    """The complete weights of ``family`` that were brought here, whatever copy there is of them. Raises nothing."""
    frames: dict[Path, list[str]] = {}
    for folder in candidates(family, workspace, settings):
        if not (folder / INDEX).is_file():
            continue
        lacking = without_weights(folder)
        if not check_folder(folder, lacking):
            if not lacking and not family.weights.files:
                return Source(folder)
            frames[folder] = lacking
    files = [file for one in found(settings) for file in one.files] if frames else []
    return assembled(family, frames, files, frames)


def copy_of(family: ModelFamily, source: Source | None, workspace: Workspace, settings: Settings) -> Copy | None:
    """The prepared copy of ``family`` that is whole: that of ``source``, or the newest where there is no source any
    more. Raises nothing."""
    copies = prepared.copies(workspace, settings)
    mine = [c for c in copies if (c.manifest.family, c.manifest.revision) == (family.name, family.weights_revision)]
    if not mine:
        return None
    how = recipe(family, settings)
    try:
        made_of = source.hash() if source else None
        fits = [c for c in mine if c.manifest.recipe == how and made_of in (None, c.manifest.source)]
        newest = sorted(fits, key=lambda c: -(c.folder / prepared.MANIFEST).stat().st_mtime)
    except (OSError, ValueError):
        return None
    return next((c for c in newest if not prepared.damage(c)), None)


def missing(family: ModelFamily, workspace: Workspace, settings: Settings) -> Missing | None:
    """What has to be obtained before ``family`` can run, or None when all is here."""
    return None if locate(family, workspace, settings) else _lacking(family, workspace, settings)


def require(family: ModelFamily, workspace: Workspace, settings: Settings) -> Path:
    """The folder that holds complete weights of ``family``. Raises WeightsMissing, which says how to get them."""
    here = locate(family, workspace, settings)
    if here is None:
        raise WeightsMissing(_lacking(family, workspace, settings).what)
    return here


def source_to_prepare(family: ModelFamily, workspace: Workspace, settings: Settings) -> Source:
    """What a copy of ``family`` can be made of. Raises WeightsMissing: nothing is here, or what is here is no more than
    a copy already."""
    source = source_of(family, workspace, settings)
    if source is None:
        copy = copy_of(family, None, workspace, settings)
        held = f"{copy.folder} is the copy already, and what it was made of is gone." if copy else ""
        raise WeightsMissing(held or _lacking(family, workspace, settings).what)
    if not unpacked(family, source):
        raise WeightsMissing(f"{source.frame} holds {family.title} in 4 bits already: it needs no copy.")
    return source


def worth_a_copy(family: ModelFamily, source: Source) -> bool:
    """Whether quantizing ``source`` at every load takes long enough to make a copy of it by itself (``WORTH``)."""
    return sum(p.stat().st_size for part in unpacked(family, source) for p in source.weights(part)) >= WORTH


def unpacked(family: ModelFamily, source: Source) -> list[str]:
    """The parts of ``source`` that a copy would quantize, or take from a file that cannot be loaded as it is."""
    wanted = [name for name, part in family.parts.items() if part.quantize == "nf4" and name in source.weighty]
    return [n for n in source.weighty if n in source.files or (n in wanted and not quantized(source.config(n)))]


def _own_files(family: ModelFamily, workspace: Workspace, settings: Settings) -> Missing | None:
    """What is to be done where files of the user's own have some of the weights; None when they have none."""
    source = source_of(family, workspace, settings)
    if source is not None:
        names = ", ".join(dict.fromkeys(own.owned.path.name for own in source.files.values()))
        notes = "".join(f" {warning}." for warning in source.warnings())
        what = f"The weights of {family.title} are here ({names}) and are turned once into a copy that loads.{notes}"
        return Missing(f"{what} Get them first (flenwheel weights --make-copy {family.name}).", 0.0, "", "prepare")
    filled = fillings(family, [file for one in found(settings) for file in one.files])
    if not filled or not family.weights.hub:
        return None
    rest = [part for part in family.parts if part not in filled]
    gib = sum(family.parts[part].parameters for part in rest) * 2 / 2**30 + SMALL
    held = "; ".join(f"{part} in {own.owned.path}" for part, own in filled.items())
    named = ", ".join([*rest, "configs and tokenizers"])
    what = (
        f"Of {family.title} there is {held}. Missing are {named}: {gib:.1f} GiB from {family.weights.hub}, licence:"
        f" {family.licence}. Download them first, then run again."
    )
    return Missing(what, round(gib, 1), family.licence, "download")


def _lacking(family: ModelFamily, workspace: Workspace, settings: Settings) -> Missing:
    if here := _own_files(family, workspace, settings):
        return here
    if not family.weights.hub and (REVISION_MARK in family.revision or not family.weights.folder):
        return Missing(_not_there(family), 0.0, family.licence, "reinstall")
    if not family.weights.hub:
        problems = "; ".join(check_folder(PRESETS / family.weights.folder)[:3])
        what = f"{family.title} comes with FLENwheel, but its weights are damaged: {problems}. Install FLENwheel again."
        return Missing(what, 0.0, family.licence, "reinstall")
    what = (
        f"The weights of {family.title} are not on this machine: {family.weights.gib:.1f} GiB from"
        f" {family.weights.hub}, licence: {family.licence}. Get them first (a button in the tabs, or:"
        f" flenwheel models --get {family.name}), then run again."
    )
    if damaged := _damaged(family, workspace, settings):
        what = f"{damaged} {what}"
    return Missing(what, family.weights.gib, family.licence, "download")


def _damaged(family: ModelFamily, workspace: Workspace, settings: Settings) -> str:
    """What is wrong with the first folder that is there for ``family`` and cannot be used, in words; empty if none."""
    for folder in candidates(family, workspace, settings):
        if folder.is_dir():
            return f"{folder} is there but not whole: {'; '.join(check_folder(folder)[:3])}."
    return ""


def _not_there(family: ModelFamily) -> str:
    """Words about the weights of a preset that names no hub and does not come with the product."""
    if not family.weights.folder:
        folder = f"models/{family.name}-{family.weights_revision}"
        return f"The weights of {family.title} belong into {folder} of the workspace: its preset names no other place."
    problems = "; ".join(check_folder(Path(family.weights.folder))[:3])
    return (
        f"The weights of {family.title} are not complete in {family.weights.folder}, which its preset names:"
        f" {problems}. Put them there, or name the folder that holds them."
    )


def candidates(family: ModelFamily, workspace: Workspace, settings: Settings) -> Iterator[Path]:
    """Where the weights of a model may lie, the workspace first; whether anything is there is not looked at."""
    folder = workspace.path(workspace.model_folder(family.name, family.weights_revision))
    yield folder
    if settings.models_dir:
        yield Path(settings.models_dir).expanduser() / folder.name
        yield Path(settings.models_dir).expanduser() / family.name
    if family.weights.folder:
        yield PRESETS / family.weights.folder
    if family.weights.hub:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(
            family.weights.hub, INDEX, cache_dir=hub_cache(settings), revision=family.weights_revision
        )
        if isinstance(found, str):
            yield Path(found).parent


def hub_cache(settings: Settings) -> Path | None:
    """The hub cache of the settings; None means the hub client's own."""
    return Path(settings.cache_dir).expanduser() if settings.cache_dir else None


def download_folder(settings: Settings) -> Path:
    """Where downloads go: the hub cache of the settings, else the hub client's own."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return hub_cache(settings) or Path(HF_HUB_CACHE)


def without_weights(folder: Path) -> list[str]:
    """The parts of a diffusers folder that have a config, and no weights that can be used."""
    try:
        parts = Source(folder).index
    except (OSError, ValueError):
        return []
    return [part for part in parts if (folder / part / "config.json").is_file() and _check_tensors(folder / part)]


def check_folder(folder: Path, but: Collection[str] = ()) -> list[str]:
    """What is missing in a diffusers folder, in words; empty when complete. ``but``: parts whose weights come from
    elsewhere.

    The loaders are silent about some of it: without ``tokenizer.json`` a tokenizer of a few tokens loads, without a
    text encoder's ``config.json`` a model of default size, without ``tokenizer_config.json`` there is no length limit.
    """
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [f"{INDEX} cannot be read: {error}"]
    problems: list[str] = []
    for part, spec in index.items():
        if isinstance(spec, list) and len(spec) == 2 and spec[0]:
            wrong = _foreign(folder / part) if part in but else _check_part(folder / part, str(spec[1]))
            problems += [f"{part}/{problem}" for problem in wrong]
    architecture = registry.with_pipeline(str(index.get("_class_name")))
    return problems + (architecture.lacking(folder) if architecture else [])


def _check_part(folder: Path, kind: str) -> list[str]:
    if kind.endswith("Scheduler"):
        return _absent(folder, "scheduler_config.json")
    if "Tokenizer" in kind or kind.endswith("Processor"):
        problems = _absent(folder, "tokenizer_config.json")
        if not any(all((folder / f).is_file() for f in files) for files in _TOKENIZER_FILES):
            problems.append("tokenizer.json is missing")
        if kind.endswith("Processor") and not any(folder.glob("*processor*_config.json")):
            problems += _absent(folder, "preprocessor_config.json")
        return problems
    return check_part(folder)


def check_part(folder: Path) -> list[str]:
    """What is missing or wrong in the folder of a part that has weights, in words; empty when it is whole."""
    return _absent(folder, "config.json") + _foreign(folder) + _check_tensors(folder)


def _absent(folder: Path, name: str) -> list[str]:
    return [] if (folder / name).is_file() else [f"{name} is missing"]


def _foreign(folder: Path) -> list[str]:
    """A part that is quantized in another way than bitsandbytes' 4 bits: it would load as something that LoRAs and
    training do not know."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    said = config.get("quantization_config")
    if not said or quantized(config):
        return []
    method = said.get("quant_method", "an unknown method")
    return [f"config.json: its weights are quantized with {method}; bfloat16 or bitsandbytes' 4 bits can be used"]


def _check_tensors(folder: Path) -> list[str]:
    """What is wrong with the weights of a part: files that are missing, or are not what their names say."""
    return _absent_tensors(folder) or [
        f"{path.name} {wrong}" for path in sorted(folder.glob("*.safetensors")) if (wrong := _damage(path))
    ]


def _damage(path: Path) -> str:
    """What is wrong with a weights file, in words; empty when it is whole as far as its header tells."""
    try:
        told = path.stat()
        return _look_into(path, told.st_size, told.st_mtime_ns)
    except OSError as error:
        return f"cannot be read: {error.strerror}"


@lru_cache(maxsize=4096)
def _look_into(path: Path, size: int, changed: int) -> str:
    """The same for the file of that size and time: it is read once."""
    try:
        read_header(path)
    except NotSafetensors as problem:
        return f"cannot be used: {problem}"
    return ""


def _absent_tensors(folder: Path) -> list[str]:
    for index in sorted(folder.glob("*.safetensors.index.json")):
        try:
            names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        except (OSError, ValueError, KeyError) as error:
            return [f"{index.name} cannot be read: {error}"]
        return [f"{name} is missing" for name in sorted(names) if not (folder / name).is_file()]
    return [] if any(folder.glob("*.safetensors")) else ["no .safetensors file (pickled weights are not loaded)"]
