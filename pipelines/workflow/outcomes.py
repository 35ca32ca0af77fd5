"""What a finished job leaves in the records beyond its pictures: a LoRA, the state of a training run, which of several
tries was kept."""

from pathlib import Path

from pipelines.domain.records import Job, LoraRecord, TrainingRun
from pipelines.domain.requests import (
    CalibrateRequest,
    MergeRequest,
    ObtainLoraRequest,
    PracticeRequest,
    RenderRequest,
    Request,
    TrainRequest,
)
from pipelines.engine import weights
from pipelines.models.lora_files import inspect
from pipelines.models.lora_targets import target_of
from pipelines.session import Session
from pipelines.storage.atomic import remove
from pipelines.workflow import calibration, chains, practice, telling


def ended(session: Session, job: Job, request: Request) -> None:
    """A job has ended: keep what it gives. Told twice, it does no harm."""
    if isinstance(request, TrainRequest):
        _training_ended(session, job, request)
    elif isinstance(request, RenderRequest):
        chains.settle(session, request.plan, over=job.state == "done")
    elif isinstance(request, CalibrateRequest) and job.state == "done":
        calibration.record(session, job, request)
    elif isinstance(request, PracticeRequest) and job.state == "done":
        practice.take_in(session, job, request)
    elif isinstance(request, ObtainLoraRequest | MergeRequest) and job.state == "done":
        _lora_arrived(session, LoraRecord.model_validate(job.result["lora"]))
    telling.ended(session, job)


def _lora_arrived(session: Session, arrived: LoraRecord) -> None:
    """Add a downloaded LoRA to the library. One that was here already stays where and what it is."""
    kept = session.store.add(arrived)
    if kept.path != arrived.path and session.workspace.path(kept.path).is_file():
        remove(session.workspace.path(arrived.path))


def _training_ended(session: Session, job: Job, request: TrainRequest) -> None:
    lora = _trained_lora(session, request, job.result["lora"]) if job.state == "done" else None
    if lora is not None:
        lora = session.store.add(lora)
    with session.store.alone():
        run = session.store.get(TrainingRun, request.lineage["run"])
        if run is not None:
            update = {"state": job.state, "job": job.id, "lora": lora.id if lora else run.lora}
            session.store.put(run.model_copy(update=update))


def _trained_lora(session: Session, request: TrainRequest, path: str) -> LoraRecord:
    header = inspect(session.workspace.path(path))
    family = session.family(request.family)
    return LoraRecord(
        id=header.sha256,
        name=Path(path).stem,
        path=path,
        family=family.architecture,
        rank=request.settings.rank,
        alpha=request.settings.alpha,
        trigger=request.trigger,
        modules=header.modules,
        bytes=header.bytes,
        origin="trained",
        character=request.character,
        version=request.version,
        run=request.lineage["run"],
        width=target_of(family, weights.locate(family, session.workspace, session.settings)).width,
    )
