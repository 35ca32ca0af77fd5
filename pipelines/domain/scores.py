"""What machines say of one picture, and the words in which they do."""

from typing import Literal

from pipelines.domain.base import Frozen

Angle = Literal["front", "half-left", "profile-left", "half-right", "profile-right", "back", "unsure"]
Expression = Literal["neutral", "smiling", "angry", "sad", "unsure"]
Framing = Literal["portrait", "bust", "full", "unsure"]
"""How much of the figure is in the picture: a face, down to the chest or waist, head to feet."""
FaceKind = Literal["", "none", "drawn", "photographed"]
"""What face a picture that was brought in shows, if somebody looked."""
IdentityVerdict = Literal["right", "unsure", "wrong", "cannot tell"]
Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""

ANGLES: tuple[Angle, ...] = ("profile-left", "half-left", "front", "half-right", "profile-right")
EXPRESSIONS: tuple[Expression, ...] = ("neutral", "smiling", "angry", "sad")


class Identity(Frozen):
    """One recogniser's answer to "is it the same character?".

    ``score`` is the cosine to the centroid of ``n`` references (``bin`` says which: an angle or ``all``); ``highest``
    and ``mean`` are over the references one by one. ``threshold`` is the score from which it counts as right.
    ``score`` is ``None`` when there was nothing to measure, which is an answer and not a failure. ``asked`` is the
    number of sources that references were looked for in (0: not kept).
    """

    recogniser: str
    model_hash: str
    score: float | None = None
    highest: float | None = None
    mean: float | None = None
    n: int = 0
    asked: int = 0
    bin: str = "all"
    aggregator: str = "centroid"
    threshold: float | None = None
    verdict: IdentityVerdict = "cannot tell"
    why: str = ""


class Quality(Frozen):
    """What can be measured of a picture without knowing whom it shows.

    ``sharpness``: variance of the Laplacian on the 8-bit luma at 512 px on the long side; ``light``: mean luma 0-1;
    ``contrast``: its standard deviation; ``issues`` says in words what is doubtful.
    """

    sharpness: float
    light: float
    contrast: float
    issues: tuple[str, ...] = ()


# detectors miss profiles and there is no face from behind: not measurable is never a failure (docs/numbers.md)
FACELESS = ("profile-left", "profile-right", "back")


class Scores(Frozen):
    """All judgements of machines about one picture. ``faces`` is how many were found (``None``: not looked for).
    ``kind`` is what face a source shows; ``face`` is where the face is that was compared.
    ``pose`` (``none`` where no body can be seen, ``standing``, ``t-pose``, ``sitting``) and ``framing`` (``portrait``,
    ``bust``, ``full``) are empty when nobody could tell."""

    identity: Identity | None = None
    second_opinion: Identity | None = None
    faces: int | None = None
    face: Box | None = None
    kind: FaceKind = ""
    angle: Angle = "unsure"
    yaw: float | None = None
    expression: Expression = "unsure"
    pose: str = ""
    framing: str = ""
    quality: Quality | None = None

    def lack_face(self, angle: str) -> bool:
        """Whether no face was found in a picture that should show one: seen so, and of somebody whose sources have
        faces, most of them."""
        who = self.identity
        return self.faces == 0 and angle not in FACELESS and who is not None and 2 * who.n > who.asked
