"""Steps 1.4, 1.8 and flywheel 2: what a training would learn from, whether its gate is open, and the training."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

from pydantic import ValidationError

from pipelines.domain.faults import wrong_values
from pipelines.domain.presets import TrainingPreset, TrainingSettings
from pipelines.domain.records import Correction, ImageRecord, Job, LoraRecord, Record, Target, TrainingRun, new_id
from pipelines.domain.requests import TrainItem, TrainRequest, seen_in
from pipelines.domain.shots import LoraStack, Purpose, Shot
from pipelines.domain.words import count
from pipelines.planning import model_card
from pipelines.planning.base import size_like
from pipelines.session import Session
from pipelines.workflow import datasets, gate, goals, loras, pristine, render, review, sources, triplets
from pipelines.workflow.captions import Captions
from pipelines.workflow.captions import caption as caption
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.gate import GateShut
from pipelines.workflow.sources import angle_of, cell_of, expression_of

TRIPLETS_WANTED = 10
EXPRESSIONS_WANTED = 3
TELLING = 100
"""Steps from which the whole time of a training tells the pace of its steps."""
FEW = 3
"""Pictures of an angle with an expression below which they share less than its due."""
BOUNDS: Mapping[str, tuple[float, float]] = {
    "rank": (1, 256),
    "learning_rate": (1e-8, 0.1),
    "steps": (1, 100_000),
    "resolution": (32, 4096),
    "face_weight": (0, 100),
    "ema": (0, 0.9999),
    "batch": (1, 1024),
    "accumulate": (1, 1024),
    "warmup": (0, 100_000),
    "caption_dropout": (0, 1),
    "save_every": (1, 100_000),
    "sample_every": (1, 100_000),
    "checkpoints_total_limit": (1, 1000),
    "source_share": (0, 1),
    "seed": (0, 2**32 - 1),
}
"""From where to where a new training may set its numbers; a resolution is a multiple of the model's, too."""
SAMPLE_STEPS = 20
"""Steps of an editor's samples at most, where no LoRA for few steps is here: they are to be compared with each other,
and are made with each checkpoint."""
SAMPLE_CELLS = ("front/neutral", "half-left/smiling", "profile-right/neutral")


@dataclass(frozen=True)
class TrainOptions:
    """What to train, and how. No ``preset``: the first for the character's model; ``settings`` are those that are not
    to be as the preset has them, by name, as numbers or as they were typed."""

    target: Target = "character"
    preset: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass
class TrainingSet:
    """What a training would learn from: ``images`` are what it is to make, one for each of ``items``. ``blockers`` are
    reasons why it may not start; ``warnings`` only warn."""

    target: Target
    items: list[TrainItem] = field(default_factory=list)
    images: list[ImageRecord] = field(default_factory=list)
    blockers: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def by_origin(self) -> Counter[str]:
        """How many pictures of each origin: source, enriched, pristine, correction, good edit."""
        return Counter(item.origin for item in self.items)

    @property
    def by_angle(self) -> Counter[str]:
        """How many pictures of each angle."""
        return Counter(angle_of(image) for image in self.images)


def dataset(session: Session, character_id: str, target: Target = "character") -> TrainingSet:
    """What the next training of a target would learn from, and whether it may start."""
    found = _editor_set(session, character_id) if target == "editor" else _character_set(session, character_id)
    if found.items and (why := gate.why_closed(session, character_id, seen_in(found.items))):
        found.blockers.append(why)
    return found


def _character_set(session: Session, character_id: str) -> TrainingSet:
    found = TrainingSet("character")
    groups, captions = pristine.learnt_from(session, character_id), Captions(session, character_id)
    for origin, images in groups.items():
        found.images += images
        found.items += [_item(image, origin, captions.of(image)) for image in images]
    found.items = _balanced(found.items, found.images)
    if not groups["source"]:
        found.blockers.append("There are no sources yet: drop pictures in Enrich.")
    waiting = len(review.undecided(session, character_id, "enriched"))
    if waiting:
        found.blockers.append(f"{waiting} enriched pictures wait for review: nothing unreviewed is trained on.")
    wanted = goals.wanted(session.character(character_id), "enriched") or 0
    if len(groups["enriched"]) < wanted:
        found.warnings.append(f"{len(groups['enriched'])} good enriched pictures of {wanted} wanted.")
    found.warnings += _forgetting(found.images)
    found.warnings += sources.advice(session, character_id)
    return found


def _forgetting(images: list[ImageRecord]) -> list[str]:
    """A LoRA draws the expressions that it was shown: of four that knew neutral and smiling, 5 of 20 sad faces were
    right."""
    shown = sorted({expression_of(image) for image in images} - {"unsure"})
    if not shown or len(shown) >= EXPRESSIONS_WANTED:
        return []
    return [f"Only {' and '.join(shown)} faces are shown: the LoRA forgets other expressions. Enrich makes them."]


def _editor_set(session: Session, character_id: str) -> TrainingSet:
    """Corrections, and as often the good edits (experience replay): of corrections alone an editor forgets what it did
    right, because they are all of what it did wrong. Those whose source was left out since are left out with it, and so
    is what is kept to prove the LoRA (``workflow.triplets``)."""
    sorted_ = triplets.triplets(session, character_id)
    corrections = [_correction(c) for c in sorted_.taught]
    given = {c.target.id for c in review.given_corrections(session, character_id)}
    enriched = review.good(session, character_id, "enriched") if corrections else []
    # a map that was made for one picture is no file that a training could look at again; a better try is a good edit,
    # too: once is enough
    edits = [i for i in enriched if i.shot and i.parents and not i.shot.control and i.id not in given]
    made = [_edit(i) for i in triplets.other_edits(edits, sorted_.held_out)]
    good = [item for item in made if gate.stands(session, character_id, seen_in([item]))]
    found = TrainingSet("editor")
    found.items = corrections + [i.model_copy(update={"weight": len(corrections) / len(good)}) for i in good]
    found.images = [review.get(session, item.image.id) for item in found.items]
    if not sorted_.given:
        found.blockers.append("There are no corrections yet: mark a picture in Review and give a corrected one.")
    elif not corrections:
        found.blockers += _why_none(sorted_)
    elif len(corrections) < TRIPLETS_WANTED:
        found.warnings.append(f"{count(len(corrections), 'correction')} of {TRIPLETS_WANTED} wanted.")
    if corrections and (left := len(sorted_.barred) + len(made) - len(good)):
        whose = "is left out: its" if left == 1 else "are left out: their"
        found.warnings.append(f"{left} of {sorted_.given + len(edits)} edits {whose} {triplets.LEFT_OUT}.")
    if corrections:
        found.warnings += triplets.words(sorted_)
    return found


def _why_none(found: triplets.Triplets) -> list[str]:
    """Why no correction can be learnt from although there are some."""
    if found.given == len(found.barred):
        return [f"None of {found.given} corrections can be learnt from: their {triplets.LEFT_OUT}."]
    barred = [f"{len(found.barred)} more: their {triplets.LEFT_OUT}."] if found.barred else []
    return [f"None of {count(found.given, 'correction')} can be learnt from.", *triplets.words(found), *barred]


def _correction(correction: Correction) -> TrainItem:
    """The wrong picture is not shown: what is decided about it later changes nothing."""
    inputs = (correction.source, *correction.beside)
    return TrainItem(image=correction.target, caption=correction.instruction, controls=inputs, origin="correction")


def _edit(image: ImageRecord) -> TrainItem:
    assert image.shot
    return TrainItem(image=image.ref, caption=image.shot.prompt, controls=image.parents, origin="good edit")


def _item(image: ImageRecord, origin: str, caption: str) -> TrainItem:
    focus = "body" if sources.shows_body(image) else "head"
    return TrainItem(image=image.ref, caption=caption, origin=origin, focus=focus)


def _balanced(items: list[TrainItem], images: list[ImageRecord]) -> list[TrainItem]:
    """Weighted so that every angle with every expression counts alike, however many pictures it has, and every whole
    figure's pose: else a LoRA draws the expressions that its sources happen to show. Fewer than ``FEW`` (or than the
    mean, if that is less) do not make up for being few: one that was let through by mistake is not to stand for a whole
    place. A picture of which angle or expression is unknown has the weight 1."""
    cells = [cell_of(image) for image in images]
    counts = Counter(cell for cell in cells if "unsure" not in cell)
    share = counts.total() / max(1, len(counts))
    few = min(FEW, share)
    weights = [share / max(few, counts[cell]) if cell in counts else 1.0 for cell in cells]
    return [item.model_copy(update={"weight": weight}) for item, weight in zip(items, weights, strict=True)]


def presets_for(session: Session, character_id: str, target: Target) -> list[str]:
    """Names of the training presets made for the character's model of that target."""
    return [p.name for p in session.presets.trainings_for(_family(session, character_id, target), target)]


def _family(session: Session, character_id: str, target: Target) -> str:
    character = session.character(character_id)
    return character.generator if target == "character" else character.editor


def preset_of(session: Session, character_id: str, options: TrainOptions) -> TrainingPreset:
    """The preset that is chosen. Raises NotAllowed when there is none of that name for the target."""
    fitting = presets_for(session, character_id, options.target)
    chosen = session.presets.trainings.get(options.preset or next(iter(fitting), ""))
    if chosen is None or chosen.target != options.target:
        known = f"known: {', '.join(fitting)}" if fitting else "none is for its model"
        raise NotAllowed(f"There is no {options.target} training preset {options.preset!r} ({known}).")
    return chosen


def suggested(session: Session, character_id: str, preset: TrainingPreset) -> TrainingSettings:
    """A preset's settings, with as many steps as what would be learnt from now asks for."""
    if not preset.steps_per_picture or not character_id:
        return preset.settings
    steps = preset.steps(len(dataset(session, character_id, preset.target).items))
    return preset.settings.model_copy(update={"steps": steps})


def settings_of(session: Session, character_id: str, options: TrainOptions) -> TrainingSettings:
    """The preset's settings with those that were set otherwise; alpha keeps its ratio to the rank unless it was set,
    too. Raises NotAllowed with every setting that is wrong."""
    base = suggested(session, character_id, preset_of(session, character_id, options))
    try:
        settings = TrainingSettings.model_validate(base.model_dump() | dict(options.settings))
    except ValidationError as error:
        wrong = ", ".join(wrong_values(error))
        raise NotAllowed(f"These settings cannot be: {wrong}.") from error
    if beyond := _beyond(settings, options, session.family(_family(session, character_id, options.target)).multiple):
        raise NotAllowed(f"These settings cannot be: {'; '.join(beyond)}.")
    if "alpha" in options.settings:
        return settings
    return settings.model_copy(update={"alpha": base.alpha * settings.rank / base.rank})


def _beyond(settings: TrainingSettings, options: TrainOptions, multiple: int) -> list[str]:
    """Which of the settings that were set are outside what a new training takes, in words."""
    wrong = []
    for name, (low, high) in BOUNDS.items():
        value = float(getattr(settings, name))
        if name in options.settings and not low <= value <= high:
            wrong.append(f"{name}: from {low:g} to {high:g}, not {value:g}")
    if "resolution" in options.settings and settings.resolution % multiple:
        wrong.append(f"resolution: a multiple of {multiple} for this model, not {settings.resolution}")
    return wrong


def submit(session: Session, character_id: str, options: TrainOptions) -> Job:
    """Train the next version of a character's LoRA. Raises GateShut, NotAllowed.

    The versions of the datasets that are used are frozen, and the run remembers every picture that went in.
    """
    preset, settings = preset_of(session, character_id, options), settings_of(session, character_id, options)
    learning = dataset(session, character_id, options.target)
    if learning.blockers:
        raise GateShut(" ".join(learning.blockers))
    if lacking := render.missing_weights(session, _family(session, character_id, options.target)):
        raise NotAllowed(lacking.what)
    request = _request(session, character_id, learning, settings)

    def alongside(job: Job) -> list[Record]:
        used = datasets.holding(session, character_id, (ref.id for ref in request.pictures))
        return [_run(session, request, preset.name, job), *(d.model_copy(update={"frozen": True}) for d in used)]

    return session.jobs.submit(request, f"Train {request.name}", character_id, alongside=alongside)


def _request(session: Session, character_id: str, learning: TrainingSet, settings: TrainingSettings) -> TrainRequest:
    character = session.character(character_id)
    target = learning.target
    family = session.family(_family(session, character_id, target))
    version = datasets.following(r.version for r in runs(session, character_id, target))
    used = datasets.holding(session, character_id, (ref.id for ref in seen_in(learning.items)))
    lineage = {
        "dataset": " ".join(d.id for d in used),
        "run": new_id(),
        "pictures": ", ".join(f"{n} {origin}" for origin, n in learning.by_origin.items()),
        "base_licence": family.licence,
    }
    name = f"{character_id}_{version}" if target == "character" else f"{character_id}_editor_{version}"
    return TrainRequest(
        target=target,
        character=character_id,
        name=name,
        version=version,
        family=family.name,
        revision=family.revision,
        items=tuple(learning.items),
        settings=settings,
        trigger=character.token if target == "character" else "",
        folder=session.workspace.lora_folder(character_id, target, version),
        lineage=lineage,
        samples=_samples(session, character_id, target, learning),
        scoring=sources.scoring_spec(session, character_id, family.name),
    )


def _samples(session: Session, character_id: str, target: Target, learning: TrainingSet) -> tuple[Shot, ...]:
    """The pictures made along the way: a few card cells, or the first corrections once more."""
    character = session.character(character_id)
    if target == "character":
        choice = model_card.CardChoice(
            character=character,
            family=session.family(character.generator),
            stack=LoraStack(),
            spec=session.presets.card,
            cells=SAMPLE_CELLS,
            version="samples",
            folder="samples",
        )
        wanted = model_card.plan(choice).shots
        return tuple(s.model_copy(update={"purpose": s.purpose.model_copy(update={"step": "sample"})}) for s in wanted)
    family = session.family(character.editor)
    usual, stack, asked = family.defaults, *loras.few_steps(session, family)
    wanted = learning.items[:3]
    seen = [session.store.get(ImageRecord, item.controls[0].id) for item in wanted]
    sizes = [size_like(source, family) for source in seen]
    return tuple(
        Shot(
            family=family.name,
            revision=family.revision,
            prompt=item.caption,
            sources=item.controls,
            seed=n,
            stack=stack,
            steps=asked.steps or min(usual.steps, SAMPLE_STEPS),
            guidance=usual.guidance if asked.guidance is None else asked.guidance,
            schedule=asked.schedule,
            width=width,
            height=height,
            purpose=Purpose(step="sample", cell=f"correction {n + 1}"),
        )
        for n, (item, (width, height)) in enumerate(zip(wanted, sizes, strict=True))
    )


def _run(session: Session, request: TrainRequest, preset: str, job: Job) -> TrainingRun:
    return TrainingRun(
        id=request.lineage["run"],
        character=request.character,
        target=request.target,
        version=request.version,
        family=request.family,
        preset=preset,
        settings=request.settings.model_dump(mode="json"),
        images=tuple(ref.id for ref in request.pictures),
        parent=_parent(session, request),
        job=job.id,
    )


def _parent(session: Session, request: TrainRequest) -> str:
    """The newest run of the same target whose LoRA made some of the pictures: the v1 that drew what v2 learns from.
    Empty when no such LoRA did."""
    learnt = filter(None, (session.store.get(ImageRecord, ref.id) for ref in request.pictures))
    used = {adapter.sha256 for image in learnt if image.shot for adapter in image.shot.stack.adapters}
    made = (session.store.get(LoraRecord, sha256) for sha256 in used)
    before = (session.store.get(TrainingRun, lora.run) for lora in made if lora and lora.run)
    same = [run for run in before if run and run.target == request.target]
    return max(same, key=lambda run: datasets.number(run.version)).id if same else ""


def following(session: Session, character_id: str, target: Target) -> str:
    """The version that the next training of a target has."""
    return datasets.following(run.version for run in runs(session, character_id, target))


def runs(session: Session, character_id: str, target: Target) -> list[TrainingRun]:
    """Trainings of a target, oldest first, whatever became of them."""
    return sorted(
        session.store.all(TrainingRun, character=character_id, target=target), key=lambda r: datasets.number(r.version)
    )


def seconds(session: Session, family: str, steps: int) -> float | None:
    """About how long a training of so many steps takes: the steps at the pace of earlier ones here on this model, and
    once what goes besides (loading, encoding, samples). None when none tells its pace: a short one that tells only how
    long it took as a whole was mostly loading."""
    paces, besides = [], []
    for run in session.store.all(TrainingRun, family=family, state="done"):
        job, done = session.store.get(Job, run.job), int(run.settings.get("steps", 0))
        if job is None or (took := job.took) is None or not done:
            continue
        pace = job.result.get("seconds_a_step")
        if pace is None and done >= TELLING:
            pace = took / done
        if pace is not None:
            paces.append(float(pace))
            besides.append(max(0.0, took - pace * done))
    return median(paces) * steps + median(besides) if paces else None
