"""After a training: which of its checkpoints, at which strength? A grid of both on the prompts that its samples had."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from pipelines.domain.records import ImageRecord, Job, LoraRecord, TrainingRun
from pipelines.domain.requests import TrainRequest
from pipelines.domain.shots import Adapter, LoraStack, Plan, Shot
from pipelines.domain.words import count
from pipelines.models import lora_export
from pipelines.models.lora_export import Learned
from pipelines.models.lora_files import LoraRefused, inspect
from pipelines.queue.stored_request import stored_request_if_readable
from pipelines.session import NotFound, Session
from pipelines.storage.atomic import file_hash
from pipelines.workflow import datasets, gate, render
from pipelines.workflow.characters import NotAllowed

STRENGTHS = (0.6, 0.8, 1.0, 1.2)
BARE = (0, 0.0)
"""Step and strength of pictures that the base model drew without a LoRA."""


@dataclass(frozen=True)
class Best:
    """The place of the grid with the highest mean identity (cosine) over ``pictures`` prompts."""

    step: int
    strength: float
    identity: float
    pictures: int


def steps(session: Session, run: TrainingRun) -> list[int]:
    """The steps of a run that can be drawn with: checkpoints that are kept, and the finished LoRA's."""
    folder = session.workspace.path(f"{_folder(session, run)}/checkpoints")
    kept = [int(p.name) for p in folder.glob("*") if p.name.isdigit() and (p / "adapter.safetensors").is_file()]
    return sorted({*kept, *([_last(run)] if run.lora else [])})


def plan(
    session: Session, run: TrainingRun, at: Iterable[int], strengths: Iterable[float], *, baseline: bool = False
) -> Plan:
    """Every chosen checkpoint at every strength, on the run's own sample prompts and seeds; with ``baseline`` also the
    base model without a LoRA. Checkpoints become LoRA files beside the finished one. Raises NotAllowed, and NotFound
    for a step that is not kept."""
    chosen, weights, samples = _places(session, run, at, strengths)
    with _no_file_left_of_a_refusal(session, run, chosen):
        adapters = {step: _adapter(session, run, step) for step in chosen}
    shots = [
        _shot(sample, adapters[step].model_copy(update={"weight": weight}), step)
        for step in chosen
        for weight in weights
        for sample in samples
    ]
    shots += _bare(samples) if baseline else []
    return _plan(session, run, {shot.id: shot for shot in shots}.values())


def ahead(
    session: Session, run: TrainingRun, at: Iterable[int], strengths: Iterable[float], *, baseline: bool = False
) -> Plan:
    """What ``plan`` would still have to draw, without its LoRAs: to foretell time and memory by, and no file is
    written. Raises as ``plan`` does."""
    chosen, weights, samples = _places(session, run, at, strengths)
    there = {(*place(i), i.shot.purpose.cell) for i in grid(session, run) if i.shot}
    wanted = [(step, weight, sample) for step in chosen for weight in weights for sample in samples]
    wanted += [(*BARE, sample) for sample in _bare(samples)] if baseline else []
    return _plan(session, run, [s for step, weight, s in wanted if (step, weight, s.purpose.cell) not in there])


def _bare(samples: Iterable[Shot]) -> list[Shot]:
    """The samples without the LoRA that was trained: what all else is held against."""
    return [_labelled(sample, *BARE) for sample in samples]


def _places(
    session: Session, run: TrainingRun, at: Iterable[int], strengths: Iterable[float]
) -> tuple[list[int], list[float], tuple[Shot, ...]]:
    known, samples = steps(session, run), _samples(session, run)
    chosen, weights = sorted(set(at)), sorted({round(s, 3) for s in strengths})
    if not samples:
        raise NotAllowed(
            "This training made no samples that may be made again: there are no prompts to draw the grid with."
        )
    if not chosen or not weights:
        raise NotAllowed("Tick at least one step and one strength.")
    if any(not 0 < w <= 2 for w in weights):
        raise NotAllowed("A strength lies between 0 and 2.")
    _check_kept(run, chosen, known)
    return chosen, weights, samples


def _check_kept(run: TrainingRun, chosen: Iterable[int], known: Iterable[int]) -> None:
    if lost := [s for s in chosen if s not in known]:
        raise NotFound(f"Step {lost[0]} of {run.version} is not kept (there are: {', '.join(map(str, known))}).")


def _plan(session: Session, run: TrainingRun, shots: Iterable[Shot]) -> Plan:
    folder = f"{_folder(session, run)}/grid"
    return Plan(character=run.character, kind="sample", version=run.version, folder=folder, shots=tuple(shots))


def submit(
    session: Session, run: TrainingRun, at: Iterable[int], strengths: Iterable[float], *, baseline: bool = False
) -> Job:
    """Draw the grid; every picture is judged. Raises as ``plan`` does; a refusal leaves no file."""
    chosen = tuple(at)
    with _no_file_left_of_a_refusal(session, run, chosen):
        made = plan(session, run, chosen, strengths, baseline=baseline)
        return render.submit(session, made, f"Grid of {run.version}: {count(len(made), 'picture')}")


def grid(session: Session, run: TrainingRun) -> list[ImageRecord]:
    """The pictures of a run's grid."""
    folder = f"{_folder(session, run)}/grid/"
    return [i for i in datasets.pictures(session, run.character, "sample", run.version) if i.path.startswith(folder)]


def best(images: Sequence[ImageRecord]) -> Best | None:
    """Where identity is highest, among the places whose every picture was measured; ``None`` without any."""
    places: dict[tuple[int, float], list[float | None]] = {}
    for image in images:
        if place(image) == BARE:
            continue
        identity = image.scores.identity
        places.setdefault(place(image), []).append(identity.score if identity else None)
    whole = {at: [s for s in scores if s is not None] for at, scores in places.items() if None not in scores}
    means = {at: fmean(scores) for at, scores in whole.items()}
    if not means:
        return None
    at = max(means, key=lambda a: means[a])
    return Best(*at, identity=means[at], pictures=len(whole[at]))


def place(image: ImageRecord) -> tuple[int, float]:
    """Step and strength of a picture of the grid."""
    labels = image.shot.purpose.labels if image.shot else {}
    return int(labels.get("training_step", "0")), float(labels.get("strength", "1"))


def export(session: Session, run: TrainingRun, step: int) -> LoraRecord:
    """Add the LoRA as it was at a step to the library, so that it can be chosen wherever LoRAs are. The finished one is
    there already. Raises NotFound, LoraRefused."""
    if run.lora and step == _last(run):
        return _finished(session, run) or _missing(run, step)
    with _no_file_left_of_a_refusal(session, run, [step]):
        adapter = _adapter(session, run, step)
        header = inspect(session.workspace.path(adapter.path))
    lora = LoraRecord(
        id=adapter.sha256,
        name=adapter.name,
        path=adapter.path,
        family=session.family(run.family).architecture,
        rank=header.rank,
        trigger=header.trigger,
        modules=header.modules,
        bytes=header.bytes,
        character=run.character,
        run=run.id,
    )
    return session.store.add(lora)


def use(session: Session, run: TrainingRun, step: int) -> LoraRecord:
    """Make the LoRA as it was at a step the run's version: what is generated and proven with it from now on. The one
    that was the version stays a file that can be chosen. Raises NotAllowed before the training has ended, NotFound,
    LoraRefused."""
    if not run.lora:
        raise NotAllowed(f"{run.version} has not ended yet: when it has, any of its checkpoints can be the version.")
    kept = export(session, run, step)
    origin = {"origin": "trained", "version": run.version, "trigger": kept.trigger or _trigger(session, run)}
    lora = kept.model_copy(update=origin)
    with session.store.alone():
        now = session.store.get(TrainingRun, run.id) or run
        session.store.put(lora, now.model_copy(update={"lora": lora.id}))
    return lora


def used(session: Session, run: TrainingRun) -> int:
    """The step whose LoRA a run's version is; 0 before there is one."""
    kept = {path: step for step in steps(session, run) for path in [_exported(session, run, step)]}
    lora = session.store.get(LoraRecord, run.lora) if run.lora else None
    return kept.get(lora.path, _last(run)) if lora else 0


def _trigger(session: Session, run: TrainingRun) -> str:
    request = _request(session, run)
    return request.trigger if request else ""


def _finished(session: Session, run: TrainingRun) -> LoraRecord | None:
    """The LoRA of a run's end, whichever step is its version."""
    folder = _folder(session, run)
    step = f"{folder}/{folder.rsplit('/', 1)[-1]}_step_"
    return next((x for x in session.store.all(LoraRecord, run=run.id) if not x.path.startswith(step)), None)


def _missing(run: TrainingRun, step: int) -> LoraRecord:
    raise NotFound(f"The LoRA of {run.version} at step {step} is not in this workspace any more.")


def _folder(session: Session, run: TrainingRun) -> str:
    return session.workspace.lora_folder(run.character, run.target, run.version)


def _last(run: TrainingRun) -> int:
    return int(run.settings.get("steps", 0))


def _request(session: Session, run: TrainingRun) -> TrainRequest | None:
    """What was asked of the trainer; ``None`` when the job is not in the records any more."""
    job = session.store.get(Job, run.job)
    request = stored_request_if_readable(job) if job else None
    return request if isinstance(request, TrainRequest) else None


def _samples(session: Session, run: TrainingRun) -> tuple[Shot, ...]:
    """The run's sample shots, without those of a source that was left out since."""
    request = _request(session, run)
    samples = request.samples if request else ()
    return tuple(s for s in samples if not any(gate.why_gone(session, run.character, ref) for ref in s.sources))


def _shot(sample: Shot, adapter: Adapter, step: int) -> Shot:
    stack = LoraStack(adapters=(*sample.stack.adapters, adapter))
    return _labelled(sample.model_copy(update={"stack": stack}), step, adapter.weight)


def _labelled(shot: Shot, step: int, strength: float) -> Shot:
    labels = shot.purpose.labels | {"training_step": str(step), "strength": f"{strength:g}"}
    return shot.model_copy(update={"purpose": shot.purpose.model_copy(update={"step": "sample", "labels": labels})})


def _adapter(session: Session, run: TrainingRun, step: int) -> Adapter:
    """The LoRA at a step, as a file that every reader takes. Raises NotFound, LoraRefused."""
    own = _finished(session, run) if run.lora and step == _last(run) else None
    if own is not None:
        return Adapter(name=own.name, sha256=own.id, path=own.path)
    path = _exported(session, run, step)
    if not session.workspace.path(path).is_file():
        _check_kept(run, [step], steps(session, run))
        _export(session, run, step, session.workspace.path(path))
    return Adapter(name=Path(path).stem, sha256=file_hash(session.workspace.path(path)), path=path)


def _exported(session: Session, run: TrainingRun, step: int) -> str:
    """Where the LoRA of a kept checkpoint lies, from the workspace."""
    folder = _folder(session, run)
    return f"{folder}/{folder.rsplit('/', 1)[-1]}_step_{step}.safetensors"


@contextmanager
def _no_file_left_of_a_refusal(session: Session, run: TrainingRun, chosen: Iterable[int]) -> Iterator[None]:
    """What is written for ``chosen`` steps inside is taken away again when an error ends it."""
    places = [session.workspace.path(_exported(session, run, step)) for step in chosen]
    new = [place for place in places if not place.exists()]
    try:
        yield
    except BaseException:
        for place in new:
            place.unlink(missing_ok=True)
        raise


def _export(session: Session, run: TrainingRun, step: int, path: Path) -> None:
    """Write a checkpoint as the LoRA that the end of the training would have written then."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    request = _request(session, run)
    if request is None:
        raise NotFound(f"The training of {run.version} is not in the records any more: its steps have no history.")
    kept = session.workspace.path(f"{_folder(session, run)}/checkpoints/{step:06d}")
    try:
        state = json.loads((kept / "state.json").read_text(encoding="utf-8"))
        learned = Learned(load_file(kept / "adapter.safetensors"), state["losses"], state["fingerprint"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise LoraRefused(f"The checkpoint of step {step} cannot be read: {error}") from error
    lora_export.write(path, learned, request, session.family(run.family))
