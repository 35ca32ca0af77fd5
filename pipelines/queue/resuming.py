"""What a job that goes on with another's work takes over from the records."""

from pipelines.domain.records import ImageRecord, Job, TrainingRun
from pipelines.domain.requests import RenderRequest, Request, TrainRequest
from pipelines.storage.store import Store


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
