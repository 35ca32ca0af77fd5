"""Survey: which editor and which LoRAs to trust, on the same pictures with the same prompts and seeds.

Element ids: ``survey-catalogue`` (``.entry[data-key]``), ``survey-upload``, ``survey-entry``, ``survey-message``,
``survey-combine``, ``survey-stacks``, ``survey-axis-<axis>``, ``survey-specialties``, ``survey-prompts``,
``survey-images`` (a picker), ``survey-seed``, ``survey-plan``, ``survey-weights``, ``survey-obtain``, ``survey-run``;
``survey-matrix``; ``survey-averages``, ``survey-ranking``, ``survey-decision``, ``survey-reasons``, ``survey-decide``,
``survey-decided``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.records import SavedStack, Survey
from pipelines.domain.shots import LoraStack, Plan
from pipelines.models.lora_files import LoraRefused
from pipelines.planning.base import ChoiceError
from pipelines.planning.survey import specialties
from pipelines.session import NotFound
from pipelines.workflow import loras, sources, survey
from pipelines.workflow.characters import NotAllowed
from studio.components.catalogue import Catalogue, absent, catalogue, chosen
from studio.components.estimate import Obtain, build_obtain, estimate_words, obtain, obtain_offer, start
from studio.components.fields import edited
from studio.components.forms import (
    QUIET,
    Updates,
    Value,
    Values,
    at_least,
    event,
    lines,
    names,
    one_of,
    picked,
    text,
)
from studio.components.lora_stack import named, usable
from studio.components.matrix import Matrix
from studio.components.painted import Words
from studio.components.picker import Picker, picks, ticked
from studio.components.shell import Shell
from studio.components.standings import Standings, averages, ranking
from studio.server.state import Studio

TEST_PICTURES = 5
COMBINATIONS = {"pairs": "each pair", "all": "all ticked at once"}
NOBODY = "Make a character first: New character, above."
NO_SURVEY = (
    "No survey yet. It tells which LoRA to trust before you enrich: each one edits the same pictures with the same "
    "prompts and seeds, beside the base model. Tick LoRAs at the left, then Run."
)
NO_SOURCES = "The test pictures are the character's sources: drop some in Enrich."


@dataclass
class Models:
    """The LoRAs to test, and how they are combined."""

    catalogue: Catalogue
    entry: gr.Dropdown
    upload: gr.UploadButton
    message: Words
    combine: gr.CheckboxGroup
    stacks: gr.CheckboxGroup


@dataclass
class Tests:
    """What they are tested on; ``axes`` by the names of the axes."""

    axes: dict[str, gr.CheckboxGroup]
    specialties: gr.Checkbox
    prompts: gr.Textbox
    images: Picker
    seed: gr.Number


@dataclass
class Analysis:
    """What the survey has shown, and what was decided."""

    averages: Standings
    ranking: Standings
    decision: gr.Radio
    reasons: gr.Textbox
    decide: gr.Button
    decided: Words

    @property
    def said(self) -> list[Block]:
        """What a decision changes."""
        return [self.decision, self.reasons, self.decided]


@dataclass
class SurveyTab:
    """The components of the tab."""

    models: Models
    tests: Tests
    weights: Obtain
    plan: Words
    make: gr.Button
    matrix: Matrix
    analysis: Analysis
    at: gr.State

    @property
    def edited(self) -> list[Block]:
        """The stock components that a plan depends on."""
        models, tests = self.models, self.tests
        return [models.combine, models.stacks, tests.specialties, tests.prompts, tests.seed, *tests.axes.values()]

    @property
    def choice(self) -> list[Block]:
        """Everything a plan depends on."""
        return [self.models.catalogue, self.tests.images, *self.edited]


@dataclass(frozen=True)
class SurveyForm:
    """What the page says. ``listed`` and ``pictures`` are the values of catalogue and picker, ``prompts`` the ticked
    ones and those of the user's own. ``path`` is a file to bring in, as ``entry`` of the catalogue; ``at`` is the
    survey on the screen."""

    listed: Value = field(default_factory=dict)
    combine: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ()
    pictures: Value = field(default_factory=dict)
    specialties: bool = False
    prompts: tuple[str, ...] = ()
    seed: int = 0
    path: str = ""
    entry: str = ""
    decision: survey.Way | None = None
    reasons: str = ""
    at: str = ""


def read(tab: SurveyTab, values: Values) -> SurveyForm:
    """The form of an event of the tab; what the event does not name is empty."""
    models, tests, analysis = tab.models, tab.tests, tab.analysis
    ticks = [name for group in tests.axes.values() for name in names(values.get(group))]
    return SurveyForm(
        listed=picked(values.get(models.catalogue)),
        combine=names(values.get(models.combine)),
        stacks=names(values.get(models.stacks)),
        pictures=picked(values.get(tests.images)),
        specialties=bool(values.get(tests.specialties)),
        prompts=(*ticks, *lines(values.get(tests.prompts))),
        seed=at_least(0, values.get(tests.seed)),
        path=text(values.get(models.upload)),
        entry=text(values.get(models.entry)),
        decision=one_of(values.get(analysis.decision), survey.CHOICES),
        reasons=text(values.get(analysis.reasons)),
        at=text(values.get(tab.at)),
    )


def build(studio: Studio) -> SurveyTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side wide", scale=0, min_width=320):
            models, tests = _build_models(studio), _build_tests(studio)
            with gr.Column(elem_classes="foot", min_width=0):
                weights = build_obtain("survey")
                plan = Words(elem_id="survey-plan", elem_classes="plan-line")
                make = gr.Button("Run", variant="primary", interactive=False, elem_id="survey-run")
        with gr.Column(elem_classes="results", scale=1, min_width=320):
            matrix = Matrix(empty=NO_SURVEY, elem_id="survey-matrix")
        with gr.Column(elem_classes="side", scale=0, min_width=270):
            analysis = _build_analysis()
    return SurveyTab(models, tests, weights, plan, make, matrix, analysis, gr.State(""))


def _build_models(studio: Studio) -> Models:
    gr.HTML("<h3>LoRAs to test</h3>", elem_classes="tab-title")
    listed = Catalogue(elem_id="survey-catalogue")
    with gr.Row(elem_classes="lora-add"):
        known = [e.name for e in studio.session.presets.catalogue if not e.shipped]
        entry = gr.Dropdown(
            [("a file of my own", ""), *((name, name) for name in known)], value="", label="Which one it is",
            show_label=False, container=False, scale=3, min_width=140, interactive=True, elem_id="survey-entry",
        )  # fmt: skip
        upload = gr.UploadButton(
            "Bring in a file...", file_count="single", type="filepath", size="sm", scale=2, min_width=110,
            elem_id="survey-upload",
        )  # fmt: skip
    message = Words(elem_id="survey-message")
    combine = gr.CheckboxGroup(
        [(title, key) for key, title in COMBINATIONS.items()], value=[], label="Combined",
        interactive=True, elem_id="survey-combine", elem_classes="axis",
    )  # fmt: skip
    stacks = gr.CheckboxGroup(
        [], value=[], label="Stacks", interactive=True, visible=False, elem_id="survey-stacks",
        elem_classes="axis",
    )  # fmt: skip
    return Models(listed, entry, upload, message, combine, stacks)


def _build_tests(studio: Studio) -> Tests:
    gr.HTML("<h3>Prompts</h3>", elem_classes="tab-title")
    with gr.Column(elem_classes="axes", elem_id="survey-axes"):
        groups = {
            axis.name: gr.CheckboxGroup(
                [(edit.title, f"{axis.name}/{edit.value}") for edit in axis.edits],
                value=[f"{axis.name}/{axis.edits[0].value}"],
                label=axis.title,
                interactive=True,
                elem_id=f"survey-axis-{axis.name}",
                elem_classes="axis",
            )
            for axis in studio.on_page.survey_prompts
        }
        special = gr.Checkbox(
            False, label="and the ticked LoRAs' own specialties", container=False, elem_id="survey-specialties"
        )
    prompts = gr.Textbox(
        placeholder="own instructions, one a line", show_label=False, container=False, lines=1, max_lines=4,
        elem_id="survey-prompts",
    )  # fmt: skip
    gr.HTML("<h3>Test pictures</h3>", elem_classes="tab-title")
    images = Picker({"empty": NO_SOURCES}, elem_id="survey-images", elem_classes="short")
    with gr.Row(elem_classes="number-row"):
        seed = gr.Number(0, label="Seed", minimum=0, precision=0, min_width=70, elem_id="survey-seed")
    return Tests(groups, special, prompts, images, seed)


def _build_analysis() -> Analysis:
    with gr.Accordion("Averages", open=True, elem_classes="fold"):
        table = Standings(averages(()), elem_id="survey-averages")
    with gr.Accordion("Ranking", open=True, elem_classes="fold"):
        ranked = Standings(ranking(()), elem_id="survey-ranking")
    with gr.Accordion("Decision", open=True, elem_classes="fold"):
        decision = gr.Radio(
            [(f"{key}  {words}", key) for key, words in survey.CHOICES.items()], label="Which way to go",
            show_label=False, container=False, interactive=True, elem_id="survey-decision", elem_classes="ways",
        )  # fmt: skip
        reasons = gr.Textbox(label="Because", lines=3, max_lines=10, interactive=True, elem_id="survey-reasons")
        button = gr.Button("Write it down", size="sm", elem_id="survey-decide")
        decided = Words(elem_id="survey-decided")
    return Analysis(table, ranked, decision, reasons, button, decided)


def wire(tab: SurveyTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    ask, models, tests, analysis = partial(read, tab), tab.models, tab.tests, tab.analysis
    look = event(ask, partial(look_ahead, studio, tab), tab.choice, [tab.plan, tab.make])
    for part in tab.edited:
        edited(part)(trigger_mode="always_last", **look)
    fetched = event(ask, partial(fetch, studio, tab), [models.catalogue], [models.catalogue])
    models.catalogue.ticks(trigger_mode="always_last", **fetched).then(**look)
    tests.images.ticks(trigger_mode="always_last", **look)
    file = [models.upload, models.entry, models.catalogue]
    brought = event(ask, partial(bring, studio, tab), file, [models.catalogue, models.message])
    models.upload.upload(**brought).then(**look)
    tab.make.click(**event(ask, partial(make, studio), tab.choice))
    tab.weights.button.click(lambda: obtain(studio, editor_of(studio)), None, None, **QUIET)
    said = [analysis.decision, analysis.reasons]
    analysis.decide.click(**event(ask, partial(decide, studio, tab), said, analysis.said))
    shown = [models.catalogue, tests.images, models.stacks, analysis.averages, analysis.ranking, tab.at]
    shown += [*analysis.said, *tab.weights.outputs]
    before = [models.catalogue, tests.images, tab.at]
    shell.changed.select(**event(ask, partial(refresh, studio, tab), before, shown)).then(**look)


def editor_of(studio: Studio) -> str:
    """The model preset that edits for the character; "" without one."""
    return studio.character.editor if studio.character else ""


def latest(studio: Studio) -> Survey | None:
    """The newest survey of the character."""
    found = survey.surveys(studio.session, studio.character_id) if studio.character_id else []
    return found[-1] if found else None


def catalogue_of(studio: Studio, before: Value) -> Value:
    """The catalogue beside what is here, for the character's editor (without one: for the editor of the settings)."""
    family = studio.session.presets.models.get(editor_of(studio) or studio.session.settings.editor)
    if family is None:  # told beside the button
        return catalogue((), (), "", before)
    offered = studio.session.presets.offered(family.name)
    return catalogue(offered, loras.usable(studio.session, family.name), family.architecture, before)


def refresh(studio: Studio, tab: SurveyTab, form: SurveyForm) -> Updates:
    """The records or the character changed. What the user is writing is replaced only when another survey is shown."""
    made = latest(studio)
    found = sources.sources(studio.session, studio.character_id) if studio.character_id else []
    empty = NO_SOURCES if studio.character_id else NOBODY
    saved = named(studio, "editor") if studio.character_id else []
    table = survey.standings(studio.session, made) if made else []
    shown: Updates = {
        tab.models.catalogue: catalogue_of(studio, form.listed),
        tab.models.stacks: gr.update(choices=[(s.name, s.id) for s in saved], visible=bool(saved)),
        tab.tests.images: picks(found, form.pictures, empty=empty, first=TEST_PICTURES),
        tab.analysis.averages: averages(table),
        tab.analysis.ranking: ranking(table),
        tab.at: made.id if made else studio.character_id,
    }
    shown |= obtain_offer(studio, tab.weights, editor_of(studio))
    return shown if shown[tab.at] == form.at else shown | decision_of(tab.analysis, made)


def decision_of(analysis: Analysis, made: Survey | None) -> Updates:
    """What was decided on a survey, and why."""
    known: Updates = {analysis.decision: made.decision or None if made else None}
    known |= {analysis.reasons: made.reasons if made else "", analysis.decided: {}}
    if made and made.decision:
        words = f"Written down for survey {made.version}: {made.decision}, {survey.CHOICES[made.decision].lower()}."
        known[analysis.decided] = {"lines": [words], "tone": "good"}
    return known


def fetch(studio: Studio, tab: SurveyTab, form: SurveyForm) -> Updates:
    """What was ticked and comes with the product is copied into the workspace."""
    wanted = absent(form.listed, (e.name for e in studio.session.presets.catalogue if e.shipped))
    for name in wanted:
        loras.shipped(studio.session, name)
    return {tab.models.catalogue: catalogue_of(studio, form.listed) if wanted else gr.skip()}


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
    words = {"lines": [f"{lora.name} is here: rank {lora.rank}, {lora.modules} modules."], "tone": "good"}
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


def plan_of(studio: Studio, form: SurveyForm) -> Plan:
    """The plan of what is chosen. Raises NotAllowed, ChoiceError, NotFound."""
    if not studio.character_id:
        raise NotAllowed(NOBODY)
    images = ticked(form.pictures)
    if not images:
        raise NotAllowed("Tick at least one test picture." if form.pictures.get("items") else NO_SOURCES)
    stacks = columns(studio, form.listed, form.combine, form.stacks)
    prompts = [
        *form.prompts,
        *(specialties(tuple(stacks), studio.session.presets.catalogue) if form.specialties else ()),
    ]
    if not prompts:
        raise NotAllowed("Tick at least one prompt.")
    options = survey.SurveyOptions(images, tuple(stacks), tuple(prompts), seed=form.seed)
    return survey.plan(studio.session, studio.character_id, options)


def look_ahead(studio: Studio, tab: SurveyTab, form: SurveyForm) -> Updates:
    """What the choice would make, and how long it takes; or why it makes nothing."""
    try:
        plan = plan_of(studio, form)
    except (NotAllowed, ChoiceError, NotFound) as problem:
        words = {"lines": [str(problem)], "tone": "quiet"}
        return {tab.plan: words, tab.make: gr.update(interactive=False, value="Run")}
    stacks = len({s.stack.label for s in plan.shots})
    images = len({s.sources[0].id for s in plan.shots})
    prompts = len({s.purpose.labels["prompt"] for s in plan.shots})
    words = estimate_words(studio, plan)
    size = f"{_n(stacks, 'column')} x {_n(images, 'picture')} x {_n(prompts, 'prompt')}"
    words |= {"lines": [size, *words["lines"]]}
    return {tab.plan: words, tab.make: gr.update(interactive=True, value=f"Run {len(plan)}")}


def _n(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def make(studio: Studio, form: SurveyForm) -> None:
    """The job goes into the queue, the matrix fills."""
    start(lambda: survey.submit(studio.session, plan_of(studio, form)))


def decide(studio: Studio, tab: SurveyTab, form: SurveyForm) -> Updates:
    """The decision on the newest survey is written down, or why not is said."""
    made = latest(studio)
    if made is None or form.decision is None:
        words = "Choose A, B, C or D." if made else "Run a survey first: a decision belongs to what was seen."
        return {tab.analysis.decided: {"lines": [words], "tone": "warn"}}
    try:
        return decision_of(tab.analysis, survey.decide(studio.session, made.id, form.decision, form.reasons))
    except NotAllowed as problem:
        return {tab.analysis.decided: {"lines": [str(problem)], "tone": "warn"}}
