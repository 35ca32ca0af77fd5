"""What goes on: polled by the page; and what can be done with jobs and notices."""

from collections.abc import Collection
from itertools import islice
from typing import Literal

from fastapi import APIRouter
from typing_extensions import TypedDict

from pipelines.domain.events import Memory
from pipelines.domain.records import Character, Job
from pipelines.queue.state import RUNNING
from pipelines.queue.status import Status
from pipelines.workflow import characters, flywheel
from studio.server.in_words import Done, InWords
from studio.server.state import Studio

RECENT = 20
LOSES = {
    "render": "What is finished stays; the picture in work is lost. Resume makes the rest.",
    "train": "It ends at its last checkpoint; Resume goes on there.",
    "score": "What is judged stays judged; Resume does the rest.",
    "calibrate": "The line stays as it was; Resume finds it anew.",
    "practice": "What is drawn stays; Resume draws the rest.",
    "examine": "What is read stays; Resume reads the rest.",
    "targets": "What is drawn stays; Resume draws the rest.",
    "obtain": "What has arrived stays; Resume fetches the rest.",
    "merge-loras": "The files stay as they are; Resume merges them anew.",
    "obtain-lora": "What has arrived stays; Resume fetches the rest.",
    "obtain-faces": "What has arrived stays; Resume fetches the rest.",
    "caption": "What is captioned stays; Resume captions the rest.",
    "read": "What is read stays; Resume reads the rest.",
    "prepare": "The copy is begun anew; the files that it is made of stay as they are.",
}
"""What becomes of the work when a job's process is ended instead of waiting for its next step."""


class CharacterName(TypedDict):
    """A character to choose."""

    id: str
    name: str


class JobSummary(TypedDict):
    """A job; ``can`` is what may be asked of it besides looking at it."""

    id: str
    kind: str
    title: str
    character: str
    state: str
    done: int
    total: int
    note: str
    warnings: list[str]
    error: str
    traceback: str
    ended: str | None
    can: list[str]


class JobNow(JobSummary):
    """The job at work: ``k`` of ``n`` within the present ``unit``, seconds ``left``, a base64 JPEG; ``stuck`` says what
    is lost when it is ended."""

    unit: str
    k: int
    n: int
    left: float | None
    preview: str
    paused: bool
    cancelling: bool
    stuck: str


class RailShown(TypedDict):
    """The steps of the rail, and what to do next."""

    rail: list[flywheel.RailStep]
    next: flywheel.NextAction | None


class Work(TypedDict):
    """The job at work, those that wait, and those that have ended; what is loaded."""

    job: JobNow | None
    memory: Memory | None
    queued: list[JobSummary]
    recent: list[JobSummary]


class StudioStatus(RailShown, Work):
    """What goes on now. ``revision`` changes whenever something that a page shows may have changed; so many characters
    are archived or in the trash: ``away``. A page that is made otherwise than ``page`` loads itself anew."""

    revision: str
    character: Character | None
    characters: list[CharacterName]
    away: int
    workspace: str
    workspace_id: str
    page: str
    theme: str
    notices: list[str]


def status_routes(studio: Studio) -> APIRouter:
    """Status, jobs, notices."""
    router = APIRouter(route_class=InWords)

    @router.get("/status")
    def present() -> StudioStatus:
        return now(studio)

    @router.post("/jobs/{job_id}/{action}")
    def job(
        job_id: str, action: Literal["cancel", "end", "resume", "pause", "unpause", "dismiss", "sample", "save"]
    ) -> Done:
        """``end`` stops the process of a job that was told to stop and does not; ``sample`` and ``save`` are for a
        training that is running."""
        jobs = studio.session.own_queue
        if action == "end":
            jobs.cancel(job_id, force=True)
        elif action in ("sample", "save"):
            jobs.ask(job_id, action)
        else:
            getattr(jobs, action)(job_id)
        return {"ok": True}

    @router.post("/unload")
    def unload() -> Done:
        """Give back the memory of what is loaded."""
        studio.session.own_queue.unload()
        return {"ok": True}

    @router.post("/notices/close")
    def close_notices() -> Done:
        studio.close_notices()
        return {"ok": True}

    return router


def now(studio: Studio) -> StudioStatus:
    """What goes on now: polled by the page, so it is cheap and never waits for the worker."""
    character = studio.character
    rail: RailShown = studio.remembered("rail", lambda: _rail(studio))
    return {
        "revision": studio.revision,
        "character": character,
        "characters": [{"id": c.id, "name": c.name} for c in characters.listed(studio.session)],
        "away": len(studio.session.store.all(Character)) - len(characters.listed(studio.session)),
        "workspace": studio.session.workspace.root.name,
        "workspace_id": studio.workspace_id,
        "page": studio.page,
        "theme": studio.session.settings.theme,
        "notices": studio.notices,
        **rail,
        **_work(studio),
    }


def _rail(studio: Studio) -> RailShown:
    if not studio.character_id:
        return {"rail": [], "next": None}
    rail = flywheel.status(studio.session, studio.character_id)
    return {"rail": rail.steps, "next": rail.next}


def _work(studio: Studio) -> Work:
    status = studio.session.own_queue.status()
    going = [*([status.job] if status.job else []), *status.queued]
    resumed = {job.resumes for job in (*studio.session.store.all(Job), *going)}
    return {
        "job": _at_work(status, status.job) if status.job else None,
        "memory": status.memory,
        "queued": [_job(job, resumed) for job in status.queued],
        "recent": [_job(job, resumed) for job in _recent(studio, status.recent, status.queued)],
    }


def _at_work(status: Status, job: Job) -> JobNow:
    return {
        **_job(job, set()),
        "unit": status.unit,
        "k": status.step,
        "n": status.steps,
        "left": status.seconds_left,
        "preview": status.preview,
        "paused": status.paused,
        "cancelling": status.cancelling,
        "stuck": LOSES.get(job.kind, LOSES["render"]) if status.overdue else "",
    }


def _recent(studio: Studio, ended: list[Job], queued: list[Job]) -> list[Job]:
    """Jobs that have ended, newest first: of this session as the queue tells, then of earlier ones."""
    told = {job.id for job in (*ended, *queued)}
    before = (j for j in reversed(studio.session.store.all(Job)) if j.state not in RUNNING and not j.dismissed)
    return [*ended, *(job for job in islice(before, RECENT) if job.id not in told)][:RECENT]


def _job(job: Job, resumed: Collection[str]) -> JobSummary:
    plain = job.model_dump(mode="json", include=set(JobSummary.__annotations__) - {"can"})
    return JobSummary(**plain, can=_can(job, resumed))


def _can(job: Job, resumed: Collection[str]) -> list[str]:
    """What may be asked of a job besides looking at it. One that was resumed goes on in another."""
    if job.state in RUNNING:
        return ["cancel"]
    return ["dismiss"] if job.state == "done" or job.id in resumed else ["resume", "dismiss"]
