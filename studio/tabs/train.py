"""Train: what would be learnt from and whether the gate is open; the settings that matter; how it goes.

Element ids: ``train-target``, ``train-dataset``, ``train-warnings``, ``train-preset``, ``train-rank``,
``train-learning-rate``, ``train-steps``, ``train-resolution``, ``train-face-weight``, ``train-seed``,
``train-memory``, ``train-plan``, ``train-weights``, ``train-obtain``, ``train-run``; and those of train_progress.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import get_args

import gradio as gr
from gradio.blocks import Block

from pipelines.domain.presets import TrainingPreset, TrainingSettings
from pipelines.domain.records import Target
from pipelines.domain.scores import ANGLES
from pipelines.engine.memory import predict_training
from pipelines.session import NotFound
from pipelines.workflow import render, training
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.sources import angle_of
from pipelines.workflow.training import TrainOptions
from studio.components.captions_door import CaptionsDoor
from studio.components.estimate import Obtain, build_obtain, obtain, obtain_offer, start
from studio.components.fields import SEED, edited, needed, seed
from studio.components.forms import Asked, Bound, Event, Updates, Value, Values, event, one_of, text
from studio.components.kept import KeptParts, note
from studio.components.meter import Meter, MeterValue, meter
from studio.components.painted import Words
from studio.components.shell import Shell
from studio.components.tally import Tally, TallyValue, tally
from studio.server import choices
from studio.server.shown import shows
from studio.server.state import Studio
from studio.tabs import train_grid, train_progress, train_trial
from studio.tabs.train_progress import Progress, ProgressForm

NAMES = {
    "rank": "Rank",
    "learning_rate": "Learning rate",
    "steps": "Steps",
    "resolution": "Resolution, px",
    "face_weight": "Face weight",
}
MORE = {
    "batch": ("Batch", "pictures that are seen together; more takes memory"),
    "accumulate": ("Accumulate", "batches to a step; as a larger batch, without its memory"),
    "warmup": ("Warm-up, steps", "the learning rate rises over these"),
    "caption_dropout": ("Caption dropout", "share of pictures seen without their caption"),
    "ema": ("Weight average", "decay of a moving average of the weights that is kept; 0: none"),
    "source_share": ("Share of sources", "of all that is seen, against drift; 0: they count like others"),
    "save_every": ("Save every, steps", "a checkpoint, from which it can go on"),
    "sample_every": ("Sample every, steps", "pictures along the way; each costs time"),
    "checkpoints_total_limit": ("Checkpoints kept", "the newest; older ones are dropped"),
}
"""The settings that matter less: name, and what they do."""
OFFERED = {
    "optimizer": ("Optimizer", "8-bit states take a quarter of the memory; auto: those on a card"),
    "lr_scheduler": ("Learning rate over time", "it stays, or falls to zero as a cosine does"),
}
"""Settings that are chosen of a few, by name; their values are those that a preset may have."""
NAMES |= {name: title for name, (title, _) in MORE.items()}
BROKEN = {"learning_rate", "face_weight", "caption_dropout", "ema", "source_share"}
BOUNDS = {n: Bound(title, *training.BOUNDS[n], whole=n not in BROKEN) for n, title in NAMES.items()} | {"seed": SEED}
TARGETS: dict[Target, str] = {"character": "Character LoRA", "editor": "Editor LoRA"}
REST = "Alpha keeps the preset's ratio to the rank. Smaller sides and phases: a preset of your own, or --set."
NOBODY = "Make a character first: New character, above."
NO_DATA = {
    "character": "Nothing to learn from yet: sources and the pictures found good in Review come together here.",
    "editor": "No corrections yet: mark a picture as needing correction in Review and give a corrected one.",
}


@dataclass
class Settings:
    """How it is trained: a preset, and what of it matters; ``fields`` by the names of the settings."""

    preset: gr.Dropdown
    fields: dict[str, Block]
    memory: Meter
    weights: Obtain
    plan: Words
    make: gr.Button

    @property
    def told(self) -> list[Block]:
        """What is said of a training before it begins."""
        return [self.memory, self.plan, self.make]


@dataclass
class TrainTab:
    """The components of the tab."""

    target: gr.Radio
    dataset: Tally
    warnings: Words
    settings: Settings
    progress: Progress
    at: gr.Textbox

    @property
    def choice(self) -> list[Block]:
        """Everything a training depends on."""
        return [self.target, self.settings.preset, *self.settings.fields.values()]

    @property
    def kept(self) -> KeptParts:
        """What is kept for each character, target and model."""
        return KeptParts("train", self.at, {"preset": self.settings.preset, **self.settings.fields}, BOUNDS)


@dataclass(frozen=True)
class TrainForm:
    """What the page says. ``settings`` are the fields that hold a number that does, ``wrong`` tells which do not;
    ``at`` tells whose settings are on the screen."""

    target: Target = TrainOptions.target
    preset: str = TrainOptions.preset
    settings: Mapping[str, object] = field(default_factory=dict)
    progress: ProgressForm = field(default_factory=ProgressForm)
    at: str | None = None
    wrong: str = ""

    @property
    def options(self) -> TrainOptions:
        """What to train, and how."""
        return TrainOptions(self.target, self.preset, self.settings)


def read(tab: TrainTab, values: Values) -> TrainForm:
    """The form of an event of the tab; what the event does not name is empty."""
    asked = Asked(values)
    said = {
        name: asked.number(part, BOUNDS[name]) if name in BOUNDS else values.get(part)
        for name, part in tab.settings.fields.items()
    }
    return TrainForm(
        target=one_of(values.get(tab.target), get_args(Target)) or TrainOptions.target,
        preset=text(values.get(tab.settings.preset)),
        settings={name: value for name, value in said.items() if value is not None},
        progress=train_progress.read(tab.progress, values),
        at=values.get(tab.at) or None,
        wrong=asked.wrong,
    )


def build(studio: Studio) -> TrainTab:
    """Make the components inside the open tab."""
    with gr.Row(elem_classes="tab-columns", equal_height=False):
        with gr.Column(elem_classes="side wide", scale=0, min_width=360):
            target = gr.Radio(
                [(title, name) for name, title in TARGETS.items()], value=TrainOptions.target, label="What to train",
                show_label=False, container=False, interactive=True, elem_id="train-target", elem_classes="switch",
            )  # fmt: skip
            gr.HTML("<h3>What it learns from</h3>", elem_classes="tab-title")
            dataset = Tally({"empty": NO_DATA["character"]}, elem_id="train-dataset")
            CaptionsDoor("train-captions", elem_id="train-captions-door")
            warnings = Words(elem_id="train-warnings")
            settings = _build_settings()
        with gr.Column(elem_classes="results", scale=1, min_width=320):
            progress = train_progress.build()
    return TrainTab(target, dataset, warnings, settings, progress, note())


def _build_settings() -> Settings:
    gr.HTML("<h3>How</h3>", elem_classes="tab-title")
    preset = gr.Dropdown([], value=None, label="Preset", interactive=True, elem_id="train-preset")
    with gr.Row(elem_classes="number-row"):
        rank = needed(BOUNDS["rank"], 16, "train-rank")
        rate = needed(BOUNDS["learning_rate"], 1e-4, "train-learning-rate", step=1e-5, min_width=92)
        steps = needed(BOUNDS["steps"], 1000, "train-steps", min_width=66)
    with gr.Row(elem_classes="number-row"):
        side = needed(BOUNDS["resolution"], 1024, "train-resolution", step=16, min_width=90)
        faces = needed(BOUNDS["face_weight"], 0, "train-face-weight", min_width=80)
        first = seed(0, "train-seed")
    more = _build_more()
    memory = Meter(elem_id="train-memory")
    with gr.Column(elem_classes="foot", min_width=0):
        weights = build_obtain("train")
        plan = Words(elem_id="train-plan", elem_classes="plan-line")
        make = gr.Button("Train", variant="primary", interactive=False, elem_id="train-run")
    fields = {"rank": rank, "learning_rate": rate, "steps": steps, "resolution": side}
    fields |= {"face_weight": faces, "seed": first} | more
    return Settings(preset, fields, memory, weights, plan, make)


def _build_more() -> dict[str, Block]:
    """The settings that matter less, folded away, each with what it does and its bound."""
    usual = TrainingSettings.model_validate({})
    made: dict[str, Block] = {}
    with gr.Accordion("All settings", open=False, elem_id="train-more", elem_classes="fold"):
        for name, (title, told) in OFFERED.items():
            values = get_args(TrainingSettings.model_fields[name].annotation)
            made[name] = gr.Dropdown(
                list(values), value=getattr(usual, name), label=title, info=told, interactive=True,
                elem_id=f"train-{name.replace('_', '-')}",
            )  # fmt: skip
        made["gradient_checkpointing"] = gr.Checkbox(
            usual.gradient_checkpointing, label="Gradient checkpointing", interactive=True,
            info="less memory for a third more time", elem_id="train-gradient-checkpointing",
        )  # fmt: skip
        for name, (title, told) in MORE.items():
            made[name] = gr.Number(
                getattr(usual, name), label=title, info=f"{told} ({BOUNDS[name].hint})", min_width=100,
                step=0.01 if name in BROKEN else 1, elem_id=f"train-{name.replace('_', '-')}",
            )  # fmt: skip
        gr.HTML(f"<p class='quiet'>{REST}</p>")
    return made


def wire(tab: TrainTab, studio: Studio, shell: Shell) -> None:
    """Wire the events."""
    ask, settings, progress = partial(read, tab), tab.settings, tab.progress
    fields = list(settings.fields.values())
    choice, ahead, told = [*tab.choice, tab.at], partial(look_ahead, studio, tab), settings.told
    look, edit = tab.kept.looks(studio, ask, ahead, choice, told)
    gr.on([edited(part) for part in fields], **edit)
    chosen = event(ask, partial(choose, studio, tab), [tab.target, tab.at, settings.preset], fields)
    settings.preset.input(**chosen).then(**edit)
    data = [tab.at, tab.target, *told, tab.dataset, tab.warnings, settings.preset, *fields, *settings.weights.outputs]
    followed = event(ask, partial(refresh, studio, tab), [tab.target, settings.preset, tab.at], data)
    watched = _watched(tab, studio)
    tab.target.input(**followed).then(**look).then(**watched)
    shell.follow(followed, look, watched)
    progress.runs.pick(**watched)
    progress.compare.input(**watched)
    train_grid.wire(progress.grid, studio, progress.runs)
    train_trial.wire(progress.trial, studio, progress.runs)
    settings.make.click(**event(ask, partial(make, studio), choice))
    settings.weights.button.click(**event(ask, partial(get_weights, studio), [tab.target]))


def _watched(tab: TrainTab, studio: Studio) -> Event:
    progress = tab.progress
    said = [tab.target, *progress.said]
    return event(partial(read, tab), partial(watch, studio, tab), said, progress.outputs)


def family_of(studio: Studio, target: Target) -> str:
    """The model preset that a target trains on; "" without a character."""
    character = studio.character
    return (character.generator if target == "character" else character.editor) if character else ""


def get_weights(studio: Studio, form: TrainForm) -> None:
    """Queues the job that gets the weights."""
    obtain(studio, family_of(studio, form.target))


def presets_of(studio: Studio, target: Target) -> list[TrainingPreset]:
    """The presets meant for a target on the character's model."""
    return studio.session.presets.trainings_for(family_of(studio, target), target)


def fill(studio: Studio, tab: TrainTab, preset: str) -> Updates:
    """The settings of a preset."""
    chosen = studio.session.presets.trainings.get(preset)
    if chosen is None:
        return {}
    settings = training.suggested(studio.session, studio.character_id, chosen)
    return {part: getattr(settings, name) for name, part in tab.settings.fields.items()}


def choose(studio: Studio, tab: TrainTab, form: TrainForm) -> Updates:
    """Another preset was chosen: its settings are filled in."""
    target = target_of(studio, form)
    offered = [p.name for p in presets_of(studio, target)]
    kept = tab.kept.read(studio, {"preset": offered}, _kept_for(studio, target, offered))
    return {} if form.preset == _shown(text(kept.get("preset")), offered) else fill(studio, tab, form.preset)


def _shown(kept: str, offered: list[str]) -> str | None:
    """The preset that the page shows: the one that was chosen, else the first there is."""
    return kept or (offered[0] if offered else None)


def refresh(studio: Studio, tab: TrainTab, form: TrainForm) -> Updates:
    """The records, the character or the target changed. Settings that the user changed stay until the character or the
    target changes."""
    target = target_of(studio, form)
    key = f"{studio.character_id}/{target}/{family_of(studio, target)}"
    dataset, warnings = dataset_of(studio, target)
    shown: Updates = {tab.at: key, tab.dataset: dataset, tab.warnings: warnings}
    shown |= obtain_offer(studio, tab.settings.weights, family_of(studio, target))
    return shown if key == form.at else shown | first_settings(studio, tab, target)


def first_settings(studio: Studio, tab: TrainTab, target: Target) -> Updates:
    """What was set for the character and the target, over the first preset there is; nothing is said of others'."""
    offered = presets_of(studio, target)
    names = [p.name for p in offered]
    kept = tab.kept.restore(studio, {"preset": names}, _kept_for(studio, target, names))
    preset = _shown(text(kept.pop(tab.settings.preset, None)), names)
    listed = gr.update(choices=[(p.title, p.name) for p in offered], value=preset)
    off = gr.update(interactive=False, value="Train")
    unsaid: Updates = {tab.settings.memory: {}, tab.settings.plan: {}, tab.settings.make: off, tab.target: target}
    return unsaid | {tab.settings.preset: listed, **fill(studio, tab, preset or ""), **kept}


def _kept_for(studio: Studio, target: Target, offered: list[str]) -> str:
    """Where the settings of a target for the character's model are kept. Before models could be changed, one
    place was enough: what lies there counts while its preset is one for the model."""
    part, root, who = f"{target}/{family_of(studio, target)}", studio.session.workspace.root, studio.character_id
    old = choices.read(root, who, f"train/{target}")
    return target if old.get("preset") in offered and not choices.read(root, who, f"train/{part}") else part


def target_of(studio: Studio, form: TrainForm) -> Target:
    """What is trained: what the user chose, which is kept; for another character what was chosen for it."""
    root, who = studio.session.workspace.root, studio.character_id
    if (form.at or "").partition("/")[0] != who:
        kept = choices.read(root, who, "train-target").get("target")
        return one_of(kept, get_args(Target)) or TrainOptions.target
    if who and not f"{form.at}/".startswith(f"{who}/{form.target}/"):
        choices.write(root, who, "train-target", {"target": form.target})
    return form.target


def dataset_of(studio: Studio, target: Target) -> tuple[TallyValue | Value, Value]:
    """Values of dataset and warnings: counts by angle and origin, why the gate is closed, what is weak."""
    if not studio.character_id:
        return {"empty": NOBODY}, {}
    found = training.dataset(studio.session, studio.character_id, target)
    cells = [(angle_of(i), item.origin) for i, item in zip(found.images, found.items, strict=True)]
    warnings = {"title": "It would train, but", "lines": found.warnings, "tone": "warn", "bullets": True}
    value = tally(cells, found.blockers, ANGLES if target == "character" else (), empty=NO_DATA[target])
    return value, warnings if found.warnings and not found.blockers else {}


def settings_of(studio: Studio, form: TrainForm) -> TrainingSettings:
    """The preset's settings with those that matter as the user has them. Raises NotAllowed with all that is wrong."""
    shows(studio, None if form.at is None else form.at.partition("/")[0])
    if form.preset not in studio.session.presets.trainings:
        raise NotAllowed("Choose a preset.")
    if form.wrong:
        raise NotAllowed(form.wrong)
    return training.settings_of(studio.session, studio.character_id, form.options)


def look_ahead(studio: Studio, tab: TrainTab, form: TrainForm) -> Updates:
    """What the training would take, or why it cannot be; the button is disabled while the gate is closed."""
    shown = tab.settings

    def refused(words: Value, memory: MeterValue | Value) -> Updates:
        return {shown.memory: memory, shown.plan: words, shown.make: gr.update(interactive=False, value="Train")}

    if not studio.character_id:
        return refused({"lines": [NOBODY], "tone": "quiet"}, {})
    try:
        settings = settings_of(studio, form)
    except (NotAllowed, NotFound) as problem:
        return refused({"lines": [str(problem)], "tone": "warn"}, {})
    session, name = studio.session, family_of(studio, form.target)
    family = session.presets.models.get(name)
    if family is None:  # told beside the button
        return refused({}, {})
    inputs = 1 if form.target == "editor" else 0
    forecast = predict_training(family, settings, session.workspace, session.settings, inputs)
    lacking, slow = render.missing_weights(session, name), render.slow(session, [name])
    why = "" if forecast.fits else forecast.why
    unproven = "no weights yet" if lacking else "no graphics card" if slow else ""
    memory = meter(forecast.parts, forecast.total_gib, forecast.fits, why, unproven)
    blockers = training.dataset(session, studio.character_id, form.target).blockers
    if blockers:
        return refused({"title": "The gate is shut", "lines": blockers, "tone": "warn"}, memory)
    version = training.following(session, studio.character_id, form.target)
    line = f"{settings.steps} steps, {render.about(training.seconds(session, name, settings.steps))}"
    fits = "without a graphics card: days" if slow else "fits"
    words = {"title": f"{line}, {fits if forecast.fits else 'does not fit'}", "tone": "" if forecast.fits else "bad"}
    button = gr.update(
        interactive=forecast.fits and lacking is None, value=f"Train {version}" if forecast.fits else "Does not fit"
    )
    if lacking:  # what and how is told beside the button that gets them
        words = {"title": f"{settings.steps} steps, once the weights are here", "tone": "bad"}
        button = gr.update(interactive=False, value=render.obstacle(lacking, render.coming(session, name)))
    return {shown.memory: memory, shown.plan: words, shown.make: button}


def make(studio: Studio, form: TrainForm) -> None:
    """The training goes into the queue, curve and samples follow it."""
    session, who = studio.session, studio.character_id
    start(lambda: training.submit(session, who, settled(studio, form)))


def settled(studio: Studio, form: TrainForm) -> TrainOptions:
    """What is asked for, all of which does. Raises NotAllowed."""
    settings_of(studio, form)
    return form.options


def watch(studio: Studio, tab: TrainTab, form: TrainForm) -> Updates:
    """The runs there are, and how the one that is looked at goes."""
    found = training.runs(studio.session, studio.character_id, form.target) if studio.character_id else []
    return train_progress.refresh(studio, tab.progress, found, form.progress)
