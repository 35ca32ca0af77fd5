"""What Enrich is made of, and what it says: the components of the tab and its form."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.presets import Axis
from pipelines.planning.few import AIM
from pipelines.workflow.enrich import EnrichOptions
from studio.components.beside import BesidePictures
from studio.components.coverage import Coverage
from studio.components.estimate import Foot
from studio.components.fields import COUNT, GUIDANCE, SEED, STEPS, optional, seed
from studio.components.forms import Asked, Value, Values, between, lines, names, picked
from studio.components.framing_mix import FramingMix
from studio.components.kept import KeptParts
from studio.components.lora_rows import Draft, LoraRows
from studio.components.picture_strip import PictureStrip
from studio.server.state import Studio
from studio.tabs import enrich_chains
from studio.tabs.enrich_sources import Sources

PER_SOURCE, PER_SOURCE_MOST, BEST_OF_MOST = EnrichOptions.per_source, AIM, 8
ON_AT_FIRST = ("angle", "expression", "lighting")


@dataclass
class Numbers:
    """How many, and how they are drawn."""

    per_source: gr.Slider
    best_of: gr.Slider
    gaps: gr.Checkbox
    count: gr.Textbox
    seed: gr.Number
    steps: gr.Textbox
    guidance: gr.Textbox

    @property
    def all(self) -> list[Block]:
        """Each of them."""
        return [self.per_source, self.best_of, self.gaps, self.count, self.seed, self.steps, self.guidance]


@dataclass
class EnrichTab:
    """The components of the tab; ``axes`` by the names of the axes."""

    sources: Sources
    coverage: Coverage
    mix: FramingMix
    few: gr.Button
    axes: dict[str, gr.CheckboxGroup]
    chains: gr.Textbox
    then: gr.Dropdown
    own: gr.Textbox
    words: gr.Textbox
    reword: gr.Dropdown
    loras: LoraRows
    beside: BesidePictures
    numbers: Numbers
    whose: gr.Textbox
    foot: Foot
    results: PictureStrip

    @property
    def choice(self) -> list[Block]:
        """Everything a plan depends on."""
        parts = [self.beside, *self.numbers.all, *self.axes.values(), self.chains, self.own, self.words]
        return [self.sources.picker, *parts, *self.loras.inputs]

    @property
    def kept(self) -> KeptParts:
        """What is kept for each character."""
        n = self.numbers
        parts = {"sources": self.sources.picker, **{f"axis/{name}": group for name, group in self.axes.items()}}
        parts |= {"chains": self.chains, "own": self.own, "words": self.words, "beside": self.beside}
        parts |= {"per_source": n.per_source, "best_of": n.best_of, "gaps": n.gaps, "count": n.count, "seed": n.seed}
        parts |= {"steps": n.steps, "guidance": n.guidance}
        bounds = {"count": COUNT, "seed": SEED, "steps": STEPS, "guidance": GUIDANCE}
        return KeptParts("enrich", self.whose, parts, bounds)


@dataclass(frozen=True)
class EnrichForm:
    """What the page says: the values of the picker (``shown``) and of what the editor sees ``beside``, the ticked edits
    (``angle/front``) of all axes, the chains of edits, the LoRAs, and how many. ``whose`` choice is on the screen;
    ``wrong`` tells which numbers do not do."""

    shown: Value = field(default_factory=dict)
    edits: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    stack: Draft = field(default_factory=Draft)
    per_source: int = 1
    best_of: int = EnrichOptions.best_of
    gaps: bool = False
    count: int | None = None
    seed: int = EnrichOptions.seed
    steps: int | None = None
    guidance: float | None = None
    beside: Value = field(default_factory=dict)
    whose: str | None = None
    wrong: str = ""


def read(tab: EnrichTab, values: Values) -> EnrichForm:
    """The form of an event of the tab; what the event does not name is empty."""
    numbers, asked = tab.numbers, Asked(values)
    return EnrichForm(
        shown=picked(values.get(tab.sources.picker)),
        edits=tuple(name for group in tab.axes.values() for name in names(values.get(group))),
        chains=lines(values.get(tab.chains)),
        instructions=lines(values.get(tab.own)),
        words=enrich_chains.rewritten(lines(values.get(tab.words))),
        stack=Draft.read(tab.loras, values),
        per_source=int(between(1, values.get(numbers.per_source), PER_SOURCE_MOST, 1)),
        best_of=int(between(1, values.get(numbers.best_of), BEST_OF_MOST, EnrichOptions.best_of)),
        gaps=bool(values.get(numbers.gaps)),
        count=asked.whole(numbers.count, COUNT),
        seed=asked.whole(numbers.seed, SEED) or 0,
        steps=asked.whole(numbers.steps, STEPS),
        guidance=asked.number(numbers.guidance, GUIDANCE),
        beside=picked(values.get(tab.beside)),
        whose=values.get(tab.whose) or None,
        wrong=asked.wrong,
    )


def build_axes(studio: Studio) -> dict[str, gr.CheckboxGroup]:
    """Those that are made where nothing is named, then the others, folded."""
    axes = studio.on_page.edits
    with gr.Column(elem_classes="axes", elem_id="enrich-axes"):
        usual_ones = {axis.name: _build_axis(axis) for axis in axes if not axis.on_request}
        with gr.Accordion("More axes", open=False, elem_classes="fold", elem_id="enrich-more-axes"):
            return usual_ones | {axis.name: _build_axis(axis) for axis in axes if axis.on_request}


def _build_axis(axis: Axis) -> gr.CheckboxGroup:
    return gr.CheckboxGroup(
        [(edit.title, name) for edit, name in zip(axis.edits, edits_of(axis), strict=True)],
        value=usual(axis),
        label=axis.title,
        interactive=True,
        elem_id=f"enrich-axis-{axis.name}",
        elem_classes="axis",
    )


def build_numbers() -> Numbers:
    """Make what says how many, and how they are drawn."""
    per_source = gr.Slider(
        1, PER_SOURCE_MOST, PER_SOURCE, step=1, label="Edits of each source", interactive=True, buttons=[],
        elem_id="enrich-per-source",
    )  # fmt: skip
    best_of = gr.Slider(
        1, BEST_OF_MOST, EnrichOptions.best_of, step=1, label="Seeds of each, the best is kept", interactive=True,
        buttons=[], elem_id="enrich-best-of",
    )  # fmt: skip
    gaps = gr.Checkbox(
        EnrichOptions.gaps,
        label="Only what no source shows, from the nearest view",
        container=False,
        interactive=True,
        elem_id="enrich-gaps",
    )
    with gr.Row(elem_classes="number-row"):
        count = optional(COUNT, "enrich-count", "all")
        first = seed(EnrichOptions.seed, "enrich-seed")
        steps = optional(STEPS, "enrich-steps")
        guidance = optional(GUIDANCE, "enrich-guidance")
    return Numbers(per_source, best_of, gaps, count, first, steps, guidance)


def edits_of(axis: Axis) -> list[str]:
    """The names of an axis' edits, in the order they are offered."""
    return [f"{axis.name}/{edit.value}" for edit in axis.edits]


def usual(axis: Axis) -> list[str]:
    """The edits of an axis that are ticked for a character of one's own: all or none."""
    return edits_of(axis) if axis.name in ON_AT_FIRST else []
