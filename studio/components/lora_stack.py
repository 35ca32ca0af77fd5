"""A LoRA stack composed by sliders: a fixed pool of rows switched by visibility (a re-rendered slider loses its value).

The stack on the screen is kept in the records (``SavedStack`` with an empty name), so a reload brings it back. Element
ids, with the tab's prefix: ``<p>-lora-<n>`` (row), ``<p>-lora-<n>-use``, ``<p>-lora-<n>-weight``,
``<p>-lora-<n>-remove``, ``<p>-lora-add``, ``<p>-lora-upload``, ``<p>-lora-name``, ``<p>-lora-save``,
``<p>-lora-saved``, ``<p>-lora-message``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from pipelines.domain.presets import CatalogueEntry
from pipelines.domain.records import LoraRecord, SavedStack
from pipelines.domain.shots import LoraStack
from pipelines.models.lora_files import LoraRefused
from pipelines.workflow import loras
from studio.components.painted import Words
from studio.components.shell import Shell
from studio.server.state import Studio

Role = Literal["editor", "generator"]
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
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
    """The components of a stack. ``ids`` holds the LoRA id of each row, ``at`` whose stack the page shows."""

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
    def inputs(self) -> list[Any]:
        """What a handler needs to know the stack: the ids, every tick, every weight."""
        return [self.ids, *(r.use for r in self.pool), *(r.weight for r in self.pool)]

    @property
    def outputs(self) -> list[Any]:
        """What showing another stack changes, in the order of ``show``."""
        parts = [part for r in self.pool for part in (r.frame, r.use, r.weight)]
        return [self.ids, *parts]


@dataclass
class Draft:
    """The stack on the screen, row by row; a row that is not ticked is listed but not used."""

    ids: list[str] = field(default_factory=list)
    uses: list[bool] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, ids: Sequence[str], controls: Sequence[Any]) -> "Draft":
        """From the ids and the controls of the pool: first all ticks, then all weights."""
        half = len(controls) // 2
        n = len(ids)
        weights = [max(-LIMIT, min(LIMIT, float(w or 0.0))) for w in controls[half : half + n]]
        return cls(list(ids), [bool(u) for u in controls[:n]], weights)

    @classmethod
    def kept(cls, saved: SavedStack | None, usable: Sequence[LoraRecord]) -> "Draft":
        """From the records; LoRAs that are gone are left out."""
        known = {x.id for x in usable}
        rows = [a for a in saved.stack.adapters if a.sha256 in known] if saved else []
        off = set(saved.off) if saved else set()
        return cls([a.sha256 for a in rows], [a.sha256 not in off for a in rows], [a.weight for a in rows])

    def with_lora(self, lora: LoraRecord, catalogue: Iterable[CatalogueEntry]) -> "Draft":
        """With one more row at the weight that the catalogue knows to be right."""
        if lora.id in self.ids:
            return self
        weight = next((e.weight for e in catalogue if e.name == lora.catalogue), 1.0)
        return Draft([*self.ids, lora.id], [*self.uses, True], [*self.weights, weight])

    def without(self, row: int) -> "Draft":
        """With one row less."""
        keep = [n for n in range(len(self.ids)) if n != row]
        return Draft([self.ids[n] for n in keep], [self.uses[n] for n in keep], [self.weights[n] for n in keep])


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


def wire(rows: LoraRows, studio: Studio, shell: Shell, then: dict[str, Any]) -> None:
    """Wire a stack. ``then`` (``fn``, ``inputs``, ``outputs``) is what happens after every change of it."""
    show_all = [*rows.outputs, rows.message]
    role, pool = rows.role, len(rows.pool)
    for n, row in enumerate(rows.pool):
        row.remove.click(partial(take_out, studio, role, n), rows.inputs, show_all, **QUIET).then(**then)
        row.use.input(partial(keep, studio, role), rows.inputs, None, **QUIET).then(**then)
        row.weight.release(partial(keep, studio, role), rows.inputs, None, **QUIET).then(**then)
    added = rows.add.input(partial(put_in, studio, role), [rows.add, *rows.inputs], [*show_all, rows.add], **QUIET)
    added.then(**then)
    brought = rows.upload.upload(partial(bring, studio, role), [rows.upload, *rows.inputs], show_all, **QUIET)
    brought.then(**then)
    loaded = rows.saved.input(partial(load, studio, role, pool), rows.saved, show_all, **QUIET)
    loaded.then(**then)
    told = [rows.saved, rows.name, rows.message]
    rows.save.click(partial(save_as, studio, role), [rows.name, *rows.inputs], told, **QUIET)
    seen = [rows.at, rows.add, rows.saved, *rows.outputs]
    shell.changed.select(partial(follow, studio, role, pool), rows.at, seen, **QUIET).then(**then)


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
    """Keep rows under a name (empty: as the stack on the screen), if they are new."""
    whole = loras.stack(studio.session, zip(rows.ids, rows.weights, strict=True))
    saved = SavedStack(
        id=_id(studio, role, name),
        character=studio.character_id,
        role=role,
        name=name,
        stack=whole,
        off=tuple(i for i, used in zip(rows.ids, rows.uses, strict=True) if not used),
    )
    before = studio.session.store.get(SavedStack, saved.id)
    if before is None or (before.stack, before.off) != (saved.stack, saved.off):
        studio.session.store.put(saved)
    return saved


def show(studio: Studio, rows: Draft, pool: int) -> list[Any]:
    """Updates for ``LoraRows.outputs``."""
    updates: list[Any] = [rows.ids]
    for n in range(pool):
        if n >= len(rows.ids):
            updates += [gr.update(visible=False), gr.skip(), gr.skip()]
            continue
        lora = loras.get(studio.session, rows.ids[n])
        label = f"{lora.name} ({lora.version})" if lora.version and lora.version not in lora.name else lora.name
        updates += [
            gr.update(visible=True),
            gr.update(value=rows.uses[n], label=label),
            gr.update(value=rows.weights[n]),
        ]
    return updates


def _pool(controls: Sequence[Any]) -> int:
    return len(controls) // 2


def keep(studio: Studio, role: Role, ids: list[str], *controls: Any) -> None:
    """Inputs: ids, ticks, weights. No output: the stack on the screen goes into the records."""
    if studio.character_id:
        record(studio, role, Draft.of(ids, controls))


def put_in(studio: Studio, role: Role, lora_id: str | None, ids: list[str], *controls: Any) -> list[Any]:
    """Inputs: add, ids, ticks, weights. Outputs: the rows, message, add."""
    rows = Draft.of(ids, controls)
    chosen = next((x for x in usable(studio, role) if x.id == lora_id), None)
    return [*_grown(studio, role, rows, chosen, _pool(controls)), gr.update(value="")]


def bring(studio: Studio, role: Role, path: str | None, ids: list[str], *controls: Any) -> list[Any]:
    """Inputs: upload, ids, ticks, weights. Outputs: the rows, message. A file that is refused is told in words."""
    rows, pool = Draft.of(ids, controls), _pool(controls)
    if not path or not studio.character_id:
        return [*show(studio, rows, pool), _told("Make or choose a character first.", "warn")]
    try:
        lora = loras.add(studio.session, Path(path), Path(path).name, family=family_of(studio, role))
    except LoraRefused as refusal:
        return [*show(studio, rows, pool), _told(str(refusal), "bad")]
    return _grown(studio, role, rows, lora, pool)


def _grown(studio: Studio, role: Role, rows: Draft, lora: LoraRecord | None, pool: int) -> list[Any]:
    words: dict[str, Any] = {}
    if lora is not None and len(rows.ids) >= pool and lora.id not in rows.ids:
        words = _told(f"A stack has {pool} rows at most: remove one first.", "warn")
    elif lora is not None:
        rows = rows.with_lora(lora, studio.session.presets.catalogue)
        words = _told(f"{lora.name}: rank {lora.rank}" + (f", trigger {lora.trigger}" if lora.trigger else ""), "quiet")
    if studio.character_id:
        record(studio, role, rows)
    return [*show(studio, rows, pool), words]


def take_out(studio: Studio, role: Role, row: int, ids: list[str], *controls: Any) -> list[Any]:
    """Inputs: ids, ticks, weights. Outputs: the rows, message."""
    rows = Draft.of(ids, controls).without(row)
    record(studio, role, rows)
    return [*show(studio, rows, _pool(controls)), {}]


def save_as(studio: Studio, role: Role, name: str, ids: list[str], *controls: Any) -> tuple[Any, Any, Any]:
    """Inputs: name, ids, ticks, weights. Outputs: saved, name, message."""
    name, rows = " ".join((name or "").split())[:60], Draft.of(ids, controls)
    if not name or not rows.ids or not studio.character_id:
        words = "Give the stack a name." if rows.ids else "Add a LoRA first: an empty stack is the base model."
        return gr.skip(), gr.skip(), _told(words, "warn")
    record(studio, role, rows, name)
    return _saved_choices(studio, role), gr.update(value=""), _told(f"Saved as {name}.", "good")


def load(studio: Studio, role: Role, pool: int, stack_id: str | None) -> list[Any]:
    """Inputs: saved. Outputs: the rows, message."""
    rows = Draft.kept(studio.session.store.get(SavedStack, stack_id or ""), usable(studio, role))
    rows = Draft(rows.ids[:pool], rows.uses[:pool], rows.weights[:pool])
    record(studio, role, rows)
    return [*show(studio, rows, pool), {}]


def follow(studio: Studio, role: Role, pool: int, at: str | None) -> list[Any]:
    """Inputs: at. Outputs: at, add, saved, the rows. Rows change with the character only: a slider that is being
    dragged must not jump."""
    choices = [ADD, *((f"{x.name}  (rank {x.rank})", x.id) for x in usable(studio, role))]
    add = gr.update(choices=choices)
    if at == studio.character_id:
        return [gr.skip(), add, _saved_choices(studio, role), *([gr.skip()] * (1 + 3 * pool))]
    rows = draft(studio, role) if studio.character_id else Draft()
    return [studio.character_id, add, _saved_choices(studio, role), *show(studio, rows, pool)]


def named(studio: Studio, role: Role) -> list[SavedStack]:
    """Stacks saved under a name."""
    found = studio.session.store.all(SavedStack, character=studio.character_id, role=role)
    return [s for s in found if s.name]


def _saved_choices(studio: Studio, role: Role) -> Any:
    return gr.update(choices=[SAVED, *((s.name, s.id) for s in named(studio, role))])


def _told(words: str, tone: str) -> dict[str, Any]:
    return {"lines": [words], "tone": tone}
