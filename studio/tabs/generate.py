"""Generate: novel pictures of the character by its own LoRA; their identity as a histogram with a cut line.

Element ids: ``generate-scenarios``, ``generate-prompts``, ``generate-lora``, ``generate-strength``,
``generate-lora-*`` (the extra stack, see lora_stack), ``generate-variants``, ``generate-gaps``, ``generate-until``,
``generate-count``, ``generate-seed``,
``generate-steps``, ``generate-guidance``, ``generate-plan``, ``generate-weights``, ``generate-obtain``,
``generate-preview``, ``generate-run``;
``generate-histogram`` (``[role=slider]``), ``generate-filter``, ``generate-filtered``, ``generate-results``.
"""

from dataclasses import dataclass, field
from functools import partial

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.records import ImageRecord, LoraRecord
from pipelines.domain.shots import Plan
from pipelines.planning.base import ChoiceError
from pipelines.practice.choices import choices_for
from pipelines.session import NotFound
from pipelines.workflow import datasets, generate, loras, review
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.generate import GenerateOptions
from studio.components import lora_stack
from studio.components.estimate import Foot, ahead, build_foot, obtain, obtain_offer, refused, start, unknown_yet
from studio.components.fields import COUNT, GUIDANCE, SEED, STEPS, edited, optional, seed
from studio.components.forms import (
    QUIET,
    Asked,
    Bound,
    Updates,
    Value,
    Values,
    between,
    event,
    lines,
    names,
    picked,
    text,
)
from studio.components.histogram import Histogram, histogram
from studio.components.kept import KeptParts, note
from studio.components.lora_stack import Draft, LoraRows
from studio.components.painted import Words, rev_of
from studio.components.picture_strip import PictureStrip
from studio.components.shell import Shell
from studio.server.shown import shows
from studio.server.state import Studio

POOL, VARIANTS, VARIANTS_MOST = 4, GenerateOptions.variants, 8
PROMPTS_MOST, STRENGTH_MOST = 200, 2.0
NOBODY = "Make a character first: New character, above."
NOTHING_YET = "New pictures of the character arrive here. Preview 4 shows in a moment what the LoRA has learnt."
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


def build(studio: Studio) -> GenerateTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side wide", scale=0, min_width=400):
            chosen = _build_choice(studio)
            newest, whose = gr.State(None), note()
            gr.HTML("<h3>Beside it</h3>", elem_classes="tab-title")
            stack = lora_stack.build("generate", "generator", POOL)
            foot = build_foot("generate", "generate-run")
        with gr.Column(elem_classes="results", scale=1, min_width=320):
            with gr.Row(elem_classes="cut-row", equal_height=False):
                shown = Histogram(histogram((), None), elem_id="generate-histogram", scale=1)
                out = gr.Button("Sort out below the line", size="sm", scale=0, min_width=170, elem_id="generate-filter")
            filtered = Words(elem_id="generate-filtered")
            results = PictureStrip(
                "synthetic",
                empty=NOTHING_YET,
                cut=True,
                elem_id="generate-results",
            )
    return GenerateTab(chosen, newest, whose, stack, foot, shown, out, filtered, results)


def everything(studio: Studio) -> list[str]:
    """The names of all scenarios on the page."""
    return [scenario.name for scenario in studio.on_page.scenarios]


def _build_choice(studio: Studio) -> Choice:
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


def wire(tab: GenerateTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    ask, foot, chosen = partial(read, tab), tab.foot, tab.chosen
    choice, ahead = [*tab.choice, tab.whose], partial(look_ahead, studio, tab)
    look, edit = tab.kept.looks(studio, ask, ahead, choice, foot.outputs)
    for part in chosen.edited:
        edited(part)(**edit)
    chosen.strength.release(**edit)
    stack = lora_stack.wire(tab.loras, studio, look)
    foot.preview.click(**event(ask, partial(make, studio, True), choice))
    foot.make.click(**event(ask, partial(make, studio, False), choice))
    foot.weights.button.click(lambda: obtain(studio, generator_of(studio)), None, None, **QUIET)
    tab.histogram.cut(**event(ask, partial(cut_moved, studio, tab), [tab.histogram], [tab.filter]))
    tab.filter.click(**event(ask, partial(sort_out, studio, tab), [tab.histogram], [tab.filtered]))
    seen = [tab.newest, tab.histogram, tab.filter, tab.filtered, *foot.outputs, *foot.weights.outputs, tab.whose]
    seen += chosen.all
    known = [tab.newest, tab.histogram, tab.whose]
    shell.follow(stack, event(ask, partial(refresh, studio, tab), known, seen), look)


def generator_of(studio: Studio) -> str:
    """The model preset that draws the character; "" without one."""
    return studio.character.generator if studio.character else ""


def own_loras(studio: Studio) -> list[LoraRecord]:
    """The character's own LoRAs, newest first."""
    if not studio.character_id:
        return []
    return loras.trained(studio.session, studio.character_id, "character")[::-1]


def refresh(studio: Studio, tab: GenerateTab, form: GenerateForm) -> Updates:
    """The records or the character changed. A LoRA that was just trained is chosen by itself, and a character comes
    with its first choice; afterwards the choice is the user's."""
    own = own_loras(studio)
    latest = f"{studio.character_id}/{own[0].id if own else ''}"
    choices = [*((f"{x.version}  (rank {x.rank})", x.id) for x in own), BASE]
    same = studio.character_id == form.whose
    offered = {"lora": [value for _, value in choices]}
    kept = {} if same else tab.kept.restore(studio, offered)
    mine = kept.pop(tab.chosen.lora, None)
    chosen = {} if latest == form.newest else {"value": choices[0][1]}
    if mine is not None and tab.kept.read(studio, offered).get("newest") == latest:
        chosen = {"value": mine}
    value = scores_of(studio, form.histogram)
    shown: Updates = {
        tab.newest: latest,
        tab.chosen.lora: gr.update(choices=choices, **chosen),
        tab.histogram: value,
        tab.filter: filter_button(studio, value),
        tab.whose: studio.character_id,
    }
    shown |= obtain_offer(studio, tab.foot.weights, generator_of(studio))
    return shown if same else shown | unknown_yet(tab.foot) | {tab.filtered: {}} | first_choice(studio, tab) | kept


def first_choice(studio: Studio, tab: GenerateTab) -> Updates:
    """Scenarios, variants of each, guidance: for a practice character those its hint speaks of."""
    chosen, practice_choices = tab.chosen, choices_for(studio.character)
    usually: Updates = {chosen.prompts: "", chosen.count: "", chosen.seed: GenerateOptions.seed, chosen.steps: ""}
    usually |= {chosen.gaps: GenerateOptions.gaps, chosen.until: ""}
    usually[chosen.strength] = GenerateOptions.strength
    if practice_choices is None:
        return usually | {chosen.scenarios: everything(studio), chosen.variants: VARIANTS, chosen.guidance: ""}
    wanted = practice_choices.generate
    return usually | {
        chosen.scenarios: list(wanted.scenarios),
        chosen.variants: wanted.variants,
        chosen.guidance: f"{wanted.guidance:g}" if wanted.guidance else "",
    }


def synthetic(studio: Studio) -> list[ImageRecord]:
    """The pictures of the newest synthetic version."""
    if not studio.character_id:
        return []
    made = datasets.pictures(studio.session, studio.character_id, "synthetic")
    version = max((i.version for i in made), key=datasets.number, default="")
    return [i for i in made if i.version == version]


def scores_of(studio: Studio, before: Value) -> Value:
    """The histogram of identity; a cut that the user set stays while the character does."""
    found = [i.scores.identity for i in synthetic(studio) if i.scores.identity]
    threshold = next((i.threshold for i in found if i.threshold is not None), None)
    moved = before.get("cut") if before.get("moved") and before.get("of") == studio.character_id else None
    value = histogram([i.score for i in found], threshold, moved)
    return value | {"of": studio.character_id, "moved": moved is not None, "rev": rev_of(before)}


def cut_of(value: Value) -> float:
    """The cut line's score, within the range of a cosine."""
    cut = value.get("cut")
    return max(-1.0, min(1.0, float(cut))) if isinstance(cut, (int, float)) else 0.0


def filter_button(studio: Studio, value: Value) -> Value:
    """The button that sorts out, with how many undecided pictures would go."""
    below = len(review.would_go(studio.session, studio.character_id, cut=cut_of(value))) if studio.character_id else 0
    words = f"Sort out {below} below the line" if below else "Sort out below the line"
    return gr.update(value=words, interactive=bool(below), visible=bool(value.get("scores")))


def cut_moved(studio: Studio, tab: GenerateTab, form: GenerateForm) -> Updates:
    """The button says what the line would sort out where it is now."""
    return {tab.filter: filter_button(studio, form.histogram)}


def sort_out(studio: Studio, tab: GenerateTab, form: GenerateForm) -> Updates:
    """A rule rejects what is below the line; a human can overturn it."""
    if not studio.character_id:
        return {tab.filtered: {}}
    shows(studio, form.histogram.get("of"))
    report = review.apply_filter(studio.session, studio.character_id, cut=cut_of(form.histogram))
    left = [f"{report.left} wait for your eyes in Review, where each of these can be taken back."]
    words = {"title": f"{len(report.rejected)} sorted out by the rule", "lines": left, "tone": "quiet"}
    return {tab.filtered: words}


def plan_of(studio: Studio, form: GenerateForm) -> Plan:
    """The plan of what is chosen. Raises NotAllowed, ChoiceError, NotFound."""
    if not studio.character_id:
        raise NotAllowed(NOBODY)
    shows(studio, form.whose)
    if form.wrong:
        raise NotAllowed(form.wrong)
    if not form.scenarios and not form.prompts:
        raise NotAllowed("Tick a scenario or write a prompt.")
    goal = form.until and generate.missing(studio.session, studio.character_id, form.until)
    if goal and not goal.pictures:
        raise NotAllowed(goal.words)
    return generate.plan(
        studio.session,
        studio.character_id,
        GenerateOptions(
            lora=form.lora,
            strength=form.strength,
            beside=lora_stack.stack_of(studio, form.stack),
            scenarios=form.scenarios,
            prompts=form.prompts,
            variants=form.variants,
            gaps=form.gaps,
            until=form.until,
            count=form.count,
            seed=form.seed,
            steps=form.steps,
            guidance=form.guidance,
        ),
    )


def look_ahead(studio: Studio, tab: GenerateTab, form: GenerateForm) -> Updates:
    """What the choice would make, and how long it takes; or why it makes nothing."""
    try:
        plan = plan_of(studio, form)
    except (NotAllowed, ChoiceError, NotFound) as problem:
        return refused(tab.foot, problem)
    shown = ahead(studio, tab.foot, plan)
    if form.until:
        words = shown[tab.foot.plan]
        goal = generate.missing(studio.session, studio.character_id, form.until).words
        shown[tab.foot.plan] = words | {"lines": [goal, *words["lines"]]}
    if not own_loras(studio):
        words = shown[tab.foot.plan]
        base = "No LoRA of the character yet: this is the base model. Train first."
        shown[tab.foot.plan] = words | {"lines": [*words["lines"], base]}
    return shown


def make(studio: Studio, preview: bool, form: GenerateForm) -> None:
    """The job goes into the queue; the job bar and the strip show it."""
    start(lambda: generate.submit(studio.session, plan_of(studio, form), preview=preview))
