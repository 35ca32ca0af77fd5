"""What a LoRA stack is made of, and what it says: its components and its form.

Element ids, with the tab's prefix: ``<p>-lora`` (the rows), ``<p>-lora-<n>`` (a row), ``<p>-lora-<n>-use``,
``<p>-lora-<n>-weight``, ``<p>-lora-<n>-move``, ``<p>-lora-<n>-trigger``, ``<p>-lora-<n>-remove``, ``<p>-lora-add``,
``<p>-lora-upload``, ``<p>-lora-name``, ``<p>-lora-save``, ``<p>-lora-saved``, ``<p>-lora-text``, ``<p>-lora-message``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.bounds import MOST_WEIGHT
from pipelines.domain.records import LoraRecord, SavedStack
from studio.components.forms import Values, between, picked, text
from studio.components.painted import Painted, Words, rev_of

Role = Literal["editor", "generator"]
SLIDER = 2.0
"""As far as the sliders go, both ways; what is typed may be as far as a weight may."""
ADD = ("Add a LoRA", "")
SAVED = ("Load a stack", "")


class StackRows(Painted):
    """Value: ``items``, a row each (``id`` of the LoRA, ``name``, ``use``: it is ticked, ``weight``, ``trigger``,
    ``facts`` in words). Events: ``edit`` (a tick, a weight, the order or what is in it changed; it is in the value) and
    ``insert`` (``trigger``: a trigger word is wanted in the prompts)."""

    island = "lora-stack"
    fires = ("edit", "insert")


@dataclass
class LoraRows:
    """The components of a stack of at most ``most`` rows. ``at`` holds whose stack the page shows, and as it was in the
    records when the page last heard of it or changed it."""

    role: Role
    most: int
    stack: StackRows
    at: gr.State
    add: gr.Dropdown
    upload: gr.UploadButton
    message: Words
    name: gr.Textbox
    save: gr.Button
    saved: gr.Dropdown
    text: gr.Textbox

    @property
    def inputs(self) -> list[Block]:
        """What a handler needs to know the stack."""
        return [self.stack]

    @property
    def outputs(self) -> list[Block]:
        """What showing another stack changes, and what is said of it."""
        return [self.stack, self.at, self.text, self.message]


@dataclass(frozen=True)
class Draft:
    """The stack on the screen, row by row; a row that is not ticked is listed but not used."""

    ids: list[str] = field(default_factory=list)
    uses: list[bool] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)

    @classmethod
    def read(cls, rows: LoraRows, values: Values) -> "Draft":
        """From what the page says of the rows; weights are held within what a weight may be."""
        items = picked(values.get(rows.stack)).get("items")
        known = {text(item.get("id")): item for item in (items or []) if text(item.get("id"))}
        shown = list(known.items())[: rows.most]
        weights = [between(-MOST_WEIGHT, item.get("weight"), MOST_WEIGHT, 0.0) for _, item in shown]
        return cls([id for id, _ in shown], [bool(item.get("use")) for _, item in shown], weights)

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

    def within(self, rows: int) -> "Draft":
        """With so many rows at most."""
        return Draft(self.ids[:rows], self.uses[:rows], self.weights[:rows])

    @property
    def used(self) -> list[tuple[str, float]]:
        """LoRA id and weight of the rows that are ticked."""
        return [(i, w) for i, used, w in zip(self.ids, self.uses, self.weights, strict=True) if used]


@dataclass(frozen=True)
class StackForm:
    """What the page says of a stack: its rows (``rev``: how many times the user changed them), and what is to be done
    with them. ``added`` is the LoRA to put in, ``path`` the file to bring in, ``name`` what to save it as, ``saved``
    the stack to load, ``text`` one that was written, ``at`` whose is shown."""

    draft: Draft = field(default_factory=Draft)
    rev: int = 0
    added: str = ""
    path: str = ""
    name: str = ""
    saved: str = ""
    text: str = ""
    at: str | None = None


def read(rows: LoraRows, values: Values) -> StackForm:
    """The form of an event of the stack; what the event does not name is empty."""
    return StackForm(
        draft=Draft.read(rows, values),
        rev=rev_of(picked(values.get(rows.stack))),
        added=text(values.get(rows.add)),
        path=text(values.get(rows.upload)),
        name=" ".join(text(values.get(rows.name)).split())[:60],
        saved=text(values.get(rows.saved)),
        text=text(values.get(rows.text)),
        at=values.get(rows.at),
    )


def build(prefix: str, role: Role, rows: int = 8) -> LoraRows:
    """Make the components."""
    with gr.Column(elem_classes="lora-rows", min_width=0):
        stack = StackRows(
            options={"prefix": f"{prefix}-lora", "slider": SLIDER, "most": MOST_WEIGHT}, elem_id=f"{prefix}-lora"
        )
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
                placeholder="its name", show_label=False, container=False, scale=2, min_width=90, max_length=60,
                elem_id=f"{prefix}-lora-name",
            )  # fmt: skip
            save = gr.Button("Save", size="sm", scale=1, min_width=56, elem_id=f"{prefix}-lora-save")
        written = gr.Textbox(
            label="As text: copy it, or paste another and press Enter", placeholder="<lora:name:0.8>",
            max_length=4000, buttons=["copy"], elem_id=f"{prefix}-lora-text",
        )  # fmt: skip
    return LoraRows(role, rows, stack, gr.State(None), add, upload, message, name, save, saved, written)
