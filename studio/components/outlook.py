"""What every tab says before it makes something: how many pictures, how long, does it fit; and which weights lack."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from pipelines.shots import Plan
from pipelines.steps import render
from studio.components.painted import Words
from studio.context import Shell, Studio

Value = dict[str, Any]


def outlook_words(studio: Studio, plan: Plan) -> Value:
    """``60 pictures, about 7 min, fits`` as the value of a Words; in the tone of a warning when it does not fit."""
    seen = render.outlook(studio.desk, plan)
    if not plan.shots:
        return {"lines": ["Nothing to make yet."], "tone": "quiet"}
    if not seen.pictures:
        return {"lines": [f"All {len(plan)} pictures exist already: change the seed or the choice."], "tone": "quiet"}
    done = len(plan) - seen.pictures
    lines = [f"{done} of {len(plan)} exist already and are kept."] if done else []
    return {"title": seen.words, "lines": lines, "tone": "" if seen.fits else "bad"}


@dataclass
class Obtain:
    """What is said about weights that are not here, and the button that gets them."""

    words: Words
    button: gr.Button

    @property
    def outputs(self) -> list[Any]:
        """What ``obtain_offer`` fills."""
        return [self.words, self.button]


def build_obtain(prefix: str) -> Obtain:
    """Make the components: ``<prefix>-weights`` and ``<prefix>-obtain``."""
    words = Words(elem_id=f"{prefix}-weights", elem_classes="weights")
    return Obtain(words, gr.Button("Get it", size="sm", visible=False, elem_id=f"{prefix}-obtain"))


def obtain_offer(studio: Studio, family: str) -> tuple[Value, Any]:
    """Inputs: none. Outputs: words and button of Obtain: what is missing, how big it is, under which licence."""
    lacking = render.missing_weights(studio.desk, family) if family else None
    if lacking is None:
        return {}, gr.update(visible=False)
    model = studio.desk.family(family)
    build = lacking.how == "build"
    size = "built here in seconds" if build else f"a download of {lacking.gib:.1f} GB from {model.weights.hub}"
    lines = [f"Needed: {size}.", f"Licence: {lacking.licence}. {model.licence_note}".strip()]
    button = "Build it" if build else f"Download {lacking.gib:.1f} GB"
    return {"title": f"{model.title} is not here yet", "lines": lines, "tone": "warn"}, gr.update(
        visible=True, value=button
    )


def obtain(studio: Studio, family: str) -> None:
    """Inputs: none. No output: queues the job that gets the weights; the job bar shows it."""
    if not family:
        return
    render.obtain(studio.desk, family)
    Shell.notify(f"{studio.desk.family(family).title}: on its way. The job bar shows how far.")
