"""The list of jobs: ended ones are dismissed, one that does not stop is ended, pictures are made again; what was
repaired is told once."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import Served, damaged_workspace

from pipelines.domain.records import ImageRecord, Job
from pipelines.domain.requests import RenderRequest
from pipelines.domain.shots import Plan, Purpose, Shot
from pipelines.queue.job_queue import JobQueue
from pipelines.queue.status import Status
from pipelines.workflow import characters, datasets, generate
from pipelines.workflow.opening import open_session
from studio.cli.progress import follow
from studio.server.own import own
from studio.server.state import Studio

Put = Callable[..., ImageRecord]
SLOW = 60_000
SCRIPTED = str(Path(__file__).parents[1] / "queue" / "scripted_handlers.py")


def scripted(prompt: str) -> RenderRequest:
    """One picture, by a worker that does what the prompt says."""
    shot = Shot(family="mini-flux", revision="1", prompt=prompt, seed=1, steps=10, guidance=1, width=16, height=16,
                purpose=Purpose(step="enrich", cell="1"))  # fmt: skip
    folder = "characters/ada/data/enriched/v1"
    return RenderRequest(plan=Plan(character="ada", kind="enriched", version="v1", folder=folder, shots=(shot,)))


@pytest.fixture
def studio(workspace_root: Path) -> Iterator[Studio]:
    """A studio whose worker does as it is told."""
    with open_session(workspace_root) as session:
        assert session.queue
        session.queue.close()
        session.queue = JobQueue(session.store, session.workspace, session.settings, handlers=SCRIPTED)
        characters.create(session, "Ada", may_use=True)
        yield Studio(session)


def until(studio: Studio, seen: Callable[[Status], bool]) -> Status:
    deadline = time.monotonic() + 60
    while not seen(status := studio.session.jobs.status()):
        assert time.monotonic() < deadline, status
        time.sleep(0.02)
    return status


def test_an_ended_job_is_dismissed_for_good(client: TestClient, studio: Studio) -> None:
    jobs = studio.session.jobs
    first, second = (jobs.wait(jobs.submit(scripted(p), p).id, 60) for p in ("raise:broken", "a"))
    recent = {job["id"]: job for job in client.get("/status").json()["recent"]}
    assert recent[first.id]["can"] == ["resume", "dismiss"] and recent[second.id]["can"] == ["dismiss"]
    assert client.post(f"/jobs/{first.id}/dismiss").status_code == 200
    until(studio, lambda status: first.id not in {job.id for job in status.recent})
    assert [job["id"] for job in client.get("/status").json()["recent"]] == [second.id]
    kept = studio.session.store.get(Job, first.id)
    assert kept and kept.dismissed and kept.state == "failed"
    assert client.post("/jobs/nobody/dismiss").status_code == 404


@pytest.mark.slow
def test_a_job_that_does_not_stop_is_ended_from_the_page(page: Page, served: Served) -> None:
    jobs = served.studio.session.jobs
    deaf = jobs.submit(scripted("wait:6000"), "Deaf", "ada")
    until(served.studio, lambda status: status.job is not None and status.job.total > 0)
    stop = page.locator("#job-stop")
    expect(stop).to_have_text("Stop", timeout=SLOW)
    stop.click()
    expect(stop).to_have_text("Stopping")
    expect(stop).to_be_disabled()
    expect(stop).to_have_text("End it now", timeout=SLOW)
    expect(page.locator("#job-bar .numbers")).to_contain_text("the picture in work is lost")
    page.click("#job-list-open")
    expect(page.locator(".job .warn")).to_contain_text("What is finished stays")
    page.click(f"#job-end-{deaf.id}")
    expect(page.locator(f"#job-resume-{deaf.id}")).to_be_visible(timeout=SLOW)
    assert jobs.job(deaf.id).state == "cancelled"
    page.click(f"#job-dismiss-{deaf.id}")
    expect(page.locator("#job-list .empty")).to_be_visible()
    expect(page.locator("#job-title")).to_have_text("No job yet")
    page.reload()
    expect(page.locator("#job-title")).to_have_text("No job yet", timeout=SLOW)


def test_ctrl_c_stops_at_the_step_and_twice_ends_the_job(studio: Studio) -> None:
    class Pressed(JobQueue):
        """Ctrl-C is pressed whenever somebody waits and a job is at work."""

        presses = 0

        def wait(self, job_id: str, timeout: float | None = None) -> Job:
            if self.presses < 2 and self.status().job and self.status().step > 0:
                self.presses += 1
                raise KeyboardInterrupt
            return super().wait(job_id, timeout)

    session = studio.session
    session.jobs.close()
    session.queue = queue = Pressed(session.store, session.workspace, session.settings, handlers=SCRIPTED)
    ended = follow(queue, queue.submit(scripted("wait:1 wait:6000"), "Deaf", "ada"))
    assert (ended.state, queue.presses) == ("cancelled", 2)


def test_what_was_repaired_is_told_until_it_is_closed(workspace_root: Path) -> None:
    damaged_workspace(workspace_root)
    with open_session(workspace_root) as session:
        studio = Studio(session)
        client = TestClient(own(studio), base_url="http://127.0.0.1:7860")
        (words,) = client.get("/status").json()["notices"]
        assert "repaired" in words and "line 2" in words
        client.post("/notices/close")
        assert client.get("/status").json()["notices"] == []


@pytest.mark.slow
def test_the_notice_is_shown_and_closed_in_the_page(page: Page, served: Served) -> None:
    words = "The records were repaired: line 7 of the journal is damaged and was left out."
    served.studio.session.store._notes.append(words)
    notice = page.locator("#notice")
    expect(notice).to_have_text(words)
    page.click("#notice-close")
    expect(notice).to_be_hidden()
    page.reload()
    page.wait_for_selector("#character-picker option", state="attached", timeout=SLOW)
    expect(notice).to_be_hidden()


@pytest.mark.slow
def test_a_result_is_varied_from_the_big_view(page: Page, served: Served) -> None:
    session = served.studio.session
    plan = generate.plan(session, "ada", generate.GenerateOptions(variants=1, count=1, steps=1))
    assert session.jobs.wait(generate.submit(session, plan).id, 60).state == "done"
    page.click("#tab-generate-button")
    tiles = page.locator("#generate-results figure.tile")
    expect(tiles).to_have_count(1, timeout=SLOW)
    tiles.locator("button.open").click()
    page.click("#picture-vary")
    expect(page.locator("#picture-dialog")).to_have_count(0)
    expect(page.locator("#job-title")).to_contain_text("Vary", timeout=SLOW)
    expect(tiles).to_have_count(5, timeout=SLOW)
    tiles.first.locator("button.open").click()
    page.click("#picture-retry")
    expect(tiles).to_have_count(6, timeout=SLOW)
    seeds = {i.shot.seed for i in datasets.pictures(session, "ada", "synthetic") if i.shot}
    assert len(seeds) == 6
