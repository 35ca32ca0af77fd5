"""Train: what would be learnt from and whether the gate is open; the settings that matter; how it goes.

Element ids: ``train-target``, ``train-dataset``, ``train-warnings``, ``train-preset``, ``train-rank``,
``train-learning-rate``, ``train-steps``, ``train-resolution``, ``train-face-weight``, ``train-seed``,
``train-memory``, ``train-plan``, ``train-weights``, ``train-obtain``, ``train-run``; ``train-curve``,
``train-samples``, ``train-runs`` (``.run[data-id]``), ``train-compare``, ``train-identity``; ``train-grid-*`` (see
train_grid).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import get_args

import gradio as gr
from gradio.blocks import Block
from pydantic import ValidationError

from pipelines.domain.presets import TrainingPreset, TrainingSettings
from pipelines.domain.records import ANGLES, ImageRecord, Job, TrainingRun
from pipelines.engine.memory import predict_training
from pipelines.storage.curves import curve
from pipelines.workflow import datasets, render, training
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.sources import angle_of
from studio.components.curve import Curve, series
from studio.components.estimate import Obtain, build_obtain, obtain, obtain_offer, start
from studio.components.fields import edited
from studio.components.forms import Event, Updates, Value, Values, event, one_of, picked, text
from studio.components.meter import Meter, meter
from studio.components.painted import Words, rev_of
from studio.components.runs import Curves, Runs, runs
from studio.components.samples import Samples, identity, samples
from studio.components.shell import Shell
from studio.components.tally import Tally, tally
from studio.server.state import Studio
from studio.tabs import train_grid
from studio.tabs.train_grid import Grid, GridForm

TARGETS = (("Character LoRA", "character"), ("Editor LoRA", "editor"))
NOBODY = "Make a character first: New character, above."
NO_DATA = {
    "character": "Nothing to learn from yet: sources and the pictures found good in Review come together here.",
    "editor": "No corrections yet: mark a picture as needing correction in Review and give a corrected one.",
}
NO_IDENTITY = "How alike the samples are to the sources is drawn here, step by step, when they have been judged."
NO_RUNS = "Trainings are listed here: v1, v2, and what went into each."


@dataclass
class Settings:
    """How it is trained: a preset, and what of it matters; ``fields`` by the names of the settings."""

    preset: gr.Dropdown
    fields: dict[str, gr.Number]
    memory: Meter
    weights: Obtain
    plan: Words
    make: gr.Button


@dataclass
class Progress:
    """How the run that is looked at goes."""

    curve: Curve
    runs: Runs
    compare: gr.Checkbox
    samples: Samples
    identity: Curve
    grid: Grid

    @property
    def outputs(self) -> list[Block]:
        """What changes with the run."""
        return [self.runs, self.curve, self.samples, self.identity, *self.grid.outputs]


@dataclass
class TrainTab:
    """The components of the tab."""

    target: gr.Radio
    dataset: Tally
    warnings: Words
    settings: Settings
    progress: Progress
    at: gr.State

    @property
    def choice(self) -> list[Block]:
        """Everything a training depends on."""
        return [self.target, self.settings.preset, *self.settings.fields.values()]


@dataclass(frozen=True)
class TrainForm:
    """What the page says. ``settings`` are the fields that hold a number; ``runs`` is the value of the list of runs,
    ``compare`` draws the run before, too; ``at`` tells whose settings are on the screen."""

    target: training.Target = "character"
    preset: str = ""
    settings: Mapping[str, float] = field(default_factory=dict)
    runs: Value = field(default_factory=dict)
    compare: bool = False
    grid: GridForm = field(default_factory=GridForm)
    at: str | None = None


def read(tab: TrainTab, values: Values) -> TrainForm:
    """The form of an event of the tab; what the event does not name is empty."""
    said = {name: values.get(part) for name, part in tab.settings.fields.items()}
    progress = tab.progress
    return TrainForm(
        target=one_of(values.get(tab.target), get_args(training.Target)) or "character",
        preset=text(values.get(tab.settings.preset)),
        settings={name: value for name, value in said.items() if isinstance(value, int | float)},
        runs=picked(values.get(progress.runs)),
        compare=bool(values.get(progress.compare)),
        grid=train_grid.read(progress.grid, progress.runs, values),
        at=values.get(tab.at),
    )


def build(studio: Studio) -> TrainTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side wide", scale=0, min_width=360):
            target = gr.Radio(
                list(TARGETS), value="character", label="What to train", show_label=False, container=False,
                interactive=True, elem_id="train-target", elem_classes="switch",
            )  # fmt: skip
            gr.HTML("<h3>What it learns from</h3>", elem_classes="tab-title")
            dataset = Tally({"empty": NO_DATA["character"]}, elem_id="train-dataset")
            warnings = Words(elem_id="train-warnings")
            settings = _build_settings()
        with gr.Column(elem_classes="results", scale=1, min_width=320):
            progress = _build_progress()
    return TrainTab(target, dataset, warnings, settings, progress, gr.State(None))


def _build_settings() -> Settings:
    gr.HTML("<h3>How</h3>", elem_classes="tab-title")
    preset = gr.Dropdown([], value=None, label="Preset", interactive=True, elem_id="train-preset")
    with gr.Row(elem_classes="number-row"):
        rank = gr.Number(16, label="Rank", minimum=1, maximum=256, precision=0, min_width=60, elem_id="train-rank")
        rate = gr.Number(1e-4, label="Learning rate", minimum=0, step=1e-5, min_width=92, elem_id="train-learning-rate")
        steps = gr.Number(1000, label="Steps", minimum=1, precision=0, min_width=66, elem_id="train-steps")
    with gr.Row(elem_classes="number-row"):
        side = gr.Number(
            1024, label="Resolution, px", minimum=32, step=8, precision=0, min_width=90, elem_id="train-resolution"
        )
        faces = gr.Number(0, label="Face weight", minimum=0, maximum=100, min_width=80, elem_id="train-face-weight")
        seed = gr.Number(0, label="Seed", minimum=0, precision=0, min_width=60, elem_id="train-seed")
    memory = Meter(elem_id="train-memory")
    with gr.Column(elem_classes="foot", min_width=0):
        weights = build_obtain("train")
        plan = Words(elem_id="train-plan", elem_classes="plan-line")
        make = gr.Button("Train", variant="primary", interactive=False, elem_id="train-run")
    fields = {"rank": rank, "learning_rate": rate, "steps": steps, "resolution": side}
    return Settings(preset, fields | {"face_weight": faces, "seed": seed}, memory, weights, plan, make)


def _build_progress() -> Progress:
    with gr.Row(elem_classes="progress-row", equal_height=False):
        with gr.Column(scale=3, min_width=300):
            curve = Curve({"empty": "The loss is drawn here while a training runs."}, elem_id="train-curve")
        with gr.Column(scale=2, min_width=230):
            listed = Runs({"empty": NO_RUNS}, elem_id="train-runs")
            compare = gr.Checkbox(
                True, label="Draw the version before it, too", container=False, elem_id="train-compare"
            )
    gr.HTML("<h3>Samples along the way</h3>", elem_classes="tab-title")
    shown = Samples({"empty": "Sample pictures appear here, one column for each checkpoint."}, elem_id="train-samples")
    over = Curve({"empty": NO_IDENTITY}, elem_id="train-identity")
    return Progress(curve, listed, compare, shown, over, train_grid.build())


def wire(tab: TrainTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    ask, settings, progress = partial(read, tab), tab.settings, tab.progress
    fields = list(settings.fields.values())
    look = event(ask, partial(look_ahead, studio, tab), tab.choice, [settings.memory, settings.plan, settings.make])
    for part in fields:
        edited(part)(trigger_mode="always_last", **look)
    settings.preset.input(**event(ask, partial(choose, studio, tab), [settings.preset], fields)).then(**look)
    data = [tab.at, tab.dataset, tab.warnings, settings.preset, *fields, *settings.weights.outputs]
    followed = event(ask, partial(refresh, studio, tab), [tab.target, settings.preset, tab.at], data)
    watched = _watched(tab, studio)
    tab.target.input(**followed).then(**look).then(**watched)
    shell.changed.select(**followed).then(**look).then(**watched)
    progress.runs.pick(**watched)
    progress.compare.input(**watched)
    train_grid.wire(progress.grid, studio, progress.runs)
    settings.make.click(**event(ask, partial(make, studio), tab.choice))
    settings.weights.button.click(**event(ask, partial(get_weights, studio), [tab.target]))


def _watched(tab: TrainTab, studio: Studio) -> Event:
    progress = tab.progress
    said = [tab.target, progress.runs, progress.compare, *progress.grid.said]
    return event(partial(read, tab), partial(watch, studio, tab), said, progress.outputs)


def family_of(studio: Studio, target: training.Target) -> str:
    """The model preset that a target trains on; "" without a character."""
    character = studio.character
    return (character.generator if target == "character" else character.editor) if character else ""


def get_weights(studio: Studio, form: TrainForm) -> None:
    """Queues the job that gets the weights."""
    obtain(studio, family_of(studio, form.target))


def presets_of(studio: Studio, target: training.Target) -> list[TrainingPreset]:
    """The presets meant for a target on the character's model."""
    family = family_of(studio, target)
    return [p for p in studio.session.presets.trainings.values() if p.target == target and family in p.families]


def fill(studio: Studio, tab: TrainTab, preset: str) -> Updates:
    """The settings of a preset."""
    chosen = studio.session.presets.trainings.get(preset)
    return {part: getattr(chosen.settings, name) for name, part in tab.settings.fields.items()} if chosen else {}


def choose(studio: Studio, tab: TrainTab, form: TrainForm) -> Updates:
    """A preset was chosen: its settings are filled in."""
    return fill(studio, tab, form.preset) or {part: gr.skip() for part in tab.settings.fields.values()}


def refresh(studio: Studio, tab: TrainTab, form: TrainForm) -> Updates:
    """The records, the character or the target changed. Settings that the user changed stay until the character or the
    target changes."""
    key = f"{studio.character_id}/{form.target}"
    dataset, warnings = dataset_of(studio, form.target)
    shown: Updates = {tab.at: key, tab.dataset: dataset, tab.warnings: warnings}
    shown |= obtain_offer(studio, tab.settings.weights, family_of(studio, form.target))
    if key == form.at:
        return shown
    offered = presets_of(studio, form.target)
    first = offered[0].name if offered else None
    choices = gr.update(choices=[(p.title, p.name) for p in offered], value=first)
    return shown | {tab.settings.preset: choices, **fill(studio, tab, first or "")}


def dataset_of(studio: Studio, target: training.Target) -> tuple[Value, Value]:
    """Values of dataset and warnings: counts by angle and origin, why the gate is closed, what is weak."""
    if not studio.character_id:
        return {"empty": NOBODY}, {}
    found = training.dataset(studio.session, studio.character_id, target)
    cells = [(angle_of(i), item.origin) for i, item in zip(found.images, found.items, strict=True)]
    warnings = {"title": "It would train, but", "lines": found.warnings, "tone": "warn", "bullets": True}
    value = tally(cells, found.blockers, ANGLES if target == "character" else (), empty=NO_DATA[target])
    return value, warnings if found.warnings and not found.blockers else {}


def settings_of(studio: Studio, form: TrainForm) -> TrainingSettings:
    """The preset's settings with those that matter as the user has them; alpha keeps its ratio to the rank.

    Raises NotAllowed with every field that is wrong.
    """
    chosen = studio.session.presets.trainings.get(form.preset)
    if chosen is None:
        raise NotAllowed("Choose a preset.")
    base = chosen.settings
    alpha = base.alpha * float(form.settings.get("rank", base.rank)) / base.rank
    try:
        return TrainingSettings.model_validate(base.model_dump() | dict(form.settings) | {"alpha": alpha})
    except ValidationError as error:
        wrong = ", ".join(f"{e['loc'][0]}: {e['msg'].lower()}" for e in error.errors())
        raise NotAllowed(f"These settings cannot be: {wrong}.") from error


def look_ahead(studio: Studio, tab: TrainTab, form: TrainForm) -> Updates:
    """What the training would take, or why it cannot be; the button is disabled while the gate is closed."""
    shown = tab.settings

    def refused(words: Value, memory: Value) -> Updates:
        return {shown.memory: memory, shown.plan: words, shown.make: gr.update(interactive=False, value="Train")}

    if not studio.character_id:
        return refused({"lines": [NOBODY], "tone": "quiet"}, {})
    try:
        settings = settings_of(studio, form)
    except NotAllowed as problem:
        return refused({"lines": [str(problem)], "tone": "warn"}, {})
    session, name = studio.session, family_of(studio, form.target)
    family = session.presets.models.get(name)
    if family is None:  # told beside the button
        return refused({}, {})
    inputs = 1 if form.target == "editor" else 0
    forecast = predict_training(family, settings, session.workspace, session.settings, inputs)
    memory = meter(forecast.parts, forecast.total_gib, forecast.fits, "" if forecast.fits else forecast.why)
    blockers = training.dataset(session, studio.character_id, form.target).blockers
    if blockers:
        return refused({"title": "The gate is shut", "lines": blockers, "tone": "warn"}, memory)
    version = datasets.following(r.version for r in training.runs(session, studio.character_id, form.target))
    one = seconds_a_step(studio, name)
    line = f"{settings.steps} steps, {render.about(one * settings.steps if one else None)}"
    words = {"title": f"{line}, {'fits' if forecast.fits else 'does not fit'}", "tone": "" if forecast.fits else "bad"}
    button = gr.update(interactive=forecast.fits, value=f"Train {version}")
    return {shown.memory: memory, shown.plan: words, shown.make: button}


def seconds_a_step(studio: Studio, family: str) -> float | None:
    """Median seconds a step of the trainings that ended well here on this model; None when there were none."""
    times = []
    for run in studio.session.store.all(TrainingRun, family=family, state="done"):
        job = studio.session.store.get(Job, run.job)
        steps = int(run.settings.get("steps", 0))
        if job and job.started and job.ended and steps:
            times.append((job.ended - job.started).total_seconds() / steps)
    return median(times) if times else None


def make(studio: Studio, form: TrainForm) -> None:
    """The training goes into the queue, curve and samples follow it."""
    session, who = studio.session, studio.character_id
    start(lambda: training.submit(session, who, form.target, form.preset, settings_of(studio, form)))


def watch(studio: Studio, tab: TrainTab, form: TrainForm) -> Updates:
    """The runs there are, and how the one that is looked at goes."""
    found = training.runs(studio.session, studio.character_id, form.target) if studio.character_id else []
    curves = {r.id: curve(studio.session.store, r) for r in found}
    listed = runs(found, _followed(found, form.runs), empty=NO_RUNS, curves=curves)
    run = next((r for r in found if r.id == listed["selected"]), None)
    listed |= {"rev": rev_of(form.runs), "newest": found[-1].id if found else ""}
    same = form.runs.get("selected") == listed["selected"]
    progress = tab.progress
    return {
        progress.runs: listed,
        progress.curve: curve_of(found, run, form.compare, curves),
        progress.samples: samples_of(studio, run),
        progress.identity: identity_of(studio, run),
        **train_grid.refresh(studio, progress.grid, run, form.grid, followed=same),
    }


def _followed(found: list[TrainingRun], picked: Value) -> str:
    """The run looked at: the user's choice, until a newer run begins."""
    newest = found[-1].id if found else ""
    return str(picked.get("selected", "")) if picked.get("newest") == newest else newest


def curve_of(found: list[TrainingRun], run: TrainingRun | None, compare: bool, curves: Curves) -> Value:
    """The loss of a run, and of the one before it in grey."""
    empty = {"empty": "The loss is drawn here while a training runs."}
    if run is None:
        return empty
    before = found[found.index(run) - 1 : found.index(run)] if compare else []
    drawn = [series(r.version, curves[r.id], faded=True) for r in before if curves[r.id]]
    lines = [*drawn, series(run.version, curves[run.id])]
    total = int(run.settings.get("steps", 0))
    return {"series": lines, "title": "Loss", "total": total, **empty}


def _sampled(studio: Studio, run: TrainingRun | None) -> list[ImageRecord]:
    """The pictures that a training made along the way."""
    if run is None:
        return []
    folder = studio.session.workspace.lora_folder(run.character, run.target, run.version)
    shown = datasets.pictures(studio.session, run.character, "sample", run.version)
    return [i for i in shown if i.path.startswith(f"{folder}/samples/")]


def samples_of(studio: Studio, run: TrainingRun | None) -> Value:
    """The sample pictures of a run, step by prompt."""
    return samples(_sampled(studio, run), empty="Sample pictures appear here, one column for each checkpoint.")


def identity_of(studio: Studio, run: TrainingRun | None) -> Value:
    """How alike a run's samples are to the sources, over its steps; the line above which they count as right."""
    made = _sampled(studio, run)
    line = identity(made, run.version if run else "")
    if run is None or line is None:
        return {"empty": NO_IDENTITY}
    known = [i.scores.identity.threshold for i in made if i.scores.identity and i.scores.identity.threshold is not None]
    rule = {"value": known[-1], "words": f"right from {known[-1]:.2f}"} if known else None
    total = int(run.settings.get("steps", 0))
    return {"series": [line], "title": "Identity of the samples", "total": total, "rule": rule, "whole": True,
            "digits": 2, "empty": NO_IDENTITY}  # fmt: skip
