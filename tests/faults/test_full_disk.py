"""The disk is full at every single write, for one write, for a few, and for good until someone makes room."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from full_disk import full_disk, writes_of
from PIL import Image

from pipelines.domain.events import Event, ImageMade, Scored, Started, Warned
from pipelines.domain.records import DatasetVersion, ImageRecord, Job
from pipelines.domain.scores import Quality, Scores
from pipelines.queue.completions import Endings
from pipelines.queue.recorder import RETRY, Recorder
from pipelines.storage.settings import save
from pipelines.storage.store import Store, StoreWriteFailed
from pipelines.workflow import characters, datasets, review, sources
from pipelines.workflow.opening import open_session

SCORES = Scores(quality=Quality(sharpness=3, light=0.5, contrast=0.2))
LENGTHS = [1, 3, 10**6]


def made(number: int) -> ImageRecord:
    return ImageRecord(
        id=f"{number:064x}", character="ada", kind="enriched", version="v1", path=f"{number}.png",
        width=8, height=8, pixels=f"{number:x}", job="j",
    )  # fmt: skip


EVENTS: list[Event] = [
    Started(total=4),
    *(event for n in range(4) for event in (ImageMade(image=made(n)), Scored(image=made(n).id, scores=SCORES))),
    Warned(text="odd"),
]


def work(root: Path, room: Callable[[], None]) -> tuple[Job, bool]:
    """A whole job; ``room`` is made after its end. Returns it as those who wait for it saw it."""
    time = [0.0]
    with Store.open(root) as store:
        job = Job(id="j", kind="render", title="t", character="ada", request={}, state="running")
        store.put(job)
        endings, recorder = Endings(), Recorder(store, job, clock=lambda: time[0])
        for event in EVENTS:
            recorder.apply(event)
            time[0] += 1
        ended = endings.end(recorder, "done", result={"images": 4})
        room()
        time[0] += RETRY
        endings.write()
        assert not endings
        return ended, recorder.written


@pytest.mark.parametrize("count", [*LENGTHS[:1], *(pytest.param(n, marks=pytest.mark.slow) for n in LENGTHS[1:])])
def test_a_job_whose_records_find_no_room_at_any_write_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    total = writes_of(lambda: work(tmp_path / "clean", lambda: None), monkeypatch)
    with full_disk(monkeypatch) as disk:
        disk.fill(0, 0)
        with Store.open(tmp_path / "first"):
            opening = disk.seen
    assert total > opening + 8
    for first in range(opening, total - 2):
        root = tmp_path / f"{first}"
        with full_disk(monkeypatch) as disk:
            disk.fill(first, count)
            try:
                ended, written = work(root, lambda disk=disk: disk.fill(1, 0))
            except Exception:
                # the job itself could not be put in: nothing began
                assert Store.open(root, read_only=True).all(Job) == []
                continue
        assert ended.state == "done" and written
        store = Store.open(root, read_only=True)
        assert [i.scores for i in store.all(ImageRecord)] == [SCORES] * 4, first
        dataset = store.get(DatasetVersion, "ada/enriched/v1")
        assert dataset and list(dataset.images) == [made(n).id for n in range(4)], first
        [job] = store.all(Job)
        assert (job.state, job.done, job.result) == ("done", 4, {"images": 4}), first
        assert "odd" in job.warnings


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((64, 64 + number), 50 + number).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


PICTURES = [(f"{n}.png", picture(n)) for n in range(2)]


def steps(root: Path) -> None:
    """What a person does, whose every step may find no room: it is told, and the next one goes on."""
    with open_session(root) as session:
        for step in (
            lambda: characters.create(session, "Ada", may_use=True),
            lambda: sources.add(session, "ada", PICTURES),
            lambda: review.decide(session, []),
            lambda: save(session.workspace.root, {"theme": "light"}),
            lambda: sources.remove(session, sources.sources(session, "ada")[0].id),
        ):
            try:
                step()
            except Exception as error:
                assert "No space" in str(error) or "no character" in str(error) or isinstance(error, IndexError), error


@pytest.mark.parametrize("count", [*LENGTHS[:1], *(pytest.param(n, marks=pytest.mark.slow) for n in LENGTHS[1:])])
def test_no_room_at_any_write_of_a_session_leaves_a_workspace_that_opens_and_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    total = writes_of(lambda: steps(tmp_path / "clean"), monkeypatch)
    wanted = {i.pixels for i in Store.open(tmp_path / "clean", read_only=True).all(ImageRecord)}
    for first in range(1, total + 1):
        root = tmp_path / str(first)
        with full_disk(monkeypatch) as disk:
            disk.fill(first, count)
            try:
                steps(root)
            except (OSError, StoreWriteFailed) as error:
                assert "No space" in str(error), error
        with open_session(root) as session:
            assert session.store.repairs == (), first
            images = session.store.all(ImageRecord)
            for version in datasets.versions(session, "ada", "source"):
                assert set(version.images) <= {i.id for i in images}, first
            for image in images:
                assert session.workspace.path(image.path).exists(), first
                assert session.workspace.path(image.intake.original).exists(), first  # type: ignore[union-attr]
            if not session.store.all(characters.Character):
                characters.create(session, "Ada", may_use=True)
            arrival = sources.add(session, "ada", PICTURES)
            assert {i.pixels for i in sources.sources(session, "ada")} == wanted, (first, arrival)
            assert len(session.store.all(ImageRecord)) == 2, "the same picture twice"
            assert not list(root.rglob("*.tmp")), first
