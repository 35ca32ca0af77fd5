"""Characters: making one, and choosing whom to work on."""

from fastapi import APIRouter
from typing_extensions import TypedDict

from pipelines.domain.base import Frozen
from pipelines.domain.records import TOKEN
from pipelines.workflow import characters, models
from studio.server.in_words import InWords
from studio.server.state import Studio


class NewCharacter(Frozen):
    """What the dialog asks for a new character. No model named: what is recommended on this machine."""

    name: str
    kind: str = ""
    class_prompt: str = ""
    token: str = TOKEN
    origin: str = ""
    may_use: bool = False
    generator: str = ""
    editor: str = ""


class Changes(Frozen):
    """What a character is, said anew; ``None`` leaves it."""

    kind: str | None = None
    class_prompt: str | None = None


class Chosen(TypedDict):
    """Who is worked on now."""

    id: str


def character_routes(studio: Studio) -> APIRouter:
    """Who is worked on."""
    router = APIRouter(route_class=InWords)

    @router.post("/characters")
    def create(asked: NewCharacter) -> Chosen:
        character = models.create(studio.session, **asked.model_dump())
        studio.choose(character.id)
        return {"id": character.id}

    @router.post("/characters/{character_id}")
    def change(character_id: str, asked: Changes) -> Chosen:
        return {"id": characters.change(studio.session, character_id, **asked.model_dump()).id}

    @router.post("/characters/{character_id}/choose")
    def choose(character_id: str) -> Chosen:
        return {"id": studio.choose(character_id).id}

    return router
