"""Enrich: sources come in, are tagged and ticked; edits along separate axes are planned, previewed and made.

Element ids: ``enrich-sources`` (a picker: ``.item[data-id]``, ``.tick input``), ``enrich-drop``,
``enrich-first-frame``, ``enrich-arrival``, ``enrich-advice``, ``enrich-tag`` (panel), ``enrich-angle``,
``enrich-expression``, ``enrich-caption``, ``enrich-remove``, ``enrich-undo``, ``enrich-line``;
``enrich-coverage`` (``button[data-cell="front/smiling"]``), ``enrich-axis-<axis>``, ``enrich-lora-*`` (see
lora_stack), ``enrich-per-source``, ``enrich-gaps``, ``enrich-count``, ``enrich-seed``, ``enrich-steps``,
``enrich-guidance``, ``enrich-plan``, ``enrich-weights``, ``enrich-obtain``, ``enrich-preview``, ``enrich-make``;
``enrich-results``.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from pipelines.desk import NotFound
from pipelines.library.presets import Axis, axes
from pipelines.library.records import Angle, Expression, ImageRecord
from pipelines.plans.base import ChoiceError
from pipelines.shots import Plan
from pipelines.steps import enrich, practice, review, sources
from pipelines.steps.characters import NotAllowed
from pipelines.steps.sources import angle_of, expression_of
from studio.components import lora_stack
from studio.components.coverage import Coverage, grid
from studio.components.fields import edited, number, optional, whole
from studio.components.identity_line import IdentityLine
from studio.components.lora_stack import QUIET, Draft, LoraRows
from studio.components.outlook import Obtain, build_obtain, obtain, obtain_offer, outlook_words
from studio.components.painted import Words
from studio.components.picker import Picker, picks, ticked
from studio.components.picture_strip import PictureStrip
from studio.context import Shell, Studio
from studio.practising import practised

Value = dict[str, Any]
POOL, PER_SOURCE = 8, 4
ON_AT_FIRST = ("angle", "expression", "lighting")
NO_SOURCES = "Drop 10 to 20 pictures of the character below: photos, sketches or renders, from at least two angles."
NOBODY = "Make a character first: New character, above."
NO_SOURCE = "Drop pictures of the character first."
ALL_SHOWN = "The sources show all of this already. Tick more, or allow what a source shows."
BEING_DRAWN = "The pictures are being drawn. They appear here in a moment."


@dataclass
class EnrichTab:
    """The components of the tab."""

    picker: Picker
    drop: gr.File
    first_frame: gr.Checkbox
    arrival: Words
    advice: Words
    tag: gr.Group
    angle: gr.Dropdown
    expression: gr.Dropdown
    caption: gr.Textbox
    remove: gr.Button
    undo: gr.Button
    removed: gr.State
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
        return [self.picker, *self.numbers, *self.axes, *self.loras.inputs]

    @property
    def outlook(self) -> list[Any]:
        """What changes with the plan."""
        return [self.coverage, self.plan, self.preview, self.make]


def build(studio: Studio) -> EnrichTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side", scale=0, min_width=280):
            left = _build_sources()
        with gr.Column(elem_classes="middle", scale=0, min_width=400):
            middle = _build_plan()
        with gr.Column(elem_classes="results", scale=1, min_width=280):
            results = PictureStrip(
                "enriched",
                empty="Enriched pictures arrive here, newest first. Preview 4 shows in a moment what the choice does.",
                elem_id="enrich-results",
            )
    return EnrichTab(**left, **middle, results=results)


def _build_sources() -> dict[str, Any]:
    gr.HTML("<h3>Sources</h3>", elem_classes="tab-title")
    IdentityLine("enrich-line", elem_id="enrich-identity")
    parts: dict[str, Any] = {"picker": Picker({"empty": NO_SOURCES}, elem_id="enrich-sources")}
    with gr.Group(visible=False, elem_id="enrich-tag", elem_classes="tag-panel") as tag:
        with gr.Row():
            parts["angle"] = gr.Dropdown(
                list(get_args(Angle)), label="Angle", min_width=100, interactive=True, elem_id="enrich-angle"
            )
            parts["expression"] = gr.Dropdown(
                list(get_args(Expression)), label="Expression", min_width=100, interactive=True,
                elem_id="enrich-expression",
            )  # fmt: skip
        parts["caption"] = gr.Textbox(label="Caption", lines=1, max_lines=3, interactive=True, elem_id="enrich-caption")
        parts["remove"] = gr.Button("Leave this picture out", size="sm", elem_id="enrich-remove")
    parts["tag"] = tag
    parts["undo"] = gr.Button("Undo: take the picture back in", size="sm", visible=False, elem_id="enrich-undo")
    parts["removed"] = gr.State("")
    parts["drop"] = gr.File(
        file_count="multiple", type="filepath", height=96, label="Drop pictures here", show_label=False,
        elem_id="enrich-drop", elem_classes="drop-zone",
    )  # fmt: skip
    parts["first_frame"] = gr.Checkbox(
        False, label="Take the first frame of animations", container=False, elem_id="enrich-first-frame"
    )
    parts["arrival"] = Words(elem_id="enrich-arrival")
    parts["advice"] = Words(elem_id="enrich-advice")
    return parts


def _build_plan() -> dict[str, Any]:
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
            for axis in axes()
        ]
    gr.HTML("<h3>LoRA stack</h3>", elem_classes="tab-title")
    parts["loras"] = lora_stack.build("enrich", "editor", POOL)
    parts |= _build_numbers() | {"whose": gr.State(None)}
    with gr.Column(elem_classes="foot", min_width=0):
        parts["weights"] = build_obtain("enrich")
        parts["plan"] = Words(elem_id="enrich-plan", elem_classes="plan-line")
        with gr.Row():
            parts["preview"] = gr.Button("Preview 4", elem_id="enrich-preview", interactive=False, min_width=100)
            parts["make"] = gr.Button(
                "Make", variant="primary", elem_id="enrich-make", interactive=False, min_width=140
            )
    return parts


def _build_numbers() -> dict[str, Any]:
    per_source = gr.Slider(
        1, 12, PER_SOURCE, step=1, label="Edits of each source", interactive=True, buttons=[],
        elem_id="enrich-per-source",
    )  # fmt: skip
    gaps = gr.Checkbox(
        True, label="Leave out what a source shows already", container=False, interactive=True, elem_id="enrich-gaps"
    )
    with gr.Row(elem_classes="number-row"):
        count = optional("At most", "enrich-count", "all", min_width=60)
        seed = gr.Number(0, label="Seed", minimum=0, precision=0, min_width=60, elem_id="enrich-seed")
        steps = optional("Steps", "enrich-steps", min_width=60)
        guidance = optional("Guidance", "enrich-guidance", min_width=60)
    return {"per_source": per_source, "gaps": gaps, "count": count, "seed": seed, "steps": steps, "guidance": guidance}


def wire(tab: EnrichTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    look: dict[str, Any] = {"fn": partial(look_ahead, studio), "inputs": tab.choice, "outputs": tab.outlook, **QUIET}
    for part in [*tab.axes, *tab.numbers]:
        edited(part)(trigger_mode="always_last", **look)
    tab.picker.ticks(**look)
    tab.coverage.pick(aim, tab.axes, tab.axes, **QUIET).then(**look)
    _wire_sources(tab, studio, look)
    lora_stack.wire(tab.loras, studio, shell, look)
    tab.preview.click(partial(make, studio, True), tab.choice, None, **QUIET)
    tab.make.click(partial(make, studio, False), tab.choice, None, **QUIET)
    tab.weights.button.click(lambda: obtain(studio, editor_of(studio)), None, None, **QUIET)
    seen = [tab.picker, tab.advice, *tab.weights.outputs]
    seen += [tab.whose, tab.per_source, *tab.axes]
    shell.changed.select(partial(refresh, studio), [tab.picker, tab.whose], seen, **QUIET).then(**look)


def _wire_sources(tab: EnrichTab, studio: Studio, look: dict[str, Any]) -> None:
    seen = [tab.picker, tab.advice]
    tagged = [tab.tag, tab.angle, tab.expression, tab.caption]
    said = [tab.picker, tab.angle, tab.expression, tab.caption]
    tab.picker.pick(partial(selected, studio), tab.picker, tagged, **QUIET)
    for part in (tab.angle, tab.expression):
        part.input(partial(tag, studio), said, seen, **QUIET).then(**look)
    for event in (tab.caption.submit, tab.caption.blur):
        event(partial(tag, studio), said, seen, **QUIET)
    removed = [tab.picker, tab.tag, tab.undo, tab.removed]
    tab.remove.click(partial(leave_out, studio), tab.picker, removed, **QUIET).then(**look)
    tab.undo.click(partial(take_back, studio), [tab.removed, tab.picker], [tab.picker, tab.undo], **QUIET).then(**look)
    dropped = [tab.drop, tab.arrival, *seen]
    arrived = tab.drop.upload(
        partial(arrive, studio), [tab.drop, tab.first_frame, tab.picker], dropped, api_visibility="private"
    )
    arrived.then(**look)
    arrived.then(partial(measure, studio), None, None, **QUIET)


def editor_of(studio: Studio) -> str:
    """The model preset that edits for the character; "" without one."""
    return studio.character.editor if studio.character else ""


def refresh(studio: Studio, before: Value, whose: str | None) -> list[Any]:
    """Inputs: picker, whose. Outputs: picker, advice, weights, whose, per source, axes. After the records or the
    character changed: a character comes with its first choice, afterwards the choice is the user's."""
    shown = [*_sources_shown(studio, before), *obtain_offer(studio, editor_of(studio)), studio.character_id]
    first = [gr.skip()] * (1 + len(axes())) if studio.character_id == whose else first_choice(studio)
    return [*shown, *first]


def first_choice(studio: Studio) -> list[Any]:
    """Edits of each source, and the ticked edits of each axis: for a practice character those its hint speaks of."""
    practice_choices = practised(studio)
    if practice_choices is None:
        return [PER_SOURCE, *(usual(axis) for axis in axes())]
    wanted = practice_choices.enrich
    return [wanted.per_source, *aimed(set(wanted.edits), *([] for _ in axes()))]


def usual(axis: Axis) -> list[str]:
    """The edits of an axis that are ticked for a character of one's own: all or none."""
    return [f"{axis.name}/{edit.value}" for edit in axis.edits] if axis.name in ON_AT_FIRST else []


def _sources_shown(studio: Studio, before: Value) -> tuple[Value, Value]:
    """Values of picker and advice."""
    if not studio.character_id:
        return {"empty": NOBODY}, {}
    found = sources.sources(studio.desk, studio.character_id)
    advice = sources.advice(studio.desk, studio.character_id) if found else []
    words = {"title": "The bootstrap is still weak", "lines": advice, "tone": "warn", "bullets": True}
    return picks(found, before, empty=_nothing_yet(studio)), words if advice else {}


def _nothing_yet(studio: Studio, words: str = NO_SOURCES) -> str:
    """What is said while there are no sources: ``words``, unless they are on their way."""
    return BEING_DRAWN if practice.drawing(studio.desk, studio.character_id) else words


def arrive(studio: Studio, paths: list[str] | None, first_frame: bool, before: Value) -> list[Any]:
    """Inputs: drop, first_frame, picker. Outputs: drop, arrival, picker, advice."""
    if not studio.character_id:
        return [None, {"lines": [NOBODY], "tone": "warn"}, *_sources_shown(studio, before)]
    files = [(Path(p).name, Path(p)) for p in paths or []]
    arrival = sources.add(studio.desk, studio.character_id, files, first_frame=bool(first_frame))
    return [None, arrival_words(arrival), *_sources_shown(studio, before)]


def measure(studio: Studio) -> None:
    """No inputs or outputs. Sources that nobody has looked at are judged: quality, faces, angle, expression."""
    found = sources.sources(studio.desk, studio.character_id) if studio.character_id else []
    if any(image.scores.quality is None for image in found):
        sources.measure(studio.desk, studio.character_id)


def arrival_words(arrival: sources.Arrival) -> Value:
    """What became of dropped files, one line for each that was refused or is doubtful."""
    taken, lost = len(arrival.admitted), len(arrival.refused)
    title = f"{taken} picture{'' if taken == 1 else 's'} taken in" + (f", {lost} refused" if lost else "")
    lines = [words if name in words else f"{name}: {words}" for name, words in arrival.refused]
    lines += [words for _, words in arrival.doubtful]
    return {"title": title, "lines": lines, "bullets": True, "tone": "bad" if lost else "warn" if lines else "good"}


def _selected(studio: Studio, picked: Value) -> ImageRecord | None:
    found = studio.desk.store.get(ImageRecord, str(picked.get("selected", "")))
    return found if found and found.character == studio.character_id else None


def selected(studio: Studio, picked: Value) -> list[Any]:
    """Inputs: picker. Outputs: tag panel, angle, expression, caption of the selected picture."""
    image = _selected(studio, picked)
    if image is None:
        return [gr.update(visible=False), gr.skip(), gr.skip(), gr.skip()]
    return [gr.update(visible=True), angle_of(image), expression_of(image), image.caption]


def tag(studio: Studio, picked: Value, angle: Angle, expression: Expression, caption: str) -> tuple[Value, Value]:
    """Inputs: picker, angle, expression, caption. Outputs: picker, advice. Says what the selected picture shows."""
    image = _selected(studio, picked)
    if image is not None:
        caption = " ".join((caption or "").split())
        sources.tag(
            studio.desk,
            image.id,
            angle=angle if angle != angle_of(image) else None,  # what was only measured stays a measurement
            expression=expression if expression != expression_of(image) else None,
            caption=caption if caption != image.caption else None,
        )
    return _sources_shown(studio, picked)


def leave_out(studio: Studio, picked: Value) -> list[Any]:
    """Inputs: picker. Outputs: picker, tag panel, undo, removed. The picture is left out, and can be taken back."""
    image = _selected(studio, picked)
    if image is None:
        return [gr.skip()] * 4
    sources.remove(studio.desk, image.id)
    return [_sources_shown(studio, picked)[0], gr.update(visible=False), gr.update(visible=True), image.id]


def take_back(studio: Studio, image_id: str, before: Value) -> list[Any]:
    """Inputs: removed, picker. Outputs: picker, undo."""
    sources.restore(studio.desk, image_id)
    return [_sources_shown(studio, before)[0], gr.update(visible=False)]


def aim(event: gr.EventData, *chosen: list[str]) -> list[list[str]]:
    """Inputs and outputs: the axes. A cell of the grid was clicked: its angle and its expression are ticked."""
    wanted = {f"angle/{event.angle}", f"expression/{event.expression}"}
    return aimed(wanted, *chosen)


def aimed(wanted: set[str], *chosen: list[str]) -> list[list[str]]:
    """The chosen edits of every axis with the wanted ones among them, in the order they are offered."""
    result = []
    for axis, now in zip(axes(), chosen, strict=True):
        offered = [f"{axis.name}/{edit.value}" for edit in axis.edits]
        result.append([name for name in offered if name in wanted or name in (now or [])])
    return result


def plan_of(studio: Studio, picked: Value, *choice: Any) -> Plan:
    """The plan of what is chosen. Inputs: picker, numbers, axes, stack. Raises NotAllowed, ChoiceError, NotFound."""
    numbers, edits, (ids, *controls) = choice[:6], choice[6 : 6 + len(axes())], choice[6 + len(axes()) :]
    chosen = [name for group in edits for name in group or []]
    if not studio.character_id:
        raise NotAllowed(NOBODY)
    if not ticked(picked):
        raise NotAllowed("Tick at least one source." if picked.get("items") else _nothing_yet(studio, NO_SOURCE))
    if not chosen:
        raise NotAllowed("Tick at least one edit, or click a ring of the grid.")
    per_source, gaps, count, seed, steps, guidance = numbers
    plan = enrich.plan(
        studio.desk,
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
    left = [s for s in plan.shots if not studio.desk.workspace.path(plan.path(s)).exists()]
    button = gr.update(interactive=bool(left), value=f"Make {len(left)}" if left else "Make")
    return [coverage_of(studio, plan), outlook_words(studio, plan), gr.update(interactive=bool(left)), button]


def coverage_of(studio: Studio, plan: Iterable[Any]) -> Value:
    """The coverage grid: sources and good pictures fill it, those to review and those planned are marked."""
    if not studio.character_id:
        return grid(())
    desk, character = studio.desk, studio.character_id
    have = [*sources.sources(desk, character), *review.good(desk, character, "enriched")]
    have += review.good(desk, character, "synthetic")
    waiting = review.undecided(desk, character, "enriched")
    labels = [shot.purpose.labels for shot in plan]
    return grid(
        [(angle_of(i), expression_of(i)) for i in have],
        [(angle_of(i), expression_of(i)) for i in waiting],
        [(x.get("angle", ""), x.get("expression", "")) for x in labels],
    )


def make(studio: Studio, preview: bool, picked: Value, *choice: Any) -> None:
    """Inputs: the choice. No output: the job goes into the queue, the job bar and the strip show it."""
    try:
        plan = plan_of(studio, picked, *choice)
        job = enrich.submit(studio.desk, plan, preview=preview)
    except (NotAllowed, ChoiceError, NotFound) as problem:
        Shell.notify(str(problem), "warning")
        return
    Shell.notify(f"{job.title}: started.")
