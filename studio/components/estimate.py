"""What every tab says before it makes something: how many pictures, how long, does it fit; and which weights lack."""

from collections.abc import Callable
from dataclasses import dataclass

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.records import Job
from pipelines.domain.shots import Plan
from pipelines.planning.base import ChoiceError
from pipelines.planning.sampling import notes
from pipelines.session import NotFound
from pipelines.workflow import render
from pipelines.workflow.characters import NotAllowed
from studio.components.forms import Updates, Value
from studio.components.painted import Words
from studio.components.shell import Shell
from studio.server.state import Studio

TOLD = 3
"""Chains that broke already that are told one by one."""


def estimate_words(studio: Studio, plan: Plan) -> Value:
    """``60 pictures, about 7 min, fits`` and what the LoRAs ask for, as the value of a Words; in the tone of a warning
    when it does not fit."""
    seen = render.estimate(studio.session, plan)
    if not plan.shots:
        return {"lines": ["Nothing to make yet."], "tone": "quiet"}
    of, broken = len(plan.pictures), [chain.words for chain in seen.broken]
    if not seen.pictures:
        there = f"All {of} pictures exist already" if not broken else "Nothing is left to make"
        return {"lines": [f"{there}: change the seed or the choice.", *broken[:TOLD]], "tone": "quiet"}
    done = of - seen.pictures - sum(chain.steps - chain.step for chain in seen.broken)
    lines = [f"{done} of {of} exist already and are kept."] if done > 0 else []
    lines += broken[:TOLD]
    lines += [*([seen.note] if seen.note else []), *notes(plan)]
    return {"title": seen.words, "lines": lines, "tone": "" if seen.can_begin else "bad"}


def making(studio: Studio, plan: Plan, verb: str) -> Value:
    """The button that makes a plan: ``verb`` and how many, or why it cannot begin."""
    seen = render.estimate(studio.session, plan)
    if seen.obstacle and seen.pictures:
        return gr.update(interactive=False, value=seen.obstacle)
    return gr.update(interactive=bool(seen.pictures), value=f"{verb} {seen.pictures}" if seen.pictures else verb)


@dataclass
class Obtain:
    """What is said about weights that are not here, and the button that gets them."""

    row: gr.Row
    words: Words
    button: gr.Button

    @property
    def outputs(self) -> list[Block]:
        """What ``obtain_offer`` fills."""
        return [self.row, self.words, self.button]


def build_obtain(prefix: str) -> Obtain:
    """Make the components: ``<prefix>-weights`` and ``<prefix>-obtain``."""
    with gr.Row(elem_classes="weights-row", visible=False) as row:
        words = Words(elem_id=f"{prefix}-weights", min_width=0)
        button = gr.Button("Get it", size="sm", scale=0, min_width=90, elem_id=f"{prefix}-obtain")
    return Obtain(row, words, button)


def obtain_offer(studio: Studio, offer: Obtain, family: str) -> Updates:
    """What is missing, how big it is, under which licence."""
    lacking = render.missing_weights(studio.session, family) if family else None
    if lacking is None:
        return {offer.row: gr.update(visible=False), offer.words: {}}
    shown: Updates = {offer.row: gr.update(visible=True)}
    if lacking.how == "reinstall":
        words = {"lines": [lacking.what], "tone": "bad"}
        return shown | {offer.words: words, offer.button: gr.update(visible=False)}
    model, coming = studio.session.family(family), render.coming(studio.session, family)
    if lacking.how == "prepare":
        words = {"title": f"{model.title} is here, in files of your own", "lines": [lacking.what], "tone": "warn"}
        value = "On its way" if coming else "Make the copy"
        return shown | {offer.words: words, offer.button: gr.update(value=value, visible=True, interactive=not coming)}
    folder = f"models/{model.name}-{model.weights_revision}"
    lines = [
        f"A download of {lacking.gib:.1f} GB from {model.weights.hub}, or put yours into {folder} of the workspace.",
        f"Licence: {lacking.licence}.",
    ]
    note = [model.licence_note] if model.licence_note else []
    words = {"title": f"{model.title} is not on this machine", "lines": [*lines, *note], "tone": "warn"}
    return shown | {
        offer.words: words,
        offer.button: gr.update(
            value="On its way" if coming else f"Download {lacking.gib:.1f} GB", visible=True, interactive=not coming
        ),
    }


def obtain(studio: Studio, family: str) -> None:
    """Inputs: none. No output: queues the job that gets the weights; the job bar shows it."""
    if not family:
        return
    try:
        render.obtain(studio.session, family)
    except NotAllowed as problem:
        Shell.notify(str(problem), "warning")
        return
    Shell.notify(f"{studio.session.family(family).title}: on its way. The job bar shows how far.")


@dataclass
class Foot:
    """What stands under a choice: what lacks (``weights``), what it takes (``plan``), and the buttons."""

    weights: Obtain
    plan: Words
    preview: gr.Button
    make: gr.Button

    @property
    def outputs(self) -> list[Block]:
        """What ``ahead`` and ``refused`` change."""
        return [self.plan, self.preview, self.make]


def build_foot(prefix: str, make: str) -> Foot:
    """Make the components; the button that makes all has the element id ``make``."""
    with gr.Column(elem_classes="foot", min_width=0):
        weights = build_obtain(prefix)
        plan = Words(elem_id=f"{prefix}-plan", elem_classes="plan-line")
        with gr.Row():
            preview = gr.Button("Preview 4", elem_id=f"{prefix}-preview", interactive=False, min_width=100)
            button = gr.Button("Make", variant="primary", elem_id=make, interactive=False, min_width=140)
    return Foot(weights, plan, preview, button)


def ahead(studio: Studio, foot: Foot, plan: Plan) -> Updates:
    """What a plan takes, and buttons that make what of it is not there yet."""
    button = making(studio, plan, "Make")
    return {
        foot.plan: estimate_words(studio, plan),
        foot.preview: gr.update(interactive=button["interactive"]),
        foot.make: button,
    }


def refused(foot: Foot, problem: Exception) -> Updates:
    """Why there is no plan; the buttons are disabled."""
    return {
        foot.plan: {"lines": [str(problem)], "tone": "quiet"},
        foot.preview: gr.update(interactive=False),
        foot.make: gr.update(interactive=False, value="Make"),
    }


def unknown_yet(foot: Foot) -> Updates:
    """Another character is shown: nothing is known of its plan until it is looked at."""
    return {
        foot.plan: {},
        foot.preview: gr.update(interactive=False),
        foot.make: gr.update(interactive=False, value="Make"),
    }


def start(ask: Callable[[], Job]) -> None:
    """Ask for a job, and say that it started or why not. The job bar shows how far it is."""
    try:
        job = ask()
    except (NotAllowed, ChoiceError, NotFound) as problem:
        Shell.notify(str(problem), "warning")
        return
    Shell.notify(f"{job.title}: started.")
