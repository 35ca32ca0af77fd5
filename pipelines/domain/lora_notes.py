"""What the user found out about LoRAs that might be surveyed: scores, a note, how far each was looked into."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field

from pipelines.domain.records import Record, now

LoraAxis = Literal["character", "angle", "light", "quality"]
"""What an edit has to keep or to reach: the character, the angle asked for, light and complexion, a clean picture."""
AXES: tuple[LoraAxis, ...] = get_args(LoraAxis)
Looked = Literal["", "card read", "to test", "left out"]
"""How far a LoRA was looked into; what was tested the surveys say."""
LOOKED: tuple[Looked, ...] = get_args(Looked)
Stars = Annotated[int, Field(ge=1, le=5)]
LONGEST_NOTE = 2000
"""Characters."""


class LoraNotes(Record):
    """``id`` is the name of the LoRA's entry in the catalogue, or the SHA-256 of a file that no entry knows. ``scores``
    are 1 to 5 by axis, as far as there are any."""

    table: ClassVar[str] = "lora_notes"
    scores: dict[LoraAxis, Stars] = Field(default_factory=dict)
    note: str = Field(default="", max_length=LONGEST_NOTE)
    looked: Looked = ""
    created: datetime = Field(default_factory=now)
