"""From a plan to a job, and what it will take."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median

from pipelines.domain.chains import Broken
from pipelines.domain.presets import ModelFamily
from pipelines.domain.records import ImageRecord, Job, Record
from pipelines.domain.requests import ObtainRequest, RenderRequest
from pipelines.domain.shots import Plan
from pipelines.domain.words import count
from pipelines.engine.capacity import capacity
from pipelines.engine.memory import predict_render
from pipelines.engine.weights import Missing, missing
from pipelines.queue.state import RUNNING
from pipelines.session import NotFound, Session
from pipelines.storage.settings import Settings
from pipelines.workflow import chains, sources
from pipelines.workflow.characters import NotAllowed

Alongside = Callable[[Job], list[Record]]
SLOW = "from many minutes to hours"
LARGE = 1_000_000_000
"""Parameters of a transformer from which a picture on a CPU is a matter of minutes at the least."""
PREVIEW = 4
"""How many pictures of a plan are made to look at first."""


@dataclass
class Estimate:
    """What a plan will take: how many pictures are still to be made, seconds (``None``: never done here), memory.
    ``lacking`` are weights that have to be obtained first (``coming``: they are on their way), ``slow`` says that they
    will be drawn without a card by a model made for one, ``note`` what is worth knowing of the machine; ``broken`` are
    the chains of the plan that broke already."""

    pictures: int
    seconds: float | None
    peak_gib: float
    fits: bool
    why: str
    lacking: Missing | None = None
    note: str = ""
    coming: bool = False
    slow: bool = False
    broken: tuple[Broken, ...] = ()

    @property
    def words(self) -> str:
        """``60 pictures, about 7 min, fits``."""
        pictures = count(self.pictures, "picture")
        if self.lacking:
            return f"{pictures}, once the weights are here"
        if self.fits and self.slow:
            time = SLOW if self.seconds is None else about(self.seconds)
            return f"{pictures} without a graphics card, {time}"
        return f"{pictures}, {about(self.seconds)}, {'fits' if self.fits else self.why}"

    @property
    def can_begin(self) -> bool:
        """Whether making the pictures would be accepted."""
        return self.fits and self.lacking is None

    @property
    def obstacle(self) -> str:
        """Why it would not, short enough for a button; empty when it would."""
        if self.lacking is None:
            return "" if self.fits else "Does not fit"
        return obstacle(self.lacking, self.coming)


def obstacle(lacking: Missing, coming: bool) -> str:
    """What is in the way of a button, short enough to stand on it."""
    if lacking.how == "reinstall":
        return "The weights are missing"
    if lacking.how == "prepare" and not coming:
        return "Make the copy of your files first"
    return "The weights are on their way" if coming else f"Get the weights first ({lacking.gib:.0f} GB)"


def about(seconds: float | None) -> str:
    """A duration as people say it: ``about 7 min``."""
    if seconds is None:
        return "time not known yet"
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def estimate(session: Session, plan: Plan) -> Estimate:
    """Predict a plan: time from pictures made here before with the same model, memory from sizes."""
    left = chains.left(session, plan)
    to_do = left.shots
    seconds = 0.0
    known = True
    for family in dict.fromkeys(shot.family for shot in to_do):
        one = _seconds_a_picture(session, family)
        known = known and one is not None
        seconds += (one or 0.0) * sum(shot.family == family for shot in to_do)
    forecast = [
        predict_render(
            session.family(family),
            [s for s in plan.pictures if s.family == family],
            session.workspace,
            session.settings,
        )
        for family in dict.fromkeys(shot.family for shot in plan.shots)
    ]
    families = dict.fromkeys(shot.family for shot in plan.shots)
    lacking = next((gone for family in families if (gone := missing_weights(session, family))), None)
    worst = max(forecast, key=lambda p: p.peak_gib, default=None)
    return Estimate(
        pictures=len(to_do),
        seconds=seconds if known and to_do else (0.0 if not to_do else None),
        peak_gib=worst.peak_gib if worst else 0.0,
        fits=all(p.fits for p in forecast),
        why=next((p.why for p in forecast if not p.fits), ""),
        lacking=lacking,
        note=_machine_note(session, families),
        coming=any(coming(session, family) for family in families),
        slow=slow(session, families),
        broken=tuple(left.broken),
    )


def _machine_note(session: Session, families: Iterable[str]) -> str:
    """Why no card is used, and that a large model takes its time without one."""
    told = f"Without a graphics card a picture of this model takes {SLOW}."
    return " ".join(filter(None, [capacity(session.settings).no_card, told if slow(session, families) else ""]))


def slow(session: Session, families: Iterable[str]) -> bool:
    """Whether one of the models is made for a card, and there is none to be used."""
    return any(made_for_a_card(session.family(f), session.settings) for f in families)


def made_for_a_card(model: ModelFamily, settings: Settings) -> bool:
    """Whether a model is too large for a processor, and there is nothing else here to run it on."""
    return model.parts["transformer"].parameters >= LARGE and capacity(settings).device == "cpu"


def _seconds_a_picture(session: Session, family: str) -> float | None:
    """The median of the last 200 that this model made; ``None`` when it made none here."""
    made = (i for i in session.store.all(ImageRecord) if i.seconds and i.shot and i.shot.family == family)
    timed = [i.seconds for i in made if i.seconds][-200:]
    return median(timed) if timed else None


def submit(session: Session, plan: Plan, title: str, *, alongside: Alongside = lambda job: []) -> Job:
    """Queue a plan; its pictures are judged against the character's sources. ``alongside`` makes records that are
    written together with the job, or not at all.

    Raises NotAllowed for an empty plan or when weights are missing: a download is asked for separately, never done
    silently.
    """
    if not plan.shots:
        raise NotAllowed("Nothing to make: choose at least one source or prompt.")
    families = list(dict.fromkeys(shot.family for shot in plan.shots))
    for family in families:
        lacking = missing_weights(session, family)
        if lacking:
            raise NotAllowed(lacking.what)
    spec = sources.scoring_spec(session, plan.character, families[0])
    request = RenderRequest(plan=plan, scoring=spec if spec.references else None)
    return session.jobs.submit(request, title, plan.character, alongside=alongside)


def submit_pictures(session: Session, plan: Plan, what: str, *, preview: bool) -> Job:
    """Queue a plan as a job called ``what``, or the next of its pictures as a preview. Raises NotAllowed."""
    if not preview:
        return submit(session, plan, f"{what}: {count(len(plan.pictures), 'picture')}")
    part, pictures = _next(session, plan, PREVIEW)
    return submit(session, part, f"Preview: {count(pictures, 'picture')}")


def _next(session: Session, plan: Plan, most: int) -> tuple[Plan, int]:
    """The beginning of a plan with the next ``most`` pictures to be made: fewer where a chain or the tries of a shot
    would be cut, more where the first of these has more; and how many they are."""
    left = {shot.id for shot in chains.left(session, plan).shots}
    made = next((number for number, shot in enumerate(plan.shots) if shot.id in left), 0)
    found, known = plan, 0
    for pictures in range(made + 1, len(plan.pictures) + 1):
        part = plan.beginning(pictures)
        to_make = len(chains.left(session, part).shots)
        if known and to_make > most:
            break
        found, known = part, to_make
    return found, known


def missing_weights(session: Session, family: str) -> Missing | None:
    """What has to be obtained before a model family can be used; None when it is here."""
    try:
        return missing(session.family(family), session.workspace, session.settings)
    except NotFound as gone:
        return Missing(str(gone), 0.0, "", "reinstall")


def obtain(session: Session, family: str) -> Job:
    """Get a model's weights, as the user asked after seeing size and licence. Raises NotFound, and NotAllowed while
    they are on their way already."""
    model = session.family(family)
    if coming(session, family):
        raise NotAllowed(f"{model.title} is on its way already: the job bar shows how far.")
    return session.jobs.submit(ObtainRequest(family=family), _getting(model.title))


def coming(session: Session, family: str) -> bool:
    """Whether a job is getting a model's weights, or will."""
    model = session.presets.models.get(family)
    asked = session.store.all(Job, kind="obtain") if model else []
    return any(job.state in RUNNING and job.title == _getting(model.title) for job in asked if model)


def _getting(title: str) -> str:
    return f"Get {title}"
