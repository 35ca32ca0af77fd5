"""Where the weights of a model family lie, what is missing, and how it is obtained. Imports no torch.

Looked up in the workspace (``models/<name>-<revision>``), then in the models folder of the settings, then among what
comes with the product (``presets/<folder>``), then in the hub cache. A download is never started but by ``obtain``,
which the user asks for after seeing size and licence.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.presets import REVISION_MARK, ModelFamily
from pipelines.models import registry
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.safetensors_header import NotSafetensors, read_header
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

INDEX = "model_index.json"
# The repositories also hold single-file copies of the same weights at their top level: only the folders are needed.
PATTERNS = [INDEX, "*/*.json", "*/*.txt", "*/*.model", "*/*.jinja", "*/*.safetensors"]
_TOKENIZER_FILES = (("tokenizer.json",), ("vocab.json", "merges.txt"), ("spiece.model",))

OnProgress = Callable[[float, str], None]


class WeightsMissing(RuntimeError):
    """The weights of a family are not on this machine, or a folder of them is incomplete."""


@dataclass(frozen=True)
class Missing:
    """What has to be obtained. ``what`` says it in words; ``gib`` is the size of the download.

    ``reinstall``: nothing can be obtained here: the weights come with the product and are damaged, or a user's own
    preset names a place where they are not, or none.
    """

    what: str
    gib: float
    licence: str
    how: Literal["download", "reinstall"]


def locate(family: ModelFamily, workspace: Workspace, settings: Settings) -> Path | None:
    """The folder that holds complete weights of ``family``, or None. Raises nothing: broken folders are passed over."""
    for folder in _candidates(family, workspace, settings):
        if (folder / INDEX).is_file() and not check_folder(folder):
            return folder
    return None


def missing(family: ModelFamily, workspace: Workspace, settings: Settings) -> Missing | None:
    """What has to be obtained before ``family`` can run, or None when all is here."""
    return None if locate(family, workspace, settings) else _lacking(family, workspace, settings)


def require(family: ModelFamily, workspace: Workspace, settings: Settings) -> Path:
    """The folder that holds complete weights of ``family``. Raises WeightsMissing, which says how to get them."""
    here = locate(family, workspace, settings)
    if here is None:
        raise WeightsMissing(_lacking(family, workspace, settings).what)
    return here


def _lacking(family: ModelFamily, workspace: Workspace, settings: Settings) -> Missing:
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
    for folder in _candidates(family, workspace, settings):
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


def _candidates(family: ModelFamily, workspace: Workspace, settings: Settings) -> Iterator[Path]:
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
            family.weights.hub, INDEX, cache_dir=_hub_cache(settings), revision=family.weights_revision
        )
        if isinstance(found, str):
            yield Path(found).parent


def _hub_cache(settings: Settings) -> Path | None:
    """The hub cache of the settings; None means the hub client's own."""
    return Path(settings.cache_dir).expanduser() if settings.cache_dir else None


def download_folder(settings: Settings) -> Path:
    """Where downloads go: the hub cache of the settings, else the hub client's own."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return _hub_cache(settings) or Path(HF_HUB_CACHE)


def check_folder(folder: Path) -> list[str]:
    """What is missing in a diffusers folder, in words; empty when complete.

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
            problems += [f"{part}/{problem}" for problem in _check_part(folder / part, str(spec[1]))]
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
    return _absent(folder, "config.json") + _check_tensors(folder)


def _absent(folder: Path, name: str) -> list[str]:
    return [] if (folder / name).is_file() else [f"{name} is missing"]


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


def obtain(
    family: ModelFamily,
    workspace: Workspace,
    settings: Settings,
    on_progress: OnProgress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Download the weights of ``family``; the folder where they lie. What is here already is kept.

    ``on_progress(share, note)`` is called with the share done, 0-1. Raises Cancelled, WeightsMissing (the hub cannot
    be reached, the licence was not accepted, files are missing afterwards, or the weights that come with the product
    are damaged).
    """
    here = locate(family, workspace, settings)
    if here:
        return here
    lacking = _lacking(family, workspace, settings)
    if lacking.how == "reinstall":
        raise WeightsMissing(lacking.what)
    folder = _download(family, _hub_cache(settings), on_progress, cancelled)
    problems = check_folder(folder)
    if problems:
        raise WeightsMissing(f"The download of {family.title} is incomplete: {'; '.join(problems[:3])}.")
    return folder


def _download(family: ModelFamily, cache: Path | None, on_progress: OnProgress, cancelled: Callable[[], bool]) -> Path:
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repo, revision = family.weights.hub, family.weights_revision
    try:
        files: Any = snapshot_download(repo, revision=revision, cache_dir=cache, allow_patterns=PATTERNS, dry_run=True)
        meter = _Meter(family.title, files, on_progress, cancelled)
        for file in (f for f in files if f.will_download):
            meter.check()
            hf_hub_download(repo, file.filename, revision=file.commit_hash, cache_dir=cache, tqdm_class=meter.bar())
        commit = files[0].commit_hash
        return Path(
            snapshot_download(repo, revision=commit, cache_dir=cache, allow_patterns=PATTERNS, local_files_only=True)
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise WeightsMissing(
            f"{family.title} could not be downloaded from {repo}: {error}. Check the connection, and for a model behind"
            " a licence accept it on its page and sign in with 'hf auth login'. What was loaded so far is kept."
        ) from error


class _Meter:
    """Adds up the bytes of several files, and stops between two chunks when cancelled."""

    def __init__(self, title: str, files: list[Any], on_progress: OnProgress, cancelled: Callable[[], bool]) -> None:
        self.title, self.on_progress, self.cancelled = title, on_progress, cancelled
        self.total = max(1, sum(f.file_size for f in files))
        self.done = sum(f.file_size for f in files if not f.will_download)

    def check(self) -> None:
        """Raise Cancelled when the user asked to stop."""
        if self.cancelled():
            raise Cancelled

    def add(self, count: float) -> None:
        """Count ``count`` more bytes."""
        self.check()
        self.done += count
        note = f"{self.title}: {self.done / 2**30:.2f} of {self.total / 2**30:.2f} GiB"
        self.on_progress(min(1.0, self.done / self.total), note)

    def bar(self) -> Any:
        """A progress bar class for the hub client that draws nothing and reports here."""
        from tqdm import tqdm

        meter = self

        class Bar(tqdm):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                kwargs.pop("name", None)
                super().__init__(*args, **{**kwargs, "disable": True})
                meter.add(kwargs.get("initial") or 0)

            def update(self, n: float | None = 1) -> bool | None:
                meter.add(n or 0)
                return None

        return Bar
