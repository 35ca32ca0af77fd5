"""Steps 1.3, 1.6 and 1.7: the gates. Rules may sort out; only a human (or a simulated one, recorded as such) lets
through."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pipelines.domain.records import Correction, Decision, ImageRecord, Verdict, Who, new_id
from pipelines.session import NotFound, Session
from pipelines.storage.intake import admit
from pipelines.workflow import datasets
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.sources import angle_of, sources

Gate = Literal["enriched", "synthetic", "card", "survey"]

FAILURES: dict[str, str] = {
    "f": "face is someone else",
    "a": "anatomy",
    "h": "hands",
    "e": "expression wrong",
    "v": "view wrong",
    "b": "background wrong",
    "l": "light wrong",
    "s": "style changed",
    "x": "artifacts",
    "t": "text or watermark",
}


# detectors miss profiles and there is no face from behind: not measurable is never a failure (FACES-FACTS, scoring)
FACELESS = ("profile-left", "profile-right", "back")


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


def pile(session: Session, character_id: str, gate: Gate) -> list[Item]:
    """Every picture of a gate, decided or not, in the order they were made."""
    references = references_by_angle(session, character_id)
    anyone = next(iter(references.values()), None)
    found = datasets.pictures(session, character_id, gate)
    return [
        Item(
            image,
            session.store.verdict(image.id),
            references.get(angle_of(image)) or _first_parent(session, image) or anyone,
        )
        for image in found
    ]


def _first_parent(session: Session, image: ImageRecord) -> ImageRecord | None:
    return session.store.get(ImageRecord, image.parents[0].id) if image.parents else None


def references_by_angle(session: Session, character_id: str) -> dict[str, ImageRecord]:
    """One source for each angle: the first, in the order they came in."""
    found: dict[str, ImageRecord] = {}
    for source in sources(session, character_id):
        found.setdefault(angle_of(source), source)
    return found


def decide(session: Session, decisions: Iterable[Decision]) -> None:
    """Record decisions, durably. Sending the same one twice counts once. Raises NotFound for an unknown picture."""
    batch = list(decisions)
    for decision in batch:
        get(session, decision.image)
    session.store.decide(*batch)


def undecided(session: Session, character_id: str, gate: Gate) -> list[ImageRecord]:
    """Pictures of a gate that nobody and no rule has labelled yet."""
    found = datasets.pictures(session, character_id, gate)
    return [image for image in found if session.store.verdict(image.id).label is None]


def good(session: Session, character_id: str, gate: Gate) -> list[ImageRecord]:
    """Pictures that a human (or a simulated one) let through."""
    found = datasets.pictures(session, character_id, gate)
    return [image for image in found if let_through(session.store.verdict(image.id))]


def let_through(verdict: Verdict) -> bool:
    """Whether a picture may be trained on: labelled good, and not by a rule."""
    return verdict.label == "good" and verdict.who in ("human", "simulated")


def _why_out(image: ImageRecord, cut: float | None) -> str:
    """Why a rule would sort this picture out; empty when it would not."""
    identity = image.scores.identity
    if identity is None or not identity.model_hash:
        return ""  # nobody could look
    if image.scores.faces == 0 and angle_of(image) not in FACELESS:
        return "no face found"
    if identity.score is None:
        return ""
    line = identity.threshold if cut is None else cut
    if cut is None:
        return f"someone else ({identity.score:.2f} below {line:.2f})" if identity.verdict == "wrong" else ""
    return f"below the cut line ({identity.score:.2f} below {cut:.2f})" if identity.score < cut else ""


def would_go(session: Session, character_id: str, *, cut: float | None = None) -> list[tuple[str, str]]:
    """What ``apply_filter`` would reject: ids, each with its reason. Decides nothing."""
    found = ((image.id, _why_out(image, cut)) for image in undecided(session, character_id, "synthetic"))
    return [(image_id, why) for image_id, why in found if why]


def apply_filter(session: Session, character_id: str, *, cut: float | None = None) -> Sorted:
    """Sort out synthetic pictures without a face or of someone else; unsure ones stay for the human.

    ``cut`` replaces the recogniser's own verdict by a line through the identity scores (cosine). Pictures that were
    labelled already are left alone, and every rejection is a decision by ``rule`` that a human can overturn.
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
    session.store.put(target)
    return _triplet(session, wrong, target, version, what_was_wrong, who)


def correct_with(session: Session, image_id: str, better_id: str, what_was_wrong: str) -> Correction:
    """A better try (another prompt or stack) becomes the target of a triplet. Raises NotFound, NotAllowed."""
    wrong, better = get(session, image_id), get(session, better_id)
    version = datasets.open_version(session, wrong.character, "qwen_training")
    return _triplet(session, wrong, better, version, what_was_wrong)


def _triplet(
    session: Session, wrong: ImageRecord, target: ImageRecord, version: str, what_was_wrong: str, who: Who = "human"
) -> Correction:
    if wrong.shot is None or not wrong.shot.sources:
        raise NotAllowed("Only a picture that was edited from a source can be corrected.")
    correction = Correction(
        id=new_id(),
        character=wrong.character,
        version=version,
        source=wrong.shot.sources[0],
        wrong=wrong.ref,
        target=target.ref,
        instruction=wrong.shot.prompt,
        what_was_wrong=what_was_wrong.strip(),
    )
    session.store.put(correction)
    session.store.decide(
        Decision(image=target.id, who=who, action="label", value="good", reason="correction", where="correction"),
        Decision(
            image=wrong.id, who=who, action="label", value="needs_correction", reason=what_was_wrong, where="review"
        ),
    )
    datasets.include(session, wrong.character, "qwen_training", version, [target.id])
    return correction
