"""The survey: which editor and which LoRAs to trust, measured before anything is enriched."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Any

from pipelines.domain.records import ImageRecord, Job, Survey, Way
from pipelines.domain.shots import LoraStack, Plan
from pipelines.domain.words import count
from pipelines.planning import survey
from pipelines.planning.kinds import of_kind
from pipelines.planning.survey import Content
from pipelines.session import NotFound, Session
from pipelines.workflow import datasets, render, sources
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.references import Beside, seen_beside

CHOICES: dict[Way, str] = {
    "A": "An existing LoRA as it is",
    "B": "Several LoRAs combined",
    "C": "Train a custom LoRA",
    "D": "Hybrid: combine and train",
}


@dataclass
class Standing:
    """How one stack did: pictures, mean identity (cosine) and how often it was right, seconds, human stars (1-5),
    peak memory (GiB); ``None`` where nothing was measured."""

    stack: str
    pictures: int
    identity: float | None
    right: int
    measured: int
    seconds: float | None
    peak_gib: float | None
    stars_identity: float | None
    stars_edit: float | None


@dataclass(frozen=True)
class SurveyOptions:
    """What to compare: the base and every stack, on the same pictures, with the same prompts and ``seeds`` seeds. No
    ``images``: the first five sources; no ``prompts``: the standard ones; ``steps`` and ``guidance`` of ``None`` are
    those that each column's LoRAs ask for, else the model's; ``beside`` is what else the editor sees.

    ``onto`` is the version of a survey that this is added to: its columns, prompts, pictures and seeds, and these. What
    it has is kept, and made with what it was made with."""

    images: tuple[str, ...] = ()
    stacks: tuple[LoraStack, ...] = ()
    prompts: tuple[str, ...] = ()
    seed: int = 0
    seeds: int = 1
    steps: int | None = None
    guidance: float | None = None
    beside: Beside = field(default_factory=Beside)
    onto: str = ""


NEW_SURVEY = SurveyOptions()


def of_version(session: Session, character_id: str, version: str) -> Survey:
    """The survey of that version; the newest for "". Raises NotFound."""
    made = surveys(session, character_id)
    found = [survey for survey in made if version in ("", survey.version)]
    if not found:
        known = ", ".join(survey.version for survey in made)
        raise NotFound(f"There is no survey {version} (known: {known})." if known else "There is no survey yet.")
    return found[-1]


def added(session: Session, character_id: str, options: SurveyOptions) -> SurveyOptions:
    """The whole of what is compared when ``options`` are added to a survey; they themselves when they are to none.
    Raises NotFound."""
    if not options.onto:
        return options
    made = of_version(session, character_id, options.onto)
    there = {s.id for s in sources.sources(session, character_id)}
    return replace(
        options,
        images=tuple(dict.fromkeys((*(i for i in made.images if i in there), *options.images))),
        stacks=(*made.stacks, *options.stacks),
        prompts=tuple(dict.fromkeys((*made.prompts, *options.prompts))),
        seed=made.seed,
        seeds=max(made.seeds, options.seeds),
        steps=made.steps,
        guidance=made.guidance,
        beside=Beside(made.references, made.beside, made.control),
    )


def plan(session: Session, character_id: str, options: SurveyOptions) -> Plan:
    """The plan of a survey, or of what is added to one. Raises NotFound; NotAllowed when pictures that are there would
    be made otherwise today, so that what is added would not compare with them."""
    character = session.character(character_id)
    options = added(session, character_id, options)
    known = {s.id: s for s in sources.sources(session, character_id)}
    wanted = list(dict.fromkeys(options.images)) or list(known)[:5]
    lost = [i for i in wanted if i not in known]
    if lost:
        raise NotFound(
            f"{len(lost)} of the chosen pictures are not among the sources: {', '.join(i[:8] for i in lost)}."
        )
    onto = of_version(session, character_id, options.onto) if options.onto else None
    version = onto.version if onto else datasets.following(s.version for s in surveys(session, character_id))
    planned = survey.plan(
        survey.SurveyChoice(
            character=character,
            kinds=session.presets.kinds,
            family=session.family(onto.family if onto else character.editor),
            version=version,
            folder=session.workspace.survey_folder(character_id, version),
            seed=options.seed,
            seeds=options.seeds,
            steps=options.steps,
            guidance=options.guidance,
            images=tuple(known[i] for i in wanted),
            stacks=options.stacks,
            axes=session.presets.survey_prompts,
            prompts=options.prompts,
            called=_called(session, onto) if onto else {},
            **seen_beside(session, character_id, options.beside),
        )
    )
    if onto and (others := _made_otherwise(session, onto, planned)):
        raise NotAllowed(
            f"Survey {version} cannot be added to: {count(others, 'picture')} of it would be made otherwise today"
            " (prompts, models or what is recorded of its settings have changed since), so that nothing added would"
            " compare. Begin a new survey."
        )
    return planned


def _made_otherwise(session: Session, made: Survey, planned: Plan) -> int:
    """How many pictures of a survey a plan that adds to it knows nothing of, though it has their source."""
    ids, images = {shot.id for shot in planned}, {shot.sources[0].id for shot in planned}
    shots = [image.shot for image in results(session, made) if image.shot]
    return sum(shot.id not in ids for shot in shots if shot.sources and shot.sources[0].id in images)


def _called(session: Session, made: Survey) -> dict[Content, str]:
    """What the columns of a survey were called when their pictures were made."""
    shots = (image.shot for image in results(session, made) if image.shot)
    return {shot.stack.content: shot.purpose.labels.get("stack", shot.stack.label) for shot in shots}


def asked(session: Session, made: Survey) -> list[tuple[str, str]]:
    """Name and instruction of every prompt of a survey."""
    kind, kinds = session.character(made.character).kind, session.presets.kinds
    return survey.rows(made.prompts, session.presets.survey_prompts, lambda prompt: of_kind(prompt, kind, kinds))


def submit(session: Session, plan: Plan, options: SurveyOptions | None = None) -> Job:
    """Run a survey and remember what it compares, or add to one. ``options`` are those that it was planned by."""
    whole = added(session, plan.character, options or SurveyOptions())
    return render.submit(
        session,
        plan,
        f"Survey {plan.version}: {count(len(plan), 'picture')}",
        alongside=lambda job: [_survey(plan, job, whole, session.store.get(Survey, _id(plan)))],
    )


def _id(plan: Plan) -> str:
    return f"{plan.character}/{plan.version}"


def _survey(plan: Plan, job: Job, whole: SurveyOptions = NEW_SURVEY, before: Survey | None = None) -> Survey:
    """The record of what a plan compares, planned by the ``whole`` options; ``before``: of what it adds to."""
    content: dict[str, Any] = {
        "stacks": tuple({s.stack.content: s.stack for s in plan.shots}.values()),
        "prompts": tuple(dict.fromkeys(s.purpose.labels["prompt"] for s in plan.shots)),
        "images": tuple(dict.fromkeys((*(before.images if before else ()), *(s.sources[0].id for s in plan.shots)))),
        "seeds": 1 + max(s.purpose.variant for s in plan.shots),
        "job": job.id,
    }
    if before:
        return before.model_copy(update=content)
    seen = whole.beside
    return Survey(
        id=_id(plan),
        character=plan.character,
        version=plan.version,
        family=plan.shots[0].family,
        seed=whole.seed,
        steps=whole.steps,
        guidance=whole.guidance,
        references=seen.references,
        beside=seen.named,
        control=seen.control,
        **content,
    )


def added_onto(now: Survey, whole: Survey) -> Survey:
    """A survey as it stands with what ``whole``, planned elsewhere, adds to it. Raises NotAllowed when that was planned
    for another survey, or for one that has more by now."""
    contents = [{stack.content for stack in one.stacks} for one in (now, whole)]
    kept = contents[0] <= contents[1] and {*now.prompts} <= {*whole.prompts} and {*now.images} <= {*whole.images}
    if now.created != whole.created or not kept or now.seeds > whole.seeds:
        raise NotAllowed("Meanwhile another was begun under the same version, or added to: ask again.")
    fields = ("stacks", "prompts", "images", "seeds", "job")
    return now.model_copy(update={name: getattr(whole, name) for name in fields})


def surveys(session: Session, character_id: str) -> list[Survey]:
    """A character's surveys, oldest first."""
    return sorted(session.store.all(Survey, character=character_id), key=lambda s: datasets.number(s.version))


def results(session: Session, made: Survey) -> list[ImageRecord]:
    """The pictures of a survey."""
    return datasets.pictures(session, made.character, "survey", made.version)


def standings(session: Session, made: Survey) -> list[Standing]:
    """Averages of every stack, the best identity first."""
    groups: dict[Content, list[ImageRecord]] = defaultdict(list)
    for image in results(session, made):
        if image.shot:
            groups[image.shot.stack.content].append(image)
    shown = survey.labels(made.stacks)
    table = [_standing(session, shown[content], images) for content, images in groups.items() if content in shown]
    return sorted(table, key=lambda s: (s.stars_identity or 0, s.identity or -1), reverse=True)


def _standing(session: Session, label: str, images: list[ImageRecord]) -> Standing:
    identities = [i.scores.identity for i in images if i.scores.identity]
    verdicts = [session.store.verdict(i.id) for i in images]
    measured = [i for i in identities if i.score is not None]
    return Standing(
        stack=label,
        pictures=len(images),
        identity=_mean(i.score for i in measured),
        right=sum(i.verdict == "right" for i in measured),
        measured=len(measured),
        seconds=_mean(i.seconds for i in images),
        peak_gib=max((i.peak_gib for i in images if i.peak_gib is not None), default=None),
        stars_identity=_mean(v.identity for v in verdicts),
        stars_edit=_mean(v.edit for v in verdicts),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return fmean(known) if known else None


def decide(session: Session, survey_id: str, decision: Way, reasons: str) -> Survey:
    """Write down which way to go and why. Raises NotFound, NotAllowed without reasons."""
    with session.store.alone():
        made = session.store.get(Survey, survey_id)
        if made is None:
            raise NotFound(f"There is no survey {survey_id!r}.")
        if not reasons.strip():
            raise NotAllowed("Write down the reasons: that is what the next round will want to know.")
        made = made.model_copy(update={"decision": decision, "reasons": reasons.strip()})
        session.store.put(made)
    return made
