"""A picture as the page shows it in small, with what judges it."""

from textwrap import shorten

from typing_extensions import TypedDict

from pipelines.domain.records import ImageRecord, Label, Verdict, Who
from pipelines.domain.scores import IdentityVerdict
from pipelines.workflow import review
from pipelines.workflow.sources import angle_of, expression_of

OWN = "own/"


class State(TypedDict):
    """What the decisions about a picture add up to."""

    label: Label | None
    who: Who | None
    reason: str
    identity: int | None
    edit: int | None
    failures: list[str]
    note: str


class Standing(TypedDict):
    """What follows from the decisions about a picture: the piles of Review it lies in, and the cut line above which the
    filter sorts it out."""

    state: State
    piles: list[str]
    above: float | None


class Shown(TypedDict):
    """What a human said that a picture shows."""

    angle: str
    expression: str


class Tile(Standing):
    """A picture as a thumbnail with what judges it."""

    id: str
    w: int
    h: int
    kind: str
    version: str
    title: str
    angle: str
    expression: str
    tags: Shown
    verdict: IdentityVerdict | None
    score: float | None
    faces: int | None
    broke: str


def tile(image: ImageRecord, verdict: Verdict, broke: str = "") -> Tile:
    """A picture as a thumbnail with what judges it; ``broke``: that a chain of edits stopped here, and why. Short keys:
    a review pile holds thousands of these."""
    identity = image.scores.identity
    return {
        "id": image.id,
        "w": image.width,
        "h": image.height,
        "kind": image.kind,
        "version": image.version,
        "title": title(image),
        "angle": angle_of(image),
        "expression": expression_of(image),
        "tags": {"angle": image.angle, "expression": image.expression},
        "verdict": identity.verdict if identity else None,
        "score": round(identity.score, 3) if identity and identity.score is not None else None,
        "faces": image.scores.faces,
        "broke": broke,
        **standing(image, verdict),
    }


def standing(image: ImageRecord, verdict: Verdict) -> Standing:
    """What follows from the decisions about a picture: its state, the piles of Review it lies in, and the cut line
    above which the filter sorts it out."""
    above = review.out_above(image, verdict)
    return {"state": state(verdict), "piles": review.piles(image, verdict), "above": above}


def state(verdict: Verdict) -> State:
    """What the decisions about a picture add up to."""
    return {
        "label": verdict.label,
        "who": verdict.who,
        "reason": verdict.reason,
        "identity": verdict.identity,
        "edit": verdict.edit,
        "failures": list(verdict.failures),
        "note": verdict.note,
    }


def title(image: ImageRecord) -> str:
    """A picture in a few words: its cell, the user's own prompt, or the name of the file it came in as."""
    if image.intake:
        return image.intake.filename
    if image.shot is None:
        return image.id[:8]
    cell = image.shot.purpose.cell
    return shorten(image.shot.prompt, 60, placeholder="...") if cell.startswith(OWN) else cell
