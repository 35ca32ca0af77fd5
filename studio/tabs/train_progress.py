"""How a training goes, and went: the runs there are, the curves and samples of the one that is looked at, its grid.

Element ids: ``train-curve``, ``train-samples``, ``train-runs`` (``.run[data-id]``), ``train-compare``,
``train-curve-*`` (of ``SMALL``), ``train-identity``; ``train-trial-*`` (train_trial), ``train-grid-*`` (train_grid).
"""

from dataclasses import dataclass, field

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.records import ImageRecord, TrainingRun
from pipelines.storage.curves import curve
from pipelines.workflow import datasets
from studio.components.curve import Curve, series
from studio.components.forms import Updates, Value, Values, picked
from studio.components.painted import rev_of
from studio.components.runs import Curves, Runs, runs
from studio.components.samples import Samples, SamplesValue, identity, samples
from studio.server.state import Studio
from studio.tabs import train_grid, train_trial
from studio.tabs.train_grid import Grid, GridForm
from studio.tabs.train_trial import TrialParts

SMALL = {
    "learning_rate": ("Learning rate", 6),
    "gradient_norm": ("Gradient norm", 3),
    "steps_per_second": ("Steps a second", 2),
}
"""What is measured of each step besides its loss: its title, and digits."""
NO_CURVE = "The loss is drawn here while a training runs."
NO_SAMPLES = "Sample pictures appear here, one column for each checkpoint."
NO_IDENTITY = "How alike the samples are to the sources is drawn here, step by step, when they have been judged."
NO_RUNS = "Trainings are listed here: v1, v2, and what went into each."


@dataclass
class Progress:
    """How the run that is looked at goes."""

    curve: Curve
    row: gr.Row
    small: dict[str, Curve]
    runs: Runs
    compare: gr.Checkbox
    samples: Samples
    identity: Curve
    trial: TrialParts
    grid: Grid

    @property
    def outputs(self) -> list[Block]:
        """What changes with the run."""
        return [
            self.runs,
            self.curve,
            self.row,
            *self.small.values(),
            self.samples,
            self.identity,
            *self.trial.outputs,
            *self.grid.outputs,
        ]

    @property
    def said(self) -> list[Block]:
        """What its form is read from."""
        return [self.runs, self.compare, *self.grid.said]


@dataclass(frozen=True)
class ProgressForm:
    """What is looked at: ``runs`` is the value of the list of runs, ``compare`` draws the run before, too."""

    runs: Value = field(default_factory=dict)
    compare: bool = False
    grid: GridForm = field(default_factory=GridForm)


def read(progress: Progress, values: Values) -> ProgressForm:
    """The form of an event; what the event does not name is empty."""
    return ProgressForm(
        runs=picked(values.get(progress.runs)),
        compare=bool(values.get(progress.compare)),
        grid=train_grid.read(progress.grid, progress.runs, values),
    )


def build() -> Progress:
    """Make the components."""
    with gr.Row(elem_classes="progress-row", equal_height=False):
        with gr.Column(scale=3, min_width=300):
            curve = Curve({"empty": NO_CURVE}, elem_id="train-curve")
        with gr.Column(scale=2, min_width=230):
            listed = Runs({"empty": NO_RUNS}, elem_id="train-runs")
            compare = gr.Checkbox(
                True, label="Draw the version before it, too", container=False, elem_id="train-compare"
            )
    with gr.Row(elem_classes="progress-row small-curves", equal_height=False, visible=False) as row:
        small = {name: Curve({}, elem_id=f"train-curve-{name.replace('_', '-')}") for name in SMALL}
    gr.HTML("<h3>Samples along the way</h3>", elem_classes="tab-title")
    shown = Samples({"empty": NO_SAMPLES}, elem_id="train-samples")
    over = Curve({"empty": NO_IDENTITY}, elem_id="train-identity")
    return Progress(curve, row, small, listed, compare, shown, over, train_trial.build(), train_grid.build())


def refresh(studio: Studio, progress: Progress, found: list[TrainingRun], form: ProgressForm) -> Updates:
    """The runs there are, and how the one that is looked at goes."""
    curves = {r.id: curve(studio.session.store, r) for r in found}
    listed = runs(found, _followed(found, form.runs), empty=NO_RUNS, curves=curves)
    run = next((r for r in found if r.id == listed["selected"]), None)
    listed |= {"rev": rev_of(form.runs), "newest": found[-1].id if found else ""}
    same = form.runs.get("selected") == listed["selected"]
    drawn = {name: small_of(run, name, curves) for name in SMALL}
    return {
        progress.runs: listed,
        progress.curve: curve_of(found, run, form.compare, curves),
        progress.row: gr.update(visible=any(drawn.values())),
        **{part: drawn[name] for name, part in progress.small.items()},
        progress.samples: samples_of(studio, run),
        progress.identity: identity_of(studio, run),
        **train_trial.refresh(studio, progress.trial, run),
        **train_grid.refresh(studio, progress.grid, run, form.grid, followed=same),
    }


def _followed(found: list[TrainingRun], picked: Value) -> str:
    """The run looked at: the user's choice, until a newer run begins."""
    newest = found[-1].id if found else ""
    return str(picked.get("selected", "")) if picked.get("newest") == newest else newest


def curve_of(found: list[TrainingRun], run: TrainingRun | None, compare: bool, curves: Curves) -> Value:
    """The loss of a run, and of the one before it in grey."""
    empty = {"empty": NO_CURVE}
    if run is None:
        return empty
    before = found[found.index(run) - 1 : found.index(run)] if compare else []
    drawn = [series(r.version, curves[r.id], faded=True) for r in before if curves[r.id]]
    lines = [*drawn, series(run.version, curves[run.id])]
    total = int(run.settings.get("steps", 0))
    return {"series": lines, "title": "Loss", "total": total, **empty}


def small_of(run: TrainingRun | None, name: str, curves: Curves) -> Value:
    """What else was measured at each step of a run; nothing of one before that was."""
    line = series(run.version, curves[run.id], name) if run else None
    if run is None or line is None or not line["raw"]:
        return {}
    if name == "learning_rate":
        line["smooth"] = line["raw"]  # it is what the schedule says, not a measurement
    title, digits = SMALL[name]
    return {"series": [line], "title": title, "total": int(run.settings.get("steps", 0)), "digits": digits}


def _sampled(studio: Studio, run: TrainingRun | None) -> list[ImageRecord]:
    """The pictures that a training made along the way."""
    if run is None:
        return []
    folder = studio.session.workspace.lora_folder(run.character, run.target, run.version)
    shown = datasets.pictures(studio.session, run.character, "sample", run.version)
    return [i for i in shown if i.path.startswith(f"{folder}/samples/")]


def samples_of(studio: Studio, run: TrainingRun | None) -> SamplesValue:
    """The sample pictures of a run, step by prompt."""
    return samples(_sampled(studio, run), empty=NO_SAMPLES)


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
