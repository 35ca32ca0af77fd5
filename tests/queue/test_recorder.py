"""Events become records: pictures and scores at once, progress and curves throttled."""

import pytest
from job_helpers import scripted_plan

from pipelines.domain.events import ImageMade, Measured, Memory, Preview, Progress, Scored, Started, StepDone, Warned
from pipelines.domain.records import CurvePart, DatasetVersion, ImageKind, ImageRecord, Job, Metric, TrainingRun
from pipelines.domain.scores import Quality, Scores
from pipelines.queue.recorder import Recorder, as_far_as_told
from pipelines.storage.curves import curve
from pipelines.storage.store import Store

SCORES = Scores(quality=Quality(sharpness=3, light=0.5, contrast=0.2))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder(store: Store, clock: Clock) -> Recorder:
    return _recorder(store, clock, "render")


def _recorder(store: Store, clock: Clock, kind: str, request: dict | None = None) -> Recorder:
    job = Job(id="j1", kind=kind, title="t", character="ada", request=request or {}, state="running")
    store.put(job)
    return Recorder(store, job, clock)


def _image(n: int, kind: ImageKind = "enriched", **more: object) -> ImageRecord:
    fields = {"character": "ada", "kind": kind, "version": "v1", "path": f"{n}.png", "width": 8, "height": 8}
    return ImageRecord.model_validate({"id": f"{n:064x}", "pixels": f"{n:x}", "job": "j1"} | fields | more)


def test_a_picture_is_recorded_at_once_and_joins_its_dataset(recorder: Recorder, store: Store) -> None:
    recorder.apply(Started(total=2))
    before = store.revision
    recorder.apply(ImageMade(image=_image(1)))
    assert store.revision > before
    recorder.apply(ImageMade(image=_image(2)))
    dataset = store.get(DatasetVersion, "ada/enriched/v1")
    assert dataset and dataset.images == (_image(1).id, _image(2).id)
    assert recorder.job.done == 2


def test_a_picture_told_twice_is_there_once_and_keeps_its_scores(recorder: Recorder, store: Store) -> None:
    recorder.apply(Started(total=1))
    for _ in range(2):
        recorder.apply(ImageMade(image=_image(1)))
        recorder.apply(Scored(image=_image(1).id, scores=SCORES))
    recorder.apply(ImageMade(image=_image(1)))
    (image,) = store.all(ImageRecord)
    dataset = store.get(DatasetVersion, "ada/enriched/v1")
    assert image.scores == SCORES and dataset and dataset.images == (image.id,)
    assert recorder.job.done == 1


def test_a_picture_made_again_takes_the_place_of_the_lost_one(recorder: Recorder, store: Store) -> None:
    recorder.apply(ImageMade(image=_image(1)))
    recorder.apply(ImageMade(image=_image(2)))
    recorder.apply(ImageMade(image=_image(3, path=_image(1).path)))
    dataset = store.get(DatasetVersion, "ada/enriched/v1")
    assert dataset and dataset.images == (_image(2).id, _image(3).id)


@pytest.mark.parametrize("kind", ["survey", "card", "sample"])
def test_pictures_of_no_dataset_are_recorded_all_the_same(recorder: Recorder, store: Store, kind: ImageKind) -> None:
    recorder.apply(ImageMade(image=_image(1, kind)))
    assert len(store.all(ImageRecord)) == 1 and not store.all(DatasetVersion)


def test_a_frozen_dataset_does_not_grow_and_the_job_says_so_once(recorder: Recorder, store: Store) -> None:
    frozen = DatasetVersion(id="ada/enriched/v1", character="ada", kind="enriched", version="v1", frozen=True)
    store.put(frozen)
    for n in (1, 2):
        recorder.apply(ImageMade(image=_image(n)))
    assert store.get(DatasetVersion, frozen.id) == frozen and len(store.all(ImageRecord)) == 2
    assert len(recorder.job.warnings) == 1 and "frozen" in recorder.job.warnings[0]


def test_scores_of_an_unknown_picture_are_no_reason_to_stop(recorder: Recorder, store: Store) -> None:
    recorder.apply(Scored(image="nobody", scores=SCORES))
    assert not store.all(ImageRecord)


def test_live_values(recorder: Recorder) -> None:
    memory = Memory(device="cuda", used_gib=10, total_gib=24, resident="qwen nf4")
    for event in (Started(total=4, unit="steps", skipped=1), StepDone(k=3, n=10), Preview(jpeg="eA=="), memory):
        recorder.apply(event)
    recorder.apply(Warned(text="hm"))
    assert (recorder.unit, recorder.step, recorder.preview, recorder.memory) == ("steps", (3, 10), "eA==", memory)
    recorder.apply(Progress(done=2, note="training"))
    job = recorder.job
    assert (job.done, job.total, job.note, job.warnings, recorder.step) == (2, 4, "training", ("hm",), None)


def test_progress_never_goes_back_and_samples_are_no_steps(recorder: Recorder) -> None:
    recorder.apply(Started(total=10, unit="steps"))
    recorder.apply(Progress(done=5))
    recorder.apply(Progress(done=3, note="late"))
    recorder.apply(ImageMade(image=_image(1, "sample")))
    assert recorder.job.done == 5


def test_progress_is_written_at_most_four_times_a_second(recorder: Recorder, store: Store, clock: Clock) -> None:
    recorder.apply(Started(total=1000))
    before = store.revision
    for done in range(1000):
        clock.now += 0.01
        recorder.apply(Progress(done=done))
    assert 20 <= store.revision - before <= 40
    clock.now += 1
    recorder.tick()
    assert as_far_as_told(store, store.get(Job, "j1") or recorder.job).done == 999


def _written(store: Store) -> int:
    return (store.root / "flenwheel.journal").stat().st_size


@pytest.mark.parametrize("shots", [1, 600])
def test_progress_costs_the_journal_the_same_for_every_plan(store: Store, clock: Clock, shots: int) -> None:
    request = scripted_plan(*["a long prompt" * 20] * shots).model_dump(mode="json")
    recorder = _recorder(store, clock, "render", request)
    recorder.apply(Started(total=1000))
    for done in range(1, 21):
        before = _written(store)
        clock.now += 1
        recorder.apply(Progress(done=done, note="picture"))
        assert 0 < _written(store) - before < 300
    recorder.end("done")
    job = store.get(Job, "j1")
    assert job and (job.state, job.done, job.request) == ("done", 20, request)


@pytest.mark.slow
def test_a_point_of_a_curve_costs_the_journal_the_same_at_every_length(store: Store, clock: Clock) -> None:
    store.put(TrainingRun(id="r1", job="j1", character="ada", target="character", version="v1", family="f", preset="p"))
    recorder = _recorder(store, clock, "train")
    costs = []
    for step in range(3000):
        before = _written(store)
        clock.now += 1
        recorder.apply(Measured(metric=Metric(name="loss", step=step, value=0.123456)))
        costs.append(_written(store) - before)
    recorder.end("done")
    assert max(costs[1:]) < 400 and len(curve(store, store.all(TrainingRun)[0])) == 3000


def test_after_a_kill_a_job_is_as_far_as_it_was_told(store: Store, clock: Clock) -> None:
    recorder = _recorder(store, clock, "render")
    recorder.apply(Started(total=9))
    recorder.apply(Warned(text="hm"))
    clock.now += 1
    recorder.apply(Progress(done=4))
    left = store.get(Job, "j1")
    assert left and left.state == "running"
    job = Recorder(store, left).end("interrupted")  # as the queue of the next app does
    assert (job.done, job.total, job.warnings) == (4, 9, ("hm",)) and store.get(Job, "j1") == job


def test_the_end_writes_everything(recorder: Recorder, store: Store) -> None:
    recorder.apply(Started(total=9))
    recorder.apply(Progress(done=4, note="n"))
    job = recorder.end("failed", error="why", traceback="where")
    assert store.get(Job, "j1") == job
    assert (job.state, job.done, job.error, job.traceback) == ("failed", 4, "why", "where") and job.ended
    assert recorder.preview == "" and recorder.step is None


def test_a_curve_goes_into_the_run_of_the_job_and_nothing_else_of_it_changes(store: Store, clock: Clock) -> None:
    fields = {"character": "ada", "target": "character", "version": "v1", "family": "mini-flux", "preset": "p"}
    run = TrainingRun.model_validate({"id": "r1", "job": "j1", **fields})
    other = TrainingRun.model_validate({"id": "r2", "job": "j2", **fields})
    store.put(run, other)
    recorder = _recorder(store, clock, "train")
    for step in range(1, 101):
        clock.now += 0.1
        recorder.apply(Measured(metric=Metric(name="loss", step=step, value=1 / step)))
    present = store.get(TrainingRun, "r1")
    assert present and 30 < len(curve(store, present)) < 101 and present.state == "running"
    store.put(present.model_copy(update={"lora": "by a step"}))
    recorder.end("done")
    present = store.get(TrainingRun, "r1")
    assert present and [m.step for m in curve(store, present)] == list(range(1, 101))
    assert (present.state, present.lora) == ("done", "by a step") and store.get(TrainingRun, "r2") == other
    assert recorder.metrics == (Metric(name="loss", step=100, value=0.01),)


def test_repeated_steps_of_a_resumed_training_stand_once_with_the_later_value(store: Store, clock: Clock) -> None:
    old = tuple(Metric(name="loss", step=n, value=9) for n in range(1, 8))
    run = TrainingRun(id="r1", job="j1", character="ada", target="character", version="v1", family="f", preset="p")
    store.put(run, CurvePart(id="r1/000000", run="r1", points=old))
    recorder = _recorder(store, clock, "train")
    for step in range(6, 11):
        recorder.apply(Measured(metric=Metric(name="loss", step=step, value=1)))
    recorder.end("done")
    assert [(m.step, m.value) for m in curve(store, run)] == [(n, 9 if n < 6 else 1) for n in range(1, 11)]


def test_warnings_are_bounded_and_said_once(recorder: Recorder) -> None:
    for n in [*range(500), 499, 499]:
        recorder.apply(Warned(text=str(n)))
    assert len(recorder.job.warnings) == 100 and recorder.job.warnings[-2:] == ("498", "499")


def test_a_job_that_begins_with_less_is_recorded_so_at_once(store: Store, clock: Clock) -> None:
    recorder = _recorder(store, clock, "render", scripted_plan("a", "b").model_dump(mode="json"))
    less = scripted_plan("a")
    recorder.begin_with(less)
    kept = store.get(Job, "j1")
    assert kept and kept.request == less.model_dump(mode="json")
