"""From one to three pictures: what the editor makes of them, so that a LoRA has enough to learn from.

With ten sources the editor fills gaps; with three or fewer it makes nearly all that there is. Every view is wanted with
every expression, and of faces, upper bodies and whole figures about a third each: a LoRA that has seen only heads draws
bodies of somebody else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product, zip_longest
from math import ceil

from pipelines.domain.presets import Axis, Edit
from pipelines.domain.shots import THEN
from pipelines.planning import base

FEW = 3
"""So many sources are few."""
AIM = 75
"""Edits and chains that are planned of them together: what an enrichment gives otherwise (50 to 100 pictures)."""
PLACES = ("background", "lighting")
"""Axes of which whole figures and upper bodies are made: else one place and one light are learnt with the character."""


@dataclass(frozen=True)
class Wider:
    """What is made of few sources: edits, chains of them, and at most how many of each source."""

    edits: tuple[str, ...]
    chains: tuple[str, ...]
    per_source: int


def wider(sources: int, axes: tuple[Axis, ...], offered: Iterable[str] = ()) -> Wider:
    """What to make of so many sources, with the edits that are ``offered`` (cell names such as ``angle/front``; none:
    all). Raises ChoiceError for unknown edits."""
    known = base.edits_by_name(axes)
    named = list(dict.fromkeys(offered)) or list(known)
    if wrong := [name for name in named if name not in known]:
        raise base.unknown("edit", wrong, list(known))
    edits = {name: known[name] for name in named}
    turns, faces = _of(edits, "angle"), _of(edits, "expression")
    figures = _of(edits, "framing")
    heads = [THEN.join(both) for both in product(turns, faces)]
    busts, bodies = (_figures(edits, figures, framing, len(heads)) for framing in ("bust", "full"))
    singles, chains = (*turns, *faces, *figures), _in_turn(heads, busts, bodies)
    every = len(singles) + len(chains)
    return Wider(singles, chains, max(1, min(every, ceil(AIM / max(1, sources)))))


def _of(edits: dict[str, Edit], what: str) -> list[str]:
    return [name for name, edit in edits.items() if getattr(edit, what)]


def _figures(edits: dict[str, Edit], figures: Sequence[str], framing: str, most: int) -> list[str]:
    """Chains that begin with that much of the figure and then turn it, or put it elsewhere; no more than there are of
    heads, so that neither outweighs the other."""
    begun = [name for name in figures if edits[name].framing == framing]
    places = ([name for name in edits if name.startswith(f"{axis}/")] for axis in PLACES)
    then = _in_turn(_of(edits, "angle"), *places)
    turned = [THEN.join((first, second)) for second in then for first in begun]
    return turned[: max(0, most - len(begun))]


def _in_turn(*lists: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for row in zip_longest(*lists) for name in row if name)
