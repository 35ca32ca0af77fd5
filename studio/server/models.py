"""Which models a character works with: what there is to choose from, and changing the choice."""

from fastapi import APIRouter

from pipelines.domain.base import Frozen
from pipelines.workflow import models, render
from studio.server.in_words import Begun, InWords
from studio.server.state import Studio


class OtherModels(Frozen):
    """The models that a character is to work with from now on; an empty name: that one stays. ``new_round``: what was
    made with the present ones stays as it is, and the next training begins anew."""

    generator: str = ""
    editor: str = ""
    new_round: bool = False


class Changed(Frozen):
    """What a character works with now."""

    generator: str
    editor: str


class Beginning(Frozen):
    """What was made with the models of a character, in words; nothing while they can simply be changed."""

    choosing: models.Choosing
    made: tuple[str, ...] = ()


def model_routes(studio: Studio) -> APIRouter:
    """The models there are, and those of a character."""
    router = APIRouter(route_class=InWords)

    @router.get("/models")
    def offered() -> models.Choosing:
        """What a new character can work with, and what is recommended."""
        return models.choosing(studio.session)

    @router.get("/characters/{character_id}/models")
    def present(character_id: str) -> Beginning:
        """What a character works with, what else there is, and what was made so far."""
        made = models.made(studio.session, character_id)
        return Beginning(choosing=models.choosing(studio.session, character_id), made=tuple(made))

    @router.post("/characters/{character_id}/models")
    def change(character_id: str, wanted: OtherModels) -> Changed:
        character = models.change(studio.session, character_id, **wanted.model_dump())
        return Changed(generator=character.generator, editor=character.editor)

    @router.post("/models/{name}/get")
    def obtain(name: str) -> Begun:
        """Download the weights of a model, whose size and licence were shown."""
        return {"job": render.obtain(studio.session, name).id}

    return router
