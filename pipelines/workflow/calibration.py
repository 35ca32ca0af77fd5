"""Where a character's identity threshold lies: against whom it is measured, the job, what is kept of it."""

from dataclasses import dataclass
from math import ceil

from pipelines.domain.calibrations import Calibration
from pipelines.domain.rates import between
from pipelines.domain.records import Character, ImageRecord, Job, LoraRecord
from pipelines.domain.requests import CalibrateRequest, Other, Reference, ScoreRequest
from pipelines.domain.scores import Identity
from pipelines.domain.words import count
from pipelines.session import NotFound, Session
from pipelines.workflow import characters, datasets, generate, judges, outsiders, render, review, sources
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.thresholds import fits, newest
from pipelines.world.cast import CAST

STRANGERS = range(8_000_000, 8_000_150)
"""Seeds of people of the mini world that serve as impostors and for nothing else: no reader may have learnt them."""
DRAWN = 120
"""How many strangers are drawn with a base model: more than the 99 independent ones that a line at 1 % needs."""
BASE_MODEL = "base model"
LEAST, ENOUGH = 2, 5
"""Sources without which no threshold can be calibrated, and without which it is not used
(``faces.calibration.SOURCES``)."""


@dataclass(frozen=True)
class CalibrateOptions:
    """``far``: the share of others that may pass the line, between 0 and 0.5."""

    far: float = 0.01


AS_USUAL = CalibrateOptions()


@dataclass(frozen=True)
class Estimate:
    """What a threshold would be calibrated from: how many ``sources``, how many ``others`` (people, or prompts of the
    base model). ``blocker`` says why it cannot be drawn, ``weak`` what would keep it from being used; in words."""

    sources: int
    others: int
    blocker: str
    weak: tuple[str, ...]


def estimate(session: Session, character_id: str, options: CalibrateOptions = AS_USUAL) -> Estimate:
    """What there is to calibrate a character with. Raises NotFound."""
    character = session.character(character_id)
    n = len(sources.sources(session, character_id))
    known = others(session, character)
    extra = strangers(character) if drawn_here(session, character) else ()
    blocker = ""
    if character.judged_by == "none":
        blocker = f"{character.name} is judged by your eyes alone: no line is drawn. Choose another judge in Enrich."
    elif not n:
        blocker = f"{character.name} has no sources yet: the line is drawn from them. Add pictures in Enrich."
    elif n < LEAST:
        blocker = "One source has nothing to be held against. Add another in Enrich."
    weak = []
    if LEAST <= n < ENOUGH:
        weak.append(
            f"{count(n, 'source')} of at least {ENOUGH}: with fewer, the line stays provisional and is not used."
        )
    if not extra and (lacking := _few_others(known, options.far)):
        weak.append(lacking)
    return Estimate(n, len(known) + len(extra), blocker, tuple(weak))


def independent(known: tuple[Other, ...]) -> int:
    """How many independent pictures others are worth, before anybody has looked at them: all pictures of one person
    count as one (265 of six people were worth six), each of the base model alone as a person of its own."""
    return sum(len(o.images) if o.group.startswith(BASE_MODEL) else 1 for o in known)


def _few_others(known: tuple[Other, ...], far: float) -> str:
    """A threshold that a share ``far`` of others passes needs at least 1 / far - 1 independent pictures of them."""
    pictures, worth, wanted = sum(len(o.images) for o in known), independent(known), ceil(1 / far - 1)
    if worth >= wanted:
        return ""
    have = (
        f"{count(pictures, 'picture')} of {count(len(known), 'other')} "
        f"{'is' if pictures == 1 else 'are'} worth about {worth} of at least {wanted} independent ones"
        if pictures
        else f"Nobody else is known here yet, and {wanted} independent pictures of others are needed"
    )
    return (
        f"{have}: pictures of one person resemble each other. The line stays provisional until more people "
        "are brought in (a folder with a subfolder for each), or strangers are drawn with the base model alone."
    )


def worth_of_start(session: Session, character: Character) -> str:
    """What the line is worth that is used until one is calibrated, in words."""
    if drawn_here(session, character) or character.judged_by == "none":
        return ""
    if character.judged_by == "look":
        return "Until then a starting line judges: it tells things apart, and knows little of others of the same kind."
    return (
        "Until then a starting line judges: on photographs of five people it took no stranger for right, and 79 of 100 "
        "pictures of the person; the rest waited as unsure. Of drawn faces nothing is known."
    )


def draw_strangers(session: Session, character_id: str) -> Job:
    """Draw people that nobody knows with the base model alone, by the prompts that the character is drawn with; they
    lie in no pile of Review and serve for calibrating only. Raises NotFound, and NotAllowed where strangers are drawn
    anyway."""
    character = session.character(character_id)
    if drawn_here(session, character):
        raise NotAllowed("Strangers of the mini world are drawn at every calibration: there is nothing to make first.")
    each = ceil(DRAWN / max(1, len(session.presets.scenarios)))
    made = generate.plan(session, character_id, generate.GenerateOptions(variants=each, count=DRAWN))
    folder = f"{session.workspace.character(character_id)}/strangers"
    plan = made.model_copy(update={"kind": "sample", "version": "strangers", "folder": folder})
    return render.submit(session, plan, f"Draw {count(len(plan), 'stranger')} with the base model")


def submit(session: Session, character_id: str, options: CalibrateOptions = AS_USUAL) -> Job:
    """Calibrate a character for the recognisers of its generator. Raises NotFound, and NotAllowed without sources or
    for a share that is none."""
    if not 0 < options.far <= 0.5:
        raise NotAllowed("The share of false accepts lies between 0 and 0.5, such as 0.01.")
    character = session.character(character_id)
    family = session.family(character.generator)
    judge = judges.judge(session, character, family)
    references = sources.references(session, character_id)
    if blocker := estimate(session, character_id, options).blocker:
        raise NotAllowed(blocker)
    version = datasets.following(c.version for c in session.store.all(Calibration, character=character_id))
    request = CalibrateRequest(
        character=character_id,
        name=character.name,
        version=version,
        recognisers=tuple(name for name in (judge.recogniser, judge.second_opinion) if name),
        references=references,
        verified=verified(session, character_id),
        others=others(session, character),
        strangers=strangers(character) if drawn_here(session, character) else (),
        size=family.defaults.width,
        far=options.far,
        folder=session.workspace.calibration_folder(character_id, version),
    )
    return session.jobs.submit(request, f"Calibrate {character.name}", character_id)


def verified(session: Session, character_id: str) -> tuple[Reference, ...]:
    """Pictures beyond the sources that a human called right."""
    found = [i for gate in ("enriched", "synthetic") for i in review.good(session, character_id, gate)]
    human = [i for i in found if session.store.verdict(i.id).who == "human"]
    return tuple(Reference(image=i.ref, angle=sources.angle_of(i)) for i in human)


def others(session: Session, character: Character) -> tuple[Other, ...]:
    """Who else is known here: the sources of the other characters (but not those of the same practice character), and
    pictures made by the base model alone, whose people are the model's own: one group for each prompt."""
    own = character.practice
    everyone = [c for c in characters.present(session) if c.id != character.id]
    groups = {
        f"{c.name} ({c.id})": [s.ref for s in sources.sources(session, c.id)]
        for c in everyone
        if own is None or c.practice != own
    }
    for image in session.store.all(ImageRecord):
        drawn = image.kind in ("synthetic", "card") or (image.kind == "sample" and image.version == "strangers")
        if drawn and image.shot and not image.parents and _base_alone(session, image):
            groups.setdefault(f"{BASE_MODEL}, {image.shot.purpose.cell}", []).append(image.ref)
    found = tuple(Other(group=name, images=tuple(images)) for name, images in groups.items() if images)
    return (*found, *outsiders.known(session))


def _base_alone(session: Session, image: ImageRecord) -> bool:
    """Whether no LoRA of a character had a hand in it; one that is not known here may be anything."""
    used = [session.store.get(LoraRecord, a.sha256) for a in image.shot.stack.adapters] if image.shot else []
    return all(lora is not None and not lora.character for lora in used)


def drawn_here(session: Session, character: Character) -> bool:
    """Whether the character's model is of the mini world, whose people can be drawn on the spot."""
    return session.family(character.generator).world == "mini"


def strangers(character: Character) -> tuple[int, ...]:
    """Seeds of people of the mini world who are somebody else."""
    return (*(p.seed for p in CAST if p.number != character.practice), *STRANGERS)


def record(session: Session, job: Job, request: CalibrateRequest) -> list[Calibration]:
    """Record what a calibration has found. Doing it twice changes nothing."""
    seen = tuple(r.image.id for r in request.references)
    made = [
        Calibration.model_validate(
            {**found, "id": f"{request.character}/{request.version}/{found['recogniser']}", "seen": seen,
             "character": request.character, "job": job.id, "created": job.ended or job.created}
        )
        for found in job.result["calibrations"]
    ]  # fmt: skip
    session.store.put(*made)
    return made


def current(session: Session, character_id: str) -> Calibration:
    """The latest calibration by the recogniser that gates the character's pictures. Raises NotFound."""
    character = session.character(character_id)
    found = newest(session, character_id).get(_gate(session, character))
    if found is None:
        raise NotFound(f"{character.name} is not calibrated yet: flenwheel score --calibrate")
    return found


def _gate(session: Session, character: Character) -> str:
    return judges.judge(session, character, session.family(character.generator)).recogniser


def otherwise_scored(session: Session, calibration: Calibration) -> list[ImageRecord]:
    """Pictures of the character that have a score by this recogniser, but were held against another threshold."""
    found = [i for i in session.store.all(ImageRecord, character=calibration.character) if i.kind != "correction"]
    return [i for i in found if (own := i.scores.identity) and not _by(own, calibration)]


def _by(identity: Identity, calibration: Calibration) -> bool:
    if identity.score is None or identity.recogniser != calibration.recogniser:
        return True
    return identity.threshold is not None and abs(identity.threshold - calibration.threshold) < 1e-3


def score_again(session: Session, character_id: str) -> Job:
    """Hold every picture that was scored by another threshold against the present one. Raises NotFound, and NotAllowed
    when there is none, or when its threshold is not used."""
    drawn = current(session, character_id)
    if drawn.provisional or not fits(drawn, sources.references(session, character_id)):
        raise NotAllowed("This line is not used: calibrate again first.")
    found = otherwise_scored(session, drawn)
    if not found:
        raise NotAllowed("Every picture is judged by this line already.")
    spec = sources.scoring_spec(session, character_id, session.character(character_id).generator)
    request = ScoreRequest(character=character_id, images=tuple(i.ref for i in found), scoring=spec)
    return session.jobs.submit(request, f"Judge {count(len(found), 'picture')} by the new line", character_id)


def unsure_though_good(session: Session, calibration: Calibration) -> tuple[int, int]:
    """Of the pictures beyond the sources that a human called good and that this recogniser gave a score, how many lie
    between the two lines; and how many there are."""
    c = calibration
    found = (session.store.get(ImageRecord, r.image.id) for r in verified(session, c.character))
    who = (image.scores.identity for image in found if image)
    scores = [i.score for i in who if i and i.score is not None and i.recogniser == c.recogniser]
    return sum(max(c.floor, -1) <= score < c.threshold for score in scores), len(scores)


def remarks(session: Session, calibration: Calibration) -> list[str]:
    """What a person who looks at results would ask: why so many good ones stay unsure, and what to do about it."""
    c = calibration
    unsure, of = unsure_though_good(session, c)
    if 2 * unsure <= of or not of:
        return []
    told = (
        f"{unsure} of {count(of, 'picture')} that you called good score between the lines and stay unsure: you decide"
        " on them, and none is sorted out by itself."
    )
    if c.smallest > c.tau:
        told += (
            f" The sources draw the line: the lowest of them scores {c.smallest:.2f}, others would allow {c.tau:.2f}."
            " Sources that look less alike (other light, other days, more angles) lower it."
        )
    return [told]


def words(session: Session, calibration: Calibration) -> str:
    """What a calibration says, in a few lines."""
    c = calibration
    floor = f", someone else below {c.floor:.2f}" if c.floor > -1 else ""
    lines = [
        f"{c.recogniser}: right from {c.threshold:.2f} on{floor}.",
        f"The line by others is {c.tau:.2f} ({count(c.impostors, 'picture')} of {c.others}): "
        f"{between(c.far_low, c.far_high)} of new others pass it (95 % interval); they are worth {c.effective:.0f} "
        f"independent ones. The lowest source scores {c.smallest:.2f}.",
        *(
            f"  {r.angle:13} {r.not_passed} of {r.total} right pictures do not pass ({r.low * 100:.0f} to "
            f"{r.high * 100:.0f} %), {r.failed} would be called someone else"
            for r in c.rejects
        ),
    ]
    lines += remarks(session, c)
    if c.provisional:
        lines.append(f"Provisional, not used: {c.why}")
    elif not fits(c, sources.references(session, c.character)):
        lines.append("Not used any more: the sources have changed since. Calibrate again.")
    lines.append(f"Report: {session.workspace.path(c.report)}")
    return "\n".join(lines)
