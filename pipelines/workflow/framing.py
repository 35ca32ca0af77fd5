"""How much of the figure pictures show, and how these are mixed: a LoRA that has seen only heads draws bodies of
somebody else. About a third each of faces, upper bodies and whole figures is aimed at.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import get_args

from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import Framing
from pipelines.domain.seen import seen
from pipelines.domain.shots import Shot
from pipelines.domain.words import count
from pipelines.session import Session
from pipelines.workflow import review, sources

FRAMINGS: tuple[Framing, ...] = ("portrait", "bust", "full")
TITLES: dict[str, str] = {"portrait": "face", "bust": "upper body", "full": "whole figure"}
MANY: dict[str, str] = {"portrait": "faces", "bust": "upper bodies", "full": "whole figures"}
FEW = 0.2
"""A share of the mix below which more is asked for: a third each is meant, and nobody counts to the picture."""
CHEST, KNEES = 1.3, (4.0, 6.0)
"""How many heights of a face (chin to brow) a picture shows below it: less than to the chest is a face, as far as the
thighs an upper body, from the knees on a whole figure; between is not known. A figure is seven to eight heads high, and
what a detector boxes is about three quarters of a head."""


@dataclass(frozen=True)
class Mix:
    """How many pictures show how much of the figure: those a LoRA would learn from, those that wait for review, those
    of a plan. ``unsure``: nobody knows."""

    have: dict[str, int]
    waiting: dict[str, int]
    planned: dict[str, int]

    @property
    def words(self) -> str:
        """What there is, and what there is too little of."""
        parts = [count(self.have[f], TITLES[f], MANY[f]) for f in FRAMINGS]
        wanted = f" More of {' and '.join(MANY[f] for f in self.lacking)}." if self.lacking else ""
        unknown = f", {self.have['unsure']} not known (tag mode says it, or a reader)" if self.have["unsure"] else ""
        return f"{', '.join(parts)}{unknown}: about a third each is aimed at.{wanted}"

    @property
    def lacking(self) -> tuple[str, ...]:
        """Framings of which there will be too few, what is planned and what waits counted in. Of nothing that is known,
        nothing is said."""
        total = Counter(self.have) + Counter(self.waiting) + Counter(self.planned)
        known = sum(total[f] for f in FRAMINGS)
        return tuple(f for f in FRAMINGS if known and total[f] < FEW * known)


def told(session: Session, image: ImageRecord) -> str:
    """What a human said of a picture, or an edit made of it; else the same of what it was made from. Empty: nobody."""
    for one in (image, *reversed(review.lineage(session, image))):
        if one.framing != "unsure":
            return one.framing
        if one.shot and (asked := asked_of(one.shot)):
            return asked
    return ""


def asked_of(shot: Shot) -> str:
    """What a plan asks for; empty where it says nothing."""
    labels = shot.purpose.labels
    whole = labels.get("focus") == "body" or bool(labels.get("pose"))
    asked = labels.get("framing") or ("full" if whole else "portrait" if labels.get("focus") == "head" else "")
    return asked if asked in FRAMINGS else ""


def framing_of(session: Session, image: ImageRecord) -> Framing:
    """What was said or asked for, else what readers see, else what the place of the face says."""
    found = told(session, image) or seen(image, "framing").value
    known = {str(word): word for word in get_args(Framing)}
    return known[found] if found in FRAMINGS else by_face(image)


def by_face(image: ImageRecord) -> Framing:
    """By how much of the picture lies below the face that was compared, a rule of thumb for upright figures."""
    if image.scores.face is None:
        return "unsure"
    _, top, _, bottom = image.scores.face
    below = (image.height - bottom) / max(1, bottom - top)
    if below < CHEST:
        return "portrait"
    return "bust" if below < KNEES[0] else "full" if below >= KNEES[1] else "unsure"


def mix(session: Session, character_id: str, planned: Iterable[Shot] = ()) -> Mix:
    """The mix of a character's pictures and of a plan. Raises NotFound."""
    have = [*sources.sources(session, character_id), *review.good(session, character_id, "enriched")]
    have += review.good(session, character_id, "synthetic")
    waiting = review.undecided(session, character_id, "enriched")
    return Mix(
        _counted(framing_of(session, image) for image in have),
        _counted(framing_of(session, image) for image in waiting),
        _counted(_planned(session, shot) for shot in planned),
    )


def _planned(session: Session, shot: Shot) -> str:
    if asked := asked_of(shot):
        return asked
    source = session.store.get(ImageRecord, shot.sources[0].id) if shot.sources else None
    named = session.store.get(ImageRecord, shot.purpose.labels.get("source", "")) if source is None else source
    return framing_of(session, named) if named else "unsure"


def _counted(found: Iterable[str]) -> dict[str, int]:
    counts = Counter(found)
    return {name: counts[name] for name in (*FRAMINGS, "unsure")}
