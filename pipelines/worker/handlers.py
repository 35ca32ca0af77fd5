"""Which room does which request. Imports of torch happen inside the handlers, at the first job that needs them."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Event, ImageMade, Progress, Scored, Started, Warned
from pipelines.domain.faults import in_words
from pipelines.domain.messages import Ask
from pipelines.domain.requests import (
    CalibrateRequest,
    CaptionRequest,
    ExamineRequest,
    MergeRequest,
    ObtainFacesRequest,
    ObtainLoraRequest,
    ObtainRequest,
    PracticeRequest,
    PrepareRequest,
    ReadRequest,
    RenderRequest,
    ScoreRequest,
    ScoringSpec,
    TargetsRequest,
    TrainRequest,
)
from pipelines.storage.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.domain.presets import ModelFamily
    from pipelines.domain.records import ImageRecord
    from pipelines.domain.scores import Scores
    from pipelines.engine.resident import Resident
    from pipelines.storage.presets import Presets
    from pipelines.storage.settings import Settings

Emit = Callable[[Event], None]
log = logging.getLogger(__name__)


class Shared:
    """What outlives a job: above all the resident model."""

    def __init__(self, workspace: Workspace, emit: Emit) -> None:
        self.workspace = workspace
        self._emit = emit
        self._resident: Resident | None = None

    def resident(self, settings: Settings) -> Resident:
        """The one holder of models of this process, made at the first call; it follows changed settings."""
        from pipelines.engine.resident import Resident

        if self._resident is None:
            self._resident = Resident(self.workspace, settings, self._emit)
        self._resident.settings = settings
        return self._resident

    def tidy(self) -> None:
        """Give back what the last job had and nobody needs any more. What is loaded stays."""
        if self._resident is not None:
            self._resident.release()


@dataclass(frozen=True)
class JobContext:
    """What a handler works with: ``emit`` tells the app, ``cancelled`` asks it, and ``asked`` what to do now besides.
    ``scored`` are pictures with scores."""

    job: str
    shared: Shared
    values: dict[str, Any]
    scored: Set[str]
    emit: Emit
    cancelled: Callable[[], bool]
    asked: Callable[[], frozenset[Ask]] = frozenset

    @property
    def workspace(self) -> Workspace:
        """The workspace's folders."""
        return self.shared.workspace

    @cached_property
    def settings(self) -> Settings:
        """The app's settings as they were when the job began."""
        from pipelines.storage.settings import Settings

        return Settings(**self.values)

    @cached_property
    def presets(self) -> Presets:
        """The presets of the workspace as they were when the job began."""
        from pipelines.storage.presets import load_presets

        return load_presets(self.workspace.root)

    @property
    def resident(self) -> Resident:
        """The holder of the resident model."""
        return self.shared.resident(self.settings)


Result = dict[str, object]
"""What a finished job gives, as plain values."""
Handler = Callable[[Any, JobContext], Result]


class Scoring:
    """An ``emit`` that scores each picture as soon as it is made: a job's progress counts pictures that are through,
    and a job that is cut short leaves no unscored ones but the last. Scoring that cannot work costs no picture."""

    def __init__(self, context: JobContext, spec: ScoringSpec) -> None:
        self._context, self._spec = context, spec
        self._able = True
        self._scores: dict[str, Scores] = {}

    def __call__(self, event: Event) -> None:
        self._context.emit(event)
        if isinstance(event, ImageMade) and self._able and event.image.id not in self._context.scored:
            self._score(event)

    def scores_of(self, image: ImageRecord) -> Scores | None:
        """The scores of a picture, by what is known now; ``None`` when scoring cannot work. One that an earlier job
        scored is looked at again, and what it gets is not told."""
        if image.id not in self._scores and self._able:
            self._judge(image, lambda event: None)
        return self._scores.get(image.id)

    def _score(self, made: ImageMade) -> None:
        self._judge(made.image, self._pass_on)

    def _judge(self, image: ImageRecord, emit: Emit) -> None:
        from pipelines.worker.score import score

        c = self._context
        try:
            self._scores |= score([image.ref], self._spec, workspace=c.workspace, settings=c.settings,
                                  emit=emit, cancelled=c.cancelled)  # fmt: skip
        except Cancelled:
            raise
        except Exception as error:
            log.exception("judging %s failed", image.path)
            self._able = False
            c.emit(Warned(text=f"The pictures of this job are not scored: {in_words(error)}"))

    def _pass_on(self, event: Event) -> None:
        if isinstance(event, Scored | Warned):  # counting is the render's business
            self._context.emit(event)


def render(request: RenderRequest, context: JobContext) -> Result:
    """Make the pictures of a plan and score each. Result: ``images``, how many there are now, and ``broken``, the
    chains that were stopped, if there are."""
    from pipelines.worker.between import Between
    from pipelines.worker.render import render as run

    scoring = Scoring(context, request.scoring) if request.scoring else None
    between = Between(let_through=frozenset(request.let_through), chosen=frozenset(request.chosen))
    if scoring:
        between.judge = scoring.scores_of
    made = run(request.plan, resident=context.resident, workspace=context.workspace, emit=scoring or context.emit,
               cancelled=context.cancelled, job=context.job, between=between)  # fmt: skip
    result: Result = {"images": len(made)}
    if between.broken:
        result["broken"] = [chain.model_dump(mode="json") for chain in between.broken]
    return result


def score(request: ScoreRequest, context: JobContext) -> Result:
    """Score pictures that exist. Result: ``images``, how many were scored."""
    from pipelines.worker.score import score as run

    scores = run(request.images, request.scoring, workspace=context.workspace, settings=context.settings,
                 emit=context.emit, cancelled=context.cancelled)  # fmt: skip
    return {"images": len(scores)}


def calibrate(request: CalibrateRequest, context: JobContext) -> Result:
    """Calibrate a character's thresholds. Result: ``calibrations``, the fields of a record for each recogniser."""
    from pipelines.worker.calibrate import run

    return {"calibrations": run(request, workspace=context.workspace, settings=context.settings,
                                emit=context.emit, cancelled=context.cancelled)}  # fmt: skip


def practice(request: PracticeRequest, context: JobContext) -> Result:
    """Draw the sources of a practice character. Result: ``pictures``: path, angle and expression of each."""
    from pipelines.storage.atomic import write_durably
    from pipelines.world.practice_sources import sources, views

    context.emit(Started(total=len(views(request.number, request.sources))))
    drawn = sources(request.number, request.size, count=request.sources, held_out=request.held_out)
    pictures = []
    for done, source in enumerate(drawn, 1):
        if context.cancelled():
            raise Cancelled
        path, data = f"{request.folder}/{source.filename}", io.BytesIO()
        source.image.save(data, "PNG")
        write_durably(context.workspace.path(path), data.getvalue(), sync=False)
        pictures.append([path, source.truth.angle, source.truth.expression])
        context.emit(Progress(done=done))
    return {"pictures": pictures}


def examine(request: ExamineRequest, context: JobContext) -> Result:
    """Read what pictures truly show. Result: ``readings`` by image id (``pipelines.world.reading``)."""
    from pipelines.world.examine import examine as run

    found = run(request, workspace=context.workspace, settings=context.settings, emit=context.emit,
                cancelled=context.cancelled)  # fmt: skip
    return {"readings": {i: reading.model_dump(mode="json") for i, reading in found.items()}}


def targets(request: TargetsRequest, context: JobContext) -> Result:
    """Draw what edits should have given. Result: ``pictures``, a path for each."""
    from pipelines.world.examine import targets as run

    return {"pictures": run(request, workspace=context.workspace, emit=context.emit, cancelled=context.cancelled)}


def train(request: TrainRequest, context: JobContext) -> Result:
    """Train a LoRA, judging its samples if asked to. Result: the trainer's."""
    from pipelines.training import train as run
    from pipelines.worker.score import finder

    emit = Scoring(context, request.scoring) if request.scoring else context.emit
    wanted = request.scoring if request.settings.face_weight else None
    faces = finder(wanted, context.workspace, context.settings) if wanted else None
    return run(request, resident=context.resident, workspace=context.workspace, settings=context.settings,
               emit=emit, cancelled=context.cancelled, asked=context.asked, finder=faces)  # fmt: skip


def obtain(request: ObtainRequest, context: JobContext) -> Result:
    """Download what lacks of the weights of a family, in percent, and make the copy where they are files of the user's
    own. Result: ``folder``, relative if in the workspace."""
    from pipelines.engine.model_download import obtain as run
    from pipelines.engine.weights import copy_of, source_of

    family = _family(request.family, context)
    context.emit(Started(total=100, unit="percent"))
    folder = run(family, context.workspace, context.settings, _percent(context), context.cancelled)
    source = source_of(family, context.workspace, context.settings)
    if source and source.files and not copy_of(family, source, context.workspace, context.settings):
        folder = context.resident.make_copy(family, source, _percent(context), context.cancelled).folder
    return _folder(folder, context)


def prepare(request: PrepareRequest, context: JobContext) -> Result:
    """Make the prepared copy of a family, in percent. Result: ``folder``, relative if in the workspace."""
    from pipelines.engine.weights import copy_of, source_to_prepare

    family = _family(request.family, context)
    context.emit(Started(total=100, unit="percent"))
    source = source_to_prepare(family, context.workspace, context.settings)
    made = copy_of(family, source, context.workspace, context.settings)
    made = made or context.resident.make_copy(family, source, _percent(context), context.cancelled)
    return _folder(made.folder, context)


def _family(name: str, context: JobContext) -> ModelFamily:
    from pipelines.engine.weights import WeightsMissing

    family = context.presets.models.get(name)
    if family is None:
        raise WeightsMissing(f"There is no model preset {name!r} any more: its file is gone or broken.")
    return family


def _percent(context: JobContext) -> Callable[[float, str], None]:
    return lambda share, note: context.emit(Progress(done=int(100 * share), note=note))


def _folder(folder: Path, context: JobContext) -> Result:
    inside = context.workspace.holds(folder)
    return {"folder": context.workspace.relative(folder) if inside else str(folder)}


def obtain_lora(request: ObtainLoraRequest, context: JobContext) -> Result:
    """Download a LoRA file, in percent, and put it into the library's folder; what its header forbids is refused before
    the rest is loaded. Result: ``lora``, its record."""
    from pipelines.engine.lora_download import download

    context.emit(Started(total=100, unit="percent"))
    lora = download(request, context.presets, context.workspace, context.settings,
                    lambda share, note: context.emit(Progress(done=int(100 * share), note=note)),
                    context.cancelled)  # fmt: skip
    return {"lora": lora.model_dump(mode="json")}


def merge_loras(request: MergeRequest, context: JobContext) -> Result:
    """Merge LoRA files into a new one in the library's folder. Result: ``lora``, its record, ``error`` and ``worst``
    (``pipelines.engine.lora_merge``)."""
    from pipelines.engine.lora_merge import merge

    family = _family(request.family, context)
    context.emit(Started(total=100, unit="percent"))
    made = merge(request, family, context.workspace, context.settings, _percent(context), context.cancelled)
    context.emit(Warned(text=made.words))
    return {"lora": made.lora.model_dump(mode="json"), "error": made.error, "worst": list(made.worst)}


def obtain_faces(request: ObtainFacesRequest, context: JobContext) -> Result:
    """Download a face pack, in percent. Result: ``folder``, relative if in the workspace."""
    from pipelines.engine.face_download import CannotFetch, download
    from pipelines.storage.face_packs import packs_root

    preset = context.presets.faces.get(request.recogniser)
    pack = next((p for p in preset.packs if p.name == request.pack), None) if preset else None
    if pack is None:
        raise CannotFetch(f"There is no face pack {request.pack!r} any more: its preset is gone or broken.")
    context.emit(Started(total=100, unit="percent"))
    root = packs_root(context.settings.insightface_root)
    return _folder(download(pack, root, context.workspace, _percent(context), context.cancelled), context)


def caption(request: CaptionRequest, context: JobContext) -> Result:
    """Caption pictures. Result: ``images``, how many were."""
    from pipelines.worker.read import caption as run

    return {"images": run(request, context)}


def read(request: ReadRequest, context: JobContext) -> Result:
    """Ask a reader about pictures. Result: ``images``, how many were read."""
    from pipelines.worker.read import read as run

    return {"images": run(request, context)}


def warm() -> None:
    """Import what nearly every job needs, seconds of work, while nobody waits for it."""
    import pipelines.worker.render  # noqa: F401


HANDLERS: dict[str, Handler] = {
    "render": render,
    "score": score,
    "calibrate": calibrate,
    "practice": practice,
    "examine": examine,
    "targets": targets,
    "train": train,
    "obtain": obtain,
    "prepare": prepare,
    "obtain-lora": obtain_lora,
    "merge-loras": merge_loras,
    "obtain-faces": obtain_faces,
    "caption": caption,
    "read": read,
}
