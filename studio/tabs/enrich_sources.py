"""Sources come in, are tagged, ticked and left out. Part of the Enrich tab, its left column.

Element ids: ``enrich-sources`` (a picker: ``.item[data-id]``, ``.tick input``), ``enrich-drop``,
``enrich-first-frame``, ``enrich-arrival``, ``enrich-advice``, ``enrich-tag`` (panel), ``enrich-angle``,
``enrich-expression``, ``enrich-caption``, ``enrich-confirm``, ``enrich-both``, ``enrich-remove``, ``enrich-undo``,
``enrich-judge``, ``enrich-threshold``.
"""

import json
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import get_args

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.records import ImageRecord, JudgedBy
from pipelines.domain.scores import Angle, Expression
from pipelines.workflow import characters, few_sources, practice, sources, twins
from pipelines.workflow.sources import angle_of, expression_of
from studio.components.captions_door import CaptionsDoor
from studio.components.folder_drop import FolderDrop
from studio.components.forms import QUIET, Event, Updates, Value, Values, event, names, one_of, picked, text
from studio.components.identity_threshold import IdentityThreshold
from studio.components.kept import note
from studio.components.painted import Words
from studio.components.picker import Picker, picks
from studio.server.arrivals import arrival_words
from studio.server.state import Studio

NO_SOURCES = "Drop 10 to 20 pictures of the character below: photos, sketches or renders, from at least two angles."
NOBODY = "Make a character first: New character, above."
JUDGES = [("its face", "face"), ("its look", "look"), ("my eyes alone", "none")]
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
    of: gr.Textbox
    angle: gr.Dropdown
    expression: gr.Dropdown
    caption: gr.Textbox
    confirm: gr.Button
    both: gr.Button
    remove: gr.Button
    judge: gr.Radio
    undo: gr.Button
    removed: gr.State

    @property
    def outputs(self) -> list[Block]:
        """What changes with the sources."""
        return [self.picker, self.advice, self.judge]

    @property
    def said_of_one(self) -> list[Block]:
        """What was said of pictures of the character that is shown."""
        return [self.arrival, self.tag, self.undo, self.removed]


@dataclass(frozen=True)
class SourcesForm:
    """What the page says of the sources. ``shown`` is the picker's value; ``angle``, ``expression`` and ``caption``
    are said of the picture that ``of`` names, where they differ from those that were shown of it (``told_of``);
    ``paths`` were dropped, ``removed`` is the picture that was left out last."""

    shown: Value = field(default_factory=dict)
    angle: Angle | None = None
    expression: Expression | None = None
    caption: str = ""
    paths: tuple[str, ...] = ()
    first_frame: bool = False
    removed: str = ""
    judged_by: JudgedBy | None = None
    of: Value = field(default_factory=dict)


def read(column: Sources, values: Values) -> SourcesForm:
    """The form of an event of the column; what the event does not name is empty."""
    return SourcesForm(
        shown=picked(values.get(column.picker)),
        angle=one_of(values.get(column.angle), get_args(Angle)),
        expression=one_of(values.get(column.expression), get_args(Expression)),
        caption=" ".join(text(values.get(column.caption)).split()),
        paths=names(values.get(column.drop)),
        first_frame=bool(values.get(column.first_frame)),
        removed=text(values.get(column.removed)),
        judged_by=one_of(values.get(column.judge), get_args(JudgedBy)),
        of=picked(_json(text(values.get(column.of)))),
    )


def _json(written: str) -> object:
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        return None


def build() -> Sources:
    """Make the components inside the open column."""
    gr.HTML("<h3>Sources</h3>", elem_classes="tab-title")
    IdentityThreshold("enrich-threshold", elem_id="enrich-identity")
    CaptionsDoor("enrich-captions", tags="enrich-tags", crops="enrich-crops", elem_id="enrich-captions-door")
    picker = Picker({"empty": NO_SOURCES}, elem_id="enrich-sources")
    of = note()
    with gr.Group(visible=False, elem_id="enrich-tag", elem_classes="tag-panel") as panel:
        with gr.Row():
            angle = gr.Dropdown(
                list(get_args(Angle)), label="Angle", min_width=100, interactive=True, elem_id="enrich-angle"
            )
            expression = gr.Dropdown(
                list(get_args(Expression)), label="Expression", min_width=100, interactive=True,
                elem_id="enrich-expression",
            )  # fmt: skip
        caption = gr.Textbox(label="Caption", lines=1, max_lines=3, interactive=True, elem_id="enrich-caption")
        confirm = gr.Button("It does show the character", size="sm", visible=False, elem_id="enrich-confirm")
        both = gr.Button("It is another picture: both stay", size="sm", visible=False, elem_id="enrich-both")
        remove = gr.Button("Leave this picture out", size="sm", elem_id="enrich-remove")
    undo = gr.Button("Undo: take the picture back in", size="sm", visible=False, elem_id="enrich-undo")
    removed = gr.State("")
    judge = gr.Radio(JUDGES, label="Told from others by", value="face", interactive=True, elem_id="enrich-judge")
    drop = gr.File(
        file_count="multiple", type="filepath", height=96, label="Drop pictures here", show_label=False,
        elem_id="enrich-drop", elem_classes="drop-zone",
    )  # fmt: skip
    first_frame = gr.Checkbox(
        False, label="Take the first frame of animations", container=False, elem_id="enrich-first-frame"
    )
    FolderDrop("enrich-drop", first_frame="enrich-first-frame", elem_id="enrich-folder")
    arrival, advice = Words(elem_id="enrich-arrival"), Words(elem_id="enrich-advice")
    return Sources(
        picker,
        drop,
        first_frame,
        arrival,
        advice,
        panel,
        of,
        angle,
        expression,
        caption,
        confirm,
        both,
        remove,
        judge,
        undo,
        removed,
    )


def wire(column: Sources, studio: Studio, look: Event) -> None:
    """Wire the events; ``look`` looks ahead at what the ticked sources would give."""
    ask = partial(read, column)
    tagged = [column.tag, column.of, column.angle, column.expression, column.caption, column.confirm, column.both]
    # which picture the fields are of is answered in the order in which it was asked for
    in_order: Event = {"concurrency_id": "what a source shows", "concurrency_limit": 1}
    column.picker.pick(**event(ask, partial(selected, studio, column), [column.picker], tagged), **in_order)
    said = [column.picker, column.of, column.angle, column.expression, column.caption]
    tags = event(ask, partial(tag, studio, column), said, [*column.outputs, column.of]) | in_order
    for part in (column.angle, column.expression):
        part.input(**tags).then(**look)
    for typed in (column.caption.submit, column.caption.blur):
        typed(**tags)
    gone = [column.picker, column.tag, column.undo, column.removed]
    column.remove.click(**event(ask, partial(leave_out, studio, column), [column.picker], gone)).then(**look)
    sure = event(ask, partial(confirm, studio, column), [column.picker], [*column.outputs, column.confirm])
    column.confirm.click(**sure).then(partial(measure, studio, anew=True), None, None, **QUIET)
    stay = event(ask, partial(keep_both, studio, column), [column.picker], [*column.outputs, column.both])
    column.both.click(**stay)
    chosen = event(ask, partial(judge_by, studio, column), [column.judge, column.picker], column.outputs)
    column.judge.input(**chosen).then(partial(measure, studio, anew=True), None, None, **QUIET)
    back = event(ask, partial(take_back, studio, column), [column.removed, column.picker], [column.picker, column.undo])
    column.undo.click(**back).then(**look)
    dropped = [column.drop, column.first_frame, column.picker]
    taken = event(ask, partial(arrive, studio, column), dropped, [column.drop, column.arrival, *column.outputs])
    taken.update(show_progress="full", show_progress_on=None)  # on all that arrives
    arrived = column.drop.upload(**taken)
    arrived.then(**look)
    arrived.then(partial(measure, studio), None, None, **QUIET)


def shown(studio: Studio, column: Sources, before: Value) -> Updates:
    """The sources there are, with the ticks of ``before``, and what would make them a better bootstrap."""
    if not studio.character_id:
        return {column.picker: {"empty": NOBODY}, column.advice: {}, column.judge: gr.update(visible=False)}
    found = sources.sources(studio.session, studio.character_id)
    few = few_sources.words(studio.session, studio.character_id)
    advice = [*sources.advice(studio.session, studio.character_id), *few] if found else []
    words = {"title": "The bootstrap is still weak", "lines": advice, "tone": "warn", "bullets": True}
    seen = picks(found, before, empty=nothing_yet(studio))
    character = studio.session.character(studio.character_id)
    judge = gr.update(value=character.judged_by, visible=character.practice is None)
    return {column.picker: seen, column.advice: words if advice else {}, column.judge: judge}


def nothing_said(column: Sources) -> Updates:
    """Another character is shown: nothing has arrived, no picture is selected, none was left out."""
    return {
        column.arrival: {},
        column.tag: gr.update(visible=False),
        column.undo: gr.update(visible=False),
        column.removed: "",
    }


def nothing_yet(studio: Studio, words: str = NO_SOURCES) -> str:
    """What is said while there are no sources: ``words``, unless they are on their way."""
    return BEING_DRAWN if practice.drawing(studio.session, studio.character_id) else words


def arrive(studio: Studio, column: Sources, form: SourcesForm) -> Updates:
    """Dropped files become sources; those that are refused are told of."""
    if not studio.character_id:
        words: Value = {"lines": [NOBODY], "tone": "warn"}
    else:
        files = [(Path(p).name, Path(p)) for p in form.paths]
        words = {**arrival_words(sources.add(studio.session, studio.character_id, files, first_frame=form.first_frame))}
    return {column.drop: None, column.arrival: words, **shown(studio, column, form.shown)}


def measure(studio: Studio, anew: bool = False) -> None:
    """Sources that nobody has looked at are judged, or all ``anew``: quality, faces, angle, expression."""
    if not studio.character_id or not sources.sources(studio.session, studio.character_id):
        return
    (sources.measure if anew else sources.measure_new)(studio.session, studio.character_id)


def _selected(studio: Studio, form: SourcesForm) -> ImageRecord | None:
    return _of_character(studio, form.shown.get("selected"))


def _of_character(studio: Studio, image_id: object) -> ImageRecord | None:
    found = studio.session.store.get(ImageRecord, text(image_id))
    return found if found and found.character == studio.character_id else None


def selected(studio: Studio, column: Sources, form: SourcesForm) -> Updates:
    """What is known of the selected picture, to be said otherwise."""
    image = _selected(studio, form)
    if image is None:
        return {column.tag: gr.update(visible=False)}
    doubted = image.id in {found.id for found, _ in sources.doubts(studio.session, studio.character_id)}
    known: Updates = {
        column.of: json.dumps(told_of(image)),
        column.angle: angle_of(image),
        column.expression: expression_of(image),
        column.confirm: gr.update(visible=doubted),
        column.both: gr.update(visible=image.id in _asked(studio)),
    }
    return known | {column.tag: gr.update(visible=True), column.caption: image.caption}


def _asked(studio: Studio) -> set[str]:
    """The sources that look like another, of which nobody has said yet what is to be."""
    found = sources.sources(studio.session, studio.character_id)
    return {image.id for image, _ in twins.open_questions(studio.session, found, sources.file_of)}


def keep_both(studio: Studio, column: Sources, form: SourcesForm) -> Updates:
    """The selected picture is another than the one that it looks like."""
    image = _selected(studio, form)
    if image is not None:
        twins.keep_both(studio.session, image.id)
    return {**shown(studio, column, form.shown), column.both: gr.update(visible=False)}


def told_of(image: ImageRecord) -> dict[str, str]:
    """What is shown of a picture to be said otherwise, and its ``id``."""
    shows = {"angle": angle_of(image), "expression": expression_of(image)}
    return {"id": image.id, **shows, "caption": " ".join(image.caption.split())}


def tag(studio: Studio, column: Sources, form: SourcesForm) -> Updates:
    """Says what a picture shows, as far as the user said it otherwise than it was shown: what was measured or written
    elsewhere meanwhile stays."""
    image = _of_character(studio, form.of.get("id"))
    said = {"angle": form.angle, "expression": form.expression, "caption": form.caption}
    changed = {name: value for name, value in said.items() if value is not None and value != form.of.get(name)}
    if image is None or not changed:
        return {}
    sources.tag(studio.session, image.id, **changed)
    return {column.of: json.dumps({**form.of, **changed}), **shown(studio, column, form.shown)}


def confirm(studio: Studio, column: Sources, form: SourcesForm) -> Updates:
    """The selected picture, which is doubted, does show the character."""
    image = _selected(studio, form)
    if image is not None:
        sources.confirm(studio.session, image.id)
    return {**shown(studio, column, form.shown), column.confirm: gr.update(visible=False)}


def judge_by(studio: Studio, column: Sources, form: SourcesForm) -> Updates:
    """What the character is told by from now on."""
    if studio.character_id and form.judged_by:
        characters.judge_by(studio.session, studio.character_id, form.judged_by)
    return shown(studio, column, form.shown)


def leave_out(studio: Studio, column: Sources, form: SourcesForm) -> Updates:
    """The selected picture is left out, and can be taken back."""
    image = _selected(studio, form)
    if image is None:
        return {column.tag: gr.skip()}
    sources.remove(studio.session, image.id)
    left = shown(studio, column, form.shown)[column.picker]
    undo = gr.update(visible=True)
    return {column.picker: left, column.tag: gr.update(visible=False), column.undo: undo, column.removed: image.id}


def take_back(studio: Studio, column: Sources, form: SourcesForm) -> Updates:
    """The picture that was left out last is a source again."""
    if form.removed:
        sources.restore(studio.session, form.removed)
    return {
        column.picker: shown(studio, column, form.shown)[column.picker],
        column.undo: gr.update(visible=False),
    }
