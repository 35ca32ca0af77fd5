"""Chains of edits: how far they are, where they broke, and which go on."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipelines.domain.chains import Broken, why_broken
from pipelines.domain.records import ImageRecord, Job
from pipelines.domain.requests import RenderRequest
from pipelines.domain.shots import Chain, ImageRef, Plan, Shot
from pipelines.session import Session
from pipelines.workflow import review

REJECTED = "it was rejected in Review."


@dataclass
class Left:
    """What of a plan is still to be made, steps of chains whole or as they are planned, and the chains that broke
    already: of these no more is made."""

    shots: list[Shot] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)


def left(session: Session, plan: Plan) -> Left:
    """How far a plan is."""
    found = Left([shot for shot in plan.shots if not _there(session, plan, shot)])
    to_do: dict[str, Shot] = {}
    firsts = {shot.id: shot for shot in plan.shots}
    for chain in plan.chains:
        stop = _stopped(session, plan, chain, firsts[chain.first])
        if stop:
            found.broken.append(stop)
            continue
        for planned, made in _walk(session, plan, chain, firsts[chain.first]):
            if made is None:
                to_do[planned.id] = planned
    found.shots += to_do.values()
    return found


def _there(session: Session, plan: Plan, shot: Shot) -> bool:
    return session.workspace.path(plan.path(shot)).exists()


def _walk(session: Session, plan: Plan, chain: Chain, first: Shot) -> Iterator[tuple[Shot, ImageRecord | None]]:
    """The steps after the first, each with its picture as far as they are made."""
    image = picture_of(session, plan, first)
    for planned in chain.then:
        image = picture_of(session, plan, planned.made_of(image.ref)) if image else None
        yield planned, image


def _stopped(session: Session, plan: Plan, chain: Chain, first: Shot) -> Broken | None:
    """Where a chain broke: at the last step that was made, unless that is its end."""
    made = [picture_of(session, plan, first), *(image for _, image in _walk(session, plan, chain, first))]
    there = [image for image in made if image]
    if not there or len(there) == len(made) or not (why := why_no_more(session, there[-1])):
        return None
    image = there[-1]
    return Broken(chain=chain.name, step=len(there), steps=len(made), image=image.id, path=image.path, why=why)


def picture_of(session: Session, plan: Plan, shot: Shot) -> ImageRecord | None:
    """What was made of a shot of a plan, if it is recorded and there."""
    known = session.store.all(ImageRecord, path=plan.path(shot)) if _there(session, plan, shot) else []
    return known[-1] if known else None


def pictures(session: Session, plan: Plan) -> list[ImageRecord]:
    """The pictures of a plan that are there, those of chains last."""
    found: dict[str, ImageRecord] = {}

    def known(shot: Shot) -> ImageRef | None:
        image = picture_of(session, plan, shot)
        if image:
            found[shot.id] = image
        return image.ref if image else None

    for shot in plan.grown(known):
        known(shot)
    return list(found.values())


def why_no_more(session: Session, image: ImageRecord) -> str:
    """Why a chain does not go on from a picture: a human rejected it, or nobody let it through and it shows somebody
    else. Empty when it goes on."""
    verdict = session.store.verdict(image.id)
    if verdict.label == "reject":
        return REJECTED
    return "" if review.let_through(verdict) or image.shot is None else why_broken(image.shot, image.scores)


def admitted(session: Session, request: RenderRequest) -> RenderRequest:
    """The request without chains one of whose pictures was rejected since, and with what was let through of them."""
    plan = request.plan
    if not plan.chains:
        return request
    firsts = {shot.id: shot for shot in plan.shots}
    kept: list[Chain] = []
    good: dict[str, None] = {}
    for chain in plan.chains:
        made = [picture_of(session, plan, firsts[chain.first])]
        made += [image for _, image in _walk(session, plan, chain, firsts[chain.first])]
        verdicts = {image.id: session.store.verdict(image.id) for image in made if image}
        if all(verdict.label != "reject" for verdict in verdicts.values()):
            kept.append(chain)
        good |= dict.fromkeys(i for i, verdict in verdicts.items() if review.let_through(verdict))
    return request.model_copy(
        update={"plan": plan.model_copy(update={"chains": tuple(kept)}), "let_through": tuple(good)}
    )


def broken(session: Session, character_id: str) -> dict[str, str]:
    """The pictures at which chains of a character broke, each with why, as the jobs told it; without those that were
    let through since."""
    found: dict[str, str] = {}
    for job in session.store.all(Job, kind="render", character=character_id):
        for said in job.result.get("broken", []):
            stop = Broken.model_validate(said)
            if not review.let_through(session.store.verdict(stop.image)):
                found[stop.image] = f"{stop.chain} stopped here: {stop.why}"
    return found
