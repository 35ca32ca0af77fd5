"""Enrich: of the sources that are ticked, edits along separate axes are planned, previewed and made.

Element ids, besides those of enrich_sources: ``enrich-coverage`` (``button[data-cell="front/smiling"]``),
``enrich-axis-<axis>``, ``enrich-lora-*`` (see lora_stack), ``enrich-per-source``, ``enrich-gaps``, ``enrich-count``,
``enrich-seed``, ``enrich-steps``, ``enrich-guidance``, ``enrich-plan``, ``enrich-weights``, ``enrich-obtain``,
``enrich-preview``, ``enrich-make``; ``enrich-results``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from pipelines.domain.presets import Axis
from pipelines.domain.shots import Plan
from pipelines.planning.base import ChoiceError
from pipelines.practice.choices import choices_for
from pipelines.session import NotFound
from pipelines.workflow import enrich, review, sources
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.sources import angle_of, expression_of
from studio.components import lora_stack
from studio.components.coverage import Coverage, grid
from studio.components.estimate import Obtain, build_foot, estimate_words, obtain, obtain_offer, start
from studio.components.fields import edited, number, optional, whole
from studio.components.lora_stack import QUIET, Draft, LoraRows
from studio.components.painted import Words
from studio.components.picker import ticked
from studio.components.picture_strip import PictureStrip
from studio.components.shell import Shell
from studio.server.state import Studio
from studio.tabs import enrich_sources
from studio.tabs.enrich_sources import NOBODY, Sources, nothing_yet

Value = dict[str, Any]
POOL, PER_SOURCE = 8, 4
ON_AT_FIRST = ("angle", "expression", "lighting")
NO_SOURCE = "Drop pictures of the character first."
ALL_SHOWN = "The sources show all of this already. Tick more, or allow what a source shows."


@dataclass
class EnrichTab:
    """The components of the tab."""

    sources: Sources
    coverage: Coverage
    axes: list[gr.CheckboxGroup]
    loras: LoraRows
    per_source: gr.Slider
    gaps: gr.Checkbox
    whose: gr.State
    count: gr.Textbox
    seed: gr.Number
    steps: gr.Textbox
    guidance: gr.Textbox
    plan: Words
    weights: Obtain
    preview: gr.Button
    make: gr.Button
    results: PictureStrip

    @property
    def numbers(self) -> list[Any]:
        """Per source, gaps, count, seed, steps, guidance."""
        return [self.per_source, self.gaps, self.count, self.seed, self.steps, self.guidance]

    @property
    def choice(self) -> list[Any]:
        """Everything a plan depends on: picker, numbers, axes, and the stack last."""
        return [self.sources.picker, *self.numbers, *self.axes, *self.loras.inputs]

    @property
    def estimate(self) -> list[Any]:
        """What changes with the plan."""
        return [self.coverage, self.plan, self.preview, self.make]


def build(studio: Studio) -> EnrichTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side", scale=0, min_width=280):
            left = enrich_sources.build()
        with gr.Column(elem_classes="middle", scale=0, min_width=400):
            middle = _build_plan(studio)
        with gr.Column(elem_classes="results", scale=1, min_width=280):
            results = PictureStrip(
                "enriched",
                empty="Enriched pictures arrive here, newest first. Preview 4 shows in a moment what the choice does.",
                elem_id="enrich-results",
            )
    return EnrichTab(sources=left, **middle, results=results)


def _build_plan(studio: Studio) -> dict[str, Any]:
    gr.HTML("<h3>What to make</h3>", elem_classes="tab-title")
    parts: dict[str, Any] = {"coverage": Coverage(grid(()), elem_id="enrich-coverage")}
    with gr.Column(elem_classes="axes", elem_id="enrich-axes"):
        parts["axes"] = [
            gr.CheckboxGroup(
                [(edit.title, f"{axis.name}/{edit.value}") for edit in axis.edits],
                value=usual(axis),
                label=axis.title,
                interactive=True,
                elem_id=f"enrich-axis-{axis.name}",
                elem_classes="axis",
            )
            for axis in studio.on_page.axes
        ]
    gr.HTML("<h3>LoRA stack</h3>", elem_classes="tab-title")
    parts["loras"] = lora_stack.build("enrich", "editor", POOL)
    parts |= _build_numbers() | {"whose": gr.State(None)}
    return parts | build_foot("enrich", "enrich-make")


def _build_numbers() -> dict[str, Any]:
    per_source = gr.Slider(
        1, 12, PER_SOURCE, step=1, label="Edits of each source", interactive=True, buttons=[],
        elem_id="enrich-per-source",
    )  # fmt: skip
    gaps = gr.Checkbox(
        True,
        label="Only what no source shows, from the nearest view",
        container=False,
        interactive=True,
        elem_id="enrich-gaps",
    )
    with gr.Row(elem_classes="number-row"):
        count = optional("At most", "enrich-count", "all", min_width=60)
        seed = gr.Number(0, label="Seed", minimum=0, precision=0, min_width=60, elem_id="enrich-seed")
        steps = optional("Steps", "enrich-steps", min_width=60)
        guidance = optional("Guidance", "enrich-guidance", min_width=60)
    return {"per_source": per_source, "gaps": gaps, "count": count, "seed": seed, "steps": steps, "guidance": guidance}


def wire(tab: EnrichTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    look: dict[str, Any] = {"fn": partial(look_ahead, studio), "inputs": tab.choice, "outputs": tab.estimate, **QUIET}

    def aiming(event: gr.EventData, *chosen: list[str]) -> list[list[str]]:  # Gradio sees no event through a partial
        return aim(studio, event, *chosen)

    for part in [*tab.axes, *tab.numbers]:
        edited(part)(trigger_mode="always_last", **look)
    tab.sources.picker.ticks(trigger_mode="always_last", **look)
    tab.coverage.pick(aiming, tab.axes, tab.axes, **QUIET).then(**look)
    enrich_sources.wire(tab.sources, studio, look)
    lora_stack.wire(tab.loras, studio, shell, look)
    tab.preview.click(partial(make, studio, True), tab.choice, None, **QUIET)
    tab.make.click(partial(make, studio, False), tab.choice, None, **QUIET)
    tab.weights.button.click(lambda: obtain(studio, editor_of(studio)), None, None, **QUIET)
    seen = [*tab.sources.outputs, *tab.weights.outputs, tab.whose, tab.per_source, *tab.axes]
    shell.changed.select(partial(refresh, studio), [tab.sources.picker, tab.whose], seen, **QUIET).then(**look)


def editor_of(studio: Studio) -> str:
    """The model preset that edits for the character; "" without one."""
    return studio.character.editor if studio.character else ""


def refresh(studio: Studio, before: Value, whose: str | None) -> list[Any]:
    """Inputs: picker, whose. Outputs: picker, advice, weights, whose, per source, axes. After the records or the
    character changed: a character comes with its first choice, afterwards the choice is the user's."""
    shown = [*enrich_sources.shown(studio, before), *obtain_offer(studio, editor_of(studio)), studio.character_id]
    first = [gr.skip()] * (1 + len(studio.on_page.axes)) if studio.character_id == whose else first_choice(studio)
    return [*shown, *first]


def first_choice(studio: Studio) -> list[Any]:
    """Edits of each source, and the ticked edits of each axis: for a practice character those its hint speaks of."""
    practice_choices = choices_for(studio.character)
    if practice_choices is None:
        return [PER_SOURCE, *(usual(axis) for axis in studio.on_page.axes)]
    wanted = practice_choices.enrich
    return [wanted.per_source, *aimed(studio, set(wanted.edits), *([] for _ in studio.on_page.axes))]


def usual(axis: Axis) -> list[str]:
    """The edits of an axis that are ticked for a character of one's own: all or none."""
    return [f"{axis.name}/{edit.value}" for edit in axis.edits] if axis.name in ON_AT_FIRST else []


def aim(studio: Studio, event: gr.EventData, *chosen: list[str]) -> list[list[str]]:
    """Inputs and outputs: the axes. A cell of the grid was clicked: its angle and its expression are ticked."""
    wanted = {f"angle/{event.angle}", f"expression/{event.expression}"}
    return aimed(studio, wanted, *chosen)


def aimed(studio: Studio, wanted: set[str], *chosen: list[str]) -> list[list[str]]:
    """The chosen edits of every axis with the wanted ones among them, in the order they are offered."""
    result = []
    for axis, now in zip(studio.on_page.axes, chosen, strict=True):
        offered = [f"{axis.name}/{edit.value}" for edit in axis.edits]
        result.append([name for name in offered if name in wanted or name in (now or [])])
    return result


def plan_of(studio: Studio, picked: Value, *choice: Any) -> Plan:
    """The plan of what is chosen. Inputs: picker, numbers, axes, stack. Raises NotAllowed, ChoiceError, NotFound."""
    end = 6 + len(studio.on_page.axes)
    numbers, edits, (ids, *controls) = choice[:6], choice[6:end], choice[end:]
    chosen = [name for group in edits for name in group or []]
    if not studio.character_id:
        raise NotAllowed(NOBODY)
    if not ticked(picked):
        raise NotAllowed("Tick at least one source." if picked.get("items") else nothing_yet(studio, NO_SOURCE))
    if not chosen:
        raise NotAllowed("Tick at least one edit, or click a ring of the grid.")
    per_source, gaps, count, seed, steps, guidance = numbers
    plan = enrich.plan(
        studio.session,
        studio.character_id,
        source_ids=ticked(picked),
        edits=chosen,
        stack=lora_stack.stack_of(studio, Draft.of(ids, controls)),
        per_source=max(1, int(per_source or 1)),
        count=whole(count),
        gaps=bool(gaps),
        seed=max(0, int(seed or 0)),
        steps=whole(steps),
        guidance=number(guidance),
    )
    if not plan.shots:
        raise NotAllowed(ALL_SHOWN)
    return plan


def look_ahead(studio: Studio, picked: Value, *choice: Any) -> list[Any]:
    """Inputs: the choice. Outputs: coverage, plan line, preview, make."""
    try:
        plan = plan_of(studio, picked, *choice)
    except (NotAllowed, ChoiceError, NotFound) as problem:
        words = {"lines": [str(problem)], "tone": "quiet"}
        off = gr.update(interactive=False)
        return [coverage_of(studio, ()), words, off, gr.update(interactive=False, value="Make")]
    left = [s for s in plan.shots if not studio.session.workspace.path(plan.path(s)).exists()]
    button = gr.update(interactive=bool(left), value=f"Make {len(left)}" if left else "Make")
    return [coverage_of(studio, plan), estimate_words(studio, plan), gr.update(interactive=bool(left)), button]


def coverage_of(studio: Studio, plan: Iterable[Any]) -> Value:
    """The coverage grid: sources and good pictures fill it, those to review and those planned are marked."""
    if not studio.character_id:
        return grid(())
    session, character = studio.session, studio.character_id
    have = [*sources.sources(session, character), *review.good(session, character, "enriched")]
    have += review.good(session, character, "synthetic")
    waiting = review.undecided(session, character, "enriched")
    labels = [shot.purpose.labels for shot in plan]
    return grid(
        [(angle_of(i), expression_of(i)) for i in have],
        [(angle_of(i), expression_of(i)) for i in waiting],
        [(x.get("angle", ""), x.get("expression", "")) for x in labels],
    )


def make(studio: Studio, preview: bool, picked: Value, *choice: Any) -> None:
    """Inputs: the choice. No output: the job goes into the queue, the job bar and the strip show it."""
    start(lambda: enrich.submit(studio.session, plan_of(studio, picked, *choice), preview=preview))
