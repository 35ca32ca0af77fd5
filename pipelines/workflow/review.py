"""Steps 1.3, 1.6 and 1.7: the gates. Rules may sort out; only a human (or a simulated one, recorded as such) lets
through."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any, Literal, get_args

from pipelines.domain import verdicts
from pipelines.domain.best import set_aside
from pipelines.domain.records import Correction, Decision, ImageRecord, Verdict, Who, new_id
from pipelines.domain.shots import Shot
from pipelines.session import NotFound, Session
from pipelines.storage.intake import admit
from pipelines.workflow import datasets
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.sources import angle_of, sources

Gate = Literal["enriched", "synthetic", "card", "survey"]
GATES: tuple[Gate, ...] = get_args(Gate)

ASIDE = "aside"
PILES: dict[str, str] = {
    "open": "To judge",
    "all": "All",
    "good": "Good",
    "needs_correction": "To correct",
    "reject": "Rejected",
    ASIDE: "Not chosen",
    "right": "right",
    "unsure": "unsure",
    "wrong": "wrong",
}
"""How a gate's pictures are looked through: piles with their words. ``piles`` says which a picture lies in."""

TRIES: tuple[Gate, ...] = ("enriched", "survey")
"""Kinds of pictures that are edits of a source: one of them may be a better try of another."""
NOT_AN_EDIT = "Only a picture that was edited from a source can be corrected."

LONGEST_NOTE = 500

NO_FACE = -2.0
"""Below every cosine: where a picture lies that has no face although it should."""


@dataclass
class Item:
    """A picture at a gate: what was decided so far, and the source of the same angle to hold it against."""

    image: ImageRecord
    verdict: Verdict
    reference: ImageRecord | None


@dataclass
class Sorted:
    """What the filter did: ids it rejected (with the reason), how many it left to the human."""

    rejected: list[tuple[str, str]] = field(default_factory=list)
    left: int = 0


def get(session: Session, image_id: str) -> ImageRecord:
    """The picture of that id. Raises NotFound."""
    image = session.store.get(ImageRecord, image_id)
    if image is None:
        raise NotFound(f"There is no picture {image_id[:12]!r} in this workspace.")
    return image


def at_gate(session: Session, character_id: str, gate: Gate) -> list[ImageRecord]:
    """The pictures of a gate; of model cards those of the newest: each card is a measurement of its own."""
    found = datasets.pictures(session, character_id, gate)
    if gate != "card":
        return found
    newest = max((image.version for image in found), key=datasets.number, default="")
    return [image for image in found if image.version == newest]


def pile(session: Session, character_id: str, gate: Gate) -> list[Item]:
    """Every picture of a gate, decided or not, in the order they were made."""
    references = references_by_angle(session, character_id)
    anyone = next(iter(references.values()), None)
    found = at_gate(session, character_id, gate)
    return [
        Item(
            image,
            session.store.verdict(image.id),
            references.get(angle_of(image)) or _source_of(session, image) or anyone,
        )
        for image in found
    ]


def lineage(session: Session, image: ImageRecord) -> list[ImageRecord]:
    """What a picture was made from, the source first, then each step of the chain that led to it."""
    found: list[ImageRecord] = []
    while image.parents and (parent := session.store.get(ImageRecord, image.parents[0].id)):
        found.insert(0, parent)
        image = parent
    return found


def _source_of(session: Session, image: ImageRecord) -> ImageRecord | None:
    return next(iter(lineage(session, image)), None)


def references_by_angle(session: Session, character_id: str) -> dict[str, ImageRecord]:
    """One source for each angle: the first, in the order they came in."""
    found: dict[str, ImageRecord] = {}
    for source in sources(session, character_id):
        found.setdefault(angle_of(source), source)
    return found


def decide(session: Session, decisions: Iterable[Decision]) -> None:
    """Record decisions, durably. Sending the same one twice counts once. Raises NotFound for an unknown picture, and
    NotAllowed for a note that is too long."""
    batch = [_with_short_note(d) for d in decisions]
    for decision in batch:
        get(session, decision.image)
    session.store.decide(*batch)


def _with_short_note(decision: Decision) -> Decision:
    if decision.action != "note" or not isinstance(decision.value, str):
        return decision
    words = " ".join(decision.value.split())
    if len(words) > LONGEST_NOTE:
        raise NotAllowed(f"A note is short: {LONGEST_NOTE} characters at most.")
    return decision.model_copy(update={"value": words or None})


def gate_to_open(session: Session, character_id: str, gates: Iterable[Gate], at: Gate) -> Gate:
    """Which of ``gates`` to look at first: ``at``, unless nothing is to be judged there and something is elsewhere; one
    that has pictures where nothing is to be judged at all."""
    known: list[Gate] = [at, *(gate for gate in gates if gate != at)]
    for look in (undecided, at_gate):
        for gate in known:
            if look(session, character_id, gate):
                return gate
    return at


def undecided(session: Session, character_id: str, gate: Gate) -> list[ImageRecord]:
    """Pictures of a gate that nobody and no rule has labelled yet."""
    found = at_gate(session, character_id, gate)
    return [image for image in found if session.store.verdict(image.id).label is None]


def good(session: Session, character_id: str, gate: Gate) -> list[ImageRecord]:
    """Pictures that a human (or a simulated one) let through."""
    found = at_gate(session, character_id, gate)
    return [image for image in found if let_through(session.store.verdict(image.id))]


def let_through(verdict: Verdict) -> bool:
    """Whether a picture may be trained on: labelled good, and not by a rule."""
    return verdict.label == "good" and verdict.who in ("human", "simulated")


def label_piles(verdict: Verdict) -> list[str]:
    """The piles that decisions put a picture in: by its label, and ``through`` when it may be trained on; ``aside``
    alone for a try that was not chosen."""
    if set_aside(verdict):
        return [ASIDE]
    return [verdict.label or "open", *(["through"] if let_through(verdict) else [])]


def piles(image: ImageRecord, verdict: Verdict) -> list[str]:
    """Every pile that a picture lies in: of ``PILES``, and ``through``."""
    identity = image.scores.identity
    measured = identity.verdict if identity else None
    alike = ["unsure" if measured == "cannot tell" else measured] if measured else []
    return ["all", *label_piles(verdict), *alike]


def tally(session: Session, character_id: str, gate: Gate) -> Counter[str]:
    """How many pictures of a gate lie in each pile."""
    found = at_gate(session, character_id, gate)
    return Counter(chain.from_iterable(piles(image, session.store.verdict(image.id)) for image in found))


def out_above(image: ImageRecord, verdict: Verdict) -> float | None:
    """The filter sorts a picture out at every cut line (cosine) above this; ``None``: at none. Only what Generate made
    is filtered, only what nobody has labelled, and only what is measured as someone else: a rule decides no doubt,
    wherever the line is drawn. No face goes at every line where the sources have faces, most of them: it was looked for
    twice (``faces.padded``). Whose sources have none is not sorted out for having none."""
    identity = image.scores.identity
    if image.kind != "synthetic" or verdict.label is not None or identity is None or not identity.model_hash:
        return None
    if image.scores.lack_face(angle_of(image)):
        return NO_FACE
    return identity.score if identity.verdict == "wrong" else None


def _why_out(image: ImageRecord, verdict: Verdict, cut: float | None) -> str:
    """Why the filter would sort this picture out; empty when it would not."""
    above, identity = out_above(image, verdict), image.scores.identity
    if above is None or identity is None:
        return ""
    if above == NO_FACE:
        return "no face found"
    if cut is None:
        line = f"{above:.2f} below {identity.threshold:.2f}" if identity.threshold is not None else f"{above:.2f}"
        return f"someone else ({line})"
    return f"below the cut line ({above:.2f} below {cut:.2f})" if above < cut else ""


def would_go(session: Session, character_id: str, *, cut: float | None = None) -> list[tuple[str, str]]:
    """What ``apply_filter`` would reject: ids, each with its reason. Decides nothing."""
    found = datasets.pictures(session, character_id, "synthetic")
    told = ((image.id, _why_out(image, session.store.verdict(image.id), cut)) for image in found)
    return [(image_id, why) for image_id, why in told if why]


def apply_filter(session: Session, character_id: str, *, cut: float | None = None) -> Sorted:
    """Sort out synthetic pictures without a face or of someone else; unsure ones, and those of which it cannot be told,
    stay for the human.

    ``cut`` (cosine) spares what lies at or above it. Pictures that were labelled already are left alone, and every
    rejection is a decision by ``rule`` that a human can overturn.
    """
    report = Sorted(rejected=would_go(session, character_id, cut=cut))
    session.store.decide(
        *(
            Decision(image=image_id, who="rule", action="label", value="reject", reason=why, where="filter")
            for image_id, why in report.rejected
        )
    )
    report.left = len(undecided(session, character_id, "synthetic"))
    return report


def correct(
    session: Session, image_id: str, filename: str, data: bytes | Path, what_was_wrong: str, *, who: Who = "human"
) -> Correction:
    """A hand-made corrected picture becomes a triplet of flywheel 2. Raises Refused, NotFound, NotAllowed."""
    wrong = get(session, image_id)
    if not correctable(wrong):
        raise NotAllowed(NOT_AN_EDIT)
    version = datasets.open_version(session, wrong.character, "qwen_training")
    target = admit(
        session.workspace,
        data,
        filename,
        character=wrong.character,
        kind="correction",
        version=version,
        caption=wrong.caption,
    )
    return _triplet(session, wrong, target, version, what_was_wrong, who)


def correct_with(
    session: Session, image_id: str, better_id: str, what_was_wrong: str, *, who: Who = "human"
) -> Correction:
    """A better try (another prompt, stack or seed) of the same source becomes the target of a triplet.

    Who chooses it has found it good, and that is recorded as their decision. Raises NotFound, NotAllowed.
    """
    wrong, better = get(session, image_id), get(session, better_id)
    unfit = _unfit(session, wrong, better)
    if unfit:
        raise NotAllowed(unfit)
    version = datasets.open_version(session, wrong.character, "qwen_training")
    return _triplet(session, wrong, better, version, what_was_wrong, who)


def correctable(image: ImageRecord) -> bool:
    """Whether a picture was edited from a source, so that a triplet can be made of it."""
    return bool(image.parents)


def _unfit(session: Session, wrong: ImageRecord, better: ImageRecord) -> str:
    """Why a picture cannot be the better try of another, in words; empty when it can."""
    if not correctable(wrong):
        return NOT_AN_EDIT
    if better.id == wrong.id:
        return "A picture cannot correct itself: choose another try."
    if better.character != wrong.character:
        return f"That picture is of {session.character(better.character).name}: a better try shows the same character."
    if better.kind not in TRIES or better.parents[:1] != wrong.parents[:1]:
        return "That picture was not made from the same source: only another try of the same edit can correct it."
    if session.store.verdict(better.id).label == "needs_correction":
        return "That picture needs correction itself. If it is good after all, say so in Review first."
    return ""


def same_edit(one: ImageRecord, other: ImageRecord) -> bool:
    """Whether two pictures were asked for the same: in the same words, or as the same cell."""
    if one.shot is None or other.shot is None:
        return False
    return one.shot.prompt == other.shot.prompt or _edit(one.shot) == _edit(other.shot)


def _edit(shot: Shot) -> str:
    """The name of an edit: a survey's cell names the source before it."""
    return shot.purpose.labels.get("prompt", shot.purpose.cell)


def tries(session: Session, image_id: str) -> list[ImageRecord]:
    """Pictures that could be the better try of one: other tries of the same edit first, then other edits of its source;
    of these the ones found good first, those that were rejected last. Raises NotFound."""
    wrong = get(session, image_id)
    found = [image for kind in TRIES for image in datasets.pictures(session, wrong.character, kind)]
    judged = ["good", None, "reject"]

    def rank(image: ImageRecord) -> tuple[bool, int]:
        return not same_edit(wrong, image), judged.index(session.store.verdict(image.id).label)

    return sorted((image for image in found if not _unfit(session, wrong, image)), key=rank)


def corrections(session: Session, character_id: str) -> list[Correction]:
    """The triplets of a character whose target is let through."""
    given = given_corrections(session, character_id)
    return [c for c in given if let_through(session.store.verdict(c.target.id))]


def given_corrections(session: Session, character_id: str) -> list[Correction]:
    """The triplets of a character, whatever became of their pictures, without better tries that were taken back."""
    return [c for c in session.store.all(Correction, character=character_id) if not _taken_back(session, c)]


def _taken_back(session: Session, correction: Correction) -> bool:
    decisions = session.store.decisions(correction.target.id)
    return bool(correction.chosen) and correction.chosen not in verdicts.standing(decisions)


def _triplet(
    session: Session, wrong: ImageRecord, target: ImageRecord, version: str, what_was_wrong: str, who: Who
) -> Correction:
    both: dict[str, Any] = {"who": who, "action": "label", "batch": new_id()}  # taken back together
    found_good = Decision(image=target.id, value="good", reason="correction", where="correction", **both)
    found_wrong = Decision(image=wrong.id, value="needs_correction", reason=what_was_wrong, where="review", **both)
    correction = Correction(
        id=new_id(),
        character=wrong.character,
        version=version,
        source=wrong.parents[0],
        beside=wrong.parents[1:],
        wrong=wrong.ref,
        target=target.ref,
        instruction=wrong.shot.prompt if wrong.shot else "",
        what_was_wrong=what_was_wrong.strip(),
        chosen=found_good.id,
    )
    dataset = datasets.including(session, wrong.character, "qwen_training", version, [target.id])
    session.store.add(target, correction, dataset, decided=[found_good, found_wrong])
    return correction
