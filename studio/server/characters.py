"""Characters: making one, and choosing whom to work on."""

from collections.abc import Iterable

from fastapi import APIRouter
from typing_extensions import TypedDict

from pipelines.domain.base import Frozen
from pipelines.domain.records import TOKEN, Character, JudgedBy
from pipelines.workflow import characters, models, putting_away
from studio.server.in_words import InWords
from studio.server.state import Studio
from studio.server.status import CharacterName


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
    judged_by: JudgedBy = "face"


class Changes(Frozen):
    """What a character is, or is called, said anew; ``None`` leaves it."""

    kind: str | None = None
    class_prompt: str | None = None
    name: str | None = None


class ToldBy(Frozen):
    """By what a character is told from now on."""

    judged_by: JudgedBy


class PutAway(TypedDict):
    """Characters that are archived, and those in the trash."""

    archived: list[CharacterName]
    trash: list[CharacterName]


class Emptied(TypedDict):
    """Who was removed for good; folders that were left, each with the reason."""

    removed: list[str]
    left: list[str]


class Chosen(TypedDict):
    """Who is worked on now."""

    id: str


def _names(found: Iterable[Character]) -> list[CharacterName]:
    return [{"id": c.id, "name": c.name} for c in found]


def character_routes(studio: Studio) -> APIRouter:
    """Who is worked on."""
    router = APIRouter(route_class=InWords)

    @router.post("/characters")
    def create(asked: NewCharacter) -> Chosen:
        character = models.create(studio.session, **asked.model_dump())
        studio.choose(character.id)
        return {"id": character.id}

    @router.get("/characters/away")
    def away() -> PutAway:
        found = putting_away.away(studio.session)
        return {"archived": _names(found.archived), "trash": _names(found.trash)}

    @router.post("/characters/trash/empty")
    def empty() -> Emptied:
        """Remove for good who is in the trash: records and files."""
        done = putting_away.empty_trash(studio.session)
        return {"removed": list(done.removed), "left": [f"{folder}: {why}" for folder, why in done.left]}

    @router.post("/characters/{character_id}/archive")
    def archive(character_id: str) -> Chosen:
        putting_away.archive(studio.session, character_id)
        return {"id": studio.character_id}

    @router.post("/characters/{character_id}/delete")
    def delete(character_id: str) -> Chosen:
        """Into the trash; its files stay. 422 while a job of it is at work."""
        putting_away.delete(studio.session, character_id)
        return {"id": studio.character_id}

    @router.post("/characters/{character_id}/restore")
    def restore(character_id: str) -> Chosen:
        return {"id": studio.choose(putting_away.restore(studio.session, character_id).id).id}

    @router.post("/characters/{character_id}")
    def change(character_id: str, asked: Changes) -> Chosen:
        return {"id": characters.change(studio.session, character_id, **asked.model_dump()).id}

    @router.post("/characters/{character_id}/choose")
    def choose(character_id: str) -> Chosen:
        return {"id": studio.choose(character_id).id}

    @router.post("/characters/{character_id}/judge")
    def judge(character_id: str, asked: ToldBy) -> Chosen:
        return {"id": characters.judge_by(studio.session, character_id, asked.judged_by).id}

    return router
