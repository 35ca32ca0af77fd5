"""After a training: checkpoints against strengths, on the prompts of its samples. Part of the Train tab.

Element ids: ``train-grid-steps``, ``train-grid-strengths``, ``train-grid-plan``, ``train-grid-draw``,
``train-grid-shown``, ``train-grid-best``, ``train-grid-step``, ``train-grid-keep``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from pipelines.domain.records import ImageRecord, TrainingRun
from pipelines.models.lora_files import LoraRefused
from pipelines.session import NotFound
from pipelines.workflow import checkpoints
from pipelines.workflow.characters import NotAllowed
from studio.components.estimate import estimate_words
from studio.components.lora_stack import QUIET
from studio.components.painted import Words
from studio.components.samples import Samples, step_of, tile
from studio.components.shell import Shell
from studio.server.state import Studio

Value = dict[str, Any]
EMPTY = "Each checkpoint at each strength, with the prompts of the samples: pick the place where it looks right."
NO_RUN = "When a training has ended, its checkpoints can be held against each other here."
STRENGTHS = tuple(f"{s:g}" for s in checkpoints.STRENGTHS)


@dataclass
class Grid:
    """The components of the grid."""

    steps: gr.CheckboxGroup
    strengths: gr.CheckboxGroup
    plan: Words
    draw: gr.Button
    shown: Samples
    best: Words
    step: gr.Dropdown
    keep: gr.Button

    @property
    def said(self) -> list[Any]:
        """What the user chose."""
        return [self.steps, self.strengths, self.step]

    @property
    def outputs(self) -> list[Any]:
        """What changes with the run that is looked at."""
        return [self.steps, self.plan, self.draw, self.shown, self.best, self.step, self.keep]


def build() -> Grid:
    """Make the components inside the open column."""
    gr.HTML("<h3>Checkpoints and strengths</h3>", elem_classes="tab-title")
    with gr.Column(elem_classes="axes"):
        steps = gr.CheckboxGroup([], label="Steps", interactive=True, elem_id="train-grid-steps", elem_classes="axis")
        strengths = gr.CheckboxGroup(
            list(STRENGTHS), value=list(STRENGTHS), label="Strength", interactive=True, elem_id="train-grid-strengths",
            elem_classes="axis",
        )  # fmt: skip
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
        keep = gr.Button("Keep this step as a LoRA", size="sm", scale=0, min_width=190, visible=False,
                         elem_id="train-grid-keep")  # fmt: skip
    return Grid(steps, strengths, plan, draw, shown, best, step, keep)


def wire(grid: Grid, studio: Studio, runs: Any) -> None:
    """Wire the events; ``runs`` tells which run is looked at."""
    choice = [runs, grid.steps, grid.strengths]
    for part in (grid.steps, grid.strengths):
        part.input(partial(look_ahead, studio), choice, [grid.plan, grid.draw], trigger_mode="always_last", **QUIET)
    grid.draw.click(partial(draw, studio), choice, None, **QUIET)
    grid.keep.click(partial(keep, studio), [runs, grid.step], None, **QUIET)


def run_of(studio: Studio, picked: Value) -> TrainingRun | None:
    """The run that is looked at, if it is one of the character's."""
    found = studio.session.store.get(TrainingRun, str(picked.get("selected", "")))
    return found if found and found.character == studio.character_id else None


def refresh(studio: Studio, run: TrainingRun | None, said: tuple[Any, ...], *, followed: bool) -> list[Any]:
    """``said`` are steps, strengths and the step to keep as the page has them. Outputs: steps, plan, draw, shown, best,
    step, keep. What is ticked stays while the same run is looked at (``followed``); else every step is."""
    at, strengths, step = said or (None, None, None)
    known = checkpoints.steps(studio.session, run) if run else []
    made = checkpoints.grid(studio.session, run) if run else []
    chosen = [s for s in at if s in known] if followed and at else known
    if not (followed and step in known):
        best = checkpoints.best(made)
        step = best.step if best else known[-1] if known else None
    words, button = _ahead(studio, run, chosen, list(STRENGTHS) if strengths is None else strengths)
    return [
        gr.update(choices=[(f"{s}", s) for s in known], value=chosen),
        words,
        button,
        shown_of(made),
        best_of(made),
        gr.update(choices=[(f"step {s}", s) for s in known], value=step, visible=bool(made)),
        gr.update(visible=bool(made)),
    ]


def look_ahead(studio: Studio, picked: Value, at: list[int], strengths: list[str]) -> list[Any]:
    """Inputs: runs, steps, strengths. Outputs: plan, draw."""
    return _ahead(studio, run_of(studio, picked), at, strengths)


def _ahead(studio: Studio, run: TrainingRun | None, at: list[int], strengths: list[str]) -> list[Any]:
    off = gr.update(interactive=False, value="Draw the grid")
    if run is None or not checkpoints.steps(studio.session, run):
        return [{"lines": [NO_RUN], "tone": "quiet"}, off]
    if run.state in ("queued", "running"):
        return [{"lines": ["The training is not over yet."], "tone": "quiet"}, off]
    try:
        shots = checkpoints.ahead(studio.session, run, at or [], [float(s) for s in strengths or []])
    except (NotAllowed, NotFound, ValueError) as problem:
        return [{"lines": [str(problem)], "tone": "quiet"}, off]
    if not shots.shots:
        return [{"lines": ["All of this grid is drawn."], "tone": "quiet"}, off]
    return [estimate_words(studio, shots), gr.update(interactive=True, value=f"Draw {len(shots)}")]


def draw(studio: Studio, picked: Value, at: list[int], strengths: list[str]) -> None:
    """Inputs: runs, steps, strengths. No output: the job goes into the queue, the grid fills."""

    def work(run: TrainingRun) -> str:
        made = checkpoints.plan(studio.session, run, at or [], [float(s) for s in strengths or []])
        return f"{checkpoints.submit(studio.session, run, made).title}: started."

    _do(studio, picked, work)


def keep(studio: Studio, picked: Value, step: int | None) -> None:
    """Inputs: runs, step. No output: the LoRA of that step is in the library, and can be chosen in Generate and
    for the model card."""

    def work(run: TrainingRun) -> str:
        lora = checkpoints.keep(studio.session, run, int(step or 0))
        return f"{lora.name} is in the library: choose it in Generate (beside it) or for the model card."

    _do(studio, picked, work)


def _do(studio: Studio, picked: Value, work: Callable[[TrainingRun], str]) -> None:
    run = run_of(studio, picked)
    try:
        Shell.notify(work(run) if run else NO_RUN)
    except (NotAllowed, NotFound, LoraRefused, ValueError) as problem:
        Shell.notify(str(problem), "warning")


def shown_of(made: list[ImageRecord]) -> Value:
    """The grid as a Samples value: a column for each step, a row for each prompt at each strength."""
    tiles = {(i.shot.purpose.cell, *checkpoints.place(i)): tile(i) for i in made if i.shot}
    steps = sorted({step_of(i) for i in made})
    rows = sorted({(cell, strength) for cell, _, strength in tiles})
    return {
        "steps": [str(s) for s in steps],
        "prompts": [f"{cell} at {strength:g}" for cell, strength in rows],
        "cells": [[tiles.get((cell, step, strength)) for step in steps] for cell, strength in rows],
        "empty": EMPTY,
    }


def best_of(made: list[ImageRecord]) -> Value:
    """Where identity is highest, in words."""
    best = checkpoints.best(made)
    if best is None:
        return {}
    where = f"step {best.step} at {best.strength:g}"
    line = f"Highest identity: {where}, {best.identity:.2f} on average of {best.pictures}."
    return {"lines": [f"{line} Likeness is not all: look at poses and faces, too."], "tone": "quiet"}
