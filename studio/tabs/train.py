"""Train: what would be learnt from and whether the gate is open; the settings that matter; how it goes.

Element ids: ``train-target``, ``train-dataset``, ``train-doubts``, ``train-preset``, ``train-rank``,
``train-learning-rate``, ``train-steps``, ``train-resolution``, ``train-face-weight``, ``train-seed``,
``train-memory``, ``train-plan``, ``train-weights``, ``train-obtain``, ``train-run``; ``train-curve``,
``train-samples``, ``train-runs`` (``.run[data-id]``), ``train-compare``, ``train-identity``; ``train-grid-*`` (see
train_grid).
"""

from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import gradio as gr
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
from studio.components.lora_stack import QUIET
from studio.components.meter import Meter, meter
from studio.components.painted import Words, rev_of
from studio.components.runs import Curves, Runs, runs
from studio.components.samples import Samples, identity, samples
from studio.components.shell import Shell
from studio.components.tally import Tally, tally
from studio.server.state import Studio
from studio.tabs import train_grid
from studio.tabs.train_grid import Grid

Value = dict[str, Any]
TARGETS = (("Character LoRA", "character"), ("Editor LoRA", "editor"))
FIELDS = ("rank", "learning_rate", "steps", "resolution", "face_weight", "seed")
NOBODY = "Make a character first: New character, above."
NO_DATA = {
    "character": "Nothing to learn from yet: sources and the pictures found good in Review come together here.",
    "editor": "No corrections yet: mark a picture as needing correction in Review and give a corrected one.",
}
NO_IDENTITY = "How alike the samples are to the sources is drawn here, step by step, when they have been judged."
NO_RUNS = "Trainings are listed here: v1, v2, and what went into each."


@dataclass
class TrainTab:
    """The components of the tab."""

    target: gr.Radio
    dataset: Tally
    doubts: Words
    preset: gr.Dropdown
    fields: list[gr.Number]
    memory: Meter
    plan: Words
    weights: Obtain
    make: gr.Button
    curve: Curve
    compare: gr.Checkbox
    samples: Samples
    identity: Curve
    grid: Grid
    runs: Runs
    at: gr.State

    @property
    def choice(self) -> list[Any]:
        """Everything a training depends on: target, preset, the settings."""
        return [self.target, self.preset, *self.fields]

    @property
    def progress(self) -> list[Any]:
        """What shows how a run goes."""
        return [self.runs, self.curve, self.samples, self.identity, *self.grid.outputs]


def build(studio: Studio) -> TrainTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side wide", scale=0, min_width=360):
            left = _build_dataset() | _build_settings()
        with gr.Column(elem_classes="results", scale=1, min_width=320):
            right = _build_progress()
    return TrainTab(**left, **right, at=gr.State(None))


def _build_dataset() -> dict[str, Any]:
    target = gr.Radio(
        list(TARGETS), value="character", label="What to train", show_label=False, container=False, interactive=True,
        elem_id="train-target", elem_classes="switch",
    )  # fmt: skip
    gr.HTML("<h3>What it learns from</h3>", elem_classes="tab-title")
    dataset = Tally({"empty": NO_DATA["character"]}, elem_id="train-dataset")
    return {"target": target, "dataset": dataset, "doubts": Words(elem_id="train-doubts")}


def _build_settings() -> dict[str, Any]:
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
    fields = [rank, rate, steps, side, faces, seed]
    return {"preset": preset, "fields": fields, "memory": memory, "weights": weights, "plan": plan, "make": make}


def _build_progress() -> dict[str, Any]:
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
    parts = {"curve": curve, "runs": listed, "compare": compare, "samples": shown, "identity": over}
    return parts | {"grid": train_grid.build()}


def wire(tab: TrainTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    look: dict[str, Any] = {
        "fn": partial(look_ahead, studio),
        "inputs": tab.choice,
        "outputs": [tab.memory, tab.plan, tab.make],
        **QUIET,
    }
    followed: dict[str, Any] = {
        "fn": partial(refresh, studio),
        "inputs": [tab.target, tab.preset, tab.at],
        "outputs": [tab.at, tab.dataset, tab.doubts, tab.preset, *tab.fields, *tab.weights.outputs],
        **QUIET,
    }
    progress: dict[str, Any] = {
        "fn": partial(watch, studio),
        "inputs": [tab.target, tab.runs, tab.compare, *tab.grid.said],
        "outputs": tab.progress,
        **QUIET,
    }
    for part in tab.fields:
        edited(part)(trigger_mode="always_last", **look)
    tab.preset.input(partial(fill, studio), tab.preset, tab.fields, **QUIET).then(**look)
    tab.target.input(**followed).then(**look).then(**progress)
    shell.changed.select(**followed).then(**look).then(**progress)
    tab.runs.pick(**progress)
    tab.compare.input(**progress)
    train_grid.wire(tab.grid, studio, tab.runs)
    tab.make.click(partial(make, studio), tab.choice, None, **QUIET)
    tab.weights.button.click(partial(get_weights, studio), tab.target, None, **QUIET)


def family_of(studio: Studio, target: training.Target) -> str:
    """The model preset that a target trains on; "" without a character."""
    character = studio.character
    return (character.generator if target == "character" else character.editor) if character else ""


def get_weights(studio: Studio, target: training.Target) -> None:
    """Inputs: target. No output: queues the job that gets the weights."""
    obtain(studio, family_of(studio, target))


def presets_of(studio: Studio, target: training.Target) -> list[TrainingPreset]:
    """The presets meant for a target on the character's model."""
    family = family_of(studio, target)
    return [p for p in studio.session.presets.trainings.values() if p.target == target and family in p.families]


def fill(studio: Studio, preset: str | None) -> list[Any]:
    """Inputs: preset. Outputs: the settings."""
    chosen = studio.session.presets.trainings.get(preset or "")
    return [getattr(chosen.settings, name) for name in FIELDS] if chosen else [gr.skip()] * len(FIELDS)


def refresh(studio: Studio, target: training.Target, preset: str | None, at: str | None) -> list[Any]:
    """Inputs: target, preset, at. Outputs: at, dataset, doubts, preset, the settings, weights. Settings that the user
    changed stay until the character or the target changes."""
    family, key = family_of(studio, target), f"{studio.character_id}/{target}"
    offered = presets_of(studio, target)
    if key == at:
        chosen, fields = gr.skip(), [gr.skip()] * len(FIELDS)
    else:
        first = offered[0].name if offered else None
        chosen = gr.update(choices=[(p.title, p.name) for p in offered], value=first)
        fields = fill(studio, first)
    return [key, *dataset_of(studio, target), chosen, *fields, *obtain_offer(studio, family)]


def dataset_of(studio: Studio, target: training.Target) -> tuple[Value, Value]:
    """Values of dataset and doubts: counts by angle and origin, why the gate is shut, what is weak."""
    if not studio.character_id:
        return {"empty": NOBODY}, {}
    found = training.dataset(studio.session, studio.character_id, target)
    cells = [(angle_of(i), item.origin) for i, item in zip(found.images, found.items, strict=True)]
    doubts = {"title": "It would train, but", "lines": found.doubts, "tone": "warn", "bullets": True}
    value = tally(cells, found.shut, ANGLES if target == "character" else (), empty=NO_DATA[target])
    return value, doubts if found.doubts and not found.shut else {}


def settings_of(studio: Studio, preset: str | None, *fields: Any) -> TrainingSettings:
    """The preset's settings with the five that matter as the user has them; alpha keeps its ratio to the rank.

    Raises NotAllowed with every field that is wrong.
    """
    chosen = studio.session.presets.trainings.get(preset or "")
    if chosen is None:
        raise NotAllowed("Choose a preset.")
    said = {name: value for name, value in zip(FIELDS, fields, strict=True) if value is not None}
    base = chosen.settings
    said["alpha"] = base.alpha * float(said.get("rank", base.rank)) / base.rank
    try:
        return TrainingSettings.model_validate(base.model_dump() | said)
    except ValidationError as error:
        wrong = ", ".join(f"{e['loc'][0]}: {e['msg'].lower()}" for e in error.errors())
        raise NotAllowed(f"These settings cannot be: {wrong}.") from error


def look_ahead(studio: Studio, target: training.Target, preset: str | None, *fields: Any) -> list[Any]:
    """Inputs: the choice. Outputs: memory, plan line, train button (shut with the reason while the gate is)."""
    off = gr.update(interactive=False, value="Train")
    if not studio.character_id:
        return [{}, {"lines": [NOBODY], "tone": "quiet"}, off]
    try:
        settings = settings_of(studio, preset, *fields)
    except NotAllowed as problem:
        return [{}, {"lines": [str(problem)], "tone": "warn"}, off]
    session, name = studio.session, family_of(studio, target)
    family = session.presets.models.get(name)
    if family is None:  # told beside the button
        return [{}, {}, off]
    inputs = 1 if target == "editor" else 0
    forecast = predict_training(family, settings, session.workspace, session.settings, inputs)
    shown = meter(forecast.parts, forecast.total_gib, forecast.fits, "" if forecast.fits else forecast.why)
    shut = training.dataset(session, studio.character_id, target).shut
    if shut:
        return [shown, {"title": "The gate is shut", "lines": shut, "tone": "warn"}, off]
    version = datasets.following(r.version for r in training.runs(session, studio.character_id, target))
    one = seconds_a_step(studio, name)
    line = f"{settings.steps} steps, {render.about(one * settings.steps if one else None)}"
    words = {"title": f"{line}, {'fits' if forecast.fits else 'does not fit'}", "tone": "" if forecast.fits else "bad"}
    return [shown, words, gr.update(interactive=forecast.fits, value=f"Train {version}")]


def seconds_a_step(studio: Studio, family: str) -> float | None:
    """Median seconds a step of the trainings that ended well here on this model; None when there were none."""
    times = []
    for run in studio.session.store.all(TrainingRun, family=family, state="done"):
        job = studio.session.store.get(Job, run.job)
        steps = int(run.settings.get("steps", 0))
        if job and job.started and job.ended and steps:
            times.append((job.ended - job.started).total_seconds() / steps)
    return median(times) if times else None


def make(studio: Studio, target: training.Target, preset: str | None, *fields: Any) -> None:
    """Inputs: the choice. No output: the training goes into the queue, curve and samples follow it."""
    start(
        lambda: training.submit(
            studio.session, studio.character_id, target, preset or "", settings_of(studio, preset, *fields)
        )
    )


def watch(studio: Studio, target: training.Target, picked: Value, compare: bool, *of_grid: Any) -> list[Any]:
    """Inputs: target, runs, compare, what the grid said. Outputs: runs, and of the run that is looked at: curve,
    samples, identity, grid."""
    found = training.runs(studio.session, studio.character_id, target) if studio.character_id else []
    curves = {r.id: curve(studio.session.store, r) for r in found}
    listed = runs(found, _followed(found, picked), empty=NO_RUNS, curves=curves)
    run = next((r for r in found if r.id == listed["selected"]), None)
    listed["rev"] = rev_of(picked)
    listed["newest"] = found[-1].id if found else ""
    same = picked.get("selected") == listed["selected"]
    grid = train_grid.refresh(studio, run, of_grid, followed=same)
    return [listed, curve_of(found, run, compare, curves), samples_of(studio, run), identity_of(studio, run), *grid]


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
