"""What Survey is made of, and what it says: the components of the tab and its form."""

from dataclasses import dataclass, field

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.presets import Axis
from pipelines.domain.records import Way
from pipelines.workflow import survey
from studio.components import beside
from studio.components.beside import BesidePictures
from studio.components.catalogue import Catalogue
from studio.components.estimate import Obtain
from studio.components.fields import SEED, seed
from studio.components.forms import Asked, Value, Values, between, lines, names, one_of, picked, text
from studio.components.kept import KeptParts
from studio.components.matrix import Matrix
from studio.components.painted import Words
from studio.components.picker import Picker
from studio.components.standings import Standings, averages, paired, ranking
from studio.server.state import Studio

SEEDS_MOST = 4
NEW = ("a new survey", "")
COMBINATIONS = {"pairs": "each pair", "all": "all ticked at once"}
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
    beside: BesidePictures
    seed: gr.Number
    seeds: gr.Slider
    onto: gr.Dropdown


@dataclass
class Analysis:
    """What the survey has shown, and what was decided."""

    averages: Standings
    ranking: Standings
    pairs: Standings
    agreed: Words
    recommended: Words
    take: gr.Button
    decision: gr.Radio
    reasons: gr.Textbox
    decide: gr.Button
    decided: Words

    @property
    def said(self) -> list[Block]:
        """What a decision changes."""
        return [self.decision, self.reasons, self.decided]

    @property
    def shown(self) -> list[Block]:
        """What changes with the survey's pictures and what was said of them."""
        return [self.averages, self.ranking, self.pairs, self.agreed, self.recommended, self.take]


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
    at: gr.Textbox
    whose: gr.Textbox

    @property
    def edited(self) -> list[Block]:
        """The stock components that a plan depends on."""
        models, tests = self.models, self.tests
        parts = [models.combine, models.stacks, tests.specialties, tests.prompts]
        parts += [tests.seed, tests.seeds, tests.onto]
        return [*parts, *tests.axes.values()]

    @property
    def choice(self) -> list[Block]:
        """Everything a plan depends on."""
        return [self.models.catalogue, self.tests.images, self.tests.beside, *self.edited]

    @property
    def kept(self) -> KeptParts:
        """What is kept for each character of the tests."""
        models, tests = self.models, self.tests
        parts = {"listed": models.catalogue, "combine": models.combine, "stacks": models.stacks}
        parts |= {"images": tests.images, "specialties": tests.specialties, "prompts": tests.prompts}
        parts |= {"beside": tests.beside, "seeds": tests.seeds}
        parts |= {"seed": tests.seed, **{f"axis/{name}": group for name, group in tests.axes.items()}}
        return KeptParts("survey", self.whose, parts, {"seed": SEED})

    @property
    def draft(self) -> KeptParts:
        """What is kept of a decision that is not written down yet; ``at`` is the survey it is on."""
        parts = {"at": self.at, "decision": self.analysis.decision, "reasons": self.analysis.reasons}
        return KeptParts("survey-decision", self.whose, parts)


@dataclass(frozen=True)
class SurveyForm:
    """What the page says. ``listed``, ``pictures`` and ``beside`` are the values of catalogue and pickers, ``prompts``
    the ticked ones and those of the user's own. ``path`` is a file to bring in, as ``entry`` of the catalogue; ``at``
    is the survey on the screen, ``whose`` choice is; ``wrong`` tells which numbers do not do."""

    listed: Value = field(default_factory=dict)
    combine: tuple[str, ...] = ()
    stacks: tuple[str, ...] = ()
    pictures: Value = field(default_factory=dict)
    specialties: bool = False
    prompts: tuple[str, ...] = ()
    seed: int = survey.SurveyOptions.seed
    seeds: int = survey.SurveyOptions.seeds
    onto: str = ""
    beside: Value = field(default_factory=dict)
    path: str = ""
    entry: str = ""
    decision: Way | None = None
    reasons: str = ""
    at: str = ""
    whose: str | None = None
    wrong: str = ""


def read(tab: SurveyTab, values: Values) -> SurveyForm:
    """The form of an event of the tab; what the event does not name is empty."""
    models, tests, analysis, asked = tab.models, tab.tests, tab.analysis, Asked(values)
    ticks = [name for group in tests.axes.values() for name in names(values.get(group))]
    return SurveyForm(
        listed=picked(values.get(models.catalogue)),
        combine=names(values.get(models.combine)),
        stacks=names(values.get(models.stacks)),
        pictures=picked(values.get(tests.images)),
        specialties=bool(values.get(tests.specialties)),
        prompts=(*ticks, *lines(values.get(tests.prompts))),
        seed=asked.whole(tests.seed, SEED) or 0,
        seeds=int(between(1, values.get(tests.seeds), SEEDS_MOST, survey.SurveyOptions.seeds)),
        onto=text(values.get(tests.onto)),
        beside=picked(values.get(tests.beside)),
        path=text(values.get(models.upload)),
        entry=text(values.get(models.entry)),
        decision=one_of(values.get(analysis.decision), survey.CHOICES),
        reasons=text(values.get(analysis.reasons)),
        at=text(values.get(tab.at)),
        whose=values.get(tab.whose) or None,
        wrong=asked.wrong,
    )


def build_models(studio: Studio) -> Models:
    """Make the LoRAs to choose from."""
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


def usual(axis: Axis) -> list[str]:
    """The prompts of an axis that are ticked at first."""
    return [f"{axis.name}/{axis.edits[0].value}"]


def build_tests(studio: Studio) -> Tests:
    """Make what they are tested on."""
    gr.HTML("<h3>Prompts</h3>", elem_classes="tab-title")
    with gr.Column(elem_classes="axes", elem_id="survey-axes"):
        groups = {
            axis.name: gr.CheckboxGroup(
                [(edit.title, f"{axis.name}/{edit.value}") for edit in axis.edits],
                value=usual(axis),
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
    seen = beside.build("survey")
    with gr.Row(elem_classes="number-row"):
        first = seed(survey.SurveyOptions.seed, "survey-seed")
        onto = gr.Dropdown(
            [NEW], value="", label="Goes into", interactive=True, min_width=130, elem_id="survey-add-to",
        )  # fmt: skip
    seeds = gr.Slider(
        1, SEEDS_MOST, survey.SurveyOptions.seeds, step=1, label="Seeds of each cell", interactive=True, buttons=[],
        elem_id="survey-seeds",
    )  # fmt: skip
    return Tests(groups, special, prompts, images, seen, first, seeds, onto)


def build_analysis() -> Analysis:
    """Make what is seen at the end, and the decision."""
    with gr.Accordion("Averages", open=True, elem_classes="fold"):
        table = Standings(averages(()), elem_id="survey-averages")
    with gr.Accordion("Ranking", open=True, elem_classes="fold"):
        ranked = Standings(ranking(()), elem_id="survey-ranking")
    with gr.Accordion("Pair by pair", open=False, elem_classes="fold"):
        pairs = Standings(paired(()), elem_id="survey-pairs")
        agreed = Words(elem_id="survey-agreed")
    with gr.Accordion("Decision", open=True, elem_classes="fold"):
        recommended = Words(elem_id="survey-recommended")
        take = gr.Button("Take this over", size="sm", visible=False, elem_id="survey-take")
        decision = gr.Radio(
            [(f"{key}  {words}", key) for key, words in survey.CHOICES.items()], label="Which way to go",
            show_label=False, container=False, interactive=True, elem_id="survey-decision", elem_classes="ways",
        )  # fmt: skip
        reasons = gr.Textbox(label="Because", lines=3, max_lines=10, interactive=True, elem_id="survey-reasons")
        button = gr.Button("Write it down", size="sm", elem_id="survey-decide")
        decided = Words(elem_id="survey-decided")
    return Analysis(table, ranked, pairs, agreed, recommended, take, decision, reasons, button, decided)
