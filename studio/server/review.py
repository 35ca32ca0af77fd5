"""The gates of Review: decisions, corrections, the filter, what is kept."""

from typing import Annotated, Literal

from fastapi import APIRouter, Body, File, Form, HTTPException, UploadFile
from pydantic import Field
from typing_extensions import TypedDict

from pipelines.domain.base import Frozen
from pipelines.domain.bounds import Cosine
from pipelines.domain.records import Correction, Decision, ImageRecord
from pipelines.workflow import pristine, review
from studio.server import foresight, piles
from studio.server.foresight import Settled
from studio.server.in_words import InWords, unchecked
from studio.server.shown import for_the_shown
from studio.server.state import Studio

PICTURE_LIMIT = 256 * 1024**2


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
    """Decisions in the order they were made, and the ``workspace`` whose pictures they are about; "": the open one."""

    workspace: str = ""
    decisions: tuple[Said, ...] = Field(max_length=10_000)


class Decided(Settled):
    """``known`` decisions need not be sent again; ``lost`` ones are of pictures that are not here."""

    known: list[str]
    lost: list[str]


class Corrected(Settled):
    """A correction was given; ``decisions`` undo it, by picture."""

    id: str
    target: str
    decisions: dict[str, str]


class SortedOut(TypedDict):
    """What the filter has done."""

    rejected: int
    left: int


class Kept(TypedDict):
    """The pristine version that was made."""

    version: str
    count: int


def review_routes(studio: Studio) -> APIRouter:
    """The gates: piles, decisions, the filter; corrections, and what is kept."""
    router = APIRouter(route_class=InWords)

    @router.get("/review", **unchecked(piles.Pile))
    def pile(gate: review.Gate = "enriched") -> piles.Pile:
        return piles.pile(studio, gate)

    @router.post("/decisions")
    def decide(batch: SaidBatch) -> Decided:
        """Decisions of the human, durable on return. ``known`` are the ids that need not be sent again; ``pictures``
        and ``gates`` what follows from them. 409 for those of another workspace: they wait until it is open."""
        if batch.workspace not in ("", studio.workspace_id):
            raise HTTPException(409, "Another workspace is open here now. What you decided waits until yours is again.")
        known = {said.id for said in batch.decisions}
        there = [s for s in batch.decisions if studio.session.store.get(ImageRecord, s.image) is not None]
        review.decide(studio.session, [Decision(who="human", **said.model_dump()) for said in there])
        settled = foresight.settled(studio, [said.image for said in there])
        return {"known": sorted(known), "lost": sorted(known - {s.id for s in there}), **settled}

    @router.post("/review/filter", dependencies=[for_the_shown(studio)])
    def sort_out(cut: Annotated[Cosine | None, Body(embed=True)] = None) -> SortedOut:
        done = review.apply_filter(studio.session, studio.character_id, cut=cut)
        return {"rejected": len(done.rejected), "left": done.left}

    router.include_router(_correction_routes(studio))
    router.include_router(_pristine_routes(studio))
    return router


def _correction_routes(studio: Studio) -> APIRouter:
    """What corrects a picture: a file, or a better try."""
    router = APIRouter(route_class=InWords)

    @router.post("/corrections")
    def correct(
        image: Annotated[str, Form()], file: Annotated[UploadFile, File()], what_was_wrong: Annotated[str, Form()] = ""
    ) -> Corrected:
        name = file.filename or "correction"
        return _corrected(studio, review.correct(studio.session, image, name, _received(file), what_was_wrong))

    @router.get("/review/tries/{image_id}")
    def tries(image_id: str) -> piles.Tries:
        return piles.tries(studio, image_id)

    @router.post("/corrections/with")
    def correct_with(
        image: Annotated[str, Body()], better: Annotated[str, Body()], what_was_wrong: Annotated[str, Body()] = ""
    ) -> Corrected:
        """A better try corrects a picture; ``decisions`` undo it."""
        return _corrected(studio, review.correct_with(studio.session, image, better, what_was_wrong))

    return router


def _received(file: UploadFile) -> bytes:
    """What was handed in. Raises ValueError for more than any picture needs."""
    data = file.file.read(PICTURE_LIMIT + 1)
    if len(data) > PICTURE_LIMIT:
        raise ValueError(
            f"That file is larger than {PICTURE_LIMIT // 1024**2} MB: a picture of 8000 x 8000 px is enough."
        )
    return data


def _corrected(studio: Studio, made: Correction) -> Corrected:
    decisions = {made.target.id: made.chosen, made.wrong.id: studio.session.store.decisions(made.wrong.id)[-1].id}
    settled = foresight.settled(studio, decisions)
    return {"id": made.id, "target": made.target.id, "decisions": decisions, **settled}


def _pristine_routes(studio: Studio) -> APIRouter:
    """What of the good pictures is kept."""
    router = APIRouter(route_class=InWords)

    @router.get("/review/pristine")
    def candidates() -> piles.Candidates:
        return piles.candidates(studio)

    @router.post("/review/pristine", dependencies=[for_the_shown(studio)])
    def keep(images: Annotated[list[str], Body(embed=True)]) -> Kept:
        kept = pristine.keep(studio.session, studio.character_id, images)
        return {"version": kept.version, "count": len(kept.images)}

    return router
