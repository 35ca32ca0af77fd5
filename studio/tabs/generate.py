"""Generate: novel pictures of the character by its own LoRA; their identity as a histogram with a cut line.

Element ids: ``generate-scenarios``, ``generate-prompts``, ``generate-lora``, ``generate-strength``,
``generate-lora-*`` (the extra stack, see lora_rows), ``generate-variants``, ``generate-gaps``, ``generate-until``,
``generate-count``, ``generate-seed``,
``generate-steps``, ``generate-guidance``, ``generate-plan``, ``generate-weights``, ``generate-obtain``,
``generate-preview``, ``generate-run``;
``generate-histogram`` (``[role=slider]``), ``generate-filter``, ``generate-filtered``, ``generate-results``.
"""

from functools import partial

import gradio as gr

from pipelines.domain.records import ImageRecord, LoraRecord
from pipelines.domain.shots import Plan
from pipelines.planning.base import ChoiceError
from pipelines.practice.choices import choices_for
from pipelines.session import NotFound
from pipelines.workflow import datasets, generate, loras, review
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.generate import GenerateOptions
from studio.components import lora_rows, lora_stack
from studio.components.estimate import ahead, build_foot, obtain, obtain_offer, refused, start, unknown_yet
from studio.components.fields import edited
from studio.components.forms import QUIET, Updates, Value, event
from studio.components.histogram import Histogram, histogram
from studio.components.kept import note
from studio.components.painted import Words, rev_of
from studio.components.picture_strip import PictureStrip
from studio.components.shell import Shell
from studio.server.shown import shows
from studio.server.state import Studio
from studio.tabs import generate_form
from studio.tabs.generate_form import BASE, VARIANTS, GenerateForm, GenerateTab, everything, read

POOL = 4
NOBODY = "Make a character first: New character, above."
NOTHING_YET = "New pictures of the character arrive here. Preview 4 shows in a moment what the LoRA has learnt."


def build(studio: Studio) -> GenerateTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side wide", scale=0, min_width=400):
            chosen = generate_form.build_choice(studio)
            newest, whose = gr.State(None), note()
            gr.HTML("<h3>Beside it</h3>", elem_classes="tab-title")
            stack = lora_rows.build("generate", "generator", POOL)
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


def wire(tab: GenerateTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    ask, foot, chosen = partial(read, tab), tab.foot, tab.chosen
    choice, ahead = [*tab.choice, tab.whose], partial(look_ahead, studio, tab)
    look, edit = tab.kept.looks(studio, ask, ahead, choice, foot.outputs)
    gr.on([edited(part) for part in chosen.edited], **edit)
    chosen.strength.release(**edit)
    stack = lora_stack.wire(tab.loras, studio, look, chosen.prompts, edit)
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
