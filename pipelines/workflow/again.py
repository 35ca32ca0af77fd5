"""One picture once more: the same shot with a new seed, or with a few, while everything else stays as it was."""

import random
from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from pipelines.domain.bounds import Guidance, Steps, Weight, fits
from pipelines.domain.faults import shown, wanted
from pipelines.domain.records import DatasetKind, ImageRecord, Job
from pipelines.domain.shots import LoraStack, Plan, Shot
from pipelines.domain.words import count
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


ONE_THING = {"steps": Steps, "guidance": Guidance, "strength": Weight, "prompt": str}
"""What may be varied alone, with what it takes: ``strength`` is the weight of the first LoRA of the stack."""
MOST_VALUES = 12


def vary_one(session: Session, image_id: str, name: str, values: Sequence[str]) -> Job:
    """Make a picture again with other values of one thing (``ONE_THING``), all else the same, its seed too. Raises
    NotFound, NotAllowed."""
    image = review.get(session, image_id)
    made = one_thing(session, image, name, values)
    what = f"Vary {name} of {made.shots[0].purpose.cell}: {count(len(made.shots), 'picture')}"
    return render.submit(session, made, what)


def one_thing(session: Session, image: ImageRecord, name: str, values: Sequence[str]) -> Plan:
    """The plan of ``vary_one``. Raises as that does."""
    beginning = plan(session, image, 1)
    assert image.shot
    if name not in ONE_THING:
        raise NotAllowed(f"Of {', '.join(ONE_THING)} one can be varied, not {shown(name)}.")
    if name == "strength" and not image.shot.stack.adapters:
        raise NotAllowed("That picture was made without a LoRA: there is no strength to vary.")
    asked = list(dict.fromkeys(" ".join(value.split()) for value in values if value.strip()))
    if not asked or len(asked) > MOST_VALUES:
        raise NotAllowed(f"Give one to {MOST_VALUES} values, such as 2, 3.5, 5.")
    shots = {shot.id: shot for value in asked if (shot := _with(image.shot, name, value)).id != image.shot.id}
    if not shots:
        raise NotAllowed("That is how it was made already: give another value.")
    first = beginning.shots[0].purpose.variant
    numbered = [
        shot.model_copy(update={"purpose": shot.purpose.model_copy(update={"variant": first + n})})
        for n, shot in enumerate(shots.values())
    ]
    return beginning.model_copy(update={"shots": tuple(numbered)})


def values(image: ImageRecord) -> dict[str, str]:
    """What can be varied of a picture, with the value that it has; nothing where it cannot be made again."""
    shot = image.shot
    if shot is None or not repeatable(image):
        return {}
    told = {"guidance": f"{shot.guidance:g}", "steps": str(shot.steps)}
    told |= {"strength": f"{shot.stack.adapters[0].weight:g}"} if shot.stack.adapters else {}
    return told | {"prompt": shot.prompt}


def _with(shot: Shot, name: str, said: str) -> Shot:
    """``shot`` with another value of one thing. Raises NotAllowed for one that does not do."""
    try:
        value = fits(ONE_THING[name], said)
    except ValidationError as error:
        raise NotAllowed(f"{name.capitalize()} {shown(said)}: it is {wanted(error)}.") from None
    if name != "strength":
        return shot.model_copy(update={name: value})
    first, *others = shot.stack.adapters
    adapters = (first.model_copy(update={"weight": value}), *others)
    return shot.model_copy(update={"stack": LoraStack(adapters=adapters)})


def _submit(session: Session, image_id: str, pictures: int, what: str) -> Job:
    image = review.get(session, image_id)
    made = plan(session, image, pictures)
    cell = made.shots[0].purpose.cell
    return render.submit(session, made, f"{what} {cell}" + (f": {pictures} pictures" if pictures > 1 else ""))


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
