"""After a training: checkpoints against strengths, on the prompts of its samples. Part of the Train tab.

Element ids: ``train-grid-steps``, ``train-grid-strengths``, ``train-grid-plan``, ``train-grid-draw``,
``train-grid-shown``, ``train-grid-best``, ``train-grid-step``, ``train-grid-export``, ``train-grid-use``,
``train-grid-baseline``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.records import ImageRecord, TrainingRun
from pipelines.models.lora_files import LoraRefused
from pipelines.session import NotFound
from pipelines.workflow import checkpoint_ranking, checkpoints
from pipelines.workflow.characters import NotAllowed
from studio.components.estimate import estimate_words
from studio.components.forms import Updates, Value, Values, event, names, picked, text
from studio.components.painted import Words
from studio.components.runs import Runs
from studio.components.samples import SampleCell, Samples, tile
from studio.components.shell import Shell
from studio.server.state import Studio

EMPTY = "Each checkpoint at each strength, with the prompts of the samples: pick the place where it looks right."
NO_RUN = "When a training has ended, its checkpoints can be held against each other here."
RANKED = 5
"""Places of the ranking that are told."""
STRENGTHS = tuple(f"{s:g}" for s in checkpoints.STRENGTHS)


@dataclass
class Grid:
    """The components of the grid."""

    steps: gr.CheckboxGroup
    strengths: gr.CheckboxGroup
    plan: Words
    baseline: gr.Checkbox
    draw: gr.Button
    shown: Samples
    best: Words
    step: gr.Dropdown
    export: gr.Button
    use: gr.Button

    @property
    def said(self) -> list[Block]:
        """What the user chose."""
        return [self.steps, self.strengths, self.baseline, self.step]

    @property
    def outputs(self) -> list[Block]:
        """What changes with the run that is looked at."""
        return [self.steps, self.plan, self.draw, self.shown, self.best, self.step, self.export, self.use]


@dataclass(frozen=True)
class GridForm:
    """What the page says of the grid. ``runs`` is the value of the list of runs; ``steps`` and ``strengths`` are
    ticked, ``step`` is the one to keep; ``None``: nothing was said. ``baseline``: also by the base model alone."""

    runs: Value = field(default_factory=dict)
    steps: tuple[int, ...] = ()
    strengths: tuple[float, ...] | None = None
    step: int | None = None
    baseline: bool = True


def read(grid: Grid, runs: Runs, values: Values) -> GridForm:
    """The form of an event of the grid; what the event does not name is empty."""
    strengths, step = values.get(grid.strengths), values.get(grid.step)
    return GridForm(
        runs=picked(values.get(runs)),
        steps=tuple(int(s) for s in names(values.get(grid.steps)) if s.isdecimal()),
        strengths=None if strengths is None else tuple(float(s) for s in names(strengths) if s in STRENGTHS),
        step=step if isinstance(step, int) else None,
        baseline=bool(values.get(grid.baseline, True)),
    )


def build() -> Grid:
    """Make the components inside the open column."""
    gr.HTML("<h3>Checkpoints and strengths</h3>", elem_classes="tab-title")
    with gr.Column(elem_classes="axes"):
        steps = gr.CheckboxGroup([], label="Steps", interactive=True, elem_id="train-grid-steps", elem_classes="axis")
        strengths = gr.CheckboxGroup(
            list(STRENGTHS), value=list(STRENGTHS), label="Strength", interactive=True, elem_id="train-grid-strengths",
            elem_classes="axis",
        )  # fmt: skip
        baseline = gr.Checkbox(True, label="The base model beside them", container=False, elem_id="train-grid-baseline")
    with gr.Row(elem_classes="grid-row"):
        draw = gr.Button(
            "Draw the grid", size="sm", scale=0, min_width=150, interactive=False, elem_id="train-grid-draw"
        )
        plan = Words(elem_id="train-grid-plan", scale=1)
    shown = Samples({"empty": EMPTY}, elem_id="train-grid-shown")
    best = Words(elem_id="train-grid-best")
    with gr.Row(elem_classes="grid-row"):
        step = gr.Dropdown(
            [], label="Step to keep", show_label=False, container=False, interactive=True, scale=0, min_width=150,
            visible=False, elem_id="train-grid-step",
        )  # fmt: skip
        export = gr.Button("Keep this step as a LoRA", size="sm", scale=0, min_width=190, visible=False,
                         elem_id="train-grid-export")  # fmt: skip
        use = gr.Button("Use this checkpoint", size="sm", scale=0, min_width=190, visible=False,
                        elem_id="train-grid-use")  # fmt: skip
    return Grid(steps, strengths, plan, baseline, draw, shown, best, step, export, use)


def wire(grid: Grid, studio: Studio, runs: Runs) -> None:
    """Wire the events; ``runs`` tells which run is looked at."""
    ask = partial(read, grid, runs)
    choice = [runs, grid.steps, grid.strengths, grid.baseline]
    look = event(ask, partial(look_ahead, studio, grid), choice, [grid.plan, grid.draw])
    for part in (grid.steps, grid.strengths, grid.baseline):
        part.input(**look)
    grid.draw.click(**event(ask, partial(draw, studio), choice))
    grid.export.click(**event(ask, partial(export, studio), [runs, grid.step]))
    grid.use.click(**event(ask, partial(use, studio), [runs, grid.step]))


def run_of(studio: Studio, form: GridForm) -> TrainingRun | None:
    """The run that is looked at, if it is one of the character's."""
    found = studio.session.store.get(TrainingRun, text(form.runs.get("selected")))
    return found if found and found.character == studio.character_id else None


def refresh(studio: Studio, grid: Grid, run: TrainingRun | None, form: GridForm, *, followed: bool) -> Updates:
    """The grid of a run. What is ticked stays while the same run is looked at (``followed``); else every step is."""
    known = checkpoints.steps(studio.session, run) if run else []
    made = checkpoints.grid(studio.session, run) if run else []
    chosen = [s for s in form.steps if s in known] if followed and form.steps else known
    step = form.step
    if not (followed and step in known):
        best = next((one.step for one in checkpoint_ranking.ranking(made) if one.step), None)
        step = best if best in known else known[-1] if known else None
    strengths = checkpoints.STRENGTHS if form.strengths is None else form.strengths
    return {
        grid.steps: gr.update(choices=[(f"{s}", s) for s in known], value=chosen),
        grid.shown: shown_of(made),
        grid.best: best_of(made, checkpoints.used(studio.session, run) if run else 0),
        grid.step: gr.update(choices=[(f"step {s}", s) for s in known], value=step, visible=bool(made)),
        grid.export: gr.update(visible=bool(made)),
        grid.use: gr.update(visible=bool(made), value=f"Use this checkpoint as {run.version}" if run else ""),
        **_ahead(studio, grid, run, chosen, strengths, form.baseline),
    }


def look_ahead(studio: Studio, grid: Grid, form: GridForm) -> Updates:
    """What the ticked places would take to draw, or why they cannot be."""
    return _ahead(studio, grid, run_of(studio, form), form.steps, form.strengths or (), form.baseline)


def _ahead(
    studio: Studio,
    grid: Grid,
    run: TrainingRun | None,
    at: Sequence[int],
    strengths: Sequence[float],
    baseline: bool,
) -> Updates:
    def refused(words: str) -> Updates:
        off = gr.update(interactive=False, value="Draw the grid")
        return {grid.plan: {"lines": [words], "tone": "quiet"}, grid.draw: off}

    if run is None or not checkpoints.steps(studio.session, run):
        return refused(NO_RUN)
    if run.state in ("queued", "running"):
        return refused("The training is not over yet.")
    try:
        plan = checkpoints.ahead(studio.session, run, at, strengths, baseline=baseline)
    except (NotAllowed, NotFound, ValueError) as problem:
        return refused(str(problem))
    if not plan.shots:
        return refused("All of this grid is drawn.")
    button = gr.update(interactive=True, value=f"Draw {len(plan)}")
    return {grid.plan: estimate_words(studio, plan), grid.draw: button}


def draw(studio: Studio, form: GridForm) -> None:
    """The job goes into the queue, the grid fills."""

    def work(run: TrainingRun) -> str:
        made = checkpoints.submit(studio.session, run, form.steps, form.strengths or (), baseline=form.baseline)
        return f"{made.title}: started."

    _do(studio, form, work)


def export(studio: Studio, form: GridForm) -> None:
    """The LoRA of the chosen step is in the library, and can be chosen in Generate and for the model card."""

    def work(run: TrainingRun) -> str:
        lora = checkpoints.export(studio.session, run, form.step or 0)
        return f"{lora.name} is in the library: choose it in Generate (beside it) or for the model card."

    _do(studio, form, work)


def use(studio: Studio, form: GridForm) -> None:
    """The LoRA of the chosen step is the run's version from now on."""

    def work(run: TrainingRun) -> str:
        lora = checkpoints.use(studio.session, run, form.step or 0)
        return f"{run.version} is step {form.step} now ({lora.name}): Generate and new cards take it."

    _do(studio, form, work)


def _do(studio: Studio, form: GridForm, work: Callable[[TrainingRun], str]) -> None:
    run = run_of(studio, form)
    try:
        Shell.notify(work(run) if run else NO_RUN)
    except (NotAllowed, NotFound, LoraRefused, ValueError) as problem:
        Shell.notify(str(problem), "warning")


def shown_of(made: list[ImageRecord]) -> Value:
    """The grid as a Samples value: a column for each step, a row for each prompt at each strength; of one step a column
    for each strength, since rows alone would be a tall strip. What the base model drew stands before them."""
    tiles = {(i.shot.purpose.cell, *checkpoints.place(i)): tile(i) for i in made if i.shot}
    bare = {cell: tiles.pop((cell, *checkpoints.BARE)) for cell, *at in [*tiles] if tuple(at) == checkpoints.BARE}
    steps = sorted({step for _, step, _ in tiles})
    if len(steps) == 1:
        return _with(bare, _by_strength(tiles, steps[0]), sorted({cell for cell, _, _ in tiles}))
    rows = sorted({(cell, strength) for cell, _, strength in tiles})
    value: Value = {
        "steps": [str(s) for s in steps],
        "prompts": [f"{cell} at {strength:g}" for cell, strength in rows],
        "cells": [[tiles.get((cell, step, strength)) for step in steps] for cell, strength in rows],
        "empty": EMPTY,
    }
    return _with(bare, value, [cell for cell, _ in rows])


def _with(bare: Mapping[str, SampleCell], value: Value, cells: Sequence[str]) -> Value:
    """With a column of what the base model drew; ``cells`` are those of the rows."""
    if not bare:
        return value
    rows = [[bare.get(cell), *row] for cell, row in zip(cells, value["cells"], strict=True)]
    return value | {"steps": ["base", *value["steps"]], "cells": rows}


def _by_strength(tiles: Mapping[tuple[str, int, float], SampleCell], step: int) -> Value:
    strengths = sorted({strength for _, _, strength in tiles})
    prompts = sorted({cell for cell, _, _ in tiles})
    return {
        "axis": f"step {step} at",
        "steps": [f"{s:g}" for s in strengths],
        "prompts": prompts,
        "cells": [[tiles.get((prompt, step, s)) for s in strengths] for prompt in prompts],
        "empty": EMPTY,
    }


def best_of(made: list[ImageRecord], used: int = 0) -> Value:
    """The places of the grid, the best first, in words; ``used``: the step that is the version."""
    best, ranked = checkpoints.best(made), checkpoint_ranking.ranking(made)
    if best is None:
        return {}
    where = f"step {best.step} at {best.strength:g}"
    line = f"Highest identity: {where}, {best.identity:.2f} on average of {best.pictures}."
    judge = next((one.judge for one in ranked if one.judge), "")
    rule = f"In order of the mean rank in identity ({judge}), its weakest angle, and what was asked for:"
    shown = [*ranked[:RANKED], *(one for one in ranked[RANKED:] if (one.step, one.strength) == checkpoints.BARE)]
    version = [f"The version is step {used} now."] if used else []
    lines = [f"{line} Likeness is not all: look at poses and faces, too.", rule, *(o.words for o in shown), *version]
    return {"lines": lines, "tone": "quiet"}
