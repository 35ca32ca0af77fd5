"""What a finished job leaves in the records beyond its pictures: a LoRA, the state of a training run."""

from pathlib import Path

from pipelines.desk import Desk
from pipelines.jobs.requests import CalibrateRequest, PracticeRequest, Request, TrainRequest
from pipelines.library.lora_files import inspect
from pipelines.library.records import Job, LoraRecord, TrainingRun
from pipelines.steps import calibration, practice


def listen(desk: Desk) -> None:
    """Have the desk's queue tell us about every job that ends."""
    desk.jobs.on_end(lambda job, request: _ended(desk, job, request))


def _ended(desk: Desk, job: Job, request: Request) -> None:
    if isinstance(request, TrainRequest):
        _training_ended(desk, job, request)
    elif isinstance(request, CalibrateRequest) and job.state == "done":
        calibration.keep(desk, job, request)
    elif isinstance(request, PracticeRequest) and job.state == "done":
        practice.take_in(desk, job, request)


def _training_ended(desk: Desk, job: Job, request: TrainRequest) -> None:
    run = desk.store.get(TrainingRun, request.lineage["run"])
    lora = _trained_lora(desk, request, job.result["lora"]) if job.state == "done" else None
    if lora is not None:
        desk.store.put(lora)
    if run is not None:
        update = {"state": job.state, "job": job.id, "lora": lora.id if lora else run.lora}
        desk.store.put(run.model_copy(update=update))


def _trained_lora(desk: Desk, request: TrainRequest, path: str) -> LoraRecord:
    header = inspect(desk.workspace.path(path))
    family = desk.family(request.family)
    return LoraRecord(
        id=header.sha256,
        name=Path(path).stem,
        path=path,
        family=family.lora_family,
        rank=request.settings.rank,
        alpha=request.settings.alpha,
        trigger=request.trigger,
        modules=header.modules,
        bytes=header.bytes,
        origin="trained",
        character=request.character,
        version=request.version,
        run=request.lineage["run"],
    )
