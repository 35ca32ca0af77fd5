"""In which order a gate's pictures are looked through, and which of them are nearly the same."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Literal, get_args

from pipelines.domain.records import Decision, ImageRecord, Verdict, Who, new_id
from pipelines.session import Session
from pipelines.storage.pictures import hamming
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.pristine import learnt_from
from pipelines.workflow.review import Gate, Item, let_through
from pipelines.workflow.sources import cell_of
from pipelines.workflow.twins import NEAR_DUPLICATE

Order = Literal["made", "helps", "unsure", "gaps", "best", "worst"]
ORDERS: dict[Order, str] = {
    "made": "As they were made",
    "helps": "What helps most",
    "unsure": "Unsure first",
    "gaps": "Gaps first",
    "best": "Most alike first",
    "worst": "Least alike first",
}
"""The orders with their words. ``helps``: what no machine can tell first, then what is missing, then by the score."""
assert set(ORDERS) == set(get_args(Order))

HASH = re.compile(r"[0-9a-f]{16}")
BITS = 64
BANDS = NEAR_DUPLICATE + 1
"""Hashes that differ in at most ``NEAR_DUPLICATE`` bits agree wholly in one of so many parts."""
UNSURE = ("unsure", "cannot tell")
Alike = dict[str, list[str]]
"""Near duplicates by the best of them: all ids, the best first."""


def ordered(session: Session, character_id: str, gate: Gate, items: Sequence[Item], order: Order) -> list[Item]:
    """The pictures of a gate in an order. Those of which nothing tells keep the order in which they were made."""
    if order == "made":
        return list(items)
    return sorted(items, key=_key(order, _have(session, character_id, gate, items)))


def _key(order: Order, have: Counter[tuple[str, str]]) -> Callable[[Item], Any]:
    def unsure(item: Item) -> bool:
        identity = item.image.scores.identity
        return identity is None or identity.verdict not in UNSURE

    def gap(item: Item) -> int:
        return have[cell_of(item.image)]

    def alike(item: Item) -> float:
        return -_score(item.image)

    def unlike(item: Item) -> float:
        identity = item.image.scores.identity
        return identity.score if identity and identity.score is not None else 2.0  # what nobody measured comes last

    keys: dict[str, Callable[[Item], Any]] = {
        "helps": lambda item: (unsure(item), gap(item), alike(item)),
        "unsure": unsure,
        "gaps": gap,
        "best": alike,
        "worst": unlike,
    }
    return keys[order]


def _have(session: Session, character_id: str, gate: Gate, items: Sequence[Item]) -> Counter[tuple[str, str]]:
    """How many pictures the next training has of each cell: what it learns from, and what is good at this gate."""
    learnt = {i.id: i for images in learnt_from(session, character_id).values() for i in images}
    if gate in ("enriched", "synthetic"):
        learnt |= {item.image.id: item.image for item in items if let_through(item.verdict)}
    return Counter(cell_of(image) for image in learnt.values())


def _score(image: ImageRecord) -> float:
    identity = image.scores.identity
    return identity.score if identity and identity.score is not None else -1.0


def alike(items: Sequence[Item]) -> Alike:
    """Pictures that are nearly the same, where there are two or more: those of one cell (an expression changes few bits
    of a hash) whose difference hash is within ``NEAR_DUPLICATE`` bits of the best. Not of pairs of pairs: a chain of
    small steps leads anywhere."""
    hashed = [item for item in items if HASH.fullmatch(item.image.dhash)]
    best_first = sorted(hashed, key=lambda item: _better(item.image, item.verdict), reverse=True)
    groups: Alike = {}
    leaders: dict[object, list[ImageRecord]] = defaultdict(list)
    for image in (item.image for item in best_first):
        places = [(_asked(image), band, part) for band, part in enumerate(_parts(image.dhash))]
        near = (one for place in places for one in leaders[place])
        leader = next((one for one in near if hamming(one.dhash, image.dhash) <= NEAR_DUPLICATE), None)
        if leader is not None:
            groups[leader.id].append(image.id)
            continue
        groups[image.id] = [image.id]
        for place in places:
            leaders[place].append(image)
    return {leader: ids for leader, ids in groups.items() if len(ids) > 1}


def keeping_one(items: Sequence[Item], kept: str, who: Who = "human") -> list[Decision]:
    """What is decided when one of near duplicates is kept: it is good and the others are rejected, but those that need
    correction. Raises NotAllowed when none is nearly the same as it."""
    group = next((ids for ids in alike(items).values() if kept in ids), None)
    if group is None:
        raise NotAllowed("No other picture of this gate is nearly the same as that one.")
    spared = {item.image.id for item in items if item.verdict.label in ("needs_correction", "reject")}
    others = [i for i in group if i != kept and i not in spared]
    batch = new_id()
    said = [(kept, "good", ""), *((i, "reject", "near duplicate") for i in others)]
    return [Decision(image=i, who=who, action="label", value=label, reason=why, batch=batch) for i, label, why in said]


def _asked(image: ImageRecord) -> tuple[str, ...]:
    return (*cell_of(image), image.shot.purpose.cell if image.shot else "")


def _parts(dhash: str) -> list[int]:
    """A 64-bit hash in ``BANDS`` parts, each with the bits that no other has."""
    bits = int(dhash, 16)
    edges = [BITS * n // BANDS for n in range(BANDS + 1)]
    return [(bits >> low) & ((1 << (high - low)) - 1) for low, high in pairwise(edges)]


def _better(image: ImageRecord, verdict: Verdict) -> tuple[int, int, int, float, float]:
    """What makes the best of near duplicates: what a human said of it, then how alike it is, then how sharp."""
    labels = {"good": 2, None: 1}
    sharp = image.scores.quality.sharpness if image.scores.quality else 0.0
    return labels.get(verdict.label, 0), verdict.identity or 0, verdict.edit or 0, _score(image), sharp
