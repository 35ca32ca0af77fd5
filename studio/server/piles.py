"""What lies at the gates of Review, as the page shows it."""

from collections import Counter
from itertools import chain

from typing_extensions import TypedDict

from pipelines.domain.records import ImageRecord
from pipelines.practice.choices import kept_at_once
from pipelines.workflow import pristine, review
from pipelines.workflow.sources import angle_of, cell_of
from studio.server.state import Studio
from studio.server.tiles import Tile, tile


class Tally(TypedDict):
    """How many pictures of a gate lie in each pile, and how many the filter would sort out now."""

    counts: dict[str, int]
    filter: int


class PileItem(Tile):
    """A picture at a gate, with the reference to hold it against (and what that shows) and the picture it was made
    from."""

    reference: str | None
    reference_angle: str
    parent: str | None
    correctable: bool


class Pile(Tally):
    """A gate of the review: every picture with the reference to hold it against."""

    gate: review.Gate
    items: list[PileItem]


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


def pile(studio: Studio, gate: review.Gate) -> Pile:
    """A gate of the review: every picture with the reference to hold it against, how many lie in each pile, and how
    many the filter would sort out."""
    found = review.pile(studio.session, studio.character_id, gate) if studio.character_id else []
    items = [_item(item) for item in found]
    counts = Counter(chain.from_iterable(item["piles"] for item in items))  # of these very items
    return {"gate": gate, "counts": counts, "filter": _going(studio, gate), "items": items}


def _item(item: review.Item) -> PileItem:
    return {
        **tile(item.image, item.verdict),
        "reference": item.reference.id if item.reference else None,
        "reference_angle": angle_of(item.reference) if item.reference else "",
        "parent": next((p.id for p in item.image.parents), None),
        "correctable": review.correctable(item.image),
    }


def _going(studio: Studio, gate: review.Gate) -> int:
    return len(review.would_go(studio.session, studio.character_id)) if gate == "synthetic" else 0


def tally(studio: Studio, gate: review.Gate) -> Tally:
    """How many pictures of a gate lie in each pile, and how many the filter would sort out now."""
    return {"counts": review.tally(studio.session, studio.character_id, gate), "filter": _going(studio, gate)}


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
