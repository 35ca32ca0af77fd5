"""A LoRA stack composed by sliders: a fixed pool of rows switched by visibility (a re-rendered slider loses its value).

The stack on the screen is kept in the records (``SavedStack`` with an empty name), so a reload brings it back. Element
ids, with the tab's prefix: ``<p>-lora-<n>`` (row), ``<p>-lora-<n>-use``, ``<p>-lora-<n>-weight``,
``<p>-lora-<n>-remove``, ``<p>-lora-add``, ``<p>-lora-upload``, ``<p>-lora-name``, ``<p>-lora-save``,
``<p>-lora-saved``, ``<p>-lora-message``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.records import LoraRecord, SavedStack
from pipelines.domain.shots import LoraStack
from pipelines.models.lora_files import LoraRefused
from pipelines.session import NotFound
from pipelines.workflow import loras, shared_loras
from pipelines.workflow.characters import NotAllowed
from studio.components.forms import Event, Updates, Value, Values, between, event, text
from studio.components.painted import Words
from studio.server.state import Studio

Role = Literal["editor", "generator"]
LIMIT = 2.0
ADD = ("Add a LoRA", "")
SAVED = ("Load a stack", "")


@dataclass
class Row:
    """The components of one row."""

    frame: gr.Row
    use: gr.Checkbox
    weight: gr.Slider
    remove: gr.Button


@dataclass
class LoraRows:
    """The components of a stack. ``ids`` holds the LoRA id of each row, ``at`` whose stack the page shows, and as it
    was in the records when the page last heard of it or changed it."""

    role: Role
    pool: list[Row]
    ids: gr.State
    at: gr.State
    add: gr.Dropdown
    upload: gr.UploadButton
    message: Words
    name: gr.Textbox
    save: gr.Button
    saved: gr.Dropdown

    @property
    def inputs(self) -> list[Block]:
        """What a handler needs to know the stack: the ids, every tick, every weight."""
        return [self.ids, *(r.use for r in self.pool), *(r.weight for r in self.pool)]

    @property
    def outputs(self) -> list[Block]:
        """What showing another stack changes, and what is said of it."""
        return [self.ids, self.at, *(part for r in self.pool for part in (r.frame, r.use, r.weight)), self.message]


@dataclass(frozen=True)
class Draft:
    """The stack on the screen, row by row; a row that is not ticked is listed but not used."""

    ids: list[str] = field(default_factory=list)
    uses: list[bool] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    @classmethod
    def read(cls, rows: LoraRows, values: Values) -> "Draft":
        """From what the page says of the rows; weights are held within the sliders."""
        ids = [str(i) for i in values.get(rows.ids) or ()][: len(rows.pool)]
        shown = rows.pool[: len(ids)]
        weights = [between(-LIMIT, values.get(row.weight), LIMIT, 0.0) for row in shown]
        return cls(ids, [bool(values.get(row.use)) for row in shown], weights)

    @classmethod
    def kept(cls, saved: SavedStack | None, usable: Sequence[LoraRecord]) -> "Draft":
        """From the records; LoRAs that are gone are left out."""
        known = {x.id for x in usable}
        rows = [a for a in saved.stack.adapters if a.sha256 in known] if saved else []
        off = set(saved.off) if saved else set()
        return cls([a.sha256 for a in rows], [a.sha256 not in off for a in rows], [a.weight for a in rows])

    def with_lora(self, lora: LoraRecord, weight: float) -> "Draft":
        """With one more row."""
        if lora.id in self.ids:
            return self
        return Draft([*self.ids, lora.id], [*self.uses, True], [*self.weights, weight])

    def without(self, row: int) -> "Draft":
        """With one row less."""
        others = [n for n in range(len(self.ids)) if n != row]
        return Draft([self.ids[n] for n in others], [self.uses[n] for n in others], [self.weights[n] for n in others])

    def within(self, rows: int) -> "Draft":
        """With so many rows at most."""
        return Draft(self.ids[:rows], self.uses[:rows], self.weights[:rows])


@dataclass(frozen=True)
class StackForm:
    """What the page says of a stack: its rows, and what is to be done with them. ``added`` is the LoRA to put in,
    ``path`` the file to bring in, ``name`` what to save it as, ``saved`` the stack to load, ``at`` whose is shown."""

    draft: Draft = field(default_factory=Draft)
    added: str = ""
    path: str = ""
    name: str = ""
    saved: str = ""
    at: str | None = None


def read(rows: LoraRows, values: Values) -> StackForm:
    """The form of an event of the stack; what the event does not name is empty."""
    return StackForm(
        draft=Draft.read(rows, values),
        added=text(values.get(rows.add)),
        path=text(values.get(rows.upload)),
        name=" ".join(text(values.get(rows.name)).split())[:60],
        saved=text(values.get(rows.saved)),
        at=values.get(rows.at),
    )


def build(prefix: str, role: Role, rows: int = 8) -> LoraRows:
    """Make the components."""
    with gr.Column(elem_classes="lora-rows", elem_id=f"{prefix}-lora", min_width=0):
        pool = [_row(f"{prefix}-lora-{n}") for n in range(rows)]
        with gr.Row(elem_classes="lora-add"):
            add = gr.Dropdown(
                [ADD], value="", label="Add a LoRA", show_label=False, container=False, scale=3, min_width=120,
                interactive=True, elem_id=f"{prefix}-lora-add",
            )  # fmt: skip
            upload = gr.UploadButton(
                "File...", file_count="single", type="filepath", size="sm", scale=1, min_width=64,
                elem_id=f"{prefix}-lora-upload",
            )  # fmt: skip
        message = Words(elem_id=f"{prefix}-lora-message")
        with gr.Row(elem_classes="lora-add"):
            saved = gr.Dropdown(
                [SAVED], value="", label="Saved stacks", show_label=False, container=False, scale=2, min_width=90,
                interactive=True, elem_id=f"{prefix}-lora-saved",
            )  # fmt: skip
            name = gr.Textbox(
                placeholder="name this stack", show_label=False, container=False, scale=2, min_width=90, max_length=60,
                elem_id=f"{prefix}-lora-name",
            )  # fmt: skip
            save = gr.Button("Save", size="sm", scale=1, min_width=56, elem_id=f"{prefix}-lora-save")
    return LoraRows(role, pool, gr.State([]), gr.State(None), add, upload, message, name, save, saved)


def _row(prefix: str) -> Row:
    with gr.Row(visible=False, elem_id=prefix, elem_classes="lora-row") as frame:
        use = gr.Checkbox(True, label="LoRA", container=False, scale=3, min_width=90, elem_id=f"{prefix}-use")
        weight = gr.Slider(
            -LIMIT, LIMIT, 1.0, step=0.05, label="weight", show_label=False, container=False, scale=4, min_width=120,
            interactive=True, buttons=[], elem_id=f"{prefix}-weight",
        )  # fmt: skip
        remove = gr.Button(
            "×", size="sm", scale=0, min_width=26, elem_id=f"{prefix}-remove", elem_classes="quiet-button"
        )
    return Row(frame, use, weight, remove)


def wire(rows: LoraRows, studio: Studio, then: Event) -> Event:
    """Wire a stack. ``then`` is what happens after every change of it. Gives what keeps it fresh, for its tab to
    follow."""
    ask = partial(read, rows)
    known, shown = rows.inputs, rows.outputs
    for n, row in enumerate(rows.pool):
        row.remove.click(**event(ask, partial(take_out, studio, rows, n), known, shown)).then(**then)
        for changed in (row.use.input, row.weight.release):
            changed(**event(ask, partial(save_stack, studio, rows), known, [rows.at])).then(**then)
    added = event(ask, partial(put_in, studio, rows), [rows.add, *known], [*shown, rows.add])
    rows.add.input(**added).then(**then)
    brought = event(ask, partial(bring, studio, rows), [rows.upload, *known], shown)
    rows.upload.upload(**brought).then(**then)
    rows.saved.input(**event(ask, partial(load, studio, rows), [rows.saved], shown)).then(**then)
    told = [rows.saved, rows.name, rows.message]
    rows.save.click(**event(ask, partial(save_as, studio, rows), [rows.name, *known], told))
    seen = [rows.add, rows.saved, *shown]
    return event(ask, partial(follow, studio, rows), [rows.at], seen)


def family_of(studio: Studio, role: Role) -> str:
    """The model preset whose LoRAs the rows take; "" without a character."""
    character = studio.character
    return (character.editor if role == "editor" else character.generator) if character else ""


def usable(studio: Studio, role: Role) -> list[LoraRecord]:
    """The LoRAs that may be put in, newest first."""
    family = family_of(studio, role)
    return loras.usable(studio.session, family) if family else []


def _id(studio: Studio, role: Role, name: str = "") -> str:
    return f"{studio.character_id}/{role}/{name}"


def draft(studio: Studio, role: Role) -> Draft:
    """The stack on the screen, from the records."""
    return Draft.kept(studio.session.store.get(SavedStack, _id(studio, role)), usable(studio, role))


def stack_of(studio: Studio, rows: Draft) -> LoraStack:
    """The ticked rows as a stack. Raises NotFound for a LoRA that is gone."""
    return loras.stack(
        studio.session, [(i, w) for i, used, w in zip(rows.ids, rows.uses, rows.weights, strict=True) if used]
    )


def record(studio: Studio, role: Role, rows: Draft, name: str = "") -> SavedStack:
    """Keep rows under a name (empty: as the stack on the screen), if they are new; for nobody, nothing is kept."""
    whole = loras.stack(studio.session, zip(rows.ids, rows.weights, strict=True), used=False)
    saved = SavedStack(
        id=_id(studio, role, name),
        character=studio.character_id,
        role=role,
        name=name,
        stack=whole,
        off=tuple(i for i, used in zip(rows.ids, rows.uses, strict=True) if not used),
    )
    with studio.session.store.alone():
        before = studio.session.store.get(SavedStack, saved.id)
        if saved.character and (before is None or (before.stack, before.off) != (saved.stack, saved.off)):
            studio.session.store.put(saved)
    return saved


def show(studio: Studio, rows: LoraRows, draft: Draft) -> Updates:
    """The rows as a draft has them; rows that it has not are hidden."""
    updates: Updates = {rows.ids: draft.ids, rows.at: _at(studio, rows.role)}
    called = loras.titles(studio.session.store.all(LoraRecord))
    for n, row in enumerate(rows.pool):
        if n >= len(draft.ids):
            updates[row.frame] = gr.update(visible=False)
            continue
        lora = loras.get(studio.session, draft.ids[n])
        name = called[lora.id]
        label = f"{name} ({lora.version})" if lora.version and lora.version not in name else name
        updates |= {
            row.frame: gr.update(visible=True),
            row.use: gr.update(value=draft.uses[n], label=label),
            row.weight: gr.update(value=draft.weights[n]),
        }
    return updates


def _at(studio: Studio, role: Role) -> str:
    """Whose stack it is, and how it is in the records now."""
    saved = studio.session.store.get(SavedStack, _id(studio, role))
    return f"{studio.character_id} {(saved.stack.content, saved.off) if saved else ''}"


def save_stack(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """The stack on the screen goes into the records."""
    if studio.character_id:
        record(studio, rows.role, form.draft)
    return {rows.at: _at(studio, rows.role)}


def put_in(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """The chosen LoRA joins the stack."""
    chosen = next((x for x in usable(studio, rows.role) if x.id == form.added), None)
    try:
        lora = loras.get(studio.session, chosen.id) if chosen else None
    except (NotFound, NotAllowed) as refusal:
        return show(studio, rows, form.draft) | {
            rows.message: _told(str(refusal), "bad"),
            rows.add: gr.update(value=""),
        }
    return _grown(studio, rows, form.draft, lora) | {rows.add: gr.update(value="")}


def bring(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """A file joins the library and the stack. One that is refused is told in words."""
    if not form.path or not studio.character_id:
        return show(studio, rows, form.draft) | {rows.message: _told("Make or choose a character first.", "warn")}
    path = Path(form.path)
    try:
        lora = loras.add(studio.session, path, path.name, family=family_of(studio, rows.role))
    except LoraRefused as refusal:
        return show(studio, rows, form.draft) | {rows.message: _told(str(refusal), "bad")}
    return _grown(studio, rows, form.draft, lora)


def _grown(studio: Studio, rows: LoraRows, draft: Draft, lora: LoraRecord | None) -> Updates:
    words, pool = {}, len(rows.pool)
    if lora is not None and len(draft.ids) >= pool and lora.id not in draft.ids:
        words = _told(f"A stack has {pool} rows at most: remove one first.", "warn")
    elif lora is not None:
        draft = draft.with_lora(lora, loras.weight_of(studio.session, lora))
        left = loras.told(lora)
        words = {"lines": [_facts(studio, lora), *left], "tone": "warn" if left else "quiet"}
    if studio.character_id:
        record(studio, rows.role, draft)
    return show(studio, rows, draft) | {rows.message: words}


def _facts(studio: Studio, lora: LoraRecord) -> str:
    asked = loras.sampling_of(studio.session, lora).words
    facts = [f"rank {lora.rank}"] + ([f"trigger {lora.trigger}"] if lora.trigger else [])
    return f"{lora.name}: {', '.join([*facts, *([f'made for {asked}'] if asked else [])])}"


def take_out(studio: Studio, rows: LoraRows, row: int, form: StackForm) -> Updates:
    """A row is removed."""
    draft = form.draft.without(row)
    record(studio, rows.role, draft)
    return show(studio, rows, draft) | {rows.message: {}}


def save_as(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """The stack is saved under a name."""
    if not form.name or not form.draft.ids or not studio.character_id:
        words = "Give the stack a name." if form.draft.ids else "Add a LoRA first: an empty stack is the base model."
        return {rows.message: _told(words, "warn")}
    record(studio, rows.role, form.draft, form.name)
    return {
        rows.saved: _saved_choices(studio, rows.role),
        rows.name: gr.update(value=""),
        rows.message: _told(f"Saved as {form.name}.", "good"),
    }


def load(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """A saved stack comes onto the screen."""
    saved = studio.session.store.get(SavedStack, form.saved)
    draft = Draft.kept(saved, usable(studio, rows.role)).within(len(rows.pool))
    record(studio, rows.role, draft)
    return show(studio, rows, draft) | {rows.message: _lost(studio, saved)}


def follow(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """The records or the character changed. Rows change with the character, or when their stack was changed elsewhere
    (an editor LoRA taken into Enrich, another page); else not: a slider that is being dragged must not jump."""
    called = loras.titles(loras.everyone(studio.session))
    choices = [ADD, *((_offered(x, called[x.id]), x.id) for x in usable(studio, rows.role))]
    offered: Updates = {rows.add: gr.update(choices=choices), rows.saved: _saved_choices(studio, rows.role)}
    if form.at == _at(studio, rows.role):
        return offered
    shown = draft(studio, rows.role) if studio.character_id else Draft()
    lost = _lost(studio, studio.session.store.get(SavedStack, _id(studio, rows.role)))
    return offered | {rows.message: lost} | show(studio, rows, shown)


def _lost(studio: Studio, saved: SavedStack | None) -> Value:
    """What is said of LoRAs of a stack whose files are not where they were: they are not in the rows any more."""
    known = (studio.session.store.get(LoraRecord, a.sha256) for a in (saved.stack.adapters if saved else ()))
    lines = [shared_loras.gone(x) for x in known if x and x.changed and not shared_loras.is_here(studio.session, x)]
    return {"lines": lines, "tone": "warn"} if lines else {}


def _offered(lora: LoraRecord, name: str) -> str:
    return f"{name}  (rank {lora.rank}{', in a shared folder' if lora.changed else ''})"


def named(studio: Studio, role: Role) -> list[SavedStack]:
    """Stacks saved under a name."""
    found = studio.session.store.all(SavedStack, character=studio.character_id, role=role)
    return [s for s in found if s.name]


def _saved_choices(studio: Studio, role: Role) -> Value:
    return gr.update(choices=[SAVED, *((s.name, s.id) for s in named(studio, role))])


def _told(words: str, tone: str) -> Value:
    return {"lines": [words], "tone": tone}
