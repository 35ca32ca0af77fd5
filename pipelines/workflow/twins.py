"""Pictures of a character that look like another of its sources: the same one cropped, resized, recompressed, in a
mirror. They are asked about when they come in, and until somebody has said what is to be of them: a picture that is
there twice counts twice, and one beside its mirror image teaches that a parting or a mole may be on either side.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from PIL import Image, ImageOps

from pipelines.domain.records import Decision, ImageRecord
from pipelines.domain.verdicts import standing
from pipelines.session import NotFound, Session
from pipelines.storage.lookalike import Likeness, Look, likeness, possible
from pipelines.storage.pictures import dhash, hamming, thumbnail

# difference hashes of 64 bits that differ in at most this many bits are taken for the same picture
NEAR_DUPLICATE = 4
NEWEST = 200
"""So many sources are looked at, the newest."""
CLOSER = 3
"""So many of them are looked at closely, those that might be it most of all."""
BOTH = "both stay: it is another picture than the one that it looks like"


class Twin(NamedTuple):
    """A picture that another looks like, and how."""

    image: ImageRecord
    how: str


class Gallery:
    """The sources that pictures are held against, each looked at once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._looks: dict[str, Look | None] = {}

    def like(self, picture: Image.Image, others: Iterable[ImageRecord]) -> Twin | None:
        """Which of ``others`` the picture looks like."""
        known = [other for other in others if other.dhash]
        for how, turned in (("", picture), (" in a mirror", ImageOps.mirror(picture))):
            hashed = dhash(turned)
            if near := next((other for other in known if hamming(other.dhash, hashed) <= NEAR_DUPLICATE), None):
                return Twin(near, f"another source{how}")
        own = Look.of(picture)
        looks = [(other, look) for other in known[-NEWEST:] if (look := self._look(other))]
        best = sorted(looks, key=lambda pair: possible(own, pair[1]), reverse=True)[:CLOSER]
        return next((Twin(other, _words(found)) for other, look in best if (found := likeness(own, look))), None)

    def _look(self, image: ImageRecord) -> Look | None:
        if image.id not in self._looks:
            try:
                with Image.open(thumbnail(self._session.workspace, image)) as small:
                    self._looks[image.id] = Look.of(small)
            except OSError:  # gone or broken: told elsewhere
                self._looks[image.id] = None
        return self._looks[image.id]


def _words(found: Likeness) -> str:
    part = "a part of another source" if found.part else "another source"
    return f"{part}{' in a mirror' if found.mirrored else ''}"


def open_questions(
    session: Session, found: Iterable[ImageRecord], called: Callable[[ImageRecord], str]
) -> list[tuple[ImageRecord, str]]:
    """Which of a character's sources look like another of them that nobody has said anything of, with words on it."""
    there = {image.id: image for image in found}
    asked = []
    for image in there.values():
        twin = there.get(image.intake.like) if image.intake else None
        if image.intake and twin and not _both_stay(session, image.id):
            how = f"{called(image)} looks almost like {image.intake.how}, {called(twin)}"
            asked.append((image, f"{how}: leave one out, or say that both stay."))
    return asked


def keep_both(session: Session, image_id: str) -> None:
    """Say that a picture is another than the one that it looks like. Raises NotFound."""
    if session.store.get(ImageRecord, image_id) is None:
        raise NotFound(f"There is no picture {image_id[:12]} in this workspace.")
    note = session.store.verdict(image_id).note
    session.store.decide(
        Decision(image=image_id, who="human", action="note", value=note or None, reason=BOTH, where="source")
    )


def _both_stay(session: Session, image_id: str) -> bool:
    decisions = session.store.decisions(image_id)
    stand = standing(decisions)
    return any(decision.reason == BOTH and decision.id in stand for decision in decisions)
