"""Crops of sources on the page: what may be cut out of one, and parts that take its place."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from pipelines.domain.base import Frozen
from pipelines.domain.intake import Turned
from pipelines.domain.scores import Box
from pipelines.workflow import cropping, sources
from studio.server.in_words import InWords
from studio.server.state import Studio

Degrees = Annotated[Turned, BeforeValidator(int)]
"""In an address, where a number is text."""
Pixel = Annotated[int, Field(ge=0, le=1_000_000)]


class CropSuggested(TypedDict):
    """A part that may be worth having."""

    aim: str
    title: str
    box: Box


class CropTold(TypedDict):
    """A source on its way to be cropped. ``whole`` is the picture as it came in, ``width`` and ``height`` its size when
    it is ``turned`` clockwise; ``box`` (left, top, right, bottom) is what is cut out now, ``cropped`` whether anything
    is; ``why`` no face is suggested ("": one is)."""

    id: str
    whole: str
    name: str
    turned: int
    width: int
    height: int
    box: Box
    cropped: bool
    suggestions: list[CropSuggested]
    why: str


class CropAsked(Frozen):
    """The part that is to stand for the whole."""

    box: tuple[Pixel, Pixel, Pixel, Pixel]
    turned: Turned = 0


class Cropped(TypedDict):
    """The picture that is the source now."""

    id: str


def crop_routes(studio: Studio) -> APIRouter:
    """Crops of the sources of the character that is worked on."""
    router = APIRouter(route_class=InWords)

    @router.get("/crop/{image_id}")
    def begin(image_id: str, turned: Annotated[Degrees | None, Query()] = None) -> CropTold:
        return told(studio, image_id, turned)

    @router.post("/crop/{image_id}")
    def crop(image_id: str, asked: CropAsked) -> Cropped:
        made = cropping.crop(studio.session, image_id, asked.box, asked.turned)
        sources.measure_new(studio.session, made.character)
        return {"id": made.id}

    @router.post("/crop/{image_id}/undo")
    def undo(image_id: str) -> Cropped:
        return {"id": cropping.undo(studio.session, image_id).id}

    return router


def told(studio: Studio, image_id: str, turned: Turned | None) -> CropTold:
    """How a source is cropped now. Raises NotFound, NotAllowed."""
    begun = cropping.begin(studio.session, image_id, turned)
    return {
        "id": image_id,
        "whole": begun.whole.id,
        "name": sources.file_of(begun.whole),
        "turned": begun.turned,
        "width": begun.size[0],
        "height": begun.size[1],
        "box": begun.box,
        "cropped": begun.whole.id != image_id,
        "suggestions": [{"aim": s.aim, "title": cropping.TITLES[s.aim], "box": s.box} for s in begun.suggestions],
        "why": begun.no_face,
    }
