"""Chains of edits: how far they are, where they broke, and which go on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pipelines.domain.best import rank, set_aside, why_not
from pipelines.domain.chains import Broken, why_broken
from pipelines.domain.records import DatasetKind, Decision, ImageRecord, Job, Verdict
from pipelines.domain.requests import RenderRequest
from pipelines.domain.shots import Chain, ImageRef, Plan, Shot, Tries
from pipelines.session import Session
from pipelines.workflow import datasets, review

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
    for chain in plan.chains:
        walked = _walk(session, plan, chain)
        stop = _stopped(session, chain, walked)
        if stop:
            found.broken.append(stop)
            continue
        for tries, _ in walked[1:]:
            to_do |= {shot.id: shot for shot in tries if not (shot.sources and _there(session, plan, shot))}
    found.shots += to_do.values()
    return found


def _there(session: Session, plan: Plan, shot: Shot) -> bool:
    return session.workspace.path(plan.path(shot)).exists()


Walked = list[tuple[Tries, ImageRecord | None]]


def _walk(session: Session, plan: Plan, chain: Chain) -> Walked:
    """The steps of a chain, the first included: their shots (as planned where their source is not there) and the
    picture that is gone on from as far as they are made."""
    first = next(shot for shot in plan.shots if shot.id == chain.first)
    steps = (first, *chain.then)
    walked: Walked = []
    for number, planned in enumerate(steps):
        before = walked[-1][1] if walked else None
        shot = planned.made_of(before.ref) if before else planned
        known = not number or before is not None
        tries = plan.tries_of(shot)
        best = chosen(session, plan, tries, steps[number + 1 : number + 2]) if known else None
        walked.append((tries, best))
    return walked


def chosen(session: Session, plan: Plan, tries: Tries, then: Sequence[Shot] = ()) -> ImageRecord | None:
    """The picture of some tries that is kept and gone on from: one that a human let through, else one that was gone on
    from (by the steps ``then``), else the best by what machines say, none of them one that was rejected by a human if
    there is another. ``None`` while some are not made and none was gone on from."""
    there = [image for shot in tries if (image := picture_of(session, plan, shot))]
    begun = {image.id for image in there if _gone_on(session, plan, image, then)}
    if not there or (len(there) < len(tries) and not begun):
        return None

    def preference(image: ImageRecord) -> tuple[object, ...]:
        verdict = session.store.verdict(image.id)
        kept = review.let_through(verdict), image.id in begun, not set_aside(verdict), rank(image)
        return not rejected(verdict), *kept

    return max(there, key=preference)


def rejected(verdict: Verdict) -> bool:
    """Whether a picture was rejected for what it shows: not because another try was better."""
    return verdict.label == "reject" and not set_aside(verdict)


def _gone_on(session: Session, plan: Plan, image: ImageRecord, then: Sequence[Shot]) -> bool:
    return any(_there(session, plan, shot) for step in then for shot in plan.tries_of(step.made_of(image.ref)))


def _stopped(session: Session, chain: Chain, walked: Walked) -> Broken | None:
    """Where a chain broke: at the last step that was made, unless that is its end."""
    there = [image for _, image in walked if image]
    if not there or len(there) == len(walked) or not (why := why_no_more(session, there[-1])):
        return None
    image = there[-1]
    return Broken(chain=chain.name, step=len(there), steps=len(walked), image=image.id, path=image.path, why=why)


def picture_of(session: Session, plan: Plan, shot: Shot) -> ImageRecord | None:
    """What was made of a shot of a plan, if it is recorded and there."""
    known = session.store.all(ImageRecord, path=plan.path(shot)) if _there(session, plan, shot) else []
    return known[-1] if known else None


def knowing_earlier(session: Session, kind: DatasetKind, plan: Plan) -> Plan:
    """The plan with the pictures of it that another version of its dataset holds: the same shot gives the same picture,
    and twice among what is learnt from it would count double."""
    others = [
        plan.model_copy(update={"folder": session.workspace.dataset(plan.character, kind, known.version)})
        for known in reversed(datasets.versions(session, plan.character, kind))
        if known.version != plan.version
    ]

    def made(shot: Shot) -> ImageRecord | None:
        return next((image for one in (plan, *others) if (image := picture_of(session, one, shot))), None)

    def goes_on(tries: Tries) -> list[ImageRef]:
        return [image.ref for shot in tries if (image := made(shot))]

    found = {shot.id: image for shot in plan.grown(goes_on) if (image := made(shot))}
    earlier = {shot: image.path for shot, image in found.items() if image.version != plan.version}
    return plan.model_copy(update={"earlier": earlier})


def pictures(session: Session, plan: Plan) -> list[ImageRecord]:
    """The pictures of a plan that are there, those of chains last."""
    found: dict[str, ImageRecord] = {}

    def known(tries: Tries) -> list[ImageRef]:
        found.update({shot.id: image for shot in tries if (image := picture_of(session, plan, shot))})
        return [found[shot.id].ref for shot in tries if shot.id in found]

    for shot in plan.grown(known):
        known((shot,))
    return list(found.values())


def settle(session: Session, plan: Plan, *, over: bool) -> None:
    """Of several tries the best is kept; a rule sets the others aside, where it is surely better and nobody has said
    anything of them. What is not complete waits, unless the plan is ``over``: then what could be made is all there is.
    Told twice, it does no harm."""
    if plan.tries < 2:
        return
    groups = {tries[0].id: tries for tries in plan.groups}
    then: dict[str, list[Shot]] = {}
    for chain in plan.chains:
        walked = _walk(session, plan, chain)
        for (tries, _), step in zip(walked, chain.then, strict=False):
            then.setdefault(tries[0].id, []).append(step)
        groups |= {tries[0].id: tries for tries, _ in walked if tries[0].sources}
    aside = (_set_aside(session, plan, tries, then.get(first, []), over) for first, tries in groups.items())
    session.store.decide(*(decision for decisions in aside for decision in decisions))


def _set_aside(session: Session, plan: Plan, tries: Tries, then: Sequence[Shot], over: bool) -> Iterator[Decision]:
    there = [image for shot in tries if (image := picture_of(session, plan, shot))]
    if len(there) < len(tries) and not over:
        return
    best = chosen(session, plan, tuple(image.shot for image in there if image.shot), then)
    for image in there:
        if best and image.id != best.id and rank(image) < rank(best) and session.store.verdict(image.id).label is None:
            yield Decision(image=image.id, who="rule", action="label", value="reject", reason=why_not(image, best),
                           where="tries")  # fmt: skip


def why_no_more(session: Session, image: ImageRecord) -> str:
    """Why a chain does not go on from a picture: a human rejected it, or nobody let it through and it shows somebody
    else. Empty when it goes on."""
    verdict = session.store.verdict(image.id)
    if rejected(verdict):
        return REJECTED
    return "" if review.let_through(verdict) or image.shot is None else why_broken(image.shot, image.scores)


def admitted(session: Session, request: RenderRequest) -> RenderRequest:
    """The request without chains one of whose pictures was rejected since, and with what was let through of them."""
    plan = request.plan
    if not plan.chains:
        return request
    kept: list[Chain] = []
    good: dict[str, None] = {}
    known: dict[str, None] = {}
    for chain in plan.chains:
        made = [image for _, image in _walk(session, plan, chain) if image]
        verdicts = {image.id: session.store.verdict(image.id) for image in made}
        if not any(rejected(verdict) for verdict in verdicts.values()):
            kept.append(chain)
        good |= dict.fromkeys(i for i, verdict in verdicts.items() if review.let_through(verdict))
        known |= dict.fromkeys(verdicts) if plan.tries > 1 else {}
    return request.model_copy(
        update={
            "plan": plan.model_copy(update={"chains": tuple(kept)}),
            "let_through": tuple(good),
            "chosen": tuple(known),
        }
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
