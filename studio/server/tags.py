"""Tag mode: what each source shows and who says so."""

from fastapi import APIRouter
from typing_extensions import TypedDict

from pipelines.queue.admission import NotAllowed
from pipelines.session import NotFound
from pipelines.workflow import reading, sources, tagging
from studio.server.captions import JobBegun
from studio.server.in_words import InWords, unchecked
from studio.server.shown import for_the_shown
from studio.server.state import Studio


class TagSaid(TypedDict):
    """A tag's value, who says so in words, and what a human said (``unsure``: nothing)."""

    value: str
    by: str
    human: str


class TaggedPicture(TypedDict):
    """A source and its tags: angle, expression, framing."""

    id: str
    name: str
    tags: dict[str, TagSaid]


class ReaderTold(TypedDict):
    """Who can be asked to read pictures, why nobody can, and how its answers stand to your tags."""

    reader: str
    lacking: str
    agreement: list[str]


class TagsTold(TypedDict):
    """The sources of the character, who reads which tag here ("": nobody), who can be asked to read them all, why
    nobody can, and how that reader's answers stand to your tags."""

    pictures: list[TaggedPicture]
    readers: dict[str, str]
    reader: str
    lacking: str
    agreement: list[str]


def tag_routes(studio: Studio) -> APIRouter:
    """Tags of the sources; they are said by ``POST /picture/{id}/tags``."""
    router = APIRouter(route_class=InWords)

    @router.get("/tags", **unchecked(TagsTold))
    def tags() -> TagsTold:
        if not studio.character_id:
            return {"pictures": [], "readers": {}, "reader": "", "lacking": "", "agreement": []}
        session, here = studio.session, tagging.readers(studio.session, studio.character_id)
        return {
            "pictures": [
                {
                    "id": image.id,
                    "name": image.intake.filename if image.intake else image.id[:8],
                    "tags": {
                        tag: {"value": told.value, "by": told.by, "human": getattr(image, tag)}
                        for tag, told in tagging.said(session, image, here).items()
                    },
                }
                for image in sources.sources(session, studio.character_id)
            ],
            "readers": {**here},
            **reader_told(studio),
        }

    @router.post("/tags/read", dependencies=[for_the_shown(studio)])
    def read() -> JobBegun:
        """Have all sources read by the reader that is here."""
        images = sources.sources(studio.session, studio.character_id) if studio.character_id else []
        job = reading.read(studio.session, studio.character_id, images)
        return {"job": job.id, "title": job.title}

    return router


def reader_told(studio: Studio) -> ReaderTold:
    """Who can be asked to read the character's pictures, and what its answers are worth by your tags."""
    try:
        here = reading.reader(studio.session, studio.character_id, answers=True)
    except (NotAllowed, NotFound) as why:
        return {"reader": "", "lacking": str(why), "agreement": []}
    held = reading.agreement(studio.session, studio.character_id, here.preset.name)
    return {"reader": here.preset.title, "lacking": "", "agreement": [one.words for one in held]}
