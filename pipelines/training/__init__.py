"""Training of LoRAs: ``train`` serves a TrainRequest on the resident model."""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.domain.events import Event, Progress
from pipelines.domain.presets import ModelFamily, changed_since
from pipelines.domain.requests import TrainRequest
from pipelines.engine.memory import WillNotFit, predict_training
from pipelines.engine.resident import Resident
from pipelines.storage.atomic import make_folder
from pipelines.storage.presets import load_presets
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
from pipelines.training.context import TrainingContext
from pipelines.training.emphasis import Finder
from pipelines.training.loop import TASKS, Diverged, Training, finished
from pipelines.training.task import TrainingDataError

__all__ = ["Diverged", "TrainingDataError", "train"]


def train(
    request: TrainRequest,
    *,
    resident: Resident,
    workspace: Workspace,
    settings: Settings,
    emit: Callable[[Event], None],
    cancelled: Callable[[], bool],
    finder: Finder | None = None,
) -> dict[str, Any]:
    """Train a LoRA into ``request.folder`` and return where it is: ``lora`` (path relative to the workspace),
    ``sha256``, ``rank``, ``alpha``, ``steps``, ``loss`` (mean of the last steps).

    ``finder`` finds faces, for settings in which they count more; without it all places of a picture count alike.

    A run that was stopped goes on from its newest checkpoint and ends as it would have without the stop; one that
    is done returns its result again. Raises TrainingDataError (what is wrong with which picture), WeightsMissing,
    WillNotFit (before loading, where it can be known), Diverged, and Cancelled, after a checkpoint, within one step of
    ``cancelled()`` turning true.
    """
    family = check(request, load_presets(workspace.root).models)
    make_folder(workspace.path(request.folder))
    if done := finished(request, workspace):
        return done
    resident.folder(family)
    controls = max(len(item.controls) for item in request.items)
    prediction = predict_training(family, request.settings, workspace, settings, controls, request.samples)
    if not prediction.fits:
        raise WillNotFit(prediction.why)
    context = TrainingContext(workspace, emit, cancelled, resident.memory, finder)
    resident.prepare(family, lambda share, note: emit(Progress(done=0, note=note)), cancelled)
    with resident.use(family) as driver:
        return Training(request, family, driver, context).run()


def check(request: TrainRequest, models: Mapping[str, ModelFamily]) -> ModelFamily:
    """The family to train on, at the request's revision. Raises TrainingDataError when the request makes no sense."""
    family = models.get(request.family)
    task = TASKS[request.target]
    if family is None or task.role not in family.roles:
        fits = ", ".join(sorted(f.name for f in models.values() if task.role in f.roles))
        raise TrainingDataError(f'"{request.family}" cannot be trained as {request.target}. Choose one of: {fits}.')
    if not request.items:
        raise TrainingDataError("There are no pictures to train on. Review pictures and select some first.")
    task.check(request)
    if why := changed_since(family, request.revision):
        raise TrainingDataError(why)
    return family.model_copy(update={"revision": request.revision})
