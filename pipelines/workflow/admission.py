"""What a job may begin with, asked by the queue at every beginning: what was decided while it waited counts."""

from collections.abc import Iterable

from pipelines.domain.presets import changed_since
from pipelines.domain.records import Character, ImageRecord
from pipelines.domain.requests import (
    CalibrateRequest,
    CaptionRequest,
    Other,
    ReadRequest,
    Reference,
    RenderRequest,
    Request,
    ScoreRequest,
    ScoringSpec,
    TrainRequest,
)
from pipelines.domain.shots import ImageRef
from pipelines.queue.admission import NotAllowed
from pipelines.session import Session
from pipelines.workflow import chains, gate, outsiders, reading, review, sources, thresholds


def admit(session: Session, request: Request) -> Request:
    """The request as it may begin now. Raises NotAllowed.

    Nothing begins whose model has another preset by now. A training must pass its gate whole. Nothing is made from a
    picture that was left out since, nor a chain gone on with from one that was rejected. Nobody is measured against a
    picture that was left out since, and no threshold calibrated from one: those are taken off the request.
    """
    _check_character(session, request)
    match request:
        case TrainRequest():
            _check_presets(session, {(request.family, request.revision)})
            gate.check(session, request)
            return request.model_copy(update={"scoring": _scoring(session, request.character, request.scoring)})
        case RenderRequest():
            _check_presets(session, {(shot.family, shot.revision) for shot in request.plan.shots})
            _check_sources(session, request)
            request = chains.admitted(session, request)
            return request.model_copy(update={"scoring": _scoring(session, request.plan.character, request.scoring)})
        case ScoreRequest():
            return request.model_copy(update={"scoring": _scoring(session, request.character, request.scoring)})
        case CalibrateRequest():
            return _calibration(session, request)
        case CaptionRequest():
            return reading.still_to_caption(session, request)
        case ReadRequest():
            return reading.still_to_read(session, request)
        case _:
            return request


def _check_character(session: Session, request: Request) -> None:
    who = request.plan.character if isinstance(request, RenderRequest) else getattr(request, "character", "")
    found = session.store.get(Character, who) if who else None
    if found is not None and found.trashed:
        raise NotAllowed(f"{found.name} is in the trash: take it out first.")


def _check_presets(session: Session, used: Iterable[tuple[str, str]]) -> None:
    models = session.presets.models
    for name, revision in used:
        if name in models and (why := changed_since(models[name], revision)):
            raise NotAllowed(why)


def _check_sources(session: Session, request: RenderRequest) -> None:
    plan = request.plan
    used = {ref.id: ref for shot in plan.shots for ref in shot.seen}.values()
    gone = [f"{gate.name(session, ref)} {why}" for ref in used if (why := gate.why_gone(session, plan.character, ref))]
    if gone:
        raise NotAllowed(
            f"This would edit pictures that are not to be used any more: {', '.join(gone[: gate.NAMED])}. "
            "Plan it again without them: what is made already is kept."
        )


def _scoring(session: Session, character_id: str, spec: ScoringSpec | None) -> ScoringSpec | None:
    """Scoring against sources that stand only, by thresholds that were calibrated for exactly these."""
    if spec is None:
        return None
    kept = _standing(session, character_id, spec.references)
    if kept == spec.references:
        return spec
    return spec.model_copy(
        update={"references": kept, "thresholds": thresholds.calibrated(session, character_id, kept)}
    )


def _standing(session: Session, character_id: str, references: tuple[Reference, ...]) -> tuple[Reference, ...]:
    known = {reference.image.id for reference in sources.references(session, character_id)}
    return tuple(r for r in references if r.image.id in known)


def _calibration(session: Session, request: CalibrateRequest) -> CalibrateRequest:
    verified = tuple(r for r in request.verified if review.let_through(session.store.verdict(r.image.id)))
    others = (Other(group=o.group, images=tuple(i for i in o.images if _is_kept(session, i))) for o in request.others)
    kept = {
        "references": _standing(session, request.character, request.references),
        "verified": verified,
        "others": tuple(other for other in others if other.images),
    }
    return request.model_copy(update=kept)


def _is_kept(session: Session, ref: ImageRef) -> bool:
    """Whether a picture of somebody else was brought in as that, or is in the records and none of the sources that were
    left out there."""
    if outsiders.is_there(session, ref):
        return True
    image = session.store.get(ImageRecord, ref.id)
    return image is not None and (image.kind != "source" or session.store.verdict(image.id).label != "reject")
