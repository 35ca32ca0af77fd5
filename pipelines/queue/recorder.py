"""Turns what the worker tells about one job into records, and into the live picture of it that the page polls.

Pictures, scores and ends are written at once, for they must survive whatever comes next; progress and curves are
written now and then, because they come often, and what the page shows is taken from memory. What is written then does
not grow with the job: its progress without its request, and the points of a curve that are new.

A disk may be full for a moment or for a day: what could not be written is owed, in its order, and written before
anything that comes later. The job's end is written last, so a job whose end is recorded owes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, get_args

from pipelines.domain.events import (
    Described,
    Event,
    ImageMade,
    Measured,
    Memory,
    Preview,
    Progress,
    ReadOut,
    Scored,
    Started,
    StepDone,
    Warned,
)
from pipelines.domain.reading import Reading
from pipelines.domain.records import (
    DatasetKind,
    DatasetVersion,
    ImageRecord,
    Job,
    JobProgress,
    JobState,
    Metric,
    Record,
    TrainingRun,
    now,
)
from pipelines.domain.requests import Request
from pipelines.queue.eta import Eta
from pipelines.storage.curves import next_part
from pipelines.storage.store import Store, StoreWriteFailed

INTERVAL = 0.25  # seconds between two writes of progress, at least
RETRY = 5.0  # seconds until progress is written again that could not be
UNWRITTEN = (
    "The records could not be written for a while: {why} What was made is on the disk, and is recorded as soon as there"
    " is room, at the latest when the workspace is opened again."
)
NOT_TAKEN_IN = "Something that the worker told could not be taken in ({how}); the work went on."
WARNINGS = 100
OfPicture = ImageMade | Scored | Described | ReadOut
"""What is told of a picture and is kept in its record."""
log = logging.getLogger(__name__)


class Recorder:
    """One running job. ``apply``, ``tick`` and ``end`` belong to the queue's thread; the attributes hold immutable
    values that are replaced whole, so that any thread may read them."""

    def __init__(self, store: Store, job: Job, clock: Callable[[], float] = time.monotonic) -> None:
        self.job = as_far_as_told(store, job)
        self.unit = "pictures"
        self.step: tuple[int, int] | None = None
        self.preview = ""
        self.memory: Memory | None = None
        self.metrics: tuple[Metric, ...] = ()
        self.paused_since: float | None = None
        self.eta = Eta(clock)
        self._store, self._clock = store, clock
        self._images: set[str] = set()
        self._points: list[Metric] = []
        self._owed: list[OfPicture] = []
        self._dirty = False
        self._written = clock()
        self._begun: float | None = None
        self._paused = 0.0

    def begin_with(self, request: Request) -> None:
        """The job begins, perhaps with less than was asked: its record says with what."""
        self._begun = self._clock() if self._begun is None else self._begun
        asked = request.model_dump(mode="json")
        if asked != self.job.request:
            self._change(request=asked)
            try:
                self._write(self.job)
            except StoreWriteFailed as error:
                self._put_off(error)

    def apply(self, event: Event) -> None:
        """Take in one event; ends are told by ``end``. What cannot be written now becomes a warning of the job and is
        written later; nothing that is told ends the job."""
        try:
            self._apply(event)
        except Exception as error:
            log.exception("an event of job %s could not be taken in", self.job.id)
            self._warn(NOT_TAKEN_IN.format(how=f"{type(error).__name__}: {error}"))
        self.tick()

    def _apply(self, event: Event) -> None:
        match event:
            case Started():
                self._begin(event)
            case Progress():
                self._advance(event.done, event.note)
            case StepDone():
                self.eta.step(event.k, event.n)
                self.step = (event.k, event.n)
            case Preview():
                self.preview = event.jpeg
            case ImageMade():
                self._count(event.image)
                self._keep_or_owe(event)
            case Scored() | Described() | ReadOut():
                self._keep_or_owe(event)
            case Measured():
                self._measured(event.metric)
            case Memory():
                self.memory = event
            case Warned():
                self._warn(event.text)
            case _:
                log.error("%s is no event within a job", event.type)

    def tick(self) -> None:
        """Write what is due; what cannot be written is tried again later."""
        if (self._dirty or self._owed) and self._clock() - self._written >= INTERVAL:
            self._try_to_write(_progress)

    def end(self, state: JobState, **changes: object) -> Job:
        """The job is over: first here, for all who ask, then in the records, if they can be written. Returns it;
        ``written`` says whether it is on the disk."""
        self.pause(False)
        self.step, self.preview = None, ""
        self._change(state=state, ended=now(), seconds=self._seconds(), **changes)
        self.write_end()
        return self.job

    def _seconds(self) -> float | None:
        """How long the job was at work; ``None`` when it was not begun here."""
        return None if self._begun is None else round(max(0.0, self._clock() - self._begun - self._paused), 3)

    def write_end(self) -> None:
        """Write the end of the job and whatever is still owed; ``written`` says whether that went well."""
        self._try_to_write(lambda job: job)

    @property
    def written(self) -> bool:
        """Whether the records hold all that was told."""
        return not self._dirty and not self._owed

    def _try_to_write(self, record: Callable[[Job], Record]) -> None:
        try:
            while self._owed:
                self._keep(self._owed[0])
                self._owed.pop(0)
            self._write(record(self.job))
        except Exception as error:  # whoever waits for the job hears of it all the same
            self._put_off(error)

    def _put_off(self, error: Exception) -> None:
        log.warning("job %s is not recorded: %s", self.job.id, error)
        self._warn(UNWRITTEN.format(why=error))
        self._dirty, self._written = True, self._clock() + RETRY

    def pause(self, paused: bool) -> None:
        """The job has been paused, or goes on."""
        if paused and self.paused_since is None:
            self.paused_since = self._clock()
        elif not paused and self.paused_since is not None:
            rest = self._clock() - self.paused_since
            self.eta.pause(rest)
            self._paused += rest
            self.paused_since = None

    def seconds_left(self) -> float | None:
        """An estimate, ``None`` while there is none (or the job is paused)."""
        return None if self.paused_since is not None else self.eta.seconds_left()

    def _change(self, **changes: object) -> None:
        self.job = self.job.model_copy(update=changes)
        self._dirty = True

    def _warn(self, text: str) -> None:
        if text not in self.job.warnings:  # a judge says for every picture what it lacks
            self._change(warnings=(*self.job.warnings, text)[-WARNINGS:])

    def _begin(self, event: Started) -> None:
        self.unit, self.step = event.unit, None
        self._images = set()
        self.eta.begin(event.total, event.skipped)
        self._change(total=event.total, done=event.skipped, note="")

    def _advance(self, done: int, note: str) -> None:
        self.eta.advance(done)
        if done > self.job.done:
            self.step = None
        self._change(done=max(done, self.job.done), note=note)

    def _count(self, image: ImageRecord) -> None:
        self._images.add(image.id)
        if self.unit == "pictures" and len(self._images) > self.job.done:
            self._advance(len(self._images), "")

    def _keep_or_owe(self, event: OfPicture) -> None:
        try:
            if not self._owed:
                self._keep(event)
                return
        except StoreWriteFailed as error:
            self._put_off(error)
        self._owed.append(event)

    def _keep(self, event: OfPicture) -> None:
        if isinstance(event, ImageMade):
            self._made(event.image)
        else:
            self._said(event)

    def _made(self, image: ImageRecord) -> None:
        records: list[Record] = []
        with self._store.alone():
            if self._store.get(ImageRecord, image.id) is None:  # one that is known has scores, its file has none
                records.append(image)
            if dataset := self._dataset_with(image):
                records.append(dataset)
            if records:
                self._store.put(*records)

    def _dataset_with(self, image: ImageRecord) -> DatasetVersion | None:
        """The dataset of ``image`` with it in, or ``None`` if there is nothing to change."""
        if image.kind not in get_args(DatasetKind):
            return None
        key = f"{image.character}/{image.kind}/{image.version}"
        present = self._store.get(DatasetVersion, key) or DatasetVersion.model_validate(
            {"id": key, "character": image.character, "kind": image.kind, "version": image.version}
        )
        if image.id in present.images:
            return None
        if present.frozen:
            text = f"{image.kind} {image.version} is frozen, because a training has used it: new pictures stay outside."
            self._warn(text)
            return None
        # a file that was lost and made again comes in the place of the one that was there
        gone = {i.id for i in self._store.all(ImageRecord, path=image.path)}
        images = (*(i for i in present.images if i not in gone), image.id)
        return present.model_copy(update={"images": images})

    def _said(self, event: Scored | Described | ReadOut) -> None:
        with self._store.alone():
            image = self._store.get(ImageRecord, event.image)
            if image is None:
                log.warning("%s of a picture that is not in the records: %s", event.type, event.image)
            else:
                self._store.put(image.model_copy(update=_told(image, event)))

    def _measured(self, metric: Metric) -> None:
        latest = {m.name: m for m in self.metrics} | {metric.name: metric}
        self.metrics = tuple(latest.values())
        self._points.append(metric)
        self._dirty = True

    def _write(self, *records: Record) -> None:
        with self._store.alone():
            runs = self._store.all(TrainingRun, job=self.job.id) if self.job.kind == "train" else []
            parts = [next_part(self._store, run, self._points) for run in runs if self._points]
            told = [run.model_copy(update={"state": self.job.state}) for run in runs if run.state != self.job.state]
            self._store.put(*records, *parts, *told)
        self._points.clear()
        self._dirty, self._written = False, self._clock()


def _told(image: ImageRecord, event: Scored | Described | ReadOut) -> dict[str, object]:
    match event:
        case Scored():
            return {"scores": event.scores}
        case Described():
            return {"described": event.description}
        case ReadOut():
            return {"readings": _with(image.readings, event.readings)}


def _with(known: tuple[Reading, ...], fresh: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """Readings with fresh ones in the place of the same reader's on the same facts."""
    anew = {(reading.reader, reading.fact) for reading in fresh}
    return (*(r for r in known if (r.reader, r.fact) not in anew), *fresh)


def _progress(job: Job) -> JobProgress:
    return JobProgress(id=job.id, done=job.done, total=job.total, note=job.note, warnings=job.warnings)


def as_far_as_told(store: Store, job: Job) -> Job:
    """A job with its progress, wherever that stands: in a record of its own while it runs."""
    told = store.get(JobProgress, job.id) if job.state == "running" else None
    if told is None:
        return job
    update: dict[str, Any] = dict(told)
    return job.model_copy(update=update)
