"""The folder of the open workspace is renamed, or its disk taken away, under a running studio: nothing is written to a
wrong place, what is asked is refused in words, and when it is back all goes on."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from test_machine_faults import asked

sys.path.append(str(Path(__file__).parents[1] / "queue"))
from job_helpers import SCRIPTED, scripted_plan, until

from pipelines.domain.records import Decision, ImageRecord
from pipelines.queue.job_queue import JobQueue
from pipelines.storage.lock import locked
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace
from studio.app import build
from studio.server.own import own
from studio.server.state import Studio

Put = Callable[..., ImageRecord]
WORDS = "not where it was opened"
FILE = {"files": ("a.png", b"\x89PNG", "image/png")}


@pytest.fixture
def web(studio: Studio) -> Iterator[TestClient]:
    with TestClient(own(studio), base_url="http://127.0.0.1:7860", raise_server_exceptions=False) as made:
        yield made


@pytest.fixture
def root(studio: Studio) -> Path:
    return studio.session.workspace.root


def label(image: str, value: str = "good") -> dict[str, object]:
    return {"decisions": [{"id": os.urandom(8).hex(), "image": image, "action": "label", "value": value}]}


def test_all_that_writes_is_refused_in_words_until_it_is_back(
    studio: Studio, web: TestClient, put: Put, root: Path, tmp_path: Path
) -> None:
    image = put("synthetic", score=0.8, verdict="right")
    assert web.post("/decisions", json=label(image.id)).status_code == 200
    root.rename(tmp_path / "moved")
    for path, body in asked(image.id):
        answer = web.post(path, json=body)
        assert answer.status_code in (200, 404, 422, 507), (path, answer.text)
        assert answer.status_code != 507 or WORDS in answer.json()["detail"], (path, answer.text)
    kept = label(image.id, "reject")
    answer = web.post("/decisions", json=kept)
    assert answer.status_code == 507 and WORDS in answer.json()["detail"]
    status = web.get("/status")
    assert status.status_code == 200
    assert WORDS in status.json()["notices"][0] and "kept" in status.json()["notices"][0]
    web.post("/notices/close", json={})
    assert WORDS in web.get("/status").json()["notices"][0], "it is so until it is back"
    assert web.get(f"/thumb/{image.id}").status_code < 500
    assert not root.exists(), "nothing is begun at the old place"
    (tmp_path / "moved").rename(root)
    assert web.get("/status").json()["notices"] == []
    assert web.post("/decisions", json=kept).status_code == 200
    assert studio.session.store.verdict(image.id).label == "reject"
    assert Store.open(root, read_only=True).verdict(image.id).label == "reject"
    assert len(studio.session.store.all(Decision)) == 2


def test_another_folder_in_its_place_gets_nothing(web: TestClient, put: Put, root: Path, tmp_path: Path) -> None:
    """A mount point without its disk is an empty folder."""
    image = put("synthetic")
    root.rename(tmp_path / "moved")
    root.mkdir()
    assert web.post("/decisions", json=label(image.id)).status_code == 507
    web.get(f"/thumb/{image.id}")
    assert [*root.iterdir()] == []


@pytest.mark.parametrize("there", [False, True])
def test_no_upload_makes_the_folder_anew(studio: Studio, root: Path, tmp_path: Path, there: bool) -> None:
    """Gradio makes the folder of what is uploaded, with all above it."""
    app = build(studio)
    app.user_middleware.clear()
    root.rename(tmp_path / "moved")
    if there:
        root.mkdir()
    with TestClient(app, base_url="http://127.0.0.1:7860", raise_server_exceptions=False) as web:
        web.get("/")
        answer = web.post("/gradio_api/upload", files=FILE)
        assert answer.status_code == 507 and WORDS in answer.json()["detail"]
        assert (not there and not root.exists()) or [*root.iterdir()] == []
        if there:
            root.rmdir()
        (tmp_path / "moved").rename(root)
        assert web.post("/gradio_api/upload", files=FILE).status_code == 200


def test_it_can_be_opened_at_its_new_place_from_the_page(
    studio: Studio, web: TestClient, put: Put, root: Path, tmp_path: Path
) -> None:
    image = put("synthetic")
    moved = tmp_path / "moved"
    root.rename(moved)
    answer = web.post("/workspace", json={"path": str(moved)}, headers={"X-FLENwheel": "1"})
    assert answer.status_code == 200, answer.text
    assert studio.session.workspace.root == moved
    assert web.post("/decisions", json=label(image.id)).status_code == 200
    assert web.get("/status").json()["notices"] == []
    assert not root.exists()


@pytest.mark.slow(seconds=3)
def test_jobs_end_in_words_and_the_next_runs_when_it_is_back(workspace: Workspace, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    store = Store.open(workspace.root)
    queue = JobQueue(store, workspace, None, handlers=SCRIPTED)
    try:
        running = queue.submit(scripted_plan(*["wait:0.3"] * 8), "Running")
        waiting = queue.submit(scripted_plan("b", version="v2"), "Waiting")
        until(queue, lambda seen: seen.job is not None and seen.job.done >= 1, 200)
        workspace.root.rename(moved)
        first, second = queue.wait(running.id, 250), queue.wait(waiting.id, 250)
        assert first.state == second.state == "failed"
        assert WORDS in first.error and WORDS in second.error, (first.error, second.error)
        assert queue.status().job is None and not workspace.root.exists()
        queue.unload()
        moved.rename(workspace.root)
        again = queue.wait(queue.resume(running.id).id, 250)
        assert (again.state, again.done) == ("done", 8)
        assert queue.wait(queue.resume(waiting.id).id, 250).state == "done"
    finally:
        queue.close()
        store.close()
    with Store.open(workspace.root) as kept:
        assert len(kept.all(ImageRecord)) == 9
        jobs = {job.title: job.state for job in kept.all(type(running))}
        assert jobs == {"Running": "done", "Waiting": "done"}


def test_no_lock_makes_a_folder(workspace: Workspace, tmp_path: Path) -> None:
    workspace.root.rename(tmp_path / "moved")
    with pytest.raises(OSError, match=WORDS):
        locked(workspace.root / "logs" / "worker.lock", 0)
    assert not workspace.root.exists()


def test_records_go_on_in_a_file_that_was_lost_under_them(workspace: Workspace) -> None:
    """A disk that was taken away and put back leaves the open file dead."""
    with Store.open(workspace.root) as store:
        store.decide(Decision(image="a" * 64, who="human", action="label", value="good"))
        os.close(store._journal._file._file)  # type: ignore[union-attr, arg-type]
        with pytest.raises(Exception, match="Could not write"):
            store.decide(Decision(image="a" * 64, who="human", action="label", value="reject"))
        store.decide(Decision(image="b" * 64, who="human", action="label", value="reject"))
    with Store.open(workspace.root) as store:
        assert [d.value for d in store.all(Decision)] == ["good", "reject"]
