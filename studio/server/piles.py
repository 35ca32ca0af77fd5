"""What lies at the gates of Review, as the page shows it."""

from collections import Counter
from itertools import chain

from typing_extensions import TypedDict

from pipelines.domain.records import ImageRecord
from pipelines.domain.seen import seen
from pipelines.practice.choices import kept_at_once
from pipelines.workflow import goals, pristine, review, review_history, review_order
from pipelines.workflow.sources import angle_of, asked, cell_of
from studio.server.state import Studio
from studio.server.tiles import Tile, tile


class Tally(TypedDict):
    """How many pictures of a gate lie in each pile, and how many the filter would sort out now; how many good ones are
    wanted, and how fast it goes, in words."""

    counts: dict[str, int]
    filter: int
    wanted: int | None
    pace: str


class UndoStep(TypedDict):
    """What a human decided with one key, and the picture it was said of last."""

    id: str
    image: str
    words: str


class PileItem(Tile):
    """A picture at a gate, with the reference to hold it against (and what that shows) and the picture it was made
    from; what it was asked to show and what was measured, angle before expression (``unsure``: nobody says)."""

    asked: tuple[str, str]
    measured: tuple[str, str]
    reference: str | None
    reference_angle: str
    parent: str | None
    correctable: bool


class Pile(Tally):
    """A gate of the review: every picture with the reference to hold it against, in an order; near duplicates by the
    best of them; what can be taken back, the last at the end."""

    gate: review.Gate
    order: review_order.Order
    items: list[PileItem]
    alike: review_order.Alike
    undo: list[UndoStep]


class Try(Tile):
    """What could be the better try of a picture; ``same``: it was asked for the same."""

    same: bool
    how: str
    prompt: str


class Tries(TypedDict):
    """What could be the better try of a picture, the likeliest first."""

    pictures: list[Try]


class Candidate(Tile):
    """A good picture that could be kept, and the cell that it fills."""

    cell: str


class Candidates(TypedDict):
    """Good pictures that could be kept, the one to take first at the front; ``most`` is how many are kept unless the
    human says otherwise, ``have`` what the training set has of each cell."""

    most: int
    have: dict[str, int]
    pictures: list[Candidate]


def pile(studio: Studio, gate: review.Gate, order: review_order.Order = "made") -> Pile:
    """A gate of the review: every picture with the reference to hold it against, how many lie in each pile, and how
    many the filter would sort out."""
    session, who = studio.session, studio.character_id
    found = review.pile(session, who, gate) if who else []
    shown = review_order.ordered(session, who, gate, found, order) if who else []
    items = [_item(item) for item in shown]
    counts = Counter(chain.from_iterable(item["piles"] for item in items))  # of these very items
    return {
        "gate": gate,
        "order": order,
        "items": items,
        "alike": review_order.alike(found),
        "undo": [undo_step(step) for step in reversed(review_history.steps(session, who, gate))],
        **_tally(studio, gate, counts),
    }


def undo_step(step: review_history.Step) -> UndoStep:
    """A step as the page shows it."""
    return {"id": step.id, "image": step.decisions[0].image, "words": step.words}


def _item(item: review.Item) -> PileItem:
    return {
        **tile(item.image, item.verdict),
        "asked": (asked(item.image, "angle"), asked(item.image, "expression")),
        "measured": (seen(item.image, "angle").value, seen(item.image, "expression").value),
        "reference": item.reference.id if item.reference else None,
        "reference_angle": angle_of(item.reference) if item.reference else "",
        "parent": next((p.id for p in item.image.parents), None),
        "correctable": review.correctable(item.image),
    }


def _going(studio: Studio, gate: review.Gate) -> int:
    return len(review.would_go(studio.session, studio.character_id)) if gate == "synthetic" else 0


def tally(studio: Studio, gate: review.Gate) -> Tally:
    """How many pictures of a gate lie in each pile, and how many the filter would sort out now."""
    return _tally(studio, gate, review.tally(studio.session, studio.character_id, gate))


def _tally(studio: Studio, gate: review.Gate, counts: Counter[str]) -> Tally:
    here = studio.character
    pace = review_history.pace(studio.session, here.id, gate, counts["open"]) if here else None
    return {
        "counts": counts,
        "filter": _going(studio, gate),
        "wanted": goals.wanted(here, gate) if here else None,
        "pace": pace.words if pace else "",
    }


def tries(studio: Studio, image_id: str) -> Tries:
    """What could be the better try of a picture, the likeliest first; each with how it was made."""
    wrong = review.get(studio.session, image_id)
    return {"pictures": [_try(studio, i, wrong) for i in review.tries(studio.session, image_id)]}


def _try(studio: Studio, image: ImageRecord, wrong: ImageRecord) -> Try:
    assert image.shot  # it is an edit
    return {
        **tile(image, studio.session.store.verdict(image.id)),
        "same": review.same_edit(wrong, image),
        "how": f"{image.shot.stack.label}, seed {image.shot.seed}",
        "prompt": image.shot.prompt,
    }


def candidates(studio: Studio) -> Candidates:
    """Good pictures that could be kept, the one to take first at the front, each with the cell that it fills; ``most``
    is how many are kept unless the human says otherwise, ``have`` what the training set has of each cell."""
    here = studio.character
    found = pristine.candidates(studio.session, here.id) if here else []
    learnt = pristine.learnt_from(studio.session, here.id) if here else {}
    have = Counter(_place(image) for images in learnt.values() for image in images)
    return {
        "most": kept_at_once(studio.session, here, found) if here else 0,
        "have": dict(have),
        "pictures": [{**tile(i, studio.session.store.verdict(i.id)), "cell": _place(i)} for i in found],
    }


def _place(image: ImageRecord) -> str:
    return " · ".join(part for part in cell_of(image) if part)
