"""What Generate is made of, and what it says: the components of the tab and its form."""

from dataclasses import dataclass, field

import gradio as gr
from gradio.blocks import Block

from pipelines.workflow.generate import GenerateOptions
from studio.components.estimate import Foot
from studio.components.fields import COUNT, GUIDANCE, SEED, STEPS, optional, seed
from studio.components.forms import Asked, Bound, Value, Values, between, lines, names, picked, text
from studio.components.histogram import Histogram
from studio.components.kept import KeptParts
from studio.components.lora_rows import Draft, LoraRows
from studio.components.painted import Words
from studio.components.picture_strip import PictureStrip
from studio.server.state import Studio

VARIANTS, VARIANTS_MOST = GenerateOptions.variants, 8
PROMPTS_MOST, STRENGTH_MOST = 200, 2.0
BASE = ("base model", "")
UNTIL = Bound("Until good", 1, 100_000, empty=True)


@dataclass
class Choice:
    """What to draw, how often, and with which LoRA of the character's own."""

    scenarios: gr.CheckboxGroup
    prompts: gr.Textbox
    variants: gr.Slider
    gaps: gr.Checkbox
    until: gr.Textbox
    count: gr.Textbox
    seed: gr.Number
    steps: gr.Textbox
    guidance: gr.Textbox
    lora: gr.Dropdown
    strength: gr.Slider

    @property
    def edited(self) -> list[Block]:
        """What is looked ahead at as soon as it changes."""
        numbers = [self.variants, self.gaps, self.until, self.count, self.seed, self.steps, self.guidance]
        return [self.scenarios, self.prompts, self.lora, *numbers]

    @property
    def all(self) -> list[Block]:
        """Each of them."""
        return [*self.edited, self.strength]


@dataclass
class GenerateTab:
    """The components of the tab."""

    chosen: Choice
    newest: gr.State
    whose: gr.Textbox
    loras: LoraRows
    foot: Foot
    histogram: Histogram
    filter: gr.Button
    filtered: Words
    results: PictureStrip

    @property
    def choice(self) -> list[Block]:
        """Everything a plan depends on."""
        return [*self.chosen.all, *self.loras.inputs]

    @property
    def kept(self) -> KeptParts:
        """What is kept for each character; ``newest`` is the LoRA that was the latest then."""
        c = self.chosen
        parts = {"scenarios": c.scenarios, "prompts": c.prompts, "variants": c.variants, "count": c.count}
        parts |= {"gaps": c.gaps, "until": c.until}
        parts |= {"seed": c.seed, "steps": c.steps, "guidance": c.guidance, "lora": c.lora, "strength": c.strength}
        parts["newest"] = self.newest
        bounds = {"count": COUNT, "until": UNTIL, "seed": SEED, "steps": STEPS, "guidance": GUIDANCE}
        return KeptParts("generate", self.whose, parts, bounds)


@dataclass(frozen=True)
class GenerateForm:
    """What the page says: scenarios and own prompts, the LoRA of the character at its strength and the stack beside
    it, how many. ``histogram`` is its value; ``newest`` the LoRA that was last chosen by itself, ``whose`` choice is on
    the screen; ``wrong`` tells what does not do."""

    scenarios: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    lora: str = ""
    strength: float = GenerateOptions.strength
    stack: Draft = field(default_factory=Draft)
    variants: int = 1
    gaps: bool = False
    until: int | None = None
    count: int | None = None
    seed: int = GenerateOptions.seed
    steps: int | None = None
    guidance: float | None = None
    histogram: Value = field(default_factory=dict)
    newest: str | None = None
    whose: str | None = None
    wrong: str = ""


def read(tab: GenerateTab, values: Values) -> GenerateForm:
    """The form of an event of the tab; what the event does not name is empty."""
    chosen, asked = tab.chosen, Asked(values)
    prompts = lines(values.get(chosen.prompts))
    if len(prompts) > PROMPTS_MOST:
        asked.problems.append(f"Own prompts: {PROMPTS_MOST} at most; not {len(prompts)}.")
    return GenerateForm(
        scenarios=names(values.get(chosen.scenarios)),
        prompts=prompts,
        lora=text(values.get(chosen.lora)),
        strength=between(0.0, values.get(chosen.strength), STRENGTH_MOST, GenerateOptions.strength),
        stack=Draft.read(tab.loras, values),
        variants=int(between(1, values.get(chosen.variants), VARIANTS_MOST, 1)),
        gaps=bool(values.get(chosen.gaps)),
        until=asked.whole(chosen.until, UNTIL),
        count=asked.whole(chosen.count, COUNT),
        seed=asked.whole(chosen.seed, SEED) or 0,
        steps=asked.whole(chosen.steps, STEPS),
        guidance=asked.number(chosen.guidance, GUIDANCE),
        histogram=picked(values.get(tab.histogram)),
        newest=values.get(tab.newest),
        whose=values.get(tab.whose) or None,
        wrong=asked.wrong,
    )


def everything(studio: Studio) -> list[str]:
    """The names of all scenarios on the page."""
    return [scenario.name for scenario in studio.on_page.scenarios]


def build_choice(studio: Studio) -> Choice:
    """Make what to draw, and with which LoRA of the character's own."""
    gr.HTML("<h3>What to draw</h3>", elem_classes="tab-title")
    ticks = gr.CheckboxGroup(
        [(s.title, s.name) for s in studio.on_page.scenarios],
        value=everything(studio),
        label="Scenarios",
        interactive=True,
        elem_id="generate-scenarios",
        elem_classes="axis tall",
    )
    prompts = gr.Textbox(
        label="Own prompts, one a line",
        info="{red|blue}: one of these. A list's name between double underscores: one of that list.",
        placeholder="{character} reading {a newspaper|a book} __places__, __lights__",
        lines=2,
        max_lines=6,
        elem_id="generate-prompts",
    )
    variants = gr.Slider(
        1, VARIANTS_MOST, VARIANTS, step=1, label="Variants of each", interactive=True, buttons=[],
        elem_id="generate-variants",
    )  # fmt: skip
    with gr.Row(elem_classes="number-row"):
        gaps = gr.Checkbox(
            GenerateOptions.gaps,
            label="What fills the gaps of the grid first",
            container=False,
            interactive=True,
            scale=2,
            elem_id="generate-gaps",
        )
        until = optional(UNTIL, "generate-until", "no goal", min_width=110)
    with gr.Row(elem_classes="number-row"):
        count = optional(COUNT, "generate-count", "all")
        first = seed(GenerateOptions.seed, "generate-seed")
        steps = optional(STEPS, "generate-steps")
        guidance = optional(GUIDANCE, "generate-guidance")
    gr.HTML("<h3>LoRA of the character</h3>", elem_classes="tab-title")
    with gr.Row(elem_classes="number-row"):
        lora = gr.Dropdown([BASE], value="", label="Version", interactive=True, min_width=130, elem_id="generate-lora")
        strength = gr.Slider(
            0, STRENGTH_MOST, GenerateOptions.strength, step=0.05, label="Strength", interactive=True, min_width=150,
            buttons=[], elem_id="generate-strength",
        )  # fmt: skip
    return Choice(ticks, prompts, variants, gaps, until, count, first, steps, guidance, lora, strength)
