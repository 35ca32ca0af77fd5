"""Generate: novel pictures of the character by its own LoRA; their identity as a histogram with a cut line.

Element ids: ``generate-scenarios``, ``generate-prompts``, ``generate-lora``, ``generate-strength``,
``generate-lora-*`` (the extra stack, see lora_stack), ``generate-variants``, ``generate-count``, ``generate-seed``,
``generate-steps``, ``generate-guidance``, ``generate-plan``, ``generate-weights``, ``generate-obtain``,
``generate-preview``, ``generate-run``;
``generate-histogram`` (``[role=slider]``), ``generate-filter``, ``generate-filtered``, ``generate-results``.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from pipelines.domain.records import ImageRecord, LoraRecord
from pipelines.domain.shots import Plan
from pipelines.planning.base import ChoiceError
from pipelines.practice.choices import choices_for
from pipelines.session import NotFound
from pipelines.workflow import datasets, generate, loras, review
from pipelines.workflow.characters import NotAllowed
from studio.components import lora_stack
from studio.components.estimate import Obtain, build_foot, estimate_words, obtain, obtain_offer, start
from studio.components.fields import edited, number, optional, whole
from studio.components.histogram import Histogram, histogram
from studio.components.lora_stack import QUIET, Draft, LoraRows
from studio.components.painted import Words, rev_of
from studio.components.picture_strip import PictureStrip
from studio.components.shell import Shell
from studio.server.state import Studio

Value = dict[str, Any]
POOL, VARIANTS = 4, 4
PROMPTS_MOST = 200
NOBODY = "Make a character first: New character, above."
BASE = ("base model", "")


@dataclass
class GenerateTab:
    """The components of the tab."""

    scenarios: gr.CheckboxGroup
    prompts: gr.Textbox
    lora: gr.Dropdown
    newest: gr.State
    whose: gr.State
    strength: gr.Slider
    loras: LoraRows
    variants: gr.Slider
    count: gr.Textbox
    seed: gr.Number
    steps: gr.Textbox
    guidance: gr.Textbox
    plan: Words
    weights: Obtain
    preview: gr.Button
    make: gr.Button
    histogram: Histogram
    filter: gr.Button
    filtered: Words
    results: PictureStrip

    @property
    def numbers(self) -> list[Any]:
        """Variants, count, seed, steps, guidance."""
        return [self.variants, self.count, self.seed, self.steps, self.guidance]

    @property
    def choice(self) -> list[Any]:
        """Everything a plan depends on, the stack last."""
        return [self.scenarios, self.prompts, self.lora, self.strength, *self.numbers, *self.loras.inputs]


def build(studio: Studio) -> GenerateTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side wide", scale=0, min_width=400):
            left = _build_choice(studio) | build_foot("generate", "generate-run")
        with gr.Column(elem_classes="results", scale=1, min_width=320):
            right = _build_results()
    return GenerateTab(**left, **right)


def _build_choice(studio: Studio) -> dict[str, Any]:
    gr.HTML("<h3>What to draw</h3>", elem_classes="tab-title")
    parts: dict[str, Any] = {
        "scenarios": gr.CheckboxGroup(
            [(s.title, s.name) for s in studio.on_page.scenarios],
            value=everything(studio),
            label="Scenarios",
            interactive=True,
            elem_id="generate-scenarios",
            elem_classes="axis tall",
        ),
        "prompts": gr.Textbox(
            label="Own prompts, one a line",
            placeholder="{character} reading a newspaper on a park bench, autumn",
            lines=2,
            max_lines=6,
            elem_id="generate-prompts",
        ),
    }
    parts["variants"] = gr.Slider(
        1, 8, VARIANTS, step=1, label="Variants of each", interactive=True, buttons=[], elem_id="generate-variants"
    )
    with gr.Row(elem_classes="number-row"):
        parts["count"] = optional("At most", "generate-count", "all", min_width=60)
        parts["seed"] = gr.Number(0, label="Seed", minimum=0, precision=0, min_width=60, elem_id="generate-seed")
        parts["steps"] = optional("Steps", "generate-steps", min_width=60)
        parts["guidance"] = optional("Guidance", "generate-guidance", min_width=60)
    gr.HTML("<h3>LoRA of the character</h3>", elem_classes="tab-title")
    with gr.Row(elem_classes="number-row"):
        parts["lora"] = gr.Dropdown(
            [BASE], value="", label="Version", interactive=True, min_width=130, elem_id="generate-lora"
        )
        parts["strength"] = gr.Slider(
            0, 2, 1.0, step=0.05, label="Strength", interactive=True, min_width=150, buttons=[],
            elem_id="generate-strength",
        )  # fmt: skip
    parts["newest"], parts["whose"] = gr.State(None), gr.State(None)
    gr.HTML("<h3>Beside it</h3>", elem_classes="tab-title")
    parts["loras"] = lora_stack.build("generate", "generator", POOL)
    return parts


def everything(studio: Studio) -> list[str]:
    """The names of all scenarios on the page."""
    return [scenario.name for scenario in studio.on_page.scenarios]


def _build_results() -> dict[str, Any]:
    with gr.Row(elem_classes="cut-row", equal_height=False):
        shown = Histogram(histogram((), None), elem_id="generate-histogram", scale=1)
        button = gr.Button("Sort out below the line", size="sm", scale=0, min_width=170, elem_id="generate-filter")
    filtered = Words(elem_id="generate-filtered")
    results = PictureStrip(
        "synthetic",
        empty="New pictures of the character arrive here. Preview 4 shows in a moment what the LoRA has learnt.",
        cut=True,
        elem_id="generate-results",
    )
    return {"histogram": shown, "filter": button, "filtered": filtered, "results": results}


def wire(tab: GenerateTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    look: dict[str, Any] = {
        "fn": partial(look_ahead, studio),
        "inputs": tab.choice,
        "outputs": [tab.plan, tab.preview, tab.make],
        **QUIET,
    }
    for part in (tab.scenarios, tab.prompts, tab.lora, *tab.numbers):
        edited(part)(trigger_mode="always_last", **look)
    tab.strength.release(**look)
    lora_stack.wire(tab.loras, studio, shell, look)
    tab.preview.click(partial(make, studio, True), tab.choice, None, **QUIET)
    tab.make.click(partial(make, studio, False), tab.choice, None, **QUIET)
    tab.weights.button.click(lambda: obtain(studio, generator_of(studio)), None, None, **QUIET)
    tab.histogram.cut(partial(cut_moved, studio), tab.histogram, tab.filter, **QUIET)
    tab.filter.click(partial(sort_out, studio), tab.histogram, tab.filtered, **QUIET)
    first = [tab.whose, tab.scenarios, tab.variants, tab.guidance]
    shell.changed.select(
        partial(refresh, studio),
        [tab.newest, tab.histogram, tab.whose],
        [tab.newest, tab.lora, tab.histogram, tab.filter, *tab.weights.outputs, *first],
        **QUIET,
    ).then(**look)


def generator_of(studio: Studio) -> str:
    """The model preset that draws the character; "" without one."""
    return studio.character.generator if studio.character else ""


def own_loras(studio: Studio) -> list[LoraRecord]:
    """The character's own LoRAs, newest first."""
    if not studio.character_id:
        return []
    return loras.trained(studio.session, studio.character_id, "character")[::-1]


def refresh(studio: Studio, newest: str | None, before: Value, whose: str | None) -> list[Any]:
    """Inputs: newest, histogram, whose. Outputs: newest, lora, histogram, filter, weights, whose, scenarios, variants,
    guidance. A LoRA that was just trained is chosen by itself, and a character comes with its first choice; afterwards
    the choice is the user's."""
    own = own_loras(studio)
    latest = f"{studio.character_id}/{own[0].id if own else ''}"
    choices = [*((f"{x.version}  (rank {x.rank})", x.id) for x in own), BASE]
    lora = gr.update(choices=choices) if latest == newest else gr.update(choices=choices, value=choices[0][1])
    value = scores_of(studio, before)
    first = [gr.skip()] * 3 if studio.character_id == whose else first_choice(studio)
    offer = obtain_offer(studio, generator_of(studio))
    return [latest, lora, value, filter_button(studio, value), *offer, studio.character_id, *first]


def first_choice(studio: Studio) -> list[Any]:
    """Scenarios, variants of each, guidance: for a practice character those its hint speaks of."""
    practice_choices = choices_for(studio.character)
    if practice_choices is None:
        return [everything(studio), VARIANTS, ""]
    wanted = practice_choices.generate
    return [list(wanted.scenarios), wanted.variants, f"{wanted.guidance:g}" if wanted.guidance else ""]


def synthetic(studio: Studio) -> list[ImageRecord]:
    """The pictures of the newest synthetic version."""
    if not studio.character_id:
        return []
    made = datasets.pictures(studio.session, studio.character_id, "synthetic")
    version = max((i.version for i in made), key=datasets.number, default="")
    return [i for i in made if i.version == version]


def scores_of(studio: Studio, before: Value) -> Value:
    """The histogram of identity; a cut that the user set stays while the character does."""
    found = [i.scores.identity for i in synthetic(studio) if i.scores.identity]
    threshold = next((i.threshold for i in found if i.threshold is not None), None)
    moved = before.get("cut") if before.get("moved") and before.get("of") == studio.character_id else None
    value = histogram([i.score for i in found], threshold, moved)
    return value | {"of": studio.character_id, "moved": moved is not None, "rev": rev_of(before)}


def cut_of(value: Value) -> float:
    """The cut line's score, within the range of a cosine."""
    cut = value.get("cut")
    return max(-1.0, min(1.0, float(cut))) if isinstance(cut, (int, float)) else 0.0


def filter_button(studio: Studio, value: Value) -> Any:
    """The button that sorts out, with how many undecided pictures would go."""
    below = len(review.would_go(studio.session, studio.character_id, cut=cut_of(value))) if studio.character_id else 0
    words = f"Sort out {below} below the line" if below else "Sort out below the line"
    return gr.update(value=words, interactive=bool(below), visible=bool(value.get("scores")))


def cut_moved(studio: Studio, value: Value) -> Any:
    """Inputs: histogram. Outputs: filter."""
    return filter_button(studio, value)


def sort_out(studio: Studio, value: Value) -> Value:
    """Inputs: histogram. Outputs: filtered. A rule rejects what is below the line; a human can overturn it."""
    if not studio.character_id:
        return {}
    report = review.apply_filter(studio.session, studio.character_id, cut=cut_of(value))
    lines = [f"{report.left} wait for your eyes in Review, where each of these can be taken back."]
    return {"title": f"{len(report.rejected)} sorted out by the rule", "lines": lines, "tone": "quiet"}


def prompt_lines(text: str | None) -> list[str]:
    """The user's prompts: one a line, empty ones left out, at most PROMPTS_MOST."""
    return [line.strip() for line in (text or "").splitlines() if line.strip()][:PROMPTS_MOST]


def plan_of(studio: Studio, names: list[str], prompts: str, lora: str | None, strength: float, *rest: Any) -> Plan:
    """The plan of what is chosen. Inputs: the choice. Raises NotAllowed, ChoiceError, NotFound."""
    variants, count, seed, steps, guidance, ids, *controls = rest
    own = prompt_lines(prompts)
    if not studio.character_id:
        raise NotAllowed(NOBODY)
    if not names and not own:
        raise NotAllowed("Tick a scenario or write a prompt.")
    return generate.plan(
        studio.session,
        studio.character_id,
        lora_id=lora or "",
        strength=float(strength if strength is not None else 1.0),
        extra=lora_stack.stack_of(studio, Draft.of(ids, controls)),
        scenarios=names or (),
        prompts=own,
        variants=max(1, int(variants or 1)),
        count=whole(count),
        seed=max(0, int(seed or 0)),
        steps=whole(steps),
        guidance=number(guidance),
    )


def look_ahead(studio: Studio, *choice: Any) -> list[Any]:
    """Inputs: the choice. Outputs: plan line, preview, make."""
    try:
        plan = plan_of(studio, *choice)
    except (NotAllowed, ChoiceError, NotFound) as problem:
        off = gr.update(interactive=False)
        return [{"lines": [str(problem)], "tone": "quiet"}, off, gr.update(interactive=False, value="Make")]
    words = estimate_words(studio, plan)
    if not own_loras(studio):
        words = words | {
            "lines": [*words["lines"], "No LoRA of the character yet: this is the base model. Train first."]
        }
    left = sum(not studio.session.workspace.path(plan.path(s)).exists() for s in plan.shots)
    button = gr.update(interactive=bool(left), value=f"Make {left}" if left else "Make")
    return [words, gr.update(interactive=bool(left)), button]


def make(studio: Studio, preview: bool, *choice: Any) -> None:
    """Inputs: the choice. No output: the job goes into the queue, the job bar and the strip show it."""
    start(lambda: generate.submit(studio.session, plan_of(studio, *choice), preview=preview))
