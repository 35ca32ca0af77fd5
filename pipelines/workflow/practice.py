"""Practice characters: a first turn of the wheel without a camera or a download."""

from pipelines.domain.records import Character, Job
from pipelines.domain.requests import PracticeRequest
from pipelines.session import NotFound, Session
from pipelines.storage.atomic import remove
from pipelines.workflow import characters, sources
from pipelines.world.cast import CAST, Practice, member

SIZE = 256
SOURCES = 12
"""Pictures that a practice character comes with, unless fewer are asked for."""
GENERATOR, EDITOR = "mini-flux", "mini-qwen-edit"


def cast() -> tuple[Practice, ...]:
    """Who can be had, by number."""
    return CAST


def start(session: Session, which: int, *, held_out: bool = False, count: int = SOURCES) -> tuple[Character, Job]:
    """A practice character of this workspace and the job that draws its twelve sources, or fewer. Raises NotFound."""
    try:
        who = member(which)
    except KeyError as error:
        raise NotFound(f"There is {error.args[0]}.") from None
    origin = f"FLENwheel practice character {which}, rendered on this machine"
    made = characters.new(
        session, who.name, origin=origin, may_use=True, practice=which, generator=GENERATOR, editor=EDITOR
    )
    folder = f"cache/practice/{made.id}"
    request = PracticeRequest(
        character=made.id, number=which, size=SIZE, folder=folder, held_out=held_out, sources=count
    )
    # both or none: a queue that is closing, or a full disk, leaves no character without pictures
    return made, session.jobs.submit(request, f"Draw the pictures of {who.name}", made.id, alongside=lambda job: [made])


def drawing(session: Session, character_id: str) -> bool:
    """Whether the sources of a character are being drawn, or soon will be."""
    jobs = session.store.all(Job, kind="practice", character=character_id)
    return any(job.state in ("queued", "running") for job in jobs)


def take_in(session: Session, job: Job, request: PracticeRequest) -> None:
    """The drawn pictures become sources, with angle and expression as they are known, and are looked at. Those that
    are in already are left."""
    drawn = [(session.workspace.path(path), angle, expression) for path, angle, expression in job.result["pictures"]]
    there = [(path, angle, expression) for path, angle, expression in drawn if path.is_file()]
    sources.add(session, request.character, [(path.name, path) for path, _, _ in there])
    shown = {path.name: (angle, expression) for path, angle, expression in drawn}
    for image in sources.sources(session, request.character):
        if image.intake and image.intake.filename in shown and image.angle == "unsure":
            angle, expression = shown[image.intake.filename]
            sources.tag(session, image.id, angle=angle, expression=expression)
    for path, _, _ in there:
        remove(path)
    sources.measure_new(session, request.character)
