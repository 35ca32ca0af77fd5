"""Sources come in, are tagged, ticked and left out. Part of the Enrich tab, its left column.

Element ids: ``enrich-sources`` (a picker: ``.item[data-id]``, ``.tick input``), ``enrich-drop``,
``enrich-first-frame``, ``enrich-arrival``, ``enrich-advice``, ``enrich-tag`` (panel), ``enrich-angle``,
``enrich-expression``, ``enrich-caption``, ``enrich-remove``, ``enrich-undo``, ``enrich-line``.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from pipelines.domain.records import Angle, Expression, ImageRecord
from pipelines.workflow import practice, sources
from pipelines.workflow.sources import angle_of, expression_of
from studio.components.identity_line import IdentityLine
from studio.components.lora_stack import QUIET
from studio.components.painted import Words
from studio.components.picker import Picker, picks
from studio.server.state import Studio

Value = dict[str, Any]
NO_SOURCES = "Drop 10 to 20 pictures of the character below: photos, sketches or renders, from at least two angles."
NOBODY = "Make a character first: New character, above."
BEING_DRAWN = "The pictures are being drawn. They appear here in a moment."


@dataclass
class Sources:
    """The components of the column."""

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

    @property
    def outputs(self) -> list[Any]:
        """What changes with the sources."""
        return [self.picker, self.advice]


def build() -> Sources:
    """Make the components inside the open column."""
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
    return Sources(**parts)


def wire(column: Sources, studio: Studio, look: dict[str, Any]) -> None:
    """Wire the events; ``look`` looks ahead at what the ticked sources would give."""
    tagged = [column.tag, column.angle, column.expression, column.caption]
    said = [column.picker, column.angle, column.expression, column.caption]
    column.picker.pick(partial(selected, studio), column.picker, tagged, **QUIET)
    for part in (column.angle, column.expression):
        part.input(partial(tag, studio), said, column.outputs, **QUIET).then(**look)
    for event in (column.caption.submit, column.caption.blur):
        event(partial(tag, studio), said, column.outputs, **QUIET)
    removed = [column.picker, column.tag, column.undo, column.removed]
    column.remove.click(partial(leave_out, studio), column.picker, removed, **QUIET).then(**look)
    back = [column.removed, column.picker], [column.picker, column.undo]
    column.undo.click(partial(take_back, studio), *back, **QUIET).then(**look)
    dropped = [column.drop, column.arrival, *column.outputs]
    arrived = column.drop.upload(
        partial(arrive, studio), [column.drop, column.first_frame, column.picker], dropped, api_visibility="private"
    )
    arrived.then(**look)
    arrived.then(partial(measure, studio), None, None, **QUIET)


def shown(studio: Studio, before: Value) -> tuple[Value, Value]:
    """Inputs: picker. Outputs: picker, advice."""
    if not studio.character_id:
        return {"empty": NOBODY}, {}
    found = sources.sources(studio.session, studio.character_id)
    advice = sources.advice(studio.session, studio.character_id) if found else []
    words = {"title": "The bootstrap is still weak", "lines": advice, "tone": "warn", "bullets": True}
    return picks(found, before, empty=nothing_yet(studio)), words if advice else {}


def nothing_yet(studio: Studio, words: str = NO_SOURCES) -> str:
    """What is said while there are no sources: ``words``, unless they are on their way."""
    return BEING_DRAWN if practice.drawing(studio.session, studio.character_id) else words


def arrive(studio: Studio, paths: list[str] | None, first_frame: bool, before: Value) -> list[Any]:
    """Inputs: drop, first_frame, picker. Outputs: drop, arrival, picker, advice."""
    if not studio.character_id:
        return [None, {"lines": [NOBODY], "tone": "warn"}, *shown(studio, before)]
    files = [(Path(p).name, Path(p)) for p in paths or []]
    arrival = sources.add(studio.session, studio.character_id, files, first_frame=bool(first_frame))
    return [None, arrival_words(arrival), *shown(studio, before)]


def measure(studio: Studio) -> None:
    """No inputs or outputs. Sources that nobody has looked at are judged: quality, faces, angle, expression."""
    found = sources.sources(studio.session, studio.character_id) if studio.character_id else []
    if any(image.scores.quality is None for image in found):
        sources.measure(studio.session, studio.character_id)


def arrival_words(arrival: sources.Arrival) -> Value:
    """What became of dropped files, one line for each that was refused or is doubtful."""
    taken, lost = len(arrival.admitted), len(arrival.refused)
    title = f"{taken} picture{'' if taken == 1 else 's'} taken in" + (f", {lost} refused" if lost else "")
    lines = [words if name in words else f"{name}: {words}" for name, words in arrival.refused]
    lines += [words for _, words in arrival.doubtful]
    return {"title": title, "lines": lines, "bullets": True, "tone": "bad" if lost else "warn" if lines else "good"}


def _selected(studio: Studio, picked: Value) -> ImageRecord | None:
    found = studio.session.store.get(ImageRecord, str(picked.get("selected", "")))
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
            studio.session,
            image.id,
            angle=angle if angle != angle_of(image) else None,  # what was only measured stays a measurement
            expression=expression if expression != expression_of(image) else None,
            caption=caption if caption != image.caption else None,
        )
    return shown(studio, picked)


def leave_out(studio: Studio, picked: Value) -> list[Any]:
    """Inputs: picker. Outputs: picker, tag panel, undo, removed. The picture is left out, and can be taken back."""
    image = _selected(studio, picked)
    if image is None:
        return [gr.skip()] * 4
    sources.remove(studio.session, image.id)
    return [shown(studio, picked)[0], gr.update(visible=False), gr.update(visible=True), image.id]


def take_back(studio: Studio, image_id: str, before: Value) -> list[Any]:
    """Inputs: removed, picker. Outputs: picker, undo."""
    sources.restore(studio.session, image_id)
    return [shown(studio, before)[0], gr.update(visible=False)]
