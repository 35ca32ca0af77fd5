"""The gate of every training: each picture that it will see is let through in review at the moment it begins.

What a training learns with (captions, weights, settings) stays as it was when it was asked for, so that one that is
gone on with ends as if it had never stopped; whether its pictures may be used is asked anew each time. A checkpoint has
learnt every picture of its request (the trainer takes no other's), so a training whose pictures do not all stand any
more is not gone on with. That the files are still those that were reviewed is checked where they are read
(``train.dataset.load_picture``).
"""

from collections.abc import Iterable

from pipelines.domain.records import Character, ImageRecord
from pipelines.domain.requests import TrainRequest
from pipelines.domain.shots import ImageRef
from pipelines.queue.admission import NotAllowed
from pipelines.session import Session
from pipelines.workflow import review

NAMED = 5
"""How many pictures a refusal names."""
ANEW = (
    "Start a new training: it learns from what is let through now. None goes on that may have seen what is not; "
    "decide otherwise in Review, and it can."
)


class GateShut(NotAllowed):
    """A training was asked for before its gate is open; the message says what is missing."""


def check(session: Session, request: TrainRequest) -> None:
    """Ask the gate for everything that a training would see: pictures to learn, input pictures, and what its samples
    are made from. Raises GateShut."""
    sampled = [ref for shot in request.samples for ref in shot.seen]
    if why := why_closed(session, request.character, (*request.pictures, *sampled)):
        raise GateShut(f"{why} {ANEW}")


def why_closed(session: Session, character_id: str, pictures: Iterable[ImageRef]) -> str:
    """Why nothing may be trained that sees all of these pictures of a character now; "" when it may."""
    if session.store.get(Character, character_id) is None:
        return f"There is no character {character_id!r} in this workspace any more."
    seen = {ref.id: ref for ref in pictures}.values()
    barred = [f"{name(session, ref)} {why}" for ref in seen if (why := _why_barred(session, character_id, ref))]
    if not barred:
        return ""
    more = f", and {len(barred) - NAMED} more" if len(barred) > NAMED else ""
    count = "1 picture" if len(barred) == 1 else f"{len(barred)} pictures"
    return f"{count} may not be learnt from: {', '.join(barred[:NAMED])}{more}."


def stands(session: Session, character_id: str, pictures: Iterable[ImageRef]) -> bool:
    """Whether all of these pictures may be learnt from."""
    return not why_closed(session, character_id, pictures)


def name(session: Session, ref: ImageRef) -> str:
    """A picture in a message: the start of its id, and the file that it came in as."""
    image = session.store.get(ImageRecord, ref.id)
    return f"{ref.id[:8]} ({image.intake.filename})" if image and image.intake else ref.id[:8]


def why_gone(session: Session, character_id: str, ref: ImageRef) -> str:
    """Why a picture is none of a character's any more, in words that follow its name; "" when it is."""
    image = session.store.get(ImageRecord, ref.id)
    if image is None:
        return "is not in the records"
    if image.character != character_id:
        return f"is a picture of {image.character}"
    if session.store.verdict(image.id).label != "reject":
        return ""
    return "was left out of the sources" if image.kind == "source" else "was rejected"


def _why_barred(session: Session, character_id: str, ref: ImageRef) -> str:
    """Why a picture may not be learnt from; "" when it may."""
    gone, verdict = why_gone(session, character_id, ref), session.store.verdict(ref.id)
    if gone or review.let_through(verdict):
        return gone
    if verdict.label == "needs_correction":
        return "needs correction"
    return "waits for review" if verdict.label is None else "was called good by a rule alone"
