"""The proof of an editor LoRA on the edits that no training saw, and its way into Enrich. Part of the Train tab.

Element ids: ``train-trial``, ``train-trial-words``, ``train-trial-plan``, ``train-trial-make``, ``train-trial-use``.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.records import TrainingRun
from pipelines.session import NotFound
from pipelines.workflow import editor_trial
from pipelines.workflow.characters import NotAllowed
from studio.components.estimate import estimate_words
from studio.components.forms import Updates, Value, Values, event, picked, text
from studio.components.painted import Words
from studio.components.runs import Runs
from studio.components.shell import Shell
from studio.server.state import Studio

NO_RUN = "Choose an editor LoRA that has been trained."


@dataclass
class TrialParts:
    """The components of the proof."""

    frame: gr.Column
    words: Words
    plan: Words
    make: gr.Button
    use: gr.Button

    @property
    def outputs(self) -> list[Block]:
        """What changes with the run that is looked at."""
        return [self.frame, self.words, self.plan, self.make, self.use]


@dataclass(frozen=True)
class TrialForm:
    """What the page says: ``runs`` is the value of the list of runs."""

    runs: Value = field(default_factory=dict)


def build() -> TrialParts:
    """Make the components inside the open column."""
    with gr.Column(visible=False, elem_id="train-trial") as frame:
        gr.HTML("<h3>Proof on held-out edits</h3>", elem_classes="tab-title")
        words = Words(elem_id="train-trial-words")
        with gr.Row(elem_classes="grid-row"):
            make = gr.Button("Prove it", size="sm", scale=0, min_width=150, elem_id="train-trial-make")
            use = gr.Button("Use in Enrich", size="sm", scale=0, min_width=190, elem_id="train-trial-use")
            plan = Words(elem_id="train-trial-plan", scale=1)
    return TrialParts(frame, words, plan, make, use)


def wire(parts: TrialParts, studio: Studio, runs: Runs) -> None:
    """Wire the events; ``runs`` tells which run is looked at."""

    def ask(values: Values) -> TrialForm:
        return TrialForm(runs=picked(values.get(runs)))

    parts.make.click(**event(ask, partial(make, studio), [runs]))
    parts.use.click(**event(ask, partial(use, studio), [runs]))


def refresh(studio: Studio, parts: TrialParts, run: TrainingRun | None) -> Updates:
    """How the proof of a run stands; nothing for a character LoRA."""
    if run is None or run.target != "editor" or not run.lora:
        return {parts.frame: gr.update(visible=False)}
    try:
        proof = editor_trial.trial(studio.session, run)
        plan = editor_trial.plan(studio.session, run) if proof.to_make else None
    except (NotAllowed, NotFound) as problem:
        off = gr.update(interactive=False)
        said = {"lines": [str(problem)], "tone": "warn"}
        return {parts.frame: gr.update(visible=True), parts.words: said, parts.plan: {}, parts.make: off,
                parts.use: off}  # fmt: skip
    title = "Enrich edits with it" if proof.promoted else "Use in Enrich" if proof.won else "Use in Enrich anyway"
    return {
        parts.frame: gr.update(visible=True),
        parts.words: words_of(proof),
        parts.plan: estimate_words(studio, plan) if plan else {},
        parts.make: gr.update(interactive=proof.to_make > 0, value="Prove it"),
        parts.use: gr.update(interactive=not proof.promoted, value=title),
    }


def words_of(proof: editor_trial.Trial) -> Value:
    """The proof in lines: what came of it, and how each did."""
    lines = [proof.words]
    for m in proof.measured:
        identity = "not measured" if m.identity is None else f"{m.identity:.2f}"
        lines.append(
            f"{editor_trial.TITLES[m.candidate]} ({m.stack}): {m.distance:.3f} from the corrected pictures, "
            f"identity {identity}, {m.wrong} of {m.pictures} someone else"
        )
    return {"lines": lines, "tone": "good" if proof.won else "quiet", "bullets": len(lines) > 1}


def make(studio: Studio, form: TrialForm) -> None:
    """The job that makes what the proof takes goes into the queue."""
    _do(studio, form, lambda run: f"{editor_trial.submit(studio.session, run).title}: started.")


def use(studio: Studio, form: TrialForm) -> None:
    """Enrich edits with the LoRA from now on; who presses the button after a lost proof overrules it."""

    def work(run: TrainingRun) -> str:
        editor_trial.promote(studio.session, run, anyway=True)
        return f"Enrich edits with editor {run.version} now; what was ticked there is on its list, unticked."

    _do(studio, form, work)


def _do(studio: Studio, form: TrialForm, work: Callable[[TrainingRun], str]) -> None:
    found = studio.session.store.get(TrainingRun, text(form.runs.get("selected")))
    own = found if found and found.character == studio.character_id and found.target == "editor" else None
    try:
        Shell.notify(work(own) if own else NO_RUN)
    except (NotAllowed, NotFound) as problem:
        Shell.notify(str(problem), "warning")
