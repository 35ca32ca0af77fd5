"""How many good pictures a gate is to give."""

from pipelines.domain.bounds import Wanted, fits
from pipelines.domain.records import Character
from pipelines.session import Session
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.pristine import MOST
from pipelines.workflow.review import Gate

WANTED: dict[Gate, int] = {"enriched": 30, "synthetic": MOST}
"""Where nothing was said (docs/numbers.md). A card and a survey measure: of them no number is wanted."""


def wanted(character: Character, gate: Gate) -> int | None:
    """How many good pictures are wanted at a gate; None where it is to give none."""
    return character.wanted.get(gate, WANTED[gate]) if gate in WANTED else None


def want(session: Session, character_id: str, gate: Gate, number: int) -> Character:
    """Say how many good pictures are wanted at a gate. Raises NotFound, NotAllowed, and ValueError for no number of
    pictures."""
    if gate not in WANTED:
        raise NotAllowed(f"No number of good pictures is wanted of a {gate}: it measures.")
    number = fits(Wanted, number)
    with session.store.alone():
        character = session.character(character_id)
        changed = character.model_copy(update={"wanted": {**character.wanted, gate: number}})
        session.store.put(changed)
    return changed
