"""The best of several tries at one picture: the same words, other seeds."""

from typing import get_args

from pipelines.domain.chains import why_broken
from pipelines.domain.records import ImageRecord, Verdict
from pipelines.domain.seen import Measured, seen

NOT_CHOSEN = "not chosen"
"""What the reason begins with for which a rule sets a try aside."""
FAULTS = (("edit", "not done"), ("same", "other"), ("anatomy", "wrong"), ("artifacts", "some"))
"""What a reader says of a picture that is not as it was asked for."""
_SURE = {"right": 2, "unsure": 1, "cannot tell": 1, "wrong": 0}
Rank = tuple[int, int, int, int, float]


def rank(image: ImageRecord) -> Rank:
    """How good a picture is by what machines say of it; the best is the highest. One that shows the character before
    one that does not; then that nothing of what was asked for is surely missing; then whom it shows for sure, what is
    surely there, and the identity score (cosine). What nobody can tell counts neither way."""
    shot, identity = image.shot, image.scores.identity
    asked = {name: shot.purpose.labels.get(name, "") for name in get_args(Measured)} if shot else {}
    told = {name: seen(image, name) for name, value in asked.items() if value not in ("", "unsure")}
    missing = sum(told[name].known and told[name].value != asked[name] for name in told)
    missing += sum((reading.fact, reading.value) in FAULTS for reading in image.readings)
    there = sum(told[name].known and told[name].value == asked[name] for name in told)
    return (
        int(shot is None or not why_broken(shot, image.scores)),
        -missing,
        _SURE[identity.verdict] if identity else _SURE["cannot tell"],
        there,
        identity.score if identity and identity.score is not None else -1.0,
    )


def why_not(image: ImageRecord, best: ImageRecord) -> str:
    """Why ``best`` was chosen and not ``image``: the reason that is recorded."""
    return f"{NOT_CHOSEN}: {_told(best)} is better than this ({_score(image)})"


def _told(image: ImageRecord) -> str:
    number = image.shot.purpose.variant + 1 if image.shot else 1
    return f"try {number} ({_score(image)})"


def _score(image: ImageRecord) -> str:
    identity = image.scores.identity
    return "not measured" if identity is None or identity.score is None else f"{identity.score:.2f}"


def set_aside(verdict: Verdict) -> bool:
    """Whether a picture is a try that was not chosen, and nobody has said otherwise since."""
    return verdict.label == "reject" and verdict.who == "rule" and verdict.reason.startswith(NOT_CHOSEN)
