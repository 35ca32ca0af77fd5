"""The simulated reviewer: decides where a human would, by the world's truth, and errs as often as it is told to.

What a picture should show is known: its character, and the labels of its shot. What it does show is read by an
independent recogniser (``reading``). Decisions go through ``workflow.review`` as a human's do, and are recorded as
``simulated``.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from pipelines.domain.records import Decision, ImageRecord, Job, Label
from pipelines.domain.requests import ExamineRequest
from pipelines.domain.scores import Angle, Expression
from pipelines.domain.words import count
from pipelines.session import Session
from pipelines.workflow import datasets, review, sources
from pipelines.workflow.characters import NotAllowed
from pipelines.world.reading import Reading, Said

FAR = 0.01
"""The share of pictures of strangers that may pass for the character."""
POSES = ("standing", "t-pose", "sitting")
SURE = 0.5
"""From this probability on, a reader's word against what was asked counts."""
BACKGROUNDS = {"street": ("city",), "studio": ("studio", "grey", "white")}
"""What an edit's word may be called in the world; others by their own name."""
DAMAGED = 18.0
"""From this distance to the nearest true face on (of 255), a face is smeared or torn: of 8500003, sources were 4 to 7
away, edits that look right 8 to 15, generated faces 13 to 30."""
SOMEONE_ELSE, ANATOMY, ARTIFACTS = "face is someone else", "anatomy", "artifacts"
VIEW, EXPRESSION, LIGHT, BACKGROUND = "view wrong", "expression wrong", "light wrong", "background wrong"


@dataclass(frozen=True)
class Opinion:
    """What is true of a picture: the label it deserves, what is wrong with it (names in ``presets/failures.toml``), and
    what it shows instead, where that makes it good: angle and expression, to be said before it is learnt from."""

    label: Label
    wrong: tuple[str, ...] = ()
    shows: tuple[Angle, Expression] | None = None

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong


def opinion(image: ImageRecord, reading: Reading, *, corrections: bool = False) -> Opinion:
    """What is true of ``image``. A wrong edit needs correction, if ``corrections`` are made at all (of a lost person,
    too: there the editor has most to learn); else the right person is good for what it does show, if that is plain."""
    labels = image.shot.purpose.labels if image.shot else {}
    said = {"angle": image.angle, "expression": image.expression}
    asked = {name: value for name, value in (*labels.items(), *said.items()) if value and value != "unsure"}
    wrong = [] if reading.same else [SOMEONE_ELSE]
    wrong += _wrong_in_the_picture(asked, reading)
    if image.kind != "card" and (reading.face_distance or 0.0) > DAMAGED:  # a card asks for more
        wrong.append(ARTIFACTS)
    if not wrong:
        return Opinion("good")
    if image.parents and corrections:
        return Opinion("needs_correction", tuple(wrong))
    if not image.parents or not reading.same:
        return Opinion("reject", tuple(wrong))
    shows = _plainly(reading) if set(wrong) <= {VIEW, EXPRESSION} else None
    return Opinion("good" if shows else "reject", tuple(wrong), shows)


def _plainly(reading: Reading) -> tuple[Angle, Expression] | None:
    word = reading.expression.word
    if reading.angle == "unsure" or reading.expression.sure < SURE or word not in get_args(Expression):
        return None
    return reading.angle, cast(Expression, word)


def _wrong_in_the_picture(asked: Mapping[str, str], reading: Reading) -> list[str]:
    pose = asked.get("pose", "")
    if pose in POSES:  # where a face is a few pixels, angle and expression are nobody's business
        right = reading.framing.word != "portrait" and not _against(reading.pose, (pose,))
        return [] if right else [ANATOMY]
    wrong = []
    if "angle" in asked and reading.angle != asked["angle"]:
        wrong.append(VIEW)
    if "expression" in asked and _wrong_expression(asked, reading):
        wrong.append(EXPRESSION)
    value = asked.get("value", "")
    if asked.get("axis") == "lighting" and _against(reading.light, (value,)):
        wrong.append(LIGHT)
    if asked.get("axis") == "background" and reading.background.word not in BACKGROUNDS.get(value, (value,)):
        wrong.append(BACKGROUND)
    return wrong


def _wrong_expression(asked: Mapping[str, str], reading: Reading) -> bool:
    """In profile an expression is hard to see: only a reader that is sure of another one counts."""
    wanted = asked["expression"]
    if asked.get("angle", "").startswith("profile"):
        return _against(reading.expression, (wanted,))
    return reading.expression.word != wanted


def _against(said: Said, wanted: tuple[str, ...]) -> bool:
    return said.sure >= SURE and said.word not in wanted


def errs(image: ImageRecord, seed: int, error: float) -> bool:
    """Whether the reviewer of ``seed`` is mistaken about this picture: a hash of its pixels, so that it errs about the
    same picture in the same way whenever and wherever it sees it."""
    digest = hashlib.sha256(f"{seed}/{image.pixels}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < error * 2**64


def judged(image: ImageRecord, reading: Reading, *, seed: int, error: float, corrections: bool = False) -> Opinion:
    """What the reviewer says: the truth, or by mistake the contrary (a right picture is rejected, a wrong one good)."""
    true = opinion(image, reading, corrections=corrections)
    if not errs(image, seed, error):
        return true
    return Opinion("reject") if true.label == "good" else Opinion("good")


def again(
    images: Iterable[ImageRecord], readings: Mapping[str, Reading], *, seed: int, error: float
) -> list[ImageRecord]:
    """A second look at pictures that were found good: those that are so again. Its mistakes are others than those of
    the first look."""
    return [
        i for i in images if i.id in readings and judged(i, readings[i.id], seed=~seed, error=error).label == "good"
    ]


def decide(
    session: Session,
    images: Iterable[ImageRecord],
    readings: Mapping[str, Reading],
    *,
    seed: int,
    error: float,
    corrections: bool = False,
    where: Literal["review", "card"] = "review",
) -> dict[str, Opinion]:
    """Decide on pictures, as a human would; answers by image id. Pictures without a reading are left undecided. What
    shows plainly something else than was asked for is tagged with that and let through."""
    said: dict[str, Opinion] = {}
    batch: list[Decision] = []
    for image in images:
        if image.id not in readings:
            continue
        mine = said[image.id] = judged(image, readings[image.id], seed=seed, error=error, corrections=corrections)
        if mine.shows:
            angle, expression = mine.shows
            sources.tag(session, image.id, angle=angle, expression=expression)
        for name in () if mine.shows else mine.wrong:
            batch.append(Decision(image=image.id, who="simulated", action="failure", value=name, where=where))
        reason = "shows " + ", ".join(mine.shows) if mine.shows else ", ".join(mine.wrong)
        batch.append(
            Decision(image=image.id, who="simulated", action="label", value=mine.label, reason=reason, where=where)
        )
    review.decide(session, batch)
    return said


def look(
    session: Session,
    character_id: str,
    images: Iterable[ImageRecord],
    *,
    seed: int = 0,
    error: float = 0.0,
    held_out: bool = False,
) -> Job | None:
    """Have pictures of a practice character read, but for those that were; ``None`` for none. Raises NotAllowed."""
    character = session.character(character_id)
    number = character.practice
    if number is None:
        raise NotAllowed(f"{character.name} is no practice character: nobody knows the truth of its pictures.")
    known = readings(session, character_id)
    new = tuple(image.ref for image in images if image.id not in known)
    if not new:
        return None
    request = ExamineRequest(
        character=character_id,
        number=number,
        images=new,
        size=session.family(character.generator).defaults.width,
        far=FAR,
        held_out=held_out,
        seed=seed,
        error=error,
    )
    return session.jobs.submit(request, f"Look at {count(len(new), 'picture')}", character_id)


def unread(session: Session, character_id: str) -> list[ImageRecord]:
    """Pictures that somebody decided on and nobody has read: what a report cannot yet hold against the truth."""
    known = readings(session, character_id)
    found = [i for gate in ("enriched", "synthetic", "card") for i in datasets.pictures(session, character_id, gate)]
    return [i for i in found if i.id not in known and session.store.verdict(i.id).label]


def readings(session: Session, character_id: str) -> dict[str, Reading]:
    """Everything that was read of a character's pictures so far, by image id."""
    found: dict[str, Reading] = {}
    for job in session.store.all(Job, kind="examine", character=character_id):
        found |= {i: Reading.model_validate(r) for i, r in job.result.get("readings", {}).items()}
    return found
