"""From a plan to a job, and what it will take."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from pipelines.desk import Desk
from pipelines.engine.memory import predict_render
from pipelines.engine.weights import Missing, missing
from pipelines.jobs.requests import ObtainRequest, RenderRequest
from pipelines.library.records import ImageRecord, Job, Record
from pipelines.shots import Plan
from pipelines.steps import sources
from pipelines.steps.characters import NotAllowed

Alongside = Callable[[Job], list[Record]]
PREVIEW = 4
"""How many pictures of a plan are made to look at first."""


@dataclass
class Outlook:
    """What a plan will take: how many pictures are still to be made, seconds (``None``: never done here), memory."""

    pictures: int
    seconds: float | None
    peak_gib: float
    fits: bool
    why: str

    @property
    def words(self) -> str:
        """``60 pictures, about 7 min, fits``."""
        count = f"{self.pictures} picture{'' if self.pictures == 1 else 's'}"
        return f"{count}, {about(self.seconds)}, {'fits' if self.fits else self.why}"


def about(seconds: float | None) -> str:
    """A duration as people say it: ``about 7 min``."""
    if seconds is None:
        return "time not known yet"
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"


def outlook(desk: Desk, plan: Plan) -> Outlook:
    """Predict a plan: time from pictures made here before with the same model, memory from sizes."""
    to_do = [shot for shot in plan.shots if not desk.workspace.path(plan.path(shot)).exists()]
    seconds = 0.0
    known = True
    for family in dict.fromkeys(shot.family for shot in to_do):
        one = _seconds_a_picture(desk, family)
        known = known and one is not None
        seconds += (one or 0.0) * sum(shot.family == family for shot in to_do)
    forecast = [
        predict_render(
            desk.family(family), [s for s in plan.shots if s.family == family], desk.workspace, desk.settings
        )
        for family in dict.fromkeys(shot.family for shot in plan.shots)
    ]
    worst = max(forecast, key=lambda p: p.peak_gib, default=None)
    return Outlook(
        pictures=len(to_do),
        seconds=seconds if known and to_do else (0.0 if not to_do else None),
        peak_gib=worst.peak_gib if worst else 0.0,
        fits=all(p.fits for p in forecast),
        why=next((p.why for p in forecast if not p.fits), ""),
    )


def _seconds_a_picture(desk: Desk, family: str) -> float | None:
    timed = [
        image.seconds
        for image in desk.store.all(ImageRecord)[-200:]
        if image.seconds and image.shot and image.shot.family == family
    ]
    return median(timed) if timed else None


def submit(desk: Desk, plan: Plan, title: str, *, alongside: Alongside = lambda job: []) -> Job:
    """Queue a plan; its pictures are judged against the character's sources. ``alongside`` makes records that are
    written together with the job, or not at all.

    Raises NotAllowed for an empty plan or when weights are missing: a download is asked for separately, never done
    silently.
    """
    if not plan.shots:
        raise NotAllowed("Nothing to make: choose at least one source or prompt.")
    families = list(dict.fromkeys(shot.family for shot in plan.shots))
    for family in families:
        lacking = missing_weights(desk, family)
        if lacking:
            raise NotAllowed(lacking.what)
    judge = sources.judge(desk, plan.character, families[0])
    request = RenderRequest(plan=plan, judge=judge if judge.references else None)
    return desk.jobs.submit(request, title, plan.character, alongside=alongside)


def submit_pictures(desk: Desk, plan: Plan, what: str, *, preview: bool) -> Job:
    """Queue a plan as a job called ``what``, or its first pictures as a preview. Raises NotAllowed."""
    part = plan.model_copy(update={"shots": plan.shots[:PREVIEW]}) if preview else plan
    return submit(desk, part, f"{'Preview' if preview else what}: {len(part)} pictures")


def missing_weights(desk: Desk, family: str) -> Missing | None:
    """What has to be obtained before a model family can be used; None when it is here."""
    return missing(desk.family(family), desk.workspace, desk.settings)


def obtain(desk: Desk, family: str) -> Job:
    """Get a model's weights, as the user asked after seeing size and licence."""
    return desk.jobs.submit(ObtainRequest(family=family), f"Get {desk.family(family).title}")
