"""What the next card is run with, kept for each character, so that it comes back after a reload."""

from pydantic import Field, JsonValue, ValidationError

from pipelines.domain.base import Frozen
from pipelines.domain.bounds import Seed, Tries, Weight
from pipelines.domain.records import LoraRecord, SavedStack
from pipelines.workflow.card import CardOptions
from studio.server import choices
from studio.server.state import Studio

TAB, NEWEST = "model_card", "newest"


class CardSetup(Frozen):
    """``lora``: its id, empty for the base model, ``None`` for the newest of the character's own. ``seed``: ``None``
    for the benchmark's own. ``beside``: further LoRAs (ids) with their weights."""

    lora: str | None = None
    strength: Weight = CardOptions.strength
    seed: Seed | None = CardOptions.seed
    seeds: Tries = CardOptions.seeds
    beside: dict[str, Weight] = Field(default_factory=dict)


def read(studio: Studio, offered: list[LoraRecord]) -> CardSetup:
    """What was set, as far as it can still be had. A LoRA that was chosen gives way to a newer one of the character."""
    kept = dict(choices.read(studio.session.workspace.root, studio.character_id, TAB))
    newest = kept.pop(NEWEST, "")
    try:
        found = CardSetup.model_validate(kept)
    except ValidationError:
        return CardSetup()
    there = {lora.id for lora in offered}
    stays = newest == _newest(studio, offered) and found.lora in {"", *there}
    beside = {id: weight for id, weight in found.beside.items() if id in there}
    return found.model_copy(update={"lora": found.lora if stays else None, "beside": beside})


def keep(studio: Studio, setup: CardSetup, offered: list[LoraRecord]) -> None:
    """Keep what was set for the character that is shown."""
    choice: dict[str, JsonValue] = setup.model_dump(mode="json") | {NEWEST: _newest(studio, offered)}
    choices.write(studio.session.workspace.root, studio.character_id, TAB, choice)


def of_generate(studio: Studio, offered: list[LoraRecord]) -> dict[str, float]:
    """The ticked rows of Generate's stack (ids and weights)."""
    saved = studio.session.store.get(SavedStack, SavedStack.place(studio.character_id, "generator"))
    there = {lora.id for lora in offered} - set(saved.off if saved else ())
    return {a.sha256: a.weight for a in (saved.stack.adapters if saved else ()) if a.sha256 in there}


def _newest(studio: Studio, offered: list[LoraRecord]) -> str:
    """Of the character's own; ``offered`` is newest first."""
    return next((lora.id for lora in offered if lora.character == studio.character_id), "")
