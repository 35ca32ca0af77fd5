"""Survey: which editor and which LoRAs to trust, on the same pictures with the same prompts and seeds.

Element ids: ``survey-catalogue`` (``.entry[data-key]``), ``survey-upload``, ``survey-entry``, ``survey-message``,
``survey-combine``, ``survey-stacks``, ``survey-axis-<axis>``, ``survey-specialties``, ``survey-prompts``,
``survey-images`` (a picker), ``survey-seed``, ``survey-plan``, ``survey-weights``, ``survey-obtain``, ``survey-run``;
``survey-matrix``; ``survey-averages``, ``survey-ranking``, ``survey-decision``, ``survey-reasons``, ``survey-decide``,
``survey-decided``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import gradio as gr

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
from studio.components.lora_stack import QUIET, named, usable
from studio.components.matrix import Matrix
from studio.components.painted import Words
from studio.components.picker import Picker, picks, ticked
from studio.components.shell import Shell
from studio.components.standings import Standings, averages, ranking
from studio.server.state import Studio

Value = dict[str, Any]
TEST_PICTURES = 5
COMBINATIONS = {"pairs": "each pair", "all": "all ticked at once"}
NOBODY = "Make a character first: New character, above."
NO_SURVEY = (
    "No survey yet. It tells which LoRA to trust before you enrich: each one edits the same pictures with the same "
    "prompts and seeds, beside the base model. Tick LoRAs at the left, then Run."
)
NO_SOURCES = "The test pictures are the character's sources: drop some in Enrich."


@dataclass
class SurveyTab:
    """The components of the tab."""

    catalogue: Catalogue
    entry: gr.Dropdown
    upload: gr.UploadButton
    message: Words
    combine: gr.CheckboxGroup
    stacks: gr.CheckboxGroup
    axes: list[gr.CheckboxGroup]
    specialties: gr.Checkbox
    prompts: gr.Textbox
    images: Picker
    seed: gr.Number
    plan: Words
    weights: Obtain
    make: gr.Button
    matrix: Matrix
    averages: Standings
    ranking: Standings
    decision: gr.Radio
    reasons: gr.Textbox
    decide: gr.Button
    decided: Words
    at: gr.State

    @property
    def choice(self) -> list[Any]:
        """Everything a plan depends on."""
        first = [self.catalogue, self.combine, self.stacks, self.images, self.specialties, self.prompts, self.seed]
        return [*first, *self.axes]


def build(studio: Studio) -> SurveyTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side wide", scale=0, min_width=320):
            left = _build_models(studio) | _build_tests(studio) | _build_foot()
        with gr.Column(elem_classes="results", scale=1, min_width=320):
            matrix = Matrix(
                empty=NO_SURVEY,
                elem_id="survey-matrix",
            )
        with gr.Column(elem_classes="side", scale=0, min_width=270):
            right = _build_analysis()
    return SurveyTab(**left, **right, matrix=matrix, at=gr.State(""))


def _build_models(studio: Studio) -> dict[str, Any]:
    gr.HTML("<h3>LoRAs to test</h3>", elem_classes="tab-title")
    parts: dict[str, Any] = {"catalogue": Catalogue(elem_id="survey-catalogue")}
    with gr.Row(elem_classes="lora-add"):
        known = [e.name for e in studio.on_page.catalogue if not e.shipped]
        parts["entry"] = gr.Dropdown(
            [("a file of my own", ""), *((name, name) for name in known)], value="", label="Which one it is",
            show_label=False, container=False, scale=3, min_width=140, interactive=True, elem_id="survey-entry",
        )  # fmt: skip
        parts["upload"] = gr.UploadButton(
            "Bring in a file...", file_count="single", type="filepath", size="sm", scale=2, min_width=110,
            elem_id="survey-upload",
        )  # fmt: skip
    parts["message"] = Words(elem_id="survey-message")
    parts["combine"] = gr.CheckboxGroup(
        [(title, key) for key, title in COMBINATIONS.items()], value=[], label="Combined",
        interactive=True, elem_id="survey-combine", elem_classes="axis",
    )  # fmt: skip
    parts["stacks"] = gr.CheckboxGroup(
        [], value=[], label="Stacks", interactive=True, visible=False, elem_id="survey-stacks",
        elem_classes="axis",
    )  # fmt: skip
    return parts


def _build_tests(studio: Studio) -> dict[str, Any]:
    gr.HTML("<h3>Prompts</h3>", elem_classes="tab-title")
    with gr.Column(elem_classes="axes", elem_id="survey-axes"):
        groups = [
            gr.CheckboxGroup(
                [(edit.title, f"{axis.name}/{edit.value}") for edit in axis.edits],
                value=[f"{axis.name}/{axis.edits[0].value}"],
                label=axis.title,
                interactive=True,
                elem_id=f"survey-axis-{axis.name}",
                elem_classes="axis",
            )
            for axis in studio.on_page.survey_prompts
        ]
        special = gr.Checkbox(
            False, label="and the ticked LoRAs' own specialties", container=False, elem_id="survey-specialties"
        )
    prompts = gr.Textbox(
        placeholder="own instructions, one a line", show_label=False, container=False, lines=1, max_lines=4,
        elem_id="survey-prompts",
    )  # fmt: skip
    gr.HTML("<h3>Test pictures</h3>", elem_classes="tab-title")
    images = Picker({"empty": NO_SOURCES}, elem_id="survey-images", elem_classes="short")
    return {"axes": groups, "specialties": special, "prompts": prompts, "images": images}


def _build_foot() -> dict[str, Any]:
    parts: dict[str, Any] = {}
    with gr.Row(elem_classes="number-row"):
        parts["seed"] = gr.Number(0, label="Seed", minimum=0, precision=0, min_width=70, elem_id="survey-seed")
    with gr.Column(elem_classes="foot", min_width=0):
        parts["weights"] = build_obtain("survey")
        parts["plan"] = Words(elem_id="survey-plan", elem_classes="plan-line")
        parts["make"] = gr.Button("Run", variant="primary", interactive=False, elem_id="survey-run")
    return parts


def _build_analysis() -> dict[str, Any]:
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
    return {
        "averages": table,
        "ranking": ranked,
        "decision": decision,
        "reasons": reasons,
        "decide": button,
        "decided": decided,
    }


def wire(tab: SurveyTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    look: dict[str, Any] = {
        "fn": partial(look_ahead, studio),
        "inputs": tab.choice,
        "outputs": [tab.plan, tab.make],
        **QUIET,
    }
    for part in (tab.combine, tab.stacks, tab.specialties, tab.prompts, tab.seed, *tab.axes):
        edited(part)(trigger_mode="always_last", **look)
    fetched = tab.catalogue.ticks(
        partial(fetch, studio), tab.catalogue, tab.catalogue, trigger_mode="always_last", **QUIET
    )
    fetched.then(**look)
    tab.images.ticks(trigger_mode="always_last", **look)
    brought = [tab.catalogue, tab.message]
    tab.upload.upload(partial(bring, studio), [tab.upload, tab.entry, tab.catalogue], brought, **QUIET).then(**look)
    tab.make.click(partial(make, studio), tab.choice, None, **QUIET)
    tab.weights.button.click(lambda: obtain(studio, editor_of(studio)), None, None, **QUIET)
    told = [tab.decision, tab.reasons, tab.decided]
    tab.decide.click(partial(decide, studio), [tab.decision, tab.reasons], told, **QUIET)
    shown = [tab.catalogue, tab.images, tab.stacks, tab.averages, tab.ranking, tab.at, *told, *tab.weights.outputs]
    before = [tab.catalogue, tab.images, tab.at]
    shell.changed.select(partial(refresh, studio), before, shown, **QUIET).then(**look)


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


def refresh(studio: Studio, listed: Value, pictures: Value, at: str) -> list[Any]:
    """Inputs: catalogue, images, at. Outputs: catalogue, images, stacks, averages, ranking, at, decision, reasons,
    decided, weights. What the user is writing is replaced only when another survey is shown."""
    made = latest(studio)
    found = sources.sources(studio.session, studio.character_id) if studio.character_id else []
    empty = NO_SOURCES if studio.character_id else NOBODY
    saved = named(studio, "editor") if studio.character_id else []
    stacks = gr.update(choices=[(s.name, s.id) for s in saved], visible=bool(saved))
    table = survey.standings(studio.session, made) if made else []
    now = made.id if made else studio.character_id
    said = [gr.skip(), gr.skip(), gr.skip()] if now == at else decision_of(made)
    images = picks(found, pictures, empty=empty, first=TEST_PICTURES)
    listing = [catalogue_of(studio, listed), images, stacks]
    return [*listing, averages(table), ranking(table), now, *said, *obtain_offer(studio, editor_of(studio))]


def decision_of(made: Survey | None) -> list[Any]:
    """Outputs: decision, reasons, decided."""
    if made is None or not made.decision:
        return [None, made.reasons if made else "", {}]
    words = f"Written down for survey {made.version}: {made.decision}, {survey.CHOICES[made.decision].lower()}."
    return [made.decision, made.reasons, {"lines": [words], "tone": "good"}]


def fetch(studio: Studio, listed: Value) -> Any:
    """Inputs, outputs: catalogue. What was ticked and comes with the product is copied into the workspace."""
    wanted = absent(listed, (e.name for e in studio.session.presets.catalogue if e.shipped))
    for name in wanted:
        loras.shipped(studio.session, name)
    return catalogue_of(studio, listed) if wanted else gr.skip()


def bring(studio: Studio, path: str | None, entry: str, before: Value) -> tuple[Value, Value]:
    """Inputs: upload, entry, catalogue. Outputs: catalogue, message. The file is ticked when it is taken in."""
    family = editor_of(studio) or studio.session.settings.editor
    try:
        lora = loras.add(studio.session, Path(path or ""), Path(path or "").name, family=family)
    except LoraRefused as refusal:
        return catalogue_of(studio, before), {"lines": [str(refusal)], "tone": "bad"}
    if entry in {e.name for e in studio.session.presets.catalogue}:
        lora = lora.model_copy(update={"catalogue": entry, "origin": "catalogue"})
        studio.session.store.put(lora)
    value = catalogue_of(studio, before)
    key = next((i["key"] for i in value["items"] if i["lora"] == lora.id), "")
    value["ticked"] = list(dict.fromkeys([*value["ticked"], *([key] if key else [])]))
    return value, {"lines": [f"{lora.name} is here: rank {lora.rank}, {lora.modules} modules."], "tone": "good"}


def columns(studio: Studio, listed: Value, combine: Sequence[str], saved: Sequence[str]) -> list[LoraStack]:
    """The stacks to hold against the base: each ticked LoRA alone, combinations of them, saved stacks."""
    rows = [(i, _weight(studio, i)) for i in chosen(listed, usable(studio, "editor"))]
    groups: list[Sequence[tuple[str, float]]] = [[row] for row in rows]
    if "pairs" in combine:
        groups += list(combinations(rows, 2))
    if "all" in combine and len(rows) > 1:
        groups.append(rows)
    stacks = [loras.stack(studio.session, group) for group in groups]
    for record in (studio.session.store.get(SavedStack, i) for i in saved):
        if record is not None and record.character == studio.character_id:
            on = tuple(a for a in record.stack.adapters if a.sha256 not in record.off)
            stacks.append(LoraStack(adapters=on))
    return list(dict.fromkeys(stacks))


def _weight(studio: Studio, lora_id: str) -> float:
    """The weight that a LoRA's catalogue entry knows to be right."""
    lora = loras.get(studio.session, lora_id)
    return next((e.weight for e in studio.session.presets.catalogue if e.name == lora.catalogue), 1.0)


def plan_of(studio: Studio, listed: Value, combine: list[str], saved: list[str], pictures: Value, *rest: Any) -> Plan:
    """The plan of what is chosen. Inputs: the choice. Raises NotAllowed, ChoiceError, NotFound."""
    own_specialties, text, seed, *axes = rest
    if not studio.character_id:
        raise NotAllowed(NOBODY)
    if not ticked(pictures):
        raise NotAllowed("Tick at least one test picture." if pictures.get("items") else NO_SOURCES)
    stacks = columns(studio, listed, combine or (), saved or ())
    prompts = [name for group in axes for name in group or []]
    prompts += [line.strip() for line in (text or "").splitlines() if line.strip()]
    prompts += specialties(tuple(stacks), studio.session.presets.catalogue) if own_specialties else ()
    if not prompts:
        raise NotAllowed("Tick at least one prompt.")
    return survey.plan(
        studio.session,
        studio.character_id,
        image_ids=ticked(pictures),
        stacks=stacks,
        prompts=prompts,
        seed=max(0, int(seed or 0)),
    )


def look_ahead(studio: Studio, *choice: Any) -> list[Any]:
    """Inputs: the choice. Outputs: plan line, make."""
    try:
        plan = plan_of(studio, *choice)
    except (NotAllowed, ChoiceError, NotFound) as problem:
        return [{"lines": [str(problem)], "tone": "quiet"}, gr.update(interactive=False, value="Run")]
    stacks = len({s.stack.label for s in plan.shots})
    images = len({s.sources[0].id for s in plan.shots})
    prompts = len({s.purpose.labels["prompt"] for s in plan.shots})
    words = estimate_words(studio, plan)
    size = f"{_n(stacks, 'column')} x {_n(images, 'picture')} x {_n(prompts, 'prompt')}"
    return [words | {"lines": [size, *words["lines"]]}, gr.update(interactive=True, value=f"Run {len(plan)}")]


def _n(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def make(studio: Studio, *choice: Any) -> None:
    """Inputs: the choice. No output: the job goes into the queue, the matrix fills."""
    start(lambda: survey.submit(studio.session, plan_of(studio, *choice)))


def decide(studio: Studio, decision: Any, reasons: str) -> list[Any]:
    """Inputs: decision, reasons. Outputs: decision, reasons, decided."""
    made = latest(studio)
    if made is None or decision not in survey.CHOICES:
        words = "Choose A, B, C or D." if made else "Run a survey first: a decision belongs to what was seen."
        return [gr.skip(), gr.skip(), {"lines": [words], "tone": "warn"}]
    try:
        return decision_of(survey.decide(studio.session, made.id, decision, reasons or ""))
    except NotAllowed as problem:
        return [gr.skip(), gr.skip(), {"lines": [str(problem)], "tone": "warn"}]
