"""The studio's own routes: pictures by content hash, what goes on, and the few things islands do.

Every error of a step (`NotAllowed`, `Refused`, `NotFound`, ...) is answered as ``{"detail": words for the user}``.
"""

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, File, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from fastapi.routing import APIRoute
from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.records import Angle, Card, Correction, Decision, Expression, ImageRecord
from pipelines.storage import pictures as files
from pipelines.storage.settings import places
from pipelines.workflow import again, characters, pristine, review, sources, survey_report
from pipelines.workflow import card as cards
from studio.server import foresight, views
from studio.server.loopback import from_here, only_from_here
from studio.server.state import Studio

IMAGE_ID = re.compile(r"[0-9a-f]{64}")
PICTURE_LIMIT = 256 * 1024**2
# A report is a page of our own making with styles of its own; nothing in it may run or reach anywhere.
STILL = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; "
    "frame-ancestors 'none'"
}
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


class InWords(APIRoute):
    """A route whose expected failures reach the user in words."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with errors of the steps turned into 404 and 422 answers."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except LookupError as error:
                return JSONResponse({"detail": _words(error)}, 404)
            except ValueError as error:
                return JSONResponse({"detail": _words(error)}, 422)

        return answer


def _words(error: Exception) -> str:
    return str(error.args[0]) if error.args else str(error)


class NewCharacter(Frozen):
    """What the dialog asks for a new character."""

    name: str
    class_prompt: str = "person"
    token: str = "ohwx_char"
    origin: str = ""
    may_use: bool = False


class Said(Frozen):
    """A decision as the page makes it: who and when are added here."""

    id: str = Field(pattern=r"^[0-9a-f]{16}$")
    image: str
    action: Literal["label", "identity", "edit", "failure", "note", "undo"]
    value: str | int | None = None
    reason: str = ""
    where: str = "review"
    undoes: str = ""


class SaidBatch(Frozen):
    """Decisions in the order they were made."""

    decisions: tuple[Said, ...] = Field(max_length=10_000)


class Tags(Frozen):
    """What a picture shows, as the human says; ``None`` leaves a tag as it is."""

    angle: Angle | None = None
    expression: Expression | None = None
    caption: str | None = Field(None, max_length=2000)


def picture_routes(studio: Studio) -> APIRouter:
    """Pictures and what is known of them."""
    router = APIRouter(route_class=InWords)

    @router.get("/img/{image_id}")
    def image(image_id: str, w: int = 0) -> Response:
        """A picture of the workspace by the hash of its file; ``w`` asks for a thumbnail."""
        record = studio.session.store.get(ImageRecord, image_id) if IMAGE_ID.fullmatch(image_id) else None
        if record is None or w not in (0, *files.WIDTHS):
            raise HTTPException(404, "There is no such picture in this workspace.")
        workspace = studio.session.workspace
        path = files.thumbnail(workspace, record, w) if w else workspace.path(record.path)
        if not path.is_file():
            raise HTTPException(404, f"The file of this picture is gone: {record.path}")
        return FileResponse(path, headers=FOREVER)

    @router.get("/pictures")
    def pictures(kind: str, version: str = "latest", run: str = "") -> dict[str, Any]:
        return views.pictures(studio, kind, version, run)

    @router.get("/picture/{image_id}")
    def picture(image_id: str) -> dict[str, Any]:
        return views.picture(studio, image_id)

    @router.post("/picture/{image_id}/tags")
    def tag(image_id: str, tags: Tags) -> dict[str, Any]:
        sources.tag(studio.session, image_id, **tags.model_dump())
        return views.picture(studio, image_id)

    @router.post("/picture/{image_id}/{action}")
    def once_more(image_id: str, action: Literal["retry", "vary"]) -> dict[str, Any]:
        """The same shot with a new seed, or with a few, as a job."""
        job = {"retry": again.retry, "vary": again.vary}[action](studio.session, image_id)
        return {"job": job.id, "title": job.title}

    @router.get("/survey-report/{survey_id:path}")
    def report(survey_id: str, form: Literal["html", "json"] = "html") -> Response:
        """What a survey has shown and what was decided: a page that needs nothing else, or data."""
        told = survey_report.report(studio.session, survey_id)
        name = f"survey-{survey_id.replace('/', '-')}.{form}"
        if form == "json":
            return JSONResponse(told, headers={"Content-Disposition": f'attachment; filename="{name}"'})
        headers = STILL | {"Content-Disposition": f'inline; filename="{name}"'}
        return HTMLResponse(survey_report.page(studio.session, told), headers=headers)

    @router.get("/survey/{survey_id:path}")
    def survey(survey_id: str) -> dict[str, Any]:
        return {"survey": views.survey(studio, survey_id)}

    return router


def review_routes(studio: Studio) -> APIRouter:
    """The gates: piles, decisions, corrections, the filter, what is kept."""
    router = APIRouter(route_class=InWords)

    @router.get("/review")
    def pile(gate: review.Gate = "enriched") -> dict[str, Any]:
        return views.pile(studio, gate)

    @router.post("/decisions")
    def decide(batch: SaidBatch) -> dict[str, Any]:
        """Decisions of the human, durable on return. ``known`` are the ids that need not be sent again; ``pictures``
        and ``gates`` what follows from them."""
        known = {said.id for said in batch.decisions}
        there = [s for s in batch.decisions if studio.session.store.get(ImageRecord, s.image) is not None]
        review.decide(studio.session, [Decision(who="human", **said.model_dump()) for said in there])
        told = {"known": sorted(known), "lost": sorted(known - {s.id for s in there})}
        return told | foresight.settled(studio, [said.image for said in there])

    @router.post("/corrections")
    def correct(
        image: Annotated[str, Form()], file: Annotated[UploadFile, File()], what_was_wrong: Annotated[str, Form()] = ""
    ) -> dict[str, Any]:
        data = file.file.read(PICTURE_LIMIT + 1)
        if len(data) > PICTURE_LIMIT:
            raise ValueError(
                f"That file is larger than {PICTURE_LIMIT // 1024**2} MB: a picture of 8000 x 8000 px is enough."
            )
        made = review.correct(studio.session, image, file.filename or "correction", data, what_was_wrong)
        return corrected(made)

    @router.get("/review/tries/{image_id}")
    def tries(image_id: str) -> dict[str, Any]:
        return views.tries(studio, image_id)

    @router.post("/corrections/with")
    def correct_with(
        image: Annotated[str, Body()], better: Annotated[str, Body()], what_was_wrong: Annotated[str, Body()] = ""
    ) -> dict[str, Any]:
        """A better try corrects a picture; ``decisions`` undo it."""
        return corrected(review.correct_with(studio.session, image, better, what_was_wrong))

    def corrected(made: Correction) -> dict[str, Any]:
        decisions = {made.target.id: made.chosen, made.wrong.id: studio.session.store.decisions(made.wrong.id)[-1].id}
        told = {"id": made.id, "target": made.target.id, "decisions": decisions}
        return told | foresight.settled(studio, decisions)

    @router.post("/review/filter")
    def sort_out(cut: Annotated[float | None, Body(embed=True)] = None) -> dict[str, Any]:
        done = review.apply_filter(studio.session, studio.character_id, cut=cut)
        return {"rejected": len(done.rejected), "left": done.left}

    @router.get("/review/pristine")
    def candidates() -> dict[str, Any]:
        return views.candidates(studio)

    @router.post("/review/pristine")
    def keep(images: Annotated[list[str], Body(embed=True)]) -> dict[str, Any]:
        kept = pristine.keep(studio.session, studio.character_id, images)
        return {"version": kept.version, "count": len(kept.images)}

    return router


def work_routes(studio: Studio) -> APIRouter:
    """What goes on: live state, jobs, characters, settings, cards."""
    router = APIRouter(route_class=InWords)

    @router.get("/live")
    def live() -> dict[str, Any]:
        return views.live(studio)

    @router.post("/jobs/{job_id}/{action}")
    def job(job_id: str, action: Literal["cancel", "end", "resume", "pause", "unpause", "dismiss"]) -> dict[str, Any]:
        """``end`` stops the process of a job that was told to stop and does not."""
        jobs = studio.session.jobs
        if action == "end":
            jobs.cancel(job_id, force=True)
        else:
            getattr(jobs, action)(job_id)
        return {"ok": True}

    @router.post("/notices/close")
    def close_notices() -> dict[str, Any]:
        studio.close_notices()
        return {"ok": True}

    @router.post("/characters")
    def create(asked: NewCharacter) -> dict[str, Any]:
        character = characters.create(studio.session, **asked.model_dump())
        studio.choose(character.id)
        return {"id": character.id}

    @router.post("/characters/{character_id}/choose")
    def choose(character_id: str) -> dict[str, Any]:
        return {"id": studio.choose(character_id).id}

    @router.get("/settings")
    def settings(request: Request) -> dict[str, Any]:
        """What can be set; from another machine: all but places on this one's disk."""
        kept = type(studio.session.settings)
        values = studio.session.settings.model_dump(mode="json")
        schema = kept.model_json_schema()["properties"]
        hidden = {"character"} if from_here(request) else {"character", *places()}
        return {"fields": [_field(n, schema.get(n, {}), v) for n, v in values.items() if n not in hidden]}

    @router.post("/settings")
    def change(request: Request, changes: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        if changes.keys() & places():
            only_from_here(request)
        studio.save(changes)
        return {"ok": True}

    @router.get("/cards")
    def card_list() -> dict[str, Any]:
        return views.card_list(studio)

    @router.post("/cards")
    def run_card(lora: Annotated[str, Body()] = "", seed: Annotated[int | None, Body()] = None) -> dict[str, Any]:
        return {"job": cards.submit(studio.session, studio.character_id, lora, seed=seed).id}

    return router


def _field(name: str, schema: dict[str, Any], value: Any) -> dict[str, Any]:
    choices = schema.get("enum") or next((s["enum"] for s in schema.get("anyOf", []) if "enum" in s), None)
    return {"name": name, "value": value, "about": schema.get("description", ""), "choices": choices}


__all__ = ["Card", "picture_routes", "review_routes", "work_routes"]
