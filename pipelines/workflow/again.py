"""One picture once more: the same shot with a new seed, or with a few, while everything else stays as it was."""

import random
from collections.abc import Iterator

from pipelines.domain.records import DatasetKind, ImageRecord, Job
from pipelines.domain.shots import Plan, Shot
from pipelines.session import Session
from pipelines.workflow import datasets, render, review, sources
from pipelines.workflow.characters import NotAllowed

FEW = 4
"""How many seeds ``vary`` tries."""
STEP = {"enriched": "Enrich", "synthetic": "Generate"}
MOST_SEED = 2**32 - 1

_dice = random.SystemRandom()


def repeatable(image: ImageRecord) -> bool:
    """Whether a picture can be made again: Enrich or Generate made it. Cells of a card or a survey are made once, or
    what they measure would be chosen."""
    return image.shot is not None and image.kind in STEP


def retry(session: Session, image_id: str) -> Job:
    """Make a picture again with a new seed. Raises NotFound, NotAllowed."""
    return _submit(session, image_id, 1, "Retry")


def vary(session: Session, image_id: str) -> Job:
    """Make a picture again with a few new seeds. Raises NotFound, NotAllowed."""
    return _submit(session, image_id, FEW, "Vary")


def _submit(session: Session, image_id: str, count: int, what: str) -> Job:
    image = review.get(session, image_id)
    made = plan(session, image, count)
    cell = made.shots[0].purpose.cell
    return render.submit(session, made, f"{what} {cell}" + (f": {count} pictures" if count > 1 else ""))


def plan(session: Session, image: ImageRecord, count: int) -> Plan:
    """``count`` shots like that of ``image``, each with a new seed, for the version that new pictures go into. Raises
    NotAllowed for a picture that no shot of Enrich or Generate made, and when its source has been left out."""
    if image.shot is None or image.kind not in STEP:
        raise NotAllowed("Only a picture that was made in Enrich or Generate can be made again.")
    if not _may_be_used(session, image):
        raise NotAllowed("The source of this picture has been left out: take it back in to make more of it.")
    kind: DatasetKind = "enriched" if image.kind == "enriched" else "synthetic"
    version = datasets.open_version(session, image.character, kind)
    return Plan(
        character=image.character,
        kind=kind,
        version=version,
        folder=session.workspace.dataset(image.character, kind, version),
        shots=tuple(_others(session, image, image.shot, count)),
    )


def _may_be_used(session: Session, image: ImageRecord) -> bool:
    """Whether all that a picture was made from may be used: sources that stand, and steps of its chain that nobody
    rejected."""
    if not image.parents:
        return True
    known = {source.id for source in sources.sources(session, image.character)}
    source, *steps = review.lineage(session, image) or [image]
    return source.id in known and all(session.store.verdict(step.id).label != "reject" for step in steps)


def _others(session: Session, image: ImageRecord, shot: Shot, count: int) -> Iterator[Shot]:
    same = [i.shot for i in datasets.pictures(session, image.character, image.kind) if i.shot and _alike(i.shot, shot)]
    used = {known.seed for known in same}
    first = 1 + max(known.purpose.variant for known in same)
    for variant in range(first, first + count):
        seed = next(s for s in iter(lambda: _dice.randint(0, MOST_SEED), None) if s not in used)
        used.add(seed)
        purpose = shot.purpose.model_copy(update={"variant": variant})
        yield shot.model_copy(update={"seed": seed, "purpose": purpose})


def _alike(one: Shot, other: Shot) -> bool:
    """Whether two shots are the same cell of the same sources."""
    return one.purpose.cell == other.purpose.cell and one.sources == other.sources
