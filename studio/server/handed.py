"""Jobs that a command of this machine asks for while the studio has the workspace open."""

from collections.abc import Iterable

from fastapi import APIRouter, Depends
from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.records import Card, DatasetVersion, Job, Record, Survey, TrainingRun
from pipelines.domain.requests import Request
from pipelines.workflow import survey as surveying
from studio.server.in_words import Begun, InWords
from studio.server.loopback import only_from_here
from studio.server.state import Studio


class HandedJob(Frozen):
    """A job that was planned elsewhere, under the ``id`` by which its records name it. Of ``datasets`` only those are
    taken that are here, and only that they are frozen."""

    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    request: Request
    title: str = Field(max_length=500)
    character: str = ""
    surveys: tuple[Survey, ...] = ()
    cards: tuple[Card, ...] = ()
    runs: tuple[TrainingRun, ...] = ()
    datasets: tuple[DatasetVersion, ...] = ()


def handed_routes(studio: Studio) -> APIRouter:
    """Taking a job over, and telling how it is."""
    router = APIRouter(route_class=InWords, dependencies=[Depends(only_from_here)])

    @router.post("/jobs", include_in_schema=False)  # of no use to the page: it has no types of it
    def take_over(handed: HandedJob) -> Begun:
        job = studio.session.own_queue.submit(
            handed.request, handed.title, handed.character,
            alongside=lambda job: _belongings(studio, handed), job_id=handed.id,
        )  # fmt: skip
        return {"job": job.id}

    @router.get("/jobs/{job_id}", include_in_schema=False)
    def how_it_is(job_id: str) -> Job:
        return studio.session.own_queue.job(job_id)

    return router


def _belongings(studio: Studio, handed: HandedJob) -> Iterable[Record]:
    """What is kept with the job. Raises NotFound for a character that is not there any more."""
    store = studio.session.store
    if handed.character:
        studio.session.character(handed.character)
    for survey in handed.surveys:
        now = store.get(Survey, survey.id)
        yield surveying.added_onto(now, survey) if now else survey
    yield from (*handed.cards, *handed.runs)
    for dataset in handed.datasets:
        if now := store.get(DatasetVersion, dataset.id):
            yield now.model_copy(update={"frozen": True})
