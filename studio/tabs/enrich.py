"""Enrich: of the sources that are ticked, edits along separate axes are planned, previewed and made.

Element ids, besides those of enrich_sources: ``enrich-coverage`` (``button[data-cell="front/smiling"]``),
``enrich-mix`` (``.track[data-framing="full"]``), ``enrich-few``,
``enrich-axis-<axis>``, ``enrich-chains`` and four more (see enrich_chains), ``enrich-lora-*`` (see lora_rows),
``enrich-beside`` (see beside), ``enrich-per-source``, ``enrich-best-of``, ``enrich-gaps``,
``enrich-count``, ``enrich-seed``, ``enrich-steps``, ``enrich-guidance``, ``enrich-plan``, ``enrich-weights``,
``enrich-obtain``, ``enrich-preview``, ``enrich-make``; ``enrich-results``.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import gradio as gr

from pipelines.domain.shots import THEN, Plan, Shot
from pipelines.planning.base import ChoiceError
from pipelines.planning.few import FEW
from pipelines.practice.choices import choices_for
from pipelines.session import NotFound
from pipelines.workflow import chains, enrich, few_sources, framing, review, sources
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.enrich import EnrichOptions
from pipelines.workflow.sources import angle_of, expression_of
from studio.components import beside, lora_rows, lora_stack
from studio.components.coverage import Coverage, CoverageValue, grid
from studio.components.estimate import ahead, build_foot, obtain, obtain_offer, refused, start, unknown_yet
from studio.components.fields import edited
from studio.components.forms import QUIET, Updates, Values, event, picked, text
from studio.components.framing_mix import FramingMix, mixed
from studio.components.kept import note, ticks_before
from studio.components.painted import rev_of
from studio.components.picker import ticked
from studio.components.picture_strip import PictureStrip
from studio.components.shell import Shell
from studio.server.shown import shows
from studio.server.state import Studio
from studio.tabs import enrich_chains, enrich_form, enrich_sources
from studio.tabs.enrich_form import PER_SOURCE, EnrichForm, EnrichTab, edits_of, read, usual
from studio.tabs.enrich_sources import NOBODY, nothing_yet

POOL = 8
NO_SOURCE = "Drop pictures of the character first."
ALL_SHOWN = "The sources show all of this already. Tick more, or allow what a source shows."


def build(studio: Studio) -> EnrichTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side", scale=0, min_width=280):
            left = enrich_sources.build()
        with gr.Column(elem_classes="middle", scale=0, min_width=400):
            gr.HTML("<h3>What to make</h3>", elem_classes="tab-title")
            coverage = Coverage(grid(()), elem_id="enrich-coverage")
            mix = FramingMix(mixed(None), elem_id="enrich-mix")
            few = gr.Button("Plan for few pictures", size="sm", visible=False, elem_id="enrich-few")
            groups = enrich_form.build_axes(studio)
            chained, then = enrich_chains.build(studio)
            own = enrich_chains.build_own()
            words, reword = enrich_chains.build_words(studio)
            gr.HTML("<h3>LoRA stack</h3>", elem_classes="tab-title")
            stack = lora_rows.build("enrich", "editor", POOL)
            seen = beside.build("enrich")
            numbers, whose = enrich_form.build_numbers(), note()
            foot = build_foot("enrich", "enrich-make")
        with gr.Column(elem_classes="results", scale=1, min_width=280):
            results = PictureStrip(
                "enriched",
                empty="Enriched pictures arrive here, newest first. Preview 4 shows in a moment what the choice does.",
                elem_id="enrich-results",
            )
    asked = (coverage, mix, few, groups, chained, then, own, words, reword)
    return EnrichTab(left, *asked, stack, seen, numbers, whose, foot, results)


def wire(tab: EnrichTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    ask, choice = partial(read, tab), [*tab.choice, tab.whose]
    ahead, told = partial(look_ahead, studio, tab), [tab.coverage, tab.mix, *tab.foot.outputs]
    look, edit = tab.kept.looks(studio, ask, ahead, choice, told)
    groups = list(tab.axes.values())
    gr.on([edited(part) for part in [*groups, *tab.numbers.all, tab.chains, tab.own, tab.words]], **edit)
    said = [tab.reword, tab.words]
    taken = event(dict, partial(enrich_chains.taken_up, studio, tab.reword, tab.words), said, said)
    tab.reword.input(**taken).then(**edit)
    longer = event(
        dict, partial(enrich_chains.gone_on, tab.then, tab.chains), [tab.then, tab.chains], [tab.then, tab.chains]
    )
    tab.then.input(**longer).then(**edit)
    tab.beside.edit(**edit)
    tab.sources.picker.ticks(**edit)
    tab.coverage.pick(clicked(studio, tab), set(choice), {*groups, tab.chains}, **QUIET).then(**edit)
    wider = event(dict, partial(for_few, studio, tab), [], [*groups, tab.chains, tab.numbers.per_source])
    tab.few.click(**wider).then(**edit)
    enrich_sources.wire(tab.sources, studio, look)
    stack = lora_stack.wire(tab.loras, studio, look, tab.own, edit)
    foot = tab.foot
    foot.preview.click(**event(ask, partial(make, studio, True), choice))
    foot.make.click(**event(ask, partial(make, studio, False), choice))
    foot.weights.button.click(lambda: obtain(studio, editor_of(studio)), None, None, **QUIET)
    seen = [*tab.sources.outputs, *tab.sources.said_of_one, *foot.outputs, *foot.weights.outputs, tab.whose]
    seen += [tab.beside, *tab.numbers.all, *groups, tab.chains, tab.own, tab.words, tab.few]
    followed = event(ask, partial(refresh, studio, tab), [tab.sources.picker, tab.beside, tab.whose], seen)
    shell.follow(stack, followed, look)


def editor_of(studio: Studio) -> str:
    """The model preset that edits for the character; "" without one."""
    return studio.character.editor if studio.character else ""


def refresh(studio: Studio, tab: EnrichTab, form: EnrichForm) -> Updates:
    """The records or the character changed: a character comes with its first choice, afterwards the choice is the
    user's."""
    offer = obtain_offer(studio, tab.foot.weights, editor_of(studio)) | {tab.whose: studio.character_id}
    known = sources.sources(studio.session, studio.character_id) if studio.character_id else []
    offer |= {tab.few: gr.update(visible=0 < len(known) <= FEW)}
    seen = form.beside if studio.character_id == form.whose else tab.kept.read(studio).get("beside")
    offer |= {tab.beside: beside.offered(known, seen, rev_of(form.beside))}
    if studio.character_id == form.whose:
        return offer | enrich_sources.shown(studio, tab.sources, form.shown)
    before = ticks_before(tab.kept.read(studio), "sources") | {"rev": rev_of(form.shown)}
    shown = offer | enrich_sources.shown(studio, tab.sources, before) | enrich_sources.nothing_said(tab.sources)
    shown |= unknown_yet(tab.foot) | first_choice(studio, tab) | tab.kept.restore(studio)
    return shown | limited_axes(studio, tab, shown)


def limited_axes(studio: Studio, tab: EnrichTab, shown: Updates) -> Updates:
    """The axes that not every world can show: hidden, and nothing of them ticked, where the character's cannot."""
    family = studio.session.presets.models.get(editor_of(studio))
    limited = [axis for axis in studio.on_page.edits if axis.worlds is not None]
    there = {axis.name: family is not None and axis.shown_by(family) for axis in limited}
    return {
        tab.axes[name]: gr.update(visible=seen, value=shown.get(tab.axes[name], []) if seen else [])
        for name, seen in there.items()
    }


def first_choice(studio: Studio, tab: EnrichTab) -> Updates:
    """Edits of each source, and the ticked edits of each axis: for a practice character those its hint speaks of."""
    n, practice_choices = tab.numbers, choices_for(studio.character)
    usually: Updates = {n.gaps: EnrichOptions.gaps, n.seed: EnrichOptions.seed, n.best_of: EnrichOptions.best_of}
    usually |= {n.count: "", n.steps: "", n.guidance: ""}
    usually |= dict.fromkeys((tab.chains, tab.own, tab.words), "")
    if practice_choices is None:
        return usually | {n.per_source: PER_SOURCE, **{tab.axes[a.name]: usual(a) for a in studio.on_page.edits}}
    wanted = practice_choices.enrich
    return usually | {n.per_source: wanted.per_source, **ticks(studio, tab, wanted.edits)}


def for_few(studio: Studio, tab: EnrichTab, values: Values) -> Updates:
    """What a character of one to three sources wants: more turns, poses and chains of each."""
    chosen = choices_for(studio.character)
    made = few_sources.wider(studio.session, studio.character_id, chosen.enrich.edits if chosen else ())
    told = {tab.chains: "\n".join(made.chains), tab.numbers.per_source: made.per_source}
    return told | ticks(studio, tab, made.edits)


def ticks(studio: Studio, tab: EnrichTab, wanted: Iterable[str]) -> Updates:
    """The axes with these edits ticked."""
    known = set(wanted)
    return {tab.axes[axis.name]: [name for name in edits_of(axis) if name in known] for axis in studio.on_page.edits}


def clicked(studio: Studio, tab: EnrichTab) -> Callable[[Values, gr.EventData], Updates]:
    """The handler of a cell that was clicked in the grid: what fills it is chosen, too. One edit of what a source
    shows, if that leads there; else a turn and then the expression."""

    def aim(values: Values, cell: gr.EventData) -> Updates:
        form, said = read(tab, values), picked(cell._data)
        aimed = _aimed(studio, form, text(said.get("angle")), text(said.get("expression")))
        return {**ticks(studio, tab, aimed.edits), tab.chains: "\n".join(aimed.chains)}

    return aim


def _aimed(studio: Studio, form: EnrichForm, angle: str, expression: str) -> EnrichForm:
    """The choice with what fills a cell of the grid."""
    turn, face = f"angle/{angle}", f"expression/{expression}"
    ways = [replace(form, edits=(*form.edits, edit)) for edit in (turn, face)]
    ways.append(replace(form, chains=tuple(dict.fromkeys((*form.chains, f"{turn}{THEN}{face}")))))
    filled = next((way for way in ways if (angle, expression) in _planned(studio, way)), None)
    if filled is None:
        Shell.notify(f"Nothing of this plan would show {angle}, {expression}: {_why_not(studio, ways[-1])}", "warning")
    return filled or ways[-1]


def _planned(studio: Studio, form: EnrichForm) -> set[tuple[str, str]]:
    """The cells that a choice makes pictures for; none when it makes nothing."""
    try:
        shots = plan_of(studio, form).pictures
    except (NotAllowed, ChoiceError, NotFound):
        return set()
    return {(shot.purpose.labels["angle"], shot.purpose.labels["expression"]) for shot in shots}


def _why_not(studio: Studio, form: EnrichForm) -> str:
    try:
        plan_of(studio, form)
    except (NotAllowed, ChoiceError, NotFound) as problem:
        return str(problem)
    return "allow more edits of each source, or more pictures in all."


def plan_of(studio: Studio, form: EnrichForm) -> Plan:
    """The plan of what is chosen. Raises NotAllowed, ChoiceError, NotFound."""
    if not studio.character_id:
        raise NotAllowed(NOBODY)
    shows(studio, form.whose)
    if form.wrong:
        raise NotAllowed(form.wrong)
    chosen = ticked(form.shown)
    if not chosen:
        raise NotAllowed("Tick at least one source." if form.shown.get("items") else nothing_yet(studio, NO_SOURCE))
    if not (form.edits or form.chains or form.instructions):
        raise NotAllowed("Tick at least one edit, or click a ring of the grid.")
    plan = enrich.plan(
        studio.session,
        studio.character_id,
        EnrichOptions(
            sources=chosen,
            edits=form.edits,
            chains=form.chains,
            instructions=form.instructions,
            words=form.words,
            stack=lora_stack.stack_of(studio, form.stack),
            per_source=form.per_source,
            best_of=form.best_of,
            count=form.count,
            gaps=form.gaps,
            seed=form.seed,
            steps=form.steps,
            guidance=form.guidance,
            beside=beside.read(form.beside),
        ),
    )
    if not plan.shots:
        raise NotAllowed(ALL_SHOWN)
    return plan


def look_ahead(studio: Studio, tab: EnrichTab, form: EnrichForm) -> Updates:
    """What the choice would make, and how long it takes; or why it makes nothing."""
    try:
        plan = plan_of(studio, form)
    except (NotAllowed, ChoiceError, NotFound) as problem:
        return {**filled(studio, tab, ()), **refused(tab.foot, problem)}
    to_make = chains.left(studio.session, plan).shots  # what is there is counted as such
    return {**filled(studio, tab, to_make), **ahead(studio, tab.foot, plan)}


def filled(studio: Studio, tab: EnrichTab, planned: Iterable[Shot]) -> Updates:
    """What there is, and what a plan adds: by angle and expression, and by how much of the figure is seen."""
    shots = tuple(planned)
    found = framing.mix(studio.session, studio.character_id, shots) if studio.character_id else None
    return {tab.coverage: coverage_of(studio, shots), tab.mix: mixed(found)}


def coverage_of(studio: Studio, planned: Iterable[Shot]) -> CoverageValue:
    """The coverage grid: sources and good pictures fill it, those to review and those planned are marked."""
    if not studio.character_id:
        return grid(())
    session, character = studio.session, studio.character_id
    have = [*sources.sources(session, character), *review.good(session, character, "enriched")]
    have += review.good(session, character, "synthetic")
    waiting = review.undecided(session, character, "enriched")
    labels = [shot.purpose.labels for shot in planned]
    return grid(
        [(angle_of(i), expression_of(i)) for i in have],
        [(angle_of(i), expression_of(i)) for i in waiting],
        [(x.get("angle", ""), x.get("expression", "")) for x in labels],
    )


def make(studio: Studio, preview: bool, form: EnrichForm) -> None:
    """The job goes into the queue; the job bar and the strip show it."""
    start(lambda: enrich.submit(studio.session, plan_of(studio, form), preview=preview))
