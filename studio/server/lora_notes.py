"""What the user found out about LoRAs of the catalogue."""

from fastapi import APIRouter
from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.lora_notes import LONGEST_NOTE, Looked, LoraAxis, Stars
from pipelines.workflow import lora_notes
from studio.server.in_words import Done, InWords
from studio.server.state import Studio


class LoraFound(Frozen):
    """What was found out about a LoRA (an entry's name, or a file's id); what is left out stays as it is, a score of
    ``null`` is taken away."""

    key: str = Field(min_length=1, max_length=300)
    scores: dict[LoraAxis, Stars | None] = Field(default_factory=dict)
    note: str | None = Field(default=None, max_length=LONGEST_NOTE)
    looked: Looked | None = None


def lora_note_routes(studio: Studio) -> APIRouter:
    """Keeping notes on LoRAs."""
    router = APIRouter(route_class=InWords)

    @router.post("/loras/notes")
    def write(found: LoraFound) -> Done:
        """Keep what was found out."""
        lora_notes.write(studio.session, found.key, scores=found.scores, note=found.note, looked=found.looked)
        return {"ok": True}

    return router
