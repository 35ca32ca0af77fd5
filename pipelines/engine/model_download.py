"""The download of a model's weights from the hub, which the user asks for after seeing size and licence. Imports no
torch."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from pipelines.domain.presets import ModelFamily
from pipelines.engine.assemble import fillings
from pipelines.engine.download_meter import Meter, OnProgress
from pipelines.engine.shared_folders import found
from pipelines.engine.sources import INDEX
from pipelines.engine.weights import WeightsMissing, check_folder, hub_cache, missing, require, source_to_prepare
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

# The repositories also hold single-file copies of the same weights at their top level: only the folders are needed.
PATTERNS = [INDEX, "*/*.json", "*/*.txt", "*/*.model", "*/*.jinja", "*/*.safetensors"]


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
    lacking = missing(family, workspace, settings)
    if lacking is None:
        return require(family, workspace, settings)
    if lacking.how == "reinstall":
        raise WeightsMissing(lacking.what)
    if lacking.how == "prepare":
        return source_to_prepare(family, workspace, settings).frame
    filled = fillings(family, [file for one in found(settings) for file in one.files])
    folder = _download(family, hub_cache(settings), on_progress, cancelled, filled)
    problems = check_folder(folder, filled)
    if problems:
        raise WeightsMissing(f"The download of {family.title} is incomplete: {'; '.join(problems[:3])}.")
    return folder


def _download(
    family: ModelFamily, cache: Path | None, on_progress: OnProgress, cancelled: Callable[[], bool],
    but: Collection[str] = (),
) -> Path:  # fmt: skip
    """``but``: parts whose weights are here."""
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    repo, revision = family.weights.hub, family.weights_revision
    wanted: Any = {"allow_patterns": PATTERNS, "ignore_patterns": [f"{part}/*.safetensors" for part in but]}
    try:
        files: Any = snapshot_download(repo, revision=revision, cache_dir=cache, **wanted, dry_run=True)
        total, here = sum(f.file_size for f in files), sum(f.file_size for f in files if not f.will_download)
        meter = Meter(family.title, total, on_progress, cancelled, done=here)
        for file in (f for f in files if f.will_download):
            meter.check()
            hf_hub_download(repo, file.filename, revision=file.commit_hash, cache_dir=cache, tqdm_class=_bar(meter))
        commit = files[0].commit_hash
        return Path(
            snapshot_download(
                repo,
                revision=commit,
                cache_dir=cache,
                **wanted,
                local_files_only=True,
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise WeightsMissing(
            f"{family.title} could not be downloaded from {repo}: {error}. Check the connection, and for a model behind"
            " a licence accept it on its page and sign in with 'hf auth login'. What was loaded so far is kept."
        ) from error


def _bar(meter: Meter) -> Any:
    """A progress bar class for the hub client that draws nothing and counts on a meter, which stops it when the user
    asked to."""
    from tqdm import tqdm

    class Bar(tqdm):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": True})
            meter.add(kwargs.get("initial") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            meter.add(n or 0)
            return None

    return Bar
