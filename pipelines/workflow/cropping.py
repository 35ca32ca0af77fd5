"""A source is cropped and turned: the part takes its place among the sources, the whole stays beside it, for good, and
can be had back. Every part is cut from the picture as it was brought in, never from another part."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from pipelines.domain.intake import Cut, Turned
from pipelines.domain.records import Decision, ImageRecord
from pipelines.domain.scores import Box
from pipelines.session import NotFound, Session
from pipelines.storage import marks
from pipelines.storage.intake import MIN_SIDE
from pipelines.storage.pictures import save_picture
from pipelines.workflow import datasets, sources
from pipelines.workflow.characters import NotAllowed

Aim = Literal["face", "figure", "borders"]
TITLES: dict[Aim, str] = {"face": "Head and shoulders", "figure": "Whole figure", "borders": "Without its bars"}
HEADS = 8.0
"""Heights of a head that a grown figure has at most, by the rule of those who draw (7 1/2 to 8)."""
_TURNS = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}


@dataclass(frozen=True)
class Suggestion:
    """A part that may be worth having, in pixels of the turned picture."""

    aim: Aim
    box: Box


@dataclass(frozen=True)
class Cropping:
    """A source on its way to be cropped: ``whole`` as it was brought in, which ``size`` it has when ``turned``, what is
    cut out of it now (``box``), what may be worth cutting out, and why no face is suggested ("": one is)."""

    whole: ImageRecord
    turned: Turned
    size: tuple[int, int]
    box: Box
    suggestions: tuple[Suggestion, ...]
    no_face: str


def whole_of(session: Session, image: ImageRecord) -> ImageRecord:
    """The picture as it was brought in. Raises NotFound when that is no more, NotAllowed for what is no source."""
    if image.kind != "source" or image.intake is None:
        raise NotAllowed("Only sources are cropped: pictures that were brought in.")
    if image.intake.cut is None:
        return image
    whole = session.store.get(ImageRecord, image.intake.cut.of)
    if whole is None:
        raise NotFound(f"The picture that {sources.file_of(image)} was cut out of is not in this workspace any more.")
    return whole


def begin(session: Session, image_id: str, turned: Turned | None = None) -> Cropping:
    """How a source is cropped now, or would be if it were ``turned``. Raises NotFound, NotAllowed, OSError."""
    image = sources.get(session, image_id)
    whole = whole_of(session, image)
    cut = image.intake.cut if image.intake else None
    turn = turned if turned is not None else cut.turned if cut else 0
    size = (whole.height, whole.width) if turn in (90, 270) else (whole.width, whole.height)
    box = cut.box if cut and cut.turned == turn else (0, 0, *size)
    found = tuple(
        Suggestion(aim, turned_box(part, (whole.width, whole.height), turn)) for aim, part in _parts(session, whole)
    )
    return Cropping(whole, turn, size, box, found, _no_face(whole))


def crop(session: Session, image_id: str, box: Box | None = None, turned: Turned = 0) -> ImageRecord:
    """Put a part in the place of a source: ``box`` (``None``: all) of the picture turned clockwise. All of the picture
    as it was is the picture itself. What a human said of it is said of the part, but how much of the figure it shows.
    Raises NotFound, NotAllowed, OSError."""
    image = sources.get(session, image_id)
    whole = whole_of(session, image)
    size = (whole.height, whole.width) if turned in (90, 270) else (whole.width, whole.height)
    box = box or (0, 0, *size)
    _check(box, size)
    if (box, turned) == ((0, 0, whole.width, whole.height), 0):
        return image if image.id == whole.id else _instead(session, image, whole)
    with Image.open(session.workspace.path(whole.path), formats=["PNG"]) as file:
        upright = file.convert("RGB")
    part = (upright.transpose(_TURNS[turned]) if turned else upright).crop(box)
    return _instead(session, image, _kept(session, image, whole, part, Cut(of=whole.id, turned=turned, box=box)))


def undo(session: Session, image_id: str) -> ImageRecord:
    """Put the picture as it was brought in back into the place of a part of it. Raises NotFound, NotAllowed."""
    image = sources.get(session, image_id)
    whole = whole_of(session, image)
    if whole.id == image.id:
        raise NotAllowed(f"{sources.file_of(image)} is not cropped: there is nothing to take back.")
    return _instead(session, image, whole)


def suggested(session: Session, image_id: str, aim: Aim, turned: Turned = 0) -> Box:
    """The box of a suggestion. Raises NotFound in words when there is none."""
    begun = begin(session, image_id, turned)
    box = next((s.box for s in begun.suggestions if s.aim == aim), None)
    if box is not None:
        return box
    name = sources.file_of(begun.whole)
    raise NotFound(f"{name}: no bars around it were found." if aim == "borders" else f"{name}: {begun.no_face}")


def turned_box(box: Box, size: tuple[int, int], turned: Turned) -> Box:
    """A box of a picture of ``size``, in the picture turned clockwise."""
    (left, top, right, bottom), (width, height) = box, size
    if turned == 90:
        return height - bottom, left, height - top, right
    if turned == 180:
        return width - right, height - bottom, width - left, height - top
    return (top, width - right, bottom, width - left) if turned == 270 else box


def head_and_shoulders(face: Box, size: tuple[int, int]) -> Box:
    """A square around a face that is two fifths as high, the face above its middle; smaller at the picture's edge."""
    (left, top, right, bottom), (width, height) = face, size
    side = round(2.5 * max(right - left, bottom - top))
    side = min(side, width, height)
    x = min(max(0, (left + right - side) // 2), width - side)
    y = min(max(0, round((top + bottom) / 2 - 0.42 * side)), height - side)
    return x, y, x + side, y + side


def figure_below(face: Box, size: tuple[int, int]) -> Box:
    """Where a whole figure would be whose face this is (``HEADS``; a head is half as high again as what finders call a
    face), as far as the picture goes."""
    (left, top, right, bottom), (width, height) = face, size
    head = 1.4 * (bottom - top)
    crown, middle, reach = top - 0.6 * head, (left + right) / 2, 1.8 * head
    return (
        max(0, round(middle - reach)), max(0, round(crown)),
        min(width, round(middle + reach)), min(height, round(crown + (HEADS + 0.6) * head)),
    )  # fmt: skip


def _check(box: Box, size: tuple[int, int]) -> None:
    left, top, right, bottom = box
    if not (0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]):
        raise NotAllowed(
            f"The part from {left}, {top} to {right}, {bottom} does not lie in the picture of {size[0]} x {size[1]} "
            "pixels."
        )
    if min(right - left, bottom - top) < MIN_SIDE:
        raise NotAllowed(f"{right - left} x {bottom - top} pixels is too small; at least {MIN_SIDE} on each side.")


def _parts(session: Session, whole: ImageRecord) -> Iterator[tuple[Aim, Box]]:
    size = (whole.width, whole.height)
    with Image.open(session.workspace.path(whole.path), formats=["PNG"]) as file:
        within = marks.borders(file.convert("RGB"))
    if whole.scores.face:
        yield "face", head_and_shoulders(whole.scores.face, size)
        if (figure := figure_below(whole.scores.face, size)) != (0, 0, *size):
            yield "figure", figure
    if within:
        yield "borders", within


def _no_face(whole: ImageRecord) -> str:
    if whole.scores.face:
        return ""
    if whole.scores.faces is None and whole.scores.quality is None:
        return "nobody has looked for a face in it yet."
    if whole.scores.faces:
        return "its face was found before FLENwheel kept where faces are: have the sources looked at again."
    return "no face was found in it."


def _kept(session: Session, image: ImageRecord, whole: ImageRecord, part: Image.Image, cut: Cut) -> ImageRecord:
    assert whole.intake is not None
    intake = whole.intake.model_copy(update={"cut": cut, "doubts": marks.doubts(part)})
    version = datasets.open_version(session, image.character, "source")
    made = save_picture(
        session.workspace,
        part,
        character=image.character,
        kind="source",
        version=version,
        intake=intake,
        caption=image.caption,
        angle=image.angle,
        expression=image.expression,
    )
    if made.intake is None or made.intake.cut is None:
        raise NotAllowed(f"That part is among the sources already, as a picture of its own: {sources.file_of(made)}.")
    return made.model_copy(update={"caption_whole": image.caption_whole})


def _instead(session: Session, image: ImageRecord, other: ImageRecord) -> ImageRecord:
    """``other`` is a source in the place of ``image``; both stay, with their histories."""
    if image.id == other.id:
        return image
    # what a human confirmed of one is true of the other: they show the same
    confirmed = session.store.verdict(image.id).reason == sources.CONFIRMED
    reason = sources.CONFIRMED if confirmed else sources.CROPPED
    decided = [
        Decision(image=image.id, who="human", action="label", value="reject", reason=sources.CROPPED, where="source"),
        Decision(image=other.id, who="human", action="label", value="good", reason=reason, where="source"),
    ]
    if any(other.id in d.images for d in datasets.versions(session, image.character, "source")):
        session.store.decide(*decided)
        return sources.get(session, other.id)
    dataset = datasets.including(session, image.character, "source", other.version, [other.id])
    return session.store.add(other, dataset, decided=decided)
