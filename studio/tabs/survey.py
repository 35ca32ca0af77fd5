"""Survey: which editor and which LoRAs to trust, on the same pictures with the same prompts and seeds.

Element ids: ``survey-catalogue`` (``.entry[data-key]``), ``survey-upload``, ``survey-entry``, ``survey-message``,
``survey-combine``, ``survey-stacks``, ``survey-axis-<axis>``, ``survey-specialties``, ``survey-prompts``,
``survey-images`` (a picker), ``survey-seed``, ``survey-seeds``, ``survey-add-to``, ``survey-plan``, ``survey-weights``,
``survey-obtain``, ``survey-run``; ``survey-matrix``; ``survey-averages``, ``survey-ranking``, ``survey-pairs``,
``survey-agreed``, ``survey-recommended``, ``survey-take``, ``survey-decision``, ``survey-reasons``, ``survey-decide``,
``survey-decided``.
"""

from collections.abc import Sequence
from functools import partial
from itertools import combinations
from pathlib import Path

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.records import LoraRecord, SavedStack, Survey
from pipelines.domain.shots import LoraStack, Plan
from pipelines.domain.words import count
from pipelines.models.lora_files import LoraRefused
from pipelines.planning.base import ChoiceError
from pipelines.planning.survey import specialties
from pipelines.session import NotFound
from pipelines.workflow import lora_notes, loras, shared_loras, sources, survey, survey_analysis
from pipelines.workflow.characters import NotAllowed
from studio.components import beside
from studio.components.catalogue import CatalogueValue, absent, catalogue, chosen
from studio.components.estimate import build_obtain, estimate_words, making, obtain, obtain_offer, start
from studio.components.fields import edited
from studio.components.forms import QUIET, Updates, Value, event
from studio.components.kept import note, ticks_before
from studio.components.lora_stack import named, usable
from studio.components.matrix import Matrix
from studio.components.painted import Words, rev_of
from studio.components.picker import picks, ticked
from studio.components.shell import Shell
from studio.components.standings import averages, paired, ranking
from studio.server.shown import shows
from studio.server.state import Studio
from studio.tabs.survey_form import (
    NEW,
    NO_SOURCES,
    Analysis,
    SurveyForm,
    SurveyTab,
    build_analysis,
    build_models,
    build_tests,
    read,
    usual,
)

TEST_PICTURES = 5
NOBODY = "Make a character first: New character, above."
NO_SURVEY = (
    "No survey yet. It tells which LoRA to trust before you enrich: each one edits the same pictures with the same "
    "prompts and seeds, beside the base model. Tick LoRAs at the left, then Run."
)


def build(studio: Studio) -> SurveyTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side wide", scale=0, min_width=320):
            models, tests = build_models(studio), build_tests(studio)
            with gr.Column(elem_classes="foot", min_width=0):
                weights = build_obtain("survey")
                plan = Words(elem_id="survey-plan", elem_classes="plan-line")
                make = gr.Button("Run", variant="primary", interactive=False, elem_id="survey-run")
        with gr.Column(elem_classes="results", scale=1, min_width=320):
            matrix = Matrix(empty=NO_SURVEY, elem_id="survey-matrix")
        with gr.Column(elem_classes="side", scale=0, min_width=270):
            analysis = build_analysis()
    return SurveyTab(models, tests, weights, plan, make, matrix, analysis, note(), note())


def wire(tab: SurveyTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    ask, models, tests, analysis = partial(read, tab), tab.models, tab.tests, tab.analysis
    choice, ahead, told = [*tab.choice, tab.whose], partial(look_ahead, studio, tab), [tab.plan, tab.make]
    look, edit = tab.kept.looks(studio, ask, ahead, choice, told)
    gr.on([edited(part) for part in tab.edited], **edit)
    fetched = event(ask, partial(fetch, studio, tab), [models.catalogue], [models.catalogue, models.message])
    models.catalogue.ticks(**fetched).then(**edit)
    tests.images.ticks(**edit)
    tests.beside.edit(**edit)
    file = [models.upload, models.entry, models.catalogue]
    brought = event(ask, partial(bring, studio, tab), file, [models.catalogue, models.message])
    models.upload.upload(**brought).then(**edit)
    tab.make.click(**event(ask, partial(make, studio), choice))
    tab.weights.button.click(lambda: obtain(studio, editor_of(studio)), None, None, **QUIET)
    said = [analysis.decision, analysis.reasons, tab.whose]
    drafted = tab.draft.event(studio, ask, lambda form: None, said)
    gr.on([edited(part) for part in (analysis.decision, analysis.reasons)], **drafted)
    analysis.take.click(**event(ask, partial(take_over, studio, tab), [tab.whose], said)).then(**drafted)
    analysis.decide.click(**event(ask, partial(decide, studio, tab), said, analysis.said))
    shown = [models.catalogue, tests.images, tests.beside, models.stacks, *analysis.shown, tab.at]
    shown += [*analysis.said, *tab.weights.outputs, tab.whose, models.message, tab.plan, tab.make, *tab.edited]
    before = [models.catalogue, tests.images, tests.beside, tests.onto, tab.at, tab.whose]
    shell.follow(event(ask, partial(refresh, studio, tab), before, shown), look)


def editor_of(studio: Studio) -> str:
    """The model preset that edits for the character; "" without one."""
    return studio.character.editor if studio.character else ""


def latest(studio: Studio) -> Survey | None:
    """The newest survey of the character."""
    found = survey.surveys(studio.session, studio.character_id) if studio.character_id else []
    return found[-1] if found else None


def catalogue_of(studio: Studio, before: Value) -> CatalogueValue:
    """The catalogue beside what is here, for the character's editor (without one: for the editor of the settings)."""
    family = studio.session.presets.models.get(editor_of(studio) or studio.session.settings.editor)
    if family is None:  # told beside the button
        return catalogue((), (), "", before, {})
    offered, usable = studio.session.presets.offered(family.name), loras.usable(studio.session, family.name)
    found = {c.key: c for c in lora_notes.candidates(studio.session, family, studio.character_id)}
    return catalogue(offered, usable, family.architecture, before, found)


def refresh(studio: Studio, tab: SurveyTab, form: SurveyForm) -> Updates:
    """The records or the character changed. What the user is writing is replaced only when another survey is shown."""
    made = latest(studio)
    found = sources.sources(studio.session, studio.character_id) if studio.character_id else []
    empty = NO_SOURCES if studio.character_id else NOBODY
    saved = named(studio, "editor") if studio.character_id else []
    another = studio.character_id != form.whose
    listed, pictures = before(studio, tab, form) if another else (form.listed, form.pictures)
    stacks = {"choices": [(s.name, s.id) for s in saved], "visible": bool(saved)}
    if another:
        stacks["value"] = tab.kept.read(studio, {"stacks": [s.id for s in saved]}).get("stacks", [])
    shown: Updates = {
        tab.models.catalogue: catalogue_of(studio, listed),
        tab.models.stacks: gr.update(**stacks),
        tab.tests.images: picks(found, pictures, empty=empty, first=TEST_PICTURES),
        tab.tests.onto: gr.update(choices=into(studio), value="" if another else form.onto),
        tab.at: made.id if made else studio.character_id,
        tab.whose: studio.character_id,
    }
    shown |= analysed(studio, tab.analysis, made)
    shown |= obtain_offer(studio, tab.weights, editor_of(studio))
    seen = tab.kept.read(studio).get("beside") if another else form.beside
    shown[tab.tests.beside] = beside.offered(found, seen, rev_of(form.beside))
    if another:
        shown |= first_choice(studio, tab) | _but(tab.kept.restore(studio), tab.models.stacks)
    return shown if shown[tab.at] == form.at and not another else shown | drafted(studio, tab, made)


def into(studio: Studio) -> list[tuple[str, str]]:
    """Which surveys can be added to: a new one first, then the character's, the newest first."""
    made = survey.surveys(studio.session, studio.character_id) if studio.character_id else []
    return [NEW, *((f"survey {s.version}", s.version) for s in reversed(made))]


def analysed(studio: Studio, analysis: Analysis, made: Survey | None) -> Updates:
    """What a survey has shown, what of it is proven, and which way the rules would go."""
    session = studio.session
    table = survey.standings(session, made) if made else []
    shown: Updates = {analysis.averages: averages(table), analysis.ranking: ranking(table)}
    if made is None or not table:
        shown |= {analysis.agreed: {}, analysis.recommended: {}}
        return shown | {analysis.pairs: paired(()), analysis.take: gr.update(visible=False)}
    found = survey_analysis.recommend(session, made)
    way = f"The rules say {found.way} ({found.stack})" if found.way else ""
    words = {"title": way, "lines": list(found.reasons), "tone": "quiet"}
    agreed = {"lines": [survey_analysis.agreement(session, made).words], "tone": "quiet"}
    return shown | {
        analysis.pairs: paired(survey_analysis.pairwise(session, made)),
        analysis.agreed: agreed,
        analysis.recommended: words,
        analysis.take: gr.update(visible=found.way is not None),
    }


def take_over(studio: Studio, tab: SurveyTab, form: SurveyForm) -> Updates:
    """The way that the rules go, and their reasons, stand in the form of the decision, to be changed or kept."""
    made = latest(studio)
    found = survey_analysis.recommend(studio.session, made) if made else None
    if found is None or found.way is None:
        return {}
    return {tab.analysis.decision: found.way, tab.analysis.reasons: "\n".join(found.reasons)}


def before(studio: Studio, tab: SurveyTab, form: SurveyForm) -> tuple[Value, Value]:
    """What was ticked in the catalogue and among the pictures for the character that is worked on."""
    kept = tab.kept.read(studio)
    listed = {"ticked": kept.get("listed", []), "rev": rev_of(form.listed)}
    return listed, ticks_before(kept, "images") | {"rev": rev_of(form.pictures)}


def first_choice(studio: Studio, tab: SurveyTab) -> Updates:
    """What is ticked for a new character; nothing is said of another's."""
    models, tests = tab.models, tab.tests
    ticks: Updates = {tests.axes[axis.name]: usual(axis) for axis in studio.on_page.survey_prompts}
    ticks |= {models.combine: [], tests.specialties: False, tests.prompts: "", tests.seed: survey.SurveyOptions.seed}
    ticks[tests.seeds] = survey.SurveyOptions.seeds
    return ticks | {models.message: {}, tab.plan: {}, tab.make: gr.update(interactive=False, value="Run")}


def drafted(studio: Studio, tab: SurveyTab, made: Survey | None) -> Updates:
    """What was decided on a survey, or what was being written on it."""
    known, written = decision_of(tab.analysis, made), tab.draft.read(studio)
    if written.get("at") != (made.id if made else studio.character_id):
        return known
    parts = {"decision": tab.analysis.decision, "reasons": tab.analysis.reasons}
    return known | {part: written[name] for name, part in parts.items() if name in written}


def _but(shown: Updates, part: Block) -> Updates:
    return {block: value for block, value in shown.items() if block is not part}


def decision_of(analysis: Analysis, made: Survey | None) -> Updates:
    """What was decided on a survey, and why."""
    known: Updates = {analysis.decision: made.decision or None if made else None}
    known |= {analysis.reasons: made.reasons if made else "", analysis.decided: {}}
    if made and made.decision:
        words = f"Written down for survey {made.version}: {made.decision}, {survey.CHOICES[made.decision].lower()}."
        known[analysis.decided] = {"lines": [words], "tone": "good"}
    return known


def fetch(studio: Studio, tab: SurveyTab, form: SurveyForm) -> Updates:
    """What was ticked and comes with the product is copied into the workspace; a file of a shared folder joins the
    library where it lies, and one that is refused is told."""
    wanted = absent(form.listed, (e.name for e in studio.session.presets.catalogue if e.shipped))
    for name in wanted:
        loras.shipped(studio.session, name)
    passing = [i for i in chosen(form.listed, usable(studio, "editor")) if shared_loras.is_passing(i)]
    keys = {i.get("lora"): i.get("key") for i in form.listed.get("items", [])}
    becomes, refused = {}, []
    for lora_id in passing:
        try:
            lora = loras.get(studio.session, lora_id)
            becomes[keys[lora_id]] = lora.id if keys[lora_id] == lora_id else keys[lora_id]
        except (NotFound, NotAllowed) as refusal:
            becomes[keys[lora_id]] = ""
            refused.append(str(refusal))
    ticks = [becomes.get(key, key) for key in form.listed.get("ticked", [])]
    listed = {**form.listed, "ticked": [key for key in ticks if key]}
    shown: Updates = {tab.models.catalogue: catalogue_of(studio, listed) if wanted or passing else gr.skip()}
    return shown | {tab.models.message: {"lines": refused, "tone": "bad"} if refused else gr.skip()}


def bring(studio: Studio, tab: SurveyTab, form: SurveyForm) -> Updates:
    """A file joins the library; it is ticked when it is taken in."""
    models, path = tab.models, Path(form.path)
    family = editor_of(studio) or studio.session.settings.editor
    entry = form.entry if form.entry in {e.name for e in studio.session.presets.catalogue} else ""
    try:
        lora = loras.add(studio.session, path, path.name, family=family, catalogue=entry)
    except LoraRefused as refusal:
        words = {"lines": [str(refusal)], "tone": "bad"}
        return {models.catalogue: catalogue_of(studio, form.listed), models.message: words}
    value = catalogue_of(studio, form.listed)
    key = next((i["key"] for i in value["items"] if i["lora"] == lora.id), "")
    value["ticked"] = list(dict.fromkeys([*value["ticked"], *([key] if key else [])]))
    left = loras.told(lora)
    words = {
        "lines": [f"{lora.name} is here: rank {lora.rank}, {lora.modules} modules.", *left],
        "tone": "warn" if left else "good",
    }
    return {models.catalogue: value, models.message: words}


def columns(studio: Studio, listed: Value, combine: Sequence[str], saved: Sequence[str]) -> list[LoraStack]:
    """The stacks to hold against the base: each ticked LoRA alone, combinations of them, saved stacks."""
    known = {lora.id: lora for lora in usable(studio, "editor")}
    rows = [(i, loras.weight_of(studio.session, known[i])) for i in chosen(listed, known.values())]
    groups: list[Sequence[tuple[str, float]]] = [[row] for row in rows]
    if "pairs" in combine:
        groups += list(combinations(rows, 2))
    if "all" in combine and len(rows) > 1:
        groups.append(rows)
    stacks = [loras.stack(studio.session, group) for group in groups]
    for record in (studio.session.store.get(SavedStack, i) for i in saved):
        if record is not None and record.character == studio.character_id:
            on = [(a.sha256, a.weight) for a in record.stack.adapters if a.sha256 not in record.off]
            stacks.append(loras.stack(studio.session, on))
    return list(dict.fromkeys(stacks))


def options_of(studio: Studio, form: SurveyForm) -> survey.SurveyOptions:
    """What is chosen. Raises NotAllowed."""
    if not studio.character_id:
        raise NotAllowed(NOBODY)
    shows(studio, form.whose)
    if form.wrong:
        raise NotAllowed(form.wrong)
    images = ticked(form.pictures)
    if not images:
        raise NotAllowed("Tick at least one test picture." if form.pictures.get("items") else NO_SOURCES)
    stacks = columns(studio, form.listed, form.combine, form.stacks)
    prompts = [
        *form.prompts,
        *(_specialties(studio, stacks) if form.specialties else ()),
    ]
    if not prompts:
        raise NotAllowed("Tick at least one prompt.")
    return survey.SurveyOptions(
        images,
        tuple(stacks),
        tuple(prompts),
        seed=form.seed,
        seeds=form.seeds,
        beside=beside.read(form.beside),
        onto=form.onto,
    )


def plan_of(studio: Studio, form: SurveyForm) -> Plan:
    """The plan of what is chosen. Raises NotAllowed, ChoiceError, NotFound."""
    return survey.plan(studio.session, studio.character_id, options_of(studio, form))


def _specialties(studio: Studio, stacks: Sequence[LoraStack]) -> tuple[str, ...]:
    entries = {lora.id: lora.catalogue for lora in studio.session.store.all(LoraRecord)}
    return specialties(tuple(stacks), studio.session.presets.catalogue, entries)


def look_ahead(studio: Studio, tab: SurveyTab, form: SurveyForm) -> Updates:
    """What the choice would make, and how long it takes; or why it makes nothing."""
    try:
        plan = plan_of(studio, form)
    except (NotAllowed, ChoiceError, NotFound) as problem:
        words = {"lines": [str(problem)], "tone": "quiet"}
        return {tab.plan: words, tab.make: gr.update(interactive=False, value="Run")}
    stacks = len({s.stack.content for s in plan.shots})
    images = len({s.sources[0].id for s in plan.shots})
    prompts = len({s.purpose.labels["prompt"] for s in plan.shots})
    words = estimate_words(studio, plan)
    seeds = 1 + max(s.purpose.variant for s in plan.shots)
    size = f"{count(stacks, 'column')} x {count(images, 'picture')} x {count(prompts, 'prompt')}"
    size += f" x {seeds} seeds" if seeds > 1 else ""
    words |= {"lines": [size, *words["lines"]]}
    return {tab.plan: words, tab.make: making(studio, plan, "Run")}


def make(studio: Studio, form: SurveyForm) -> None:
    """The job goes into the queue, the matrix fills."""
    start(lambda: survey.submit(studio.session, plan_of(studio, form), options_of(studio, form)))


def decide(studio: Studio, tab: SurveyTab, form: SurveyForm) -> Updates:
    """The decision on the newest survey is written down, or why not is said."""
    made = latest(studio)
    if made is None or form.decision is None:
        words = "Choose A, B, C or D." if made else "Run a survey first: a decision belongs to what was seen."
        return {tab.analysis.decided: {"lines": [words], "tone": "warn"}}
    try:
        written = survey.decide(studio.session, made.id, form.decision, form.reasons)
        tab.draft.forget(studio)
        return decision_of(tab.analysis, written)
    except NotAllowed as problem:
        return {tab.analysis.decided: {"lines": [str(problem)], "tone": "warn"}}
