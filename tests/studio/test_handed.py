"""A command while the studio is open: what only reads goes on beside it, a job is handed over, the rest is refused."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from studio_helpers import Served

from pipelines.domain.records import Card, Decision, ImageRecord, Job, new_id
from pipelines.domain.requests import ObtainRequest
from pipelines.queue.admission import NotAllowed
from pipelines.workflow import card as cards
from studio.cli import open_studio
from studio.cli.open_studio import HandedJobs, OpenStudio
from studio.server.own import own
from studio.server.state import Studio

Put = Callable[..., ImageRecord]
Run = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def open_here(served: Served) -> Served:
    served.studio.session.store.announce(served.url)
    return served


@pytest.mark.slow
def test_a_job_is_handed_over_followed_and_told_as_ever(
    open_here: Served, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("generate", "--version", "base", "--count", "1", "--steps", "1")
    code, told = run(*asked)
    assert (code, told["ok"], len(told["images"])) == (0, True, 1), told
    store = open_here.studio.session.store
    [job] = store.all(Job, kind="render")
    assert (job.id, job.state, job.character) == (told["job"]["id"], "done", "ada")
    assert store.get(ImageRecord, told["images"][0]["id"])
    code, again = run(*asked)  # the same picture is there: nothing is made twice, here as there
    assert code == 0 and [i["id"] for i in again["images"]] == [i["id"] for i in told["images"]]


def test_a_card_belongs_to_its_job_and_is_read_beside_it(open_here: Served, run: Run) -> None:
    session = open_here.studio.session
    session.store.put(Card(id="ada/v1", character="ada", version="v1", lora="", seed=1))
    code, told = run("card", "--show", "v1")
    assert code == 0 and told["card"]["version"] == "v1"
    handed = HandedJobs(OpenStudio(open_here.url), lambda: None)
    session.elsewhere = handed
    job = cards.submit(session, "ada", cards.CardOptions("", 1.0, 5))
    session.elsewhere = None
    [made] = [c for c in session.store.all(Card) if c.version == "v2"]
    assert (made.job, made.seed) == (job.id, 5)
    handed.cancel(job.id, force=True)
    assert handed.wait(job.id, timeout=120).state == "cancelled"


def test_what_writes_is_refused_and_writes_nothing(
    open_here: Served, run: Run, put: Put, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = put("enriched")
    code, told = run("review", "--label", "good", picture.id)
    assert code == 1 and f"Use it at {open_here.url}" in told["error"]
    code, told = run("train", "--dry-run")
    assert code == 0 and told["blockers"]
    assert not [d for d in open_here.studio.session.store.all(Decision) if d.value == "good"]


def body(**changes: Any) -> dict[str, Any]:
    request = ObtainRequest(family="mini-flux").model_dump(mode="json")
    return {"id": new_id(), "title": "Get it", "request": request, **changes}


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"id": "../x"}, 422, "id"),
        ({"id": ""}, 422, "id"),
        ({"request": {"kind": "shell", "command": "x"}}, 422, "request"),
        ({"character": "nobody"}, 404, "no character 'nobody'"),
        ({"images": []}, 422, "images"),
        ({"cards": [{"id": "ada/v1", "character": "ada", "version": "v1", "lora": "", "seed": 2}]}, 422, "ask again"),
    ],
)
def test_what_is_handed_over_is_checked(
    client: TestClient, studio: Studio, changes: dict[str, Any], status: int, words: str
) -> None:
    studio.session.store.put(Card(id="ada/v1", character="ada", version="v1", lora="", seed=1))
    answer = client.post("/jobs", json=body(**changes))
    assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert not studio.session.store.all(Job)


def test_an_id_is_taken_once(client: TestClient, studio: Studio) -> None:
    known = new_id()
    studio.session.store.put(Job(id=known, kind="obtain", title="x", request={}, state="done"))
    answer = client.post("/jobs", json=body(id=known))
    assert (answer.status_code, "already" in answer.text) == (422, True)
    assert client.get("/jobs/none").status_code == 404


def test_only_this_machine_hands_over(studio: Studio) -> None:
    elsewhere = TestClient(own(studio), base_url="http://127.0.0.1:7860", client=("10.0.0.5", 5000))
    assert elsewhere.post("/jobs", json=body()).status_code == 403
    assert elsewhere.get("/jobs/x").status_code == 403
    assert not studio.session.store.all(Job)


def test_a_studio_that_is_gone_is_told(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_studio, "SECONDS", 2)
    gone = HandedJobs(OpenStudio("http://127.0.0.1:9"), lambda: None)
    with pytest.raises(NotAllowed, match=r"The studio at http://127\.0\.0\.1:9 does not answer"):
        gone.wait("x")
