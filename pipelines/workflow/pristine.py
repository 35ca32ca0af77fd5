"""Step 1.7: which of the good pictures to learn from: the best, where the training set has least."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from pipelines.domain.records import DatasetVersion, ImageRecord
from pipelines.session import Session
from pipelines.storage.atomic import new_folder
from pipelines.storage.export import copy_with_caption
from pipelines.workflow import datasets, review
from pipelines.workflow.captions import Captions
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.sources import cell_of, sources

MOST = 20
"""The best 10 to 20 (docs/numbers.md)."""


def order(
    good: Iterable[ImageRecord], learnt: Mapping[str, Sequence[ImageRecord]], preference: Callable[[ImageRecord], Any]
) -> list[ImageRecord]:
    """All of ``good``, the one to take first at the front: again and again the best (of the highest ``preference``) of
    the cell that is emptiest, counting what is ``learnt`` from (by origin) and what was taken before; cells that a
    source shows come last."""
    counts = Counter(cell_of(image) for image in chain(*learnt.values()))
    shown = _shown(learnt)
    left: dict[tuple[str, str], list[ImageRecord]] = {}
    for image in sorted(good, key=preference):  # the best last
        left.setdefault(cell_of(image), []).append(image)
    taken: list[ImageRecord] = []
    while left:
        emptiest = min(left, key=lambda c: (c in shown, counts[c], c))
        taken.append(left[emptiest].pop())
        counts[emptiest] += 1
        if not left[emptiest]:
            del left[emptiest]
    return taken


def filling(good: Iterable[ImageRecord], learnt: Mapping[str, Sequence[ImageRecord]]) -> list[ImageRecord]:
    """Those of ``good`` in a cell that no source shows: beside true pictures, generated ones teach their own faults."""
    shown = _shown(learnt)
    return [image for image in good if cell_of(image) not in shown]


def _shown(learnt: Mapping[str, Sequence[ImageRecord]]) -> set[tuple[str, str]]:
    return {cell_of(image) for image in learnt.get("source", ())}


def kept(session: Session, character_id: str) -> set[str]:
    """Ids of the pictures that are in a pristine version."""
    return {i for d in datasets.versions(session, character_id, "pristine") for i in d.images}


def learnt_from(session: Session, character_id: str) -> dict[str, list[ImageRecord]]:
    """What the next training of a character learns from, by origin. Sources stay in every round; enriched and pristine
    pictures accumulate (docs/numbers.md)."""
    before = kept(session, character_id)
    return {
        "source": sources(session, character_id),
        "enriched": review.good(session, character_id, "enriched"),
        "pristine": [i for i in review.good(session, character_id, "synthetic") if i.id in before],
    }


def candidates(session: Session, character_id: str) -> list[ImageRecord]:
    """Good pictures that were not kept yet, in the order to take them: of a cell those with most stars (identity, then
    edit) first, then those that are most alike."""

    def preference(image: ImageRecord) -> tuple[int, int, float, str]:
        verdict, identity = session.store.verdict(image.id), image.scores.identity
        score = identity.score if identity and identity.score is not None else -1.0
        return verdict.identity or 0, verdict.edit or 0, score, image.id

    before = kept(session, character_id)
    new = [i for i in review.good(session, character_id, "synthetic") if i.id not in before]
    return order(new, learnt_from(session, character_id), preference)


def keep(session: Session, character_id: str, image_ids: Iterable[str]) -> DatasetVersion:
    """Make a new pristine version of pictures that were let through.

    The files are copied into ``data/pristine/vN`` with their captions beside them, so the folder is a dataset that
    any trainer reads. Raises NotAllowed when one of them has not been let through, NotFound for an unknown one.
    """
    chosen = [review.get(session, i) for i in dict.fromkeys(image_ids)]
    unseen = [image for image in chosen if not review.let_through(session.store.verdict(image.id))]
    if unseen or not chosen:
        raise NotAllowed(
            f"{len(unseen)} of {len(chosen)} pictures were not found good in review."
            if chosen
            else "No picture is chosen, or none is left: all of Generate's good pictures are kept already."
        )
    captions = Captions(session, character_id)
    with session.store.alone():  # the version that follows is one dataset's
        version = datasets.following(d.version for d in datasets.versions(session, character_id, "pristine"))
        folder = session.workspace.path(session.workspace.dataset(character_id, "pristine", version))
        with new_folder(folder) as whole:  # what an earlier try left half gives way
            for image in chosen:
                copy_with_caption(session.workspace.path(image.path), whole, captions.of(image))
        return datasets.include(session, character_id, "pristine", version, [image.id for image in chosen])
