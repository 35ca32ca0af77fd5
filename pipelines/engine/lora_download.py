"""A LoRA file from the hub or from an address, into the library's folder."""

from collections.abc import Callable
from pathlib import Path

from pipelines.domain.presets import ModelFamily
from pipelines.domain.records import LoraRecord
from pipelines.domain.requests import ObtainLoraRequest
from pipelines.engine import weights
from pipelines.engine.hub_files import Address, Fetch, OnProgress, look_up
from pipelines.models.lora_files import LoraRefused, admit_lora, judged
from pipelines.models.lora_targets import LoraTarget, target_of
from pipelines.storage.atomic import remove
from pipelines.storage.presets import Presets
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

FOLDER = "cache/downloads"


def download(
    request: ObtainLoraRequest,
    presets: Presets,
    workspace: Workspace,
    settings: Settings,
    on_progress: OnProgress,
    cancelled: Callable[[], bool] = lambda: False,
) -> LoraRecord:
    """Fetch the file and copy it into the library; the record is the caller's to keep. What fits no model is refused by
    its header, with the rest never loaded.

    ``on_progress(share, note)`` is called with the share done, 0-1. Raises Cancelled, CannotFetch, LoraRefused, and
    OSError.
    """

    def target(model: ModelFamily) -> LoraTarget:
        return target_of(model, weights.locate(model, workspace, settings))

    family = presets.models.get(request.family)
    model = target(family) if family else None
    architecture = family.architecture if family else None
    targets = [target(f) for f in presets.models.values()]
    remote = look_up(Address(request.repo, request.file, request.revision, request.url))
    shown = remote.name

    def check(head: Path) -> None:
        judged(head, shown, architecture, model=model, targets=targets)

    fetch = Fetch(remote, workspace.path(FOLDER), check, on_progress, cancelled)
    try:
        whole = fetch.run()
        try:
            lora = admit_lora(workspace, whole, shown, architecture, model=model, targets=targets)
        finally:
            remove(whole)
    except LoraRefused:
        fetch.discard()
        raise
    if request.catalogue:
        lora = lora.model_copy(update={"catalogue": request.catalogue, "origin": "catalogue"})
    return lora
