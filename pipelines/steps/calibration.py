"""Where a character's identity line lies: against whom it is measured, the job, what is kept of it."""

from pipelines.desk import Desk, NotFound
from pipelines.jobs.requests import CalibrateRequest, Other, Reference
from pipelines.library.records import Calibration, Character, ImageRecord, Job, LoraRecord
from pipelines.mini.cast import CAST
from pipelines.steps import datasets, practice, review, sources
from pipelines.steps.characters import NotAllowed
from pipelines.steps.lines import fits, newest

FAR = 0.01
STRANGERS = range(8_000_000, 8_000_150)
"""Seeds of people of the mini world that serve as impostors and for nothing else: no reader may have learnt them."""


def submit(desk: Desk, character_id: str, *, far: float = FAR) -> Job:
    """Calibrate a character for the recognisers of its generator. Raises NotFound, and NotAllowed without sources or
    for a share that is none."""
    if not 0 < far <= 0.5:
        raise NotAllowed("The share of false accepts lies between 0 and 0.5, such as 0.01.")
    character = desk.character(character_id)
    family = desk.family(character.generator)
    references = sources.references(desk, character_id)
    if not references:
        raise NotAllowed(f"{character.name} has no sources yet: the line is drawn from them.")
    version = datasets.following(c.version for c in desk.store.all(Calibration, character=character_id))
    request = CalibrateRequest(
        character=character_id,
        name=character.name,
        version=version,
        recognisers=tuple(name for name in (family.gate, family.second) if name),
        references=references,
        verified=verified(desk, character_id),
        others=others(desk, character),
        strangers=strangers(character) if family.weights.recipe else (),
        size=family.defaults.width,
        far=far,
        folder=desk.workspace.calibration_folder(character_id, version),
    )
    return desk.jobs.submit(request, f"Calibrate {character.name}", character_id)


def verified(desk: Desk, character_id: str) -> tuple[Reference, ...]:
    """Pictures beyond the sources that a human called right."""
    found = [i for gate in ("enriched", "synthetic") for i in review.good(desk, character_id, gate)]
    human = [i for i in found if desk.store.verdict(i.id).who == "human"]
    return tuple(Reference(image=i.ref, angle=sources.angle_of(i)) for i in human)


def others(desk: Desk, character: Character) -> tuple[Other, ...]:
    """Who else is known here: the sources of the other characters (but not those of the same practice character), and
    pictures made by the base model alone, whose people are the model's own: one group for each prompt."""
    own = practice.number(character)
    everyone = [c for c in desk.store.all(Character) if c.id != character.id]
    groups = {
        f"{c.name} ({c.id})": [s.ref for s in sources.sources(desk, c.id)]
        for c in everyone
        if own is None or practice.number(c) != own
    }
    for image in desk.store.all(ImageRecord):
        if image.kind in ("synthetic", "card") and image.shot and not image.parents and _base_alone(desk, image):
            groups.setdefault(f"base model, {image.shot.purpose.cell}", []).append(image.ref)
    return tuple(Other(group=name, images=tuple(images)) for name, images in groups.items() if images)


def _base_alone(desk: Desk, image: ImageRecord) -> bool:
    """Whether no LoRA of a character had a hand in it; one that is not known here may be anything."""
    used = [desk.store.get(LoraRecord, a.sha256) for a in image.shot.stack.adapters] if image.shot else []
    return all(lora is not None and not lora.character for lora in used)


def strangers(character: Character) -> tuple[int, ...]:
    """Seeds of people of the mini world who are somebody else."""
    own = practice.number(character)
    return (*(p.seed for p in CAST if p.number != own), *STRANGERS)


def keep(desk: Desk, job: Job, request: CalibrateRequest) -> list[Calibration]:
    """Record what a calibration has found. Doing it twice changes nothing."""
    seen = tuple(r.image.id for r in request.references)
    made = [
        Calibration.model_validate(
            {**found, "id": f"{request.character}/{request.version}/{found['recogniser']}", "seen": seen,
             "character": request.character, "job": job.id, "created": job.ended or job.created}
        )
        for found in job.result["calibrations"]
    ]  # fmt: skip
    desk.store.put(*made)
    return made


def current(desk: Desk, character_id: str) -> Calibration:
    """The latest calibration by the recogniser that gates the character's pictures. Raises NotFound."""
    character = desk.character(character_id)
    found = newest(desk, character_id).get(desk.family(character.generator).gate)
    if found is None:
        raise NotFound(f"{character.name} is not calibrated yet: flenwheel score --calibrate")
    return found


def words(desk: Desk, calibration: Calibration) -> str:
    """What a calibration says, in a few lines."""
    c = calibration
    floor = f", someone else below {c.floor:.2f}" if c.floor > -1 else ""
    lines = [
        f"{c.recogniser}: right from {c.threshold:.2f} on{floor}.",
        f"The line by others is {c.tau:.2f} ({c.impostors} pictures of {c.others}): {c.far_low * 100:.2g} to "
        f"{c.far_high * 100:.2g} % of new others pass it (95 % interval). The lowest source scores {c.smallest:.2f}.",
        *(
            f"  {r.angle:13} {r.not_passed} of {r.total} right pictures do not pass ({r.low * 100:.0f} to "
            f"{r.high * 100:.0f} %), {r.failed} would be called someone else"
            for r in c.rejects
        ),
    ]
    if c.provisional:
        lines.append(f"Provisional, not used: {c.why}")
    elif not fits(c, sources.references(desk, c.character)):
        lines.append("Not used any more: the sources have changed since. Calibrate again.")
    lines.append(f"Report: {desk.workspace.path(c.report)}")
    return "\n".join(lines)
