"""What follows from decisions, said to the page: the table it paints by while a decision is on its way, and the answer
that replaces what it painted. The rules stand in `pipelines.domain.verdicts` and `pipelines.workflow`; the page has
none.
"""

from collections.abc import Iterable
from typing import Literal, get_args

from typing_extensions import TypedDict

from pipelines.domain.records import Decision, ImageRecord, Label, Verdict
from pipelines.domain.verdicts import after
from pipelines.session import Session
from pipelines.workflow import card, review
from studio.server.piles import Tally, tally
from studio.server.state import Studio
from studio.server.tiles import Standing, standing, state

NOBODY = Verdict()


ANYTHING = "*"
"""Instead of a value: whatever is said."""
Action = Literal["label", "identity", "edit"]
Change = dict[str, str | int | None]
"""Fields of a picture's state, as a decision leaves them."""


class Outcome(TypedDict, total=False):
    """What a decision makes of a picture: fields of its state, the piles it lies in instead of those of other labels,
    the verdict of a cell of the model card, the list of its state that the value is put into or taken out of, the field
    that it becomes."""

    state: Change
    piles: list[str]
    cell: card.CellVerdict | None
    flips: Literal["failures"]
    becomes: Literal["note"]


class Settled(TypedDict):
    """What now stands of some pictures, and of the gates they lie at."""

    pictures: dict[str, Standing]
    gates: dict[str, Tally]


def table(session: Session) -> dict[str, dict[str, Outcome]]:
    """For each action and value (``null`` clears) what a human's decision makes of a picture: the fields of its state,
    and the piles it lies in instead of others of the table; ``cell`` is the verdict of a cell of the model card.
    ``flips`` names a list of the state that the value is put into or taken out of, ``becomes`` a field of it that the
    value is from then on."""
    names = [mode.name for mode in session.presets.failures]
    stars = (1, 2, 3, 4, 5, None)
    return {
        "label": {
            **{_key(label): _label(label) for label in (*get_args(Label), None)},
            review.ASIDE: {"piles": [review.ASIDE]},  # nobody decides that; what was set aside leaves this pile
        },
        "identity": {_key(n): _starred("identity", n) for n in stars},
        "edit": {_key(n): _starred("edit", n) for n in stars},
        "failure": {name: {"flips": "failures"} for name in names},
        "note": {ANYTHING: {"becomes": "note"}},
    }


def _key(value: str | int | None) -> str:
    return "null" if value is None else str(value)


def _after(action: Action, value: str | int | None) -> Verdict:
    return after(NOBODY, Decision(image="", who="human", action=action, value=value))


def _starred(of: Literal["identity", "edit"], stars: int | None) -> Outcome:
    return {"state": {of: state(_after(of, stars))[of]}}


def _label(label: str | None) -> Outcome:
    verdict = _after("label", label)
    known = state(verdict)
    said: Change = {"label": known["label"], "who": known["who"], "reason": known["reason"]}
    return {"state": said, "piles": review.label_piles(verdict), "cell": card.by_eyes(verdict)}


def settled(studio: Studio, image_ids: Iterable[str]) -> Settled:
    """What now stands of these pictures, and what it makes of the gates they lie at."""
    store = studio.session.store
    images = [image for i in dict.fromkeys(image_ids) if (image := store.get(ImageRecord, i))]
    here = {image.kind for image in images if image.character == studio.character_id}
    return {
        "pictures": {image.id: standing(image, store.verdict(image.id)) for image in images},
        "gates": {gate: tally(studio, gate) for gate in review.GATES if gate in here},
    }
