"""What the editor sees beside the pictures that it edits: more sources, and a luminance map.

Element ids, with the tab's prefix: ``<p>-references``, ``<p>-reference`` (which ones), ``<p>-control``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.records import ImageRecord
from pipelines.workflow.references import Beside
from studio.components.forms import Updates, Values, names, text
from studio.components.picker import tag_words

MOST = 2
CHOICES = [("the source alone", "0"), ("and one more, the nearest", "1"), ("and two more, the nearest", "2")]
NONE = ("no map", "")


@dataclass
class BesideParts:
    """The components; ``references`` holds a number as text."""

    references: gr.Dropdown
    named: gr.Dropdown
    control: gr.Dropdown

    @property
    def all(self) -> list[Block]:
        """Each of them."""
        return [self.references, self.named, self.control]


def build(prefix: str) -> BesideParts:
    """Make the components."""
    with gr.Row(elem_classes="number-row"):
        references = gr.Dropdown(
            CHOICES, value="0", label="The editor sees", interactive=True, min_width=120, elem_id=f"{prefix}-references"
        )
        named = gr.Dropdown(
            [], value=[], label="More: which (else the nearest)", multiselect=True, max_choices=MOST, interactive=True,
            min_width=120, elem_id=f"{prefix}-reference",
        )  # fmt: skip
        control = gr.Dropdown(
            [NONE], value="", label="Light and dark of", interactive=True, min_width=90, elem_id=f"{prefix}-control"
        )
    return BesideParts(references, named, control)


def read(parts: BesideParts, values: Values) -> Beside:
    """What the page says of them."""
    said = text(values.get(parts.references))
    references = int(said) if said in {value for _, value in CHOICES} else 0
    return Beside(references, names(values.get(parts.named))[:MOST], text(values.get(parts.control)))


def offered(parts: BesideParts, found: Sequence[ImageRecord], *, fresh: bool) -> Updates:
    """The sources to choose from; ``fresh``: nothing is chosen yet."""
    choices = [(f"{i.intake.filename if i.intake else i.id[:8]} ({tag_words(i)})", i.id) for i in found]
    chosen: dict[str, Any] = {"value": []} if fresh else {}
    mapped: dict[str, Any] = {"value": ""} if fresh else {}
    return {
        parts.named: gr.update(choices=choices, **chosen),
        parts.control: gr.update(choices=[NONE, *choices], **mapped),
    }
