"""What a person has set in a tab for a character, kept and brought back: one way for all tabs.

A tab names the components that are kept (``KeptParts``). Each edit of theirs is kept with the event that looks ahead
at it; when the page shows another character, or was opened, what was kept is put over the tab's first choice. The file
may be old or spoilt, and presets change: a value that its component does not take any more is left out.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import gradio as gr
from gradio.blocks import Block

from studio.components import beside
from studio.components.beside import BesidePictures
from studio.components.catalogue import Catalogue
from studio.components.forms import QUIET, Bound, Event, Form, Updates, Values, event, names, picked
from studio.components.picker import Picker
from studio.server import choices
from studio.server.choices import Choice
from studio.server.state import Studio

LONGEST = 20_000
UNFILLED = (Picker, Catalogue, BesidePictures, gr.State)


def note() -> gr.Textbox:
    """What the page itself knows of what it shows. A ``gr.State`` would not do: it lives in the server and is ahead of
    what an event that is on its way says of the fields."""
    return gr.Textbox("", label="shown", elem_classes="flen-hidden", interactive=True)


@dataclass(frozen=True)
class KeptParts:
    """The components of a tab that are kept, by name; ``whose`` is the note that names the character they are set for;
    ``bounds`` of its fields for numbers. Where a tab has several choices for a character, ``part`` tells which, and
    ``whose`` says ``<character>/<part>``."""

    tab: str
    whose: gr.Textbox
    parts: Mapping[str, Block]
    bounds: Mapping[str, Bound] = field(default_factory=dict)

    @property
    def said(self) -> list[Block]:
        """What is read of the page to keep them."""
        return [self.whose, *self.parts.values()]

    def write(self, studio: Studio, values: Values) -> None:
        """Keep what the page says, for whom it says it."""
        who, _, part = str(values.get(self.whose) or "").partition("/")
        if who:
            choice = {name: _plain(block, values.get(block)) for name, block in self.parts.items()}
            choices.write(studio.session.workspace.root, who, self._key(part), choice)

    def forget(self, studio: Studio) -> None:
        """What was set for the character that is worked on is not kept any longer."""
        choices.write(studio.session.workspace.root, studio.character_id, self.tab, {})

    def read(self, studio: Studio, offered: Mapping[str, Iterable[object]] | None = None, part: str = "") -> Choice:
        """What was set for the character that is worked on, those values that still do, by name. ``offered`` are the
        choices of components that get them later."""
        kept = choices.read(studio.session.workspace.root, studio.character_id, self._key(part))
        known: Choice = {}
        for name, block in self.parts.items():
            if name in kept:
                value = _sound(block, kept[name], self.bounds.get(name), (offered or {}).get(name))
                known |= {} if value is None else {name: value}
        return known

    def restore(self, studio: Studio, offered: Mapping[str, Iterable[object]] | None = None, part: str = "") -> Updates:
        """What was set, as what it changes on the page; pickers and the catalogue are filled by who knows what is in
        them, and what is not seen by who knows what it means."""
        known = self.read(studio, offered, part)
        return {self.parts[n]: value for n, value in known.items() if not isinstance(self.parts[n], UNFILLED)}

    def event(
        self,
        studio: Studio,
        read: Callable[[Values], Form],
        do: Callable[[Form], Updates | None],
        inputs: Iterable[Block],
        outputs: Iterable[Block] = (),
    ) -> Event:
        """An event by which the user edits: what is set is kept, then something is done with the form."""
        asked = partial(self._edited, studio, read, do)
        return {"fn": asked, "inputs": {*inputs, *self.said}, "outputs": set(outputs) or None, **QUIET}

    def looks(
        self,
        studio: Studio,
        read: Callable[[Values], Form],
        do: Callable[[Form], Updates | None],
        inputs: Collection[Block],
        outputs: Collection[Block],
    ) -> tuple[Event, Event]:
        """Two events that look ahead at what is set: because something else changed, and because the user edited it,
        which is kept. All in the order in which they were asked for, so that none shows what an older one found."""
        in_order: Event = {"concurrency_id": f"{self.tab} looks ahead", "concurrency_limit": 1}
        return event(read, do, inputs, outputs) | in_order, self.event(studio, read, do, inputs, outputs) | in_order

    def _edited(
        self,
        studio: Studio,
        read: Callable[[Values], Form],
        do: Callable[[Form], Updates | None],
        values: Values,
    ) -> Updates | None:
        self.write(studio, values)
        return do(read(values))

    def _key(self, part: str) -> str:
        return f"{self.tab}/{part}" if part else self.tab


def ticks_before(kept: Choice, name: str) -> dict[str, Any]:
    """A picker's value as it was kept, to take the ticks from: pictures that have come since are new to it."""
    value = kept.get(name)
    return value if isinstance(value, dict) else {}


def _plain(block: Block, value: object) -> Any:
    if isinstance(block, Catalogue):
        return list(names(value.get("ticked"))) if isinstance(value, dict) else []
    if isinstance(block, BesidePictures):
        return beside.kept(picked(value))
    if not isinstance(block, Picker):
        return value
    shown = value if isinstance(value, dict) else {}
    ids = [item["id"] for item in shown.get("items", []) if isinstance(item, dict) and "id" in item]
    return {"items": [{"id": i} for i in ids], "ticked": [i for i in names(shown.get("ticked")) if i in ids]}


def _sound(block: Block, value: Any, bound: Bound | None, offered: Iterable[object] | None) -> Any:
    """A kept value as its component takes it; None when it does not."""
    if isinstance(block, Picker):
        return value if isinstance(value, dict) and isinstance(value.get("items"), list) else None
    if isinstance(block, Catalogue):
        return list(names(value)) if isinstance(value, list) else None
    if isinstance(block, BesidePictures):
        return picked(value)
    if isinstance(block, gr.State):
        return value if isinstance(value, str) else None
    if isinstance(block, gr.CheckboxGroup | gr.Dropdown | gr.Radio):
        known = list(offered) if offered is not None else [choice[1] for choice in block.choices or []]
        if isinstance(block, gr.CheckboxGroup):
            return [one for one in known if one in value] if isinstance(value, list) else None
        return value if value in known else None
    if isinstance(block, gr.Checkbox):
        return value if isinstance(value, bool) else None
    if isinstance(block, gr.Slider):
        return value if _number(value) and block.minimum <= value <= block.maximum else None
    if bound is not None:
        return value if _takes(bound, value) else None
    if isinstance(block, gr.Textbox):
        return value if isinstance(value, str) and len(value) <= (block.max_length or LONGEST) else None
    return None


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _takes(bound: Bound, value: object) -> bool:
    try:
        bound.read(value)
    except ValueError:
        return False
    return isinstance(value, str) or _number(value)
