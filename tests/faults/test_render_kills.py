"""The same with the real render and the real pipelines on the practice models: kill -9 within a picture, cancel within
a denoising step, no torch in the app."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from test_worker_kills import APP, assert_each_once, is_gone, kill

sys.path.append(str(Path(__file__).parents[1] / "queue"))
from job_helpers import until

from pipelines.domain.intake import Intake
from pipelines.domain.records import ImageRecord
from pipelines.domain.requests import Reference, RenderRequest, ScoringSpec
from pipelines.domain.shots import Plan, Purpose, Shot
from pipelines.queue.job_queue import HANDLERS, JobQueue
from pipelines.storage.pictures import save_picture
from pipelines.storage.presets import shipped
from pipelines.storage.settings import load
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """One workspace for all tests here, each with a version of its own."""
    workspace = Workspace(tmp_path_factory.mktemp("faults") / "workspace")
    workspace.create()
    return workspace


@pytest.fixture(scope="module")
def jobs(workspace: Workspace) -> Iterator[JobQueue]:
    with Store.open(workspace.root) as store:
        queue = JobQueue(store, workspace, load(workspace.root))
        yield queue
        queue.close()


def plan(count: int, steps: int, version: str) -> Plan:
    """``count`` pictures of the practice generator."""
    family = shipped().models["mini-flux"]
    shots = tuple(
        Shot(
            family=family.name, revision=family.revision, prompt=f"ohwx_char person, scene {n}", seed=n, steps=steps,
            guidance=3.5, width=64, height=64, purpose=Purpose(step="generate", cell=f"scene-{n}"),
        )
        for n in range(count)
    )  # fmt: skip
    folder = f"characters/ada/data/synthetic/{version}"
    return Plan(character="ada", kind="synthetic", version=version, folder=folder, shots=shots)


def scoring_spec(workspace: Workspace) -> ScoringSpec:
    """Against two sources that look different."""
    references = []
    for n, colour in enumerate(("maroon", "teal")):
        image = Image.linear_gradient("L").convert("RGB")
        image.paste(colour, (40, 40, 120 + 40 * n, 160))
        intake = Intake(filename=f"{n}.png", original="", original_sha256="", format="PNG")
        record = save_picture(workspace, image, character="ada", kind="source", version="v1", intake=intake)
        references.append(Reference(image=record.ref, angle="front"))
    return ScoringSpec(recogniser="perceptual", references=tuple(references))


@pytest.mark.slow
def test_worker_killed_in_a_plan_of_twenty_resume_yields_twenty_none_twice(
    jobs: JobQueue, workspace: Workspace
) -> None:
    request = RenderRequest(plan=plan(20, 4, "v1"), scoring=scoring_spec(workspace))
    job = jobs.submit(request, "Generate twenty", "ada")
    status = until(jobs, lambda status: status.job is not None and status.job.done >= 7 and status.step > 0, 300)
    kill(status.worker_pid)
    ended = jobs.wait(job.id, 20)
    assert ended.state == "interrupted" and 7 <= ended.done < 20
    before = {i.id for i in jobs._store.all(ImageRecord, version="v1")}
    resumed = jobs.wait(jobs.resume(job.id).id, 300)
    assert (resumed.state, resumed.done, resumed.total, resumed.warnings) == ("done", 20, 20, ())
    images = jobs._store.all(ImageRecord, version="v1")
    assert before <= {i.id for i in images}
    assert_each_once(jobs._store, workspace, request)
    assert all(i.scores.identity and i.scores.identity.score is not None for i in images)
    assert set(Counter(i.job for i in images)) == {job.id, resumed.id}  # some were made before, some after
    assert len({i.pixels for i in images}) == 20


def test_cancel_stops_within_one_denoising_step_and_the_model_stays(jobs: JobQueue) -> None:
    job = jobs.submit(RenderRequest(plan=plan(3, 400, "v2")), "Long", "ada")
    status = until(jobs, lambda status: status.step >= 5, 300)
    at, pid = status.step, status.worker_pid
    jobs.cancel(job.id)
    last = at
    while (status := jobs.status()).job is not None:
        last = max(last, status.step)
    assert jobs.job(job.id).state == "cancelled"
    assert last <= at + 2, "one step may end between the look and the flag, one is under way"
    again = jobs.wait(jobs.submit(RenderRequest(plan=plan(1, 4, "v3")), "Next", "ada").id, 60)
    assert again.state == "done" and jobs.status().worker_pid == pid
    memory = jobs.status().memory
    assert memory and memory.resident == "mini-flux"


@pytest.mark.slow
def test_app_killed_within_a_picture_takes_the_worker_along_and_loads_no_torch(
    tmp_path: Path,
) -> None:
    requests = tmp_path / "requests.json"
    requests.write_text(json.dumps([RenderRequest(plan=plan(20, 40, "v1")).model_dump(mode="json")]))
    command = [sys.executable, str(APP), str(tmp_path / "workspace"), HANDLERS, str(requests)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as app:
        view = _read(app, lambda view: view["done"] >= 1 and view["step"] > 3)
        app.kill()
    assert view["torch"] is False
    assert is_gone(view["pid"], 5)


def _read(app: subprocess.Popen, seen: Callable[[dict], bool]) -> dict:
    assert app.stdout
    return next(view for view in map(json.loads, app.stdout) if seen(view))
