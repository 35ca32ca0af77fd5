"""Tag mode: what each source shows and who says so."""

from fastapi import APIRouter
from typing_extensions import TypedDict

from pipelines.workflow import sources, tagging
from studio.server.in_words import InWords, unchecked
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


class TagsTold(TypedDict):
    """The sources of the character, and who reads which tag here ("": nobody)."""

    pictures: list[TaggedPicture]
    readers: dict[str, str]


def tag_routes(studio: Studio) -> APIRouter:
    """Tags of the sources; they are said by ``POST /picture/{id}/tags``."""
    router = APIRouter(route_class=InWords)

    @router.get("/tags", **unchecked(TagsTold))
    def tags() -> TagsTold:
        if not studio.character_id:
            return {"pictures": [], "readers": {}}
        session, reading = studio.session, tagging.readers(studio.session, studio.character_id)
        return {
            "pictures": [
                {
                    "id": image.id,
                    "name": image.intake.filename if image.intake else image.id[:8],
                    "tags": {
                        tag: {"value": told.value, "by": told.by, "human": getattr(image, tag)}
                        for tag, told in tagging.said(session, image, reading).items()
                    },
                }
                for image in sources.sources(session, studio.character_id)
            ],
            "readers": {**reading},
        }

    return router
