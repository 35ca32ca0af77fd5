"""What a job that goes on with another's work takes over from the records, and from the files."""

from pipelines.domain.records import ImageRecord, Job, TrainingRun
from pipelines.domain.requests import RenderRequest, Request, TrainRequest
from pipelines.domain.shots import ImageRef, Shot
from pipelines.storage.migrations import MadeByNewer
from pipelines.storage.pictures import read_recipe
from pipelines.storage.store import Store
from pipelines.storage.workspace import OutsideWorkspace, Workspace


def runs_taken_over(store: Store, job: Job, request: Request) -> list[TrainingRun]:
    """The training run that ``job`` goes on with, now pointing to it; to be put together with the job."""
    if not job.resumes or not isinstance(request, TrainRequest):
        return []
    runs = store.all(TrainingRun, character=request.character, target=request.target, version=request.version)
    return [run.model_copy(update={"job": job.id, "state": "queued"}) for run in runs]


def scored_already(store: Store, job: Job, request: Request) -> tuple[str, ...]:
    """Ids of pictures of the plan's set that have scores: a resumed job need not score them again."""
    if not job.resumes or not isinstance(request, RenderRequest):
        return ()
    plan = request.plan
    there = store.all(ImageRecord, character=plan.character, kind=plan.kind, version=plan.version)
    return tuple(image.id for image in there if image.scores.identity or image.scores.quality)


def unrecorded(store: Store, workspace: Workspace, request: Request) -> list[ImageRecord]:
    """Pictures of the plan that are whole on the disk, with their recipe, and in no record: who was to tell of them, or
    to write it down, could not."""
    if not isinstance(request, RenderRequest):
        return []
    plan = request.plan
    lost: dict[str, ImageRecord] = {}

    def picture_of(shot: Shot) -> ImageRef | None:
        path = plan.path(shot)
        known = store.all(ImageRecord, path=path)
        image = known[-1] if known else lost.get(path) or _made(workspace, path)
        if image and not known:
            lost[path] = image
        return image.ref if image else None

    for shot in plan.grown(lambda tries: filter(None, map(picture_of, tries))):
        picture_of(shot)
    return list(lost.values())


def _made(workspace: Workspace, path: str) -> ImageRecord | None:
    try:
        return read_recipe(workspace.path(path), path)
    except (MadeByNewer, OutsideWorkspace):
        return None
