"""Step 1.1: pictures of the character come in, are checked, captioned and tagged with angle and expression."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, get_args

from pipelines.domain.records import Character, Decision, ImageRecord, Job, JudgedBy
from pipelines.domain.requests import Reference, ScoreRequest, ScoringSpec
from pipelines.domain.scores import Angle, Expression, Framing
from pipelines.domain.seen import seen
from pipelines.domain.spelling import says
from pipelines.domain.words import count
from pipelines.session import NotFound, Session
from pipelines.storage import sidecars
from pipelines.storage.intake import Examined, Refused, examine, keep
from pipelines.workflow import datasets, judges, thresholds, twins

WANTED = 10
WANTED_ANGLES = 2
SMALLEST = 512
"""Pixels of a source's shorter side: the smallest resolution that the usual trainers use (docs/numbers.md); less for a
model that draws smaller pictures than that."""
OTHERS = 3
"""Other sources that must say so before one is doubted, or another judge is proposed."""
CONFIRMED = "confirmed: it does show the character"
CROPPED = "cropped: a part stands for the whole, or the whole for a part again"

Word = TypeVar("Word", bound=str)


@dataclass
class Arrival:
    """What became of files that were brought in: pictures taken in, files refused (name, why), doubtful ones (id, why),
    what is worth knowing (name, words), how many captions came with them, and which look like another source (ids)."""

    admitted: list[ImageRecord] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    doubtful: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    captions: int = 0
    alike: dict[str, str] = field(default_factory=dict)

    @property
    def noted(self) -> list[str]:
        """What is worth knowing, one line for files of which the same is to be said."""
        files: dict[str, list[str]] = {}
        for name, words in self.notes:
            files.setdefault(words, []).append(name)
        return [f"{names[0] if len(names) == 1 else f'{len(names)} files'}: {words}" for words, names in files.items()]


def add(
    session: Session,
    character_id: str,
    files: Iterable[tuple[str, bytes | Path]],
    *,
    first_frame: bool = False,
    alike: bool = True,
) -> Arrival:
    """Take in ``(file name, bytes or path)``: pictures, and captions that lie beside them. A file that is refused harms
    no other, and leaves nothing. ``alike`` of False leaves out what looks like a source that is here. Raises
    NotFound."""
    character = session.character(character_id)
    version = datasets.open_version(session, character_id, "source")
    brought = sidecars.sort(files)
    arrival, gallery = Arrival(refused=list(brought.refused), notes=list(brought.notes)), twins.Gallery(session)
    for name, data, caption in brought.pictures:
        try:
            picture = examine(data, name, first_frame=first_frame)
            known = _known(session, character_id, picture)
        except Refused as refusal:
            arrival.refused.append((name, str(refusal)))
            continue
        others = [s for s in sources(session, character_id) if known is None or s.id != known.id]
        twin = gallery.like(picture.image, others)
        if twin and not alike:
            like = f"{name} looks almost like {twin.how}, {file_of(twin.image)}"
            arrival.refused.append((name, f"{like}: left out, as you asked."))
            continue
        image = known or keep(
            session.workspace,
            picture,
            character=character_id,
            kind="source",
            version=version,
            caption=caption or character.instance,
            came=brought.came.get(name, ""),
            like=(twin.image.id, twin.how) if twin else ("", ""),
        )
        if twin:
            arrival.doubtful.append((image.id, f"{name} looks almost like {twin.how}, {file_of(twin.image)}."))
            arrival.alike[image.id] = twin.image.id
        arrival.doubtful += [(image.id, f"{name}: {words}.") for words in doubts_about(image)]
        arrival.notes += [(name, words) for words in picture.notes]
        arrival.captions += bool(caption)
        arrival.admitted.append(_taken_in(session, image, version))
    arrival.notes += _without_token(character, arrival.admitted)
    return arrival


def _known(session: Session, character_id: str, picture: Examined) -> ImageRecord | None:
    """The record of the same pixels, if they were here before. Raises Refused when they are among the sources now."""
    known = _same_pixels(session, character_id, picture)
    if known and _stands(session, known):
        raise Refused(f"{picture.name}: this picture is already among the sources.")
    if known and any(cut_of(s) == known.id for s in sources(session, character_id)):
        raise Refused(f"{picture.name}: this picture is already among the sources, cropped.")
    return known


def none_would_do(files: Iterable[tuple[str, bytes | Path]], *, first_frame: bool = False) -> list[tuple[str, str]]:
    """Why no picture among ``files`` could be taken in, by anybody (name, why); empty as soon as one could. Writes
    nothing, and looks no further than the first that would do."""
    brought = sidecars.sort(files)
    refused = list(brought.refused)
    for name, data, _ in brought.pictures:
        try:
            examine(data, name, first_frame=first_frame)
        except Refused as refusal:
            refused.append((name, str(refusal)))
        else:
            return []
    return refused


def _without_token(character: Character, images: list[ImageRecord]) -> list[tuple[str, str]]:
    silent = [image for image in images if not says(image.caption, character.token)]
    if not silent:
        return []
    words = f"{character.token} is not in {len(silent)} of them: it is put before these when a LoRA learns from them"
    return [("captions", words)]


def _taken_in(session: Session, image: ImageRecord, version: str) -> ImageRecord:
    """Keep a source with what makes it one, all or nothing. One that is known keeps what is known of it."""
    if any(image.id in d.images for d in datasets.versions(session, image.character, "source")):
        session.store.decide(_by_the_user(image))
        return image
    dataset = datasets.including(session, image.character, "source", version, [image.id])
    return session.store.add(image, dataset, decided=[_by_the_user(image)])


def _by_the_user(image: ImageRecord) -> Decision:
    return Decision(
        image=image.id, who="human", action="label", value="good", reason="brought in as a source", where="source"
    )


def _same_pixels(session: Session, character_id: str, picture: Examined) -> ImageRecord | None:
    """The source of these pixels, one that was removed included; those that stand first."""
    same = session.store.all(ImageRecord, character=character_id, kind="source", pixels=picture.pixels)
    there = [s for s in same if session.workspace.path(s.path).exists()]
    return next(iter(sorted(there, key=lambda s: not _stands(session, s))), None)


def _stands(session: Session, source: ImageRecord) -> bool:
    return session.store.verdict(source.id).label != "reject"


def sources(session: Session, character_id: str) -> list[ImageRecord]:
    """The character's sources that the human has not rejected, oldest first."""
    found = datasets.pictures(session, character_id, "source")
    return [image for image in found if _stands(session, image)]


def get(session: Session, image_id: str) -> ImageRecord:
    """A source, also one that was left out. Raises NotFound."""
    _refuse_what_is_none(session, image_id)
    image = session.store.get(ImageRecord, image_id)
    assert image is not None
    return image


def cut_of(image: ImageRecord) -> str:
    """The picture (id) that a source was cut out of; empty for one as it was brought in."""
    return image.intake.cut.of if image.intake and image.intake.cut else ""


def doubts_about(image: ImageRecord) -> tuple[str, ...]:
    """What of a picture that was brought in a LoRA should not learn."""
    return image.intake.doubts if image.intake else ()


def remove(session: Session, image_id: str) -> None:
    """Leave a source out from now on. The file and its history stay; ``restore`` brings it back. Raises NotFound."""
    _refuse_what_is_none(session, image_id)
    session.store.decide(Decision(image=image_id, who="human", action="label", value="reject", where="source"))


def restore(session: Session, image_id: str) -> None:
    """Take a removed source back in. Raises NotFound."""
    _refuse_what_is_none(session, image_id)
    session.store.decide(Decision(image=image_id, who="human", action="label", value="good", where="source"))


def _refuse_what_is_none(session: Session, image_id: str) -> None:
    image = session.store.get(ImageRecord, image_id)
    if image is None or image.kind != "source":
        raise not_a_source([image_id])


def not_a_source(ids: list[str]) -> NotFound:
    """The error for chosen pictures that are not, or no longer, among the sources."""
    short = ", ".join(i[:8] for i in ids)
    return NotFound(f"{len(ids)} of the chosen pictures are not among the sources: {short}.")


def tag(
    session: Session,
    image_id: str,
    *,
    angle: Angle | None = None,
    expression: Expression | None = None,
    framing: Framing | None = None,
    caption: str | None = None,
) -> ImageRecord:
    """Say what a picture shows; ``None`` leaves a tag as it is. Raises NotFound."""
    said = {"angle": angle, "expression": expression, "framing": framing, "caption": caption}
    with session.store.alone():
        image = session.store.get(ImageRecord, image_id)
        if image is None:
            raise NotFound(f"There is no picture {image_id[:12]} in this workspace.")
        image = image.model_copy(update={key: value for key, value in said.items() if value is not None})
        session.store.put(image)
    return image


def angle_of(image: ImageRecord) -> Angle:
    """What the human said, else what was asked for when it was made, else what was measured."""
    return _first_known((image.angle, asked(image, "angle"), seen(image, "angle").value), get_args(Angle))


def expression_of(image: ImageRecord) -> Expression:
    """What the human said, else what was asked for when it was made, else what was measured."""
    measured = seen(image, "expression").value
    return _first_known((image.expression, asked(image, "expression"), measured), get_args(Expression))


def asked(image: ImageRecord, label: str) -> str:
    """What a picture was asked to show when it was made (``angle``, ``expression``); ``unsure``: nothing was."""
    return image.shot.purpose.labels.get(label, "unsure") if image.shot else "unsure"


def _first_known(said: Iterable[str], words: tuple[Word, ...]) -> Word:
    """The first of what is said that is one of ``words``, but ``unsure``; ``unsure`` when nothing is. An edit of one's
    own may ask for an angle that has no word: then what was measured counts."""
    known = {str(word): word for word in words}
    return next((known[s] for s in said if s in known and s != "unsure"), known["unsure"])


def shows_body(image: ImageRecord) -> bool:
    """Whether a picture was made to show a whole figure."""
    labels = image.shot.purpose.labels if image.shot else {}
    return labels.get("focus") == "body" or bool(labels.get("pose"))


def cell_of(image: ImageRecord) -> tuple[str, str]:
    """Which place of the training set a picture fills: angle and expression of a head, or a whole figure's pose."""
    if image.shot and shows_body(image):
        return "body", image.shot.purpose.labels.get("pose", "")
    return angle_of(image), expression_of(image)


def scoring_spec(session: Session, character_id: str, family: str) -> ScoringSpec:
    """How pictures of a model family are scored: against the character's sources, by calibrated thresholds if there
    are."""
    preset, character = session.family(family), session.character(character_id)
    judge = judges.judge(session, character, preset)
    known = references(session, character_id)
    calibrated = thresholds.calibrated(session, character_id, known)
    smallest = min(SMALLEST, preset.defaults.width)
    return ScoringSpec(
        recogniser=judge.recogniser,
        second_opinion=judge.second_opinion,
        references=known,
        thresholds=calibrated,
        smallest=smallest,
        kinds=character.practice is None,
    )


def references(session: Session, character_id: str) -> tuple[Reference, ...]:
    """The sources as what identity is measured against: not those that are doubted (``doubts``)."""
    found = sources(session, character_id)
    left_out = {image.id for image, _ in doubts(session, character_id)}
    return tuple(Reference(image=s.ref, angle=angle_of(s)) for s in found if s.id not in left_out)


def doubts(session: Session, character_id: str) -> list[tuple[ImageRecord, str]]:
    """Sources that look like somebody else, with words on it: no references until a human confirms them. One wrong
    source of twelve halves the strangers that are turned away (docs/numbers.md). Of fewer than three others nothing is
    said, nor of a practice character's: those are drawn. Raises NotFound."""
    if session.character(character_id).practice is not None:
        return []
    found = [s for s in sources(session, character_id) if session.store.verdict(s.id).reason != CONFIRMED]
    return [(s, words) for s in found if (words := _looks_like_another(s))]


def _looks_like_another(source: ImageRecord) -> str:
    identity = source.scores.identity
    if identity is None or identity.verdict != "wrong" or identity.score is None or identity.n < OTHERS:
        return ""
    against = count(identity.n, "other source")
    return f"{file_of(source)} looks like someone else ({identity.score:.2f} against {against})."


def crowded(session: Session, character_id: str) -> list[tuple[ImageRecord, str]]:
    """Sources in which several faces were found, with words on it."""
    found = [s for s in sources(session, character_id) if (s.scores.faces or 0) > 1]
    said = "the one nearest the other sources is taken for the character. Better crop it to one."
    return [(s, f"{file_of(s)} shows {s.scores.faces} faces: {said}") for s in found]


def file_of(source: ImageRecord) -> str:
    """What a source is called: the file that it came in as."""
    return source.intake.filename if source.intake else source.id[:8]


def confirm(session: Session, image_id: str) -> None:
    """Say that a doubted source does show the character. Raises NotFound."""
    if session.store.get(ImageRecord, image_id) is None:
        raise NotFound(f"There is no picture {image_id[:12]} in this workspace.")
    session.store.decide(
        Decision(image=image_id, who="human", action="label", value="good", reason=CONFIRMED, where="source")
    )


def proposed_judge(session: Session, character_id: str) -> tuple[JudgedBy, str] | None:
    """Another judge than the character has, if its sources ask for one, and why in words. Most of three or more must:
    photographed faces are told by the face, all else by the look. Raises NotFound."""
    character = session.character(character_id)
    kinds = [s.scores.kind for s in sources(session, character_id) if s.scores.kind]
    if character.practice is not None or character.judged_by == "none" or len(kinds) < OTHERS:
        return None
    faces, drawn = kinds.count("photographed"), kinds.count("drawn")
    wanted: JudgedBy = "face" if 2 * faces > len(kinds) else "look"
    if wanted == character.judged_by:
        return None
    shown = f"{faces} of {count(len(kinds), 'source')} show a photographed face"
    shown += f", {drawn} a drawn one" if drawn else ""
    return wanted, f"{shown}: let {character.name} be judged by its {wanted}."


def measure(session: Session, character_id: str) -> Job:
    """Have the sources themselves scored: quality, faces, angle, and how alike they are."""
    character = session.character(character_id)
    found = sources(session, character_id)
    request = ScoreRequest(
        character=character_id,
        images=tuple(s.ref for s in found),
        scoring=scoring_spec(session, character_id, character.generator),
    )
    return session.jobs.submit(request, f"Look at {count(len(found), 'source')}", character_id)


def measure_new(session: Session, character_id: str) -> Job | None:
    """Have the sources looked at if nobody has looked at one yet, and that is not on its way."""
    found = sources(session, character_id)
    waiting = session.store.all(Job, kind="score", character=character_id, state="queued")
    return measure(session, character_id) if not waiting and any(s.scores.quality is None for s in found) else None


def advice(session: Session, character_id: str) -> list[str]:
    """What is still weak about the bootstrap, in words; empty when it is good enough (docs/numbers.md)."""
    found = sources(session, character_id)
    words = []
    if len(found) < WANTED:
        words.append(f"{len(found)} of at least {WANTED} pictures: with fewer, the bootstrap is weak.")
    angles = {angle_of(s) for s in found} - {"unsure"}
    if found and len(angles) < WANTED_ANGLES:
        words.append(f"{len(angles)} known angles of at least {WANTED_ANGLES}: say the angle of each picture.")
    words += [said for _, said in (*doubts(session, character_id), *crowded(session, character_id))]
    if proposed := proposed_judge(session, character_id):
        words.append(proposed[1])
    measured = [(s, s.scores.quality.issues) for s in found if s.scores.quality]
    words += [f"{file_of(s)}: {', '.join(issues)}." for s, issues in measured if issues]
    words += [f"{file_of(s)}: {said}." for s in found for said in doubts_about(s)]
    words += [said for _, said in twins.open_questions(session, found, file_of)]
    return words
