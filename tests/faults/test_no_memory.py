"""Memory runs out in the real worker process, at each thing that takes it: what helps is tried in the order that the
README names, what does not is told with the place where it happened, and the next job runs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from test_render_kills import plan

from pipelines.domain.records import ImageRecord, Job
from pipelines.domain.requests import RenderRequest
from pipelines.queue.job_queue import JobQueue
from pipelines.storage.settings import load
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
HANDLERS = str(Path(__file__).with_name("starved_handlers.py"))
Render = Callable[[str], Job]


@pytest.fixture
def queue(workspace: Workspace) -> Iterator[JobQueue]:
    with Store.open(workspace.root) as store:
        queue = JobQueue(store, workspace, load(workspace.root), HANDLERS)
        yield queue
        queue.close()


@pytest.fixture
def render(queue: JobQueue, workspace: Workspace) -> Render:
    """``render("step ever")``: a job of two pictures where memory is short like that (``starved_handlers``)."""
    asked = 0

    def run(starved: str) -> Job:
        nonlocal asked
        asked += 1
        (workspace.root / "starved").write_text(starved)
        job = queue.submit(RenderRequest(plan=plan(2, 3, f"v{asked}")), f"{asked}: {starved or 'plain'}", "ada")
        return queue.wait(job.id, 600)

    return run


def test_memory_that_runs_out_anywhere_is_told_and_costs_no_other_job(
    render: Render, queue: JobQueue, workspace: Workspace
) -> None:
    while_loading = render("load ever")
    assert while_loading.state == "failed"
    assert "while Mini FLUX" in while_loading.error and "was loaded" in while_loading.error, while_loading.error
    pid, memory = queue.status().worker_pid, queue.status().memory
    assert memory is None or not memory.resident, "what did not load whole is not held"
    plain = render("")
    assert (plain.state, plain.warnings) == ("done", ())

    tiled = render("decode tiles")
    assert tiled.state == "done"
    (words,) = tiled.warnings
    assert "when it was decoded. From now on pictures are decoded in tiles; trying again" in words

    never = render("step ever")
    assert never.state == "failed"
    assert "text encoders leave" in never.warnings[0] and "at step 2 of 3" in never.warnings[0], "tiles it has already"
    assert "64 x 64 px does not fit into memory, which ran out at step 2 of 3" in never.error

    last = render("decode ever")
    assert last.state == "failed" and "ran out when it was decoded" in last.error
    after = render("")
    assert (after.state, after.warnings) == ("done", ())
    assert queue.status().worker_pid == pid, "no process was lost over it"
    with_pixels = [
        i.pixels for i in sorted(queue._store.all(ImageRecord), key=lambda i: i.path) if i.version in ("v2", "v6")
    ]
    assert with_pixels[:2] == with_pixels[2:], "the same shots give the same pictures as before"


def test_what_is_tried_comes_in_the_order_that_is_documented(render: Render) -> None:
    done = render("encode encoders")
    assert done.state == "done", done.error
    first, second = done.warnings
    assert "before its first step was done. From now on pictures are decoded in tiles" in first
    assert "before its first step was done. From now on text encoders leave the device" in second
