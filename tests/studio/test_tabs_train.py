"""The Train tab's handlers on a real session: no browser, no worker."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tab_helpers import on_page

from pipelines.domain.presets import TrainingSettings
from pipelines.domain.records import CurvePart, Decision, ImageRecord, Job, Metric, TrainingRun, now
from pipelines.storage.presets import shipped
from pipelines.workflow import checkpoints, review, sources
from pipelines.workflow.characters import NotAllowed
from studio.components.curve import metrics, series, smooth, thin
from studio.components.forms import Updates
from studio.components.runs import runs
from studio.components.samples import samples
from studio.server.state import Studio
from studio.server.tiles import title
from studio.tabs import train, train_grid, train_trial
from studio.tabs.train import TrainForm, TrainTab

Put = Callable[..., ImageRecord]
PRESET = "character-practice"


@pytest.fixture
def tab(studio: Studio) -> TrainTab:
    return on_page(train.build, studio)


def form(tab: TrainTab, target: str = "character", preset: str = PRESET, **changes: Any) -> TrainForm:
    """What the tab reads of what its events send: the settings of a preset, some of them changed."""
    settings = shipped().trainings[preset].settings
    filled = {part: getattr(settings, name) for name, part in tab.settings.fields.items()}
    said = {tab.target: target, tab.settings.preset: preset, **filled}
    assert said.keys() == set(tab.choice)
    return train.read(tab, said | {tab.settings.fields[name]: value for name, value in changes.items()})


def look(studio: Studio, tab: TrainTab, said: TrainForm) -> tuple[Any, Any, Any]:
    """Memory, plan line and button."""
    seen, settings = train.look_ahead(studio, tab, said), tab.settings
    return seen[settings.memory], seen[settings.plan], seen[settings.make]


def watch(studio: Studio, tab: TrainTab, runs: dict[str, Any], compare: bool = True, **of_grid: Any) -> Updates:
    """How the run goes that is looked at."""
    progress = tab.progress
    said = {progress.runs: runs, progress.compare: compare, tab.target: "character"}
    said |= {getattr(progress.grid, name): value for name, value in of_grid.items()}
    return train.watch(studio, tab, train.read(tab, said))


def run_of(version: str, *, state: Any = "done", minutes: int = 0, **fields: Any) -> TrainingRun:
    return TrainingRun(
        id=f"run-{version}", character="ada", target="character", version=version, family="mini-flux", preset=PRESET,
        settings={"steps": 10, "rank": 8}, state=state, created=now() + timedelta(minutes=minutes), **fields,
    )  # fmt: skip


def good(studio: Studio, image: ImageRecord) -> None:
    studio.session.store.decide(Decision(image=image.id, who="human", action="label", value="good"))


def test_without_pictures_the_gate_is_shut_with_a_reason(studio: Studio, tab: TrainTab) -> None:
    _, words, button = look(studio, tab, form(tab))
    assert not button["interactive"]
    assert words["title"] == "The gate is shut" and "no sources" in words["lines"][0]


def test_unreviewed_pictures_shut_the_gate_and_reviewing_opens_it(studio: Studio, tab: TrainTab, put: Put) -> None:
    put("source")
    waiting = put("enriched")
    tally, _ = train.dataset_of(studio, "character")
    assert any("1 enriched pictures wait for review" in r for r in tally["reasons"])
    assert not look(studio, tab, form(tab))[2]["interactive"]
    good(studio, waiting)
    tally, warnings = train.dataset_of(studio, "character")
    assert tally["reasons"] == [] and tally["total"] == 2
    assert tally["origins"] == ["source", "enriched"]
    assert warnings["lines"]
    memory, words, button = look(studio, tab, form(tab))
    assert button["interactive"] and button["value"] == "Train v1"
    assert words["title"].startswith(f"{shipped().trainings[PRESET].settings.steps} steps, time not known yet")
    assert memory["fits"] and memory["total"] > 0 and memory["parts"]


def test_a_rule_cannot_open_the_gate(studio: Studio, put: Put) -> None:
    put("source")
    image = put("enriched")
    studio.session.store.decide(Decision(image=image.id, who="rule", action="label", value="good"))
    assert train.dataset_of(studio, "character")[0]["total"] == 1


def test_a_source_that_nobody_decided_on_shuts_the_gate_before_it_is_asked_for(
    studio: Studio, tab: TrainTab, put: Put
) -> None:
    put("source")
    cleared = put("source")
    studio.session.store.decide(Decision(image=cleared.id, who="human", action="label", value=None))
    _, words, button = look(studio, tab, form(tab))
    assert not button["interactive"] and f"{cleared.id[:8]} (ada.png) waits for review" in words["lines"][0]
    assert words["lines"] == train.dataset_of(studio, "character")[0]["reasons"]


def test_corrections_of_sources_that_were_left_out_are_told_of(studio: Studio, tab: TrainTab, put: Put) -> None:
    session, kept, gone = studio.session, put("source"), put("source")
    for source in (kept, gone):
        wrong, target = put("enriched", sources=(source.ref,)), put("enriched", sources=(source.ref,))
        review.correct_with(session, wrong.id, target.id, "the nose")
    sources.remove(session, gone.id)
    tally, warnings = train.dataset_of(studio, "editor")
    assert tally["total"] == 1 and tally["reasons"] == []
    assert any("1 of 2 edits is left out: its source" in line for line in warnings["lines"])
    sources.remove(session, kept.id)
    _, words, button = look(studio, tab, form(tab, "editor", "editor-practice"))
    assert not button["interactive"] and "None of 2 corrections can be learnt from" in words["lines"][0]


def test_the_editor_needs_corrections(studio: Studio) -> None:
    tally, _ = train.dataset_of(studio, "editor")
    assert "no corrections yet" in tally["reasons"][0]


def test_the_five_settings_change_the_preset_and_alpha_keeps_its_ratio(studio: Studio, tab: TrainTab) -> None:
    settings = train.settings_of(studio, form(tab, rank=32, steps=7))
    base = shipped().trainings[PRESET].settings
    assert (settings.rank, settings.steps) == (32, 7)
    assert settings.alpha / settings.rank == base.alpha / base.rank
    assert settings.phases == base.phases


def test_every_wrong_setting_is_named_at_once(studio: Studio, tab: TrainTab) -> None:
    with pytest.raises(NotAllowed, match=r"Rank.*Learning rate"):
        train.settings_of(studio, form(tab, rank=0, learning_rate=5))
    _, words, button = look(studio, tab, form(tab, resolution=2))
    assert "Resolution" in words["lines"][0] and not button["interactive"]


def test_settings_stay_until_the_target_changes(studio: Studio, tab: TrainTab) -> None:
    preset, rank = tab.settings.preset, tab.settings.fields["rank"]
    first = train.refresh(studio, tab, TrainForm())
    assert first[preset]["value"] == PRESET and first[rank] == shipped().trainings[PRESET].settings.rank
    again = train.refresh(studio, tab, TrainForm(preset=PRESET, at=first[tab.at]))
    assert tab.dataset in again and not again.keys() & {preset, *tab.settings.fields.values()}
    other = train.refresh(studio, tab, TrainForm("editor", PRESET, at=first[tab.at]))
    assert other[preset]["value"] == "editor-practice"


def test_an_invented_preset_or_target_is_told_in_words(studio: Studio, tab: TrainTab) -> None:
    said = train.read(
        tab, {tab.target: "everything", tab.settings.preset: "../../etc", tab.settings.fields["rank"]: "x"}
    )
    assert (said.target, dict(said.settings)) == ("character", {})
    assert look(studio, tab, said)[1]["lines"] == ["Choose a preset."]


def test_time_is_told_from_trainings_that_ended_well_here(studio: Studio, tab: TrainTab, put: Put) -> None:
    put("source")
    start = now()
    job = Job(
        id="j", kind="train", title="t", request={}, state="done", started=start, ended=start + timedelta(seconds=50),
        result={"seconds_a_step": 5.0},
    )  # fmt: skip
    studio.session.store.put(job, run_of("v1", job="j"))
    words = look(studio, tab, form(tab, steps=100))[1]
    assert words["title"].startswith("100 steps, about 8 min")
    assert look(studio, tab, form(tab))[2]["value"] == "Train v2"


def test_a_newer_run_is_followed_and_a_choice_is_kept(studio: Studio, tab: TrainTab) -> None:
    studio.session.store.put(run_of("v1"))
    runs_of = tab.progress.runs
    listed = watch(studio, tab, {})[runs_of]
    assert listed["selected"] == "run-v1"
    studio.session.store.put(run_of("v2", state="running", minutes=1))
    listed = watch(studio, tab, listed)[runs_of]
    assert listed["selected"] == "run-v2"
    assert [r["title"] for r in listed["rows"]] == ["character v2", "character v1"]
    listed = watch(studio, tab, listed | {"selected": "run-v1"})[runs_of]
    assert listed["selected"] == "run-v1"


def test_the_version_before_is_drawn_in_grey(studio: Studio, tab: TrainTab) -> None:
    points = (Metric(name="loss", step=1, value=1.0), Metric(name="loss", step=2, value=0.5))
    both = [run_of("v1"), run_of("v2", minutes=1)]
    studio.session.store.put(*both, *(CurvePart(id=f"{r.id}/000000", run=r.id, points=points) for r in both))
    shown = watch(studio, tab, {})[tab.progress.curve]["series"]
    assert [(s["name"], s["faded"]) for s in shown] == [("v1", True), ("v2", False)]
    assert [s["name"] for s in watch(studio, tab, {}, compare=False)[tab.progress.curve]["series"]] == ["v2"]


def test_a_step_measured_again_after_a_resume_counts_once() -> None:
    again = [Metric(name="loss", step=s, value=v) for s, v in ((1, 1.0), (2, 0.9), (2, 0.7), (3, 0.6))]
    other = Metric(name="fixed_loss", step=0, value=2.0)
    assert [(m.step, m.value) for m in metrics([*again, other], "loss")] == [(1, 1.0), (2, 0.7), (3, 0.6)]
    assert series("v1", (*again, other))["fixed"] == [[0.0, 2.0]]


def test_smoothing_starts_at_the_data_and_thinning_keeps_the_end() -> None:
    points = [(s, 4.0) for s in range(1000)]
    assert smooth(points)[0] == [0, pytest.approx(4.0)]
    assert smooth([(0, 0.0), (1, 1.0)])[1][1] == pytest.approx(0.1 / (1 - 0.81))
    kept = thin([[float(s), v] for s, v in points])
    assert len(kept) <= 401 and kept[-1] == [999.0, 4.0]
    assert thin([]) == []


def test_samples_stand_in_a_grid_of_step_and_prompt(put: Put) -> None:
    def sample(prompt: str, step: int) -> ImageRecord:
        made = put("sample")
        assert made.shot
        purpose = made.shot.purpose.model_copy(update={"labels": {"training_step": str(step)}})
        return made.model_copy(update={"shot": made.shot.model_copy(update={"prompt": prompt, "purpose": purpose})})

    first, second, third = sample("<b>smile</b>", 500), sample("frown", 250), sample("<b>smile</b>", 250)
    value = samples([first, second, third], empty="")
    assert value["steps"] == ["250", "500"]
    assert value["prompts"] == ["<b>smile</b>", "frown"]
    assert value["cells"][0][1]["id"] == first.id and value["cells"][1][1] is None


def sampled(studio: Studio, put: Put, step: int, score: float | None, *, strength: float | None = None) -> ImageRecord:
    """A picture that a training of v1 made at a step, or one of its grid."""
    made = put("sample", score=score, cell="front/smiling")
    assert made.shot
    labels = {"training_step": str(step)} | ({"strength": f"{strength:g}"} if strength else {})
    shot = made.shot.model_copy(update={"purpose": made.shot.purpose.model_copy(update={"labels": labels})})
    place = "samples" if strength is None else "grid"
    folder = studio.session.workspace.lora_folder("ada", "character", "v1")
    moved = made.model_copy(update={"shot": shot, "path": f"{folder}/{place}/{made.id[:8]}.png"})
    studio.session.store.put(moved)
    return moved


def test_identity_is_drawn_over_the_steps_of_a_run(studio: Studio, tab: TrainTab, put: Put) -> None:
    studio.session.store.put(run_of("v1"))
    assert "series" not in watch(studio, tab, {})[tab.progress.identity]
    for step, score in ((0, 0.2), (0, 0.4), (10, 0.7), (10, 0.8)):
        sampled(studio, put, step, score)
    sampled(studio, put, 10, None)
    sampled(studio, put, 10, 0.1, strength=0.6)  # of the grid, not of the training
    value = watch(studio, tab, {})[tab.progress.identity]
    (line,) = value["series"]
    assert line["raw"] == [[0.0, pytest.approx(0.3)], [10.0, pytest.approx(0.75)]]
    assert sorted(d[:2] for d in line["dots"]) == [[0.0, 0.2], [0.0, 0.4], [10.0, 0.7], [10.0, 0.8]]
    assert value["rule"] == {"value": 0.5, "words": "right from 0.50"} and value["total"] == 10


def test_the_grid_shows_steps_across_and_strengths_down(studio: Studio, tab: TrainTab, put: Put) -> None:
    studio.session.store.put(run_of("v1"))
    places = {(s, w): sampled(studio, put, s, w * s / 20, strength=w) for s in (5, 10) for w in (0.6, 1.2)}
    grid, seen = tab.progress.grid, watch(studio, tab, {})
    steps, button, step, export = (seen[c] for c in (grid.steps, grid.draw, grid.step, grid.export))
    shown, best = seen[grid.shown], seen[grid.best]
    assert steps["choices"] == [] and not button["interactive"]  # nothing is kept of this run
    assert shown["steps"] == ["5", "10"] and shown["prompts"] == ["front/smiling at 0.6", "front/smiling at 1.2"]
    assert shown["cells"][1][0]["id"] == places[5, 1.2].id and shown["cells"][0][1]["score"] == pytest.approx(0.3)
    assert "step 10 at 1.2, 0.60 on average of 1" in best["lines"][0]
    assert export["visible"] and step["visible"]


def test_what_is_ticked_in_the_grid_stays_until_another_run_is_looked_at(studio: Studio, tab: TrainTab) -> None:
    run = run_of("v1")
    folder = studio.session.workspace.path(studio.session.workspace.lora_folder("ada", "character", "v1"))
    for kept in (5, 10):
        place = folder / "checkpoints" / f"{kept:06d}"
        place.mkdir(parents=True)
        (place / "adapter.safetensors").write_bytes(b"")
    studio.session.store.put(run)
    grid, first = tab.progress.grid, watch(studio, tab, {})
    listed = first[tab.progress.runs]
    assert first[grid.steps]["value"] == [5, 10] and first[grid.step]["value"] == 10
    assert "no samples" in first[grid.plan]["lines"][0]
    ticked: dict[str, Any] = {"steps": [5], "strengths": ["0.8"], "step": 5}
    again = watch(studio, tab, listed, **ticked)
    assert again[grid.steps]["value"] == [5] and again[grid.step]["value"] == 5
    studio.session.store.put(run_of("v2", minutes=1))
    assert watch(studio, tab, listed, **ticked)[grid.steps]["value"] == []


def test_a_failed_run_is_marked(studio: Studio) -> None:
    rows = runs([run_of("v1", state="failed")], "", empty="", curves={})["rows"]
    assert rows[0]["tone"] == "bad" and rows[0]["state"] == "failed"


def test_a_grid_of_one_step_has_its_strengths_side_by_side(put: Put) -> None:
    made = []
    for cell in ("front/neutral", "half-left/smiling"):
        for strength in ("0.6", "1"):
            image = put("sample", cell=cell, labels={"training_step": "300", "strength": strength})
            made.append(image)
    places = {checkpoints.place(i) for i in made}
    shown = train_grid.shown_of(made)
    assert len(shown["steps"]) == len({strength for _, strength in places}) and len(shown["prompts"]) == 2
    assert shown["axis"] == "step 300 at" and len(shown["cells"]) == 2


def test_a_picture_of_ones_own_prompt_is_called_by_it(put: Put) -> None:
    image = put("synthetic", cell="own/5d21b7d7")
    assert image.shot
    image = image.model_copy(update={"shot": image.shot.model_copy(update={"prompt": "ohwx, on a boat"})})
    assert title(image) == "ohwx, on a boat"


def test_the_base_model_is_the_first_column_of_the_grid(put: Put) -> None:
    bare = put("sample", cell="front/neutral", labels={"training_step": "0", "strength": "0"})
    made = [
        put("sample", cell="front/neutral", labels={"training_step": step, "strength": "1"}) for step in ("100", "200")
    ]
    shown = train_grid.shown_of([bare, *made])
    assert shown["steps"] == ["base", "100", "200"] and shown["prompts"] == ["front/neutral at 1"]
    assert [cell["id"] for cell in shown["cells"][0]] == [bare.id, *(image.id for image in made)]
    one = train_grid.shown_of([bare, made[0]])
    assert one["steps"] == ["base", "1"] and one["cells"][0][0]["id"] == bare.id


def test_what_each_step_was_like_is_drawn_beside_the_loss(studio: Studio, tab: TrainTab) -> None:
    run = run_of("v1")
    points = tuple(Metric(name="learning_rate", step=n, value=0.1 / n) for n in (1, 2))
    studio.session.store.put(run, CurvePart(id="run-v1/0", run=run.id, points=points))
    seen, small = watch(studio, tab, {}), tab.progress.small
    rate = seen[small["learning_rate"]]
    assert rate["title"] == "Learning rate" and rate["series"][0]["smooth"] == [[1.0, 0.1], [2.0, 0.05]]
    assert seen[tab.progress.row]["visible"] and seen[small["gradient_norm"]] == {}
    studio.session.store.put(run_of("v2", minutes=1))
    assert not watch(studio, tab, {})[tab.progress.row]["visible"]  # a training of before these were measured


def test_every_setting_that_is_a_number_or_of_a_few_is_a_field(studio: Studio, tab: TrainTab) -> None:
    elsewhere = {"alpha", "smaller", "phases"}  # told beside them
    assert {*tab.settings.fields} == {*TrainingSettings.model_fields} - elsewhere
    said = train.settings_of(
        studio, form(tab, batch=2, accumulate=3, ema=0.9, optimizer="adamw", lr_scheduler="constant", save_every=7)
    )
    assert (said.batch, said.accumulate, said.ema, said.save_every) == (2, 3, 0.9, 7)
    assert (said.optimizer, said.lr_scheduler) == ("adamw", "constant")
    with pytest.raises(NotAllowed, match=r"Batch: a whole number from 1 to 1 024; not 0\."):
        train.settings_of(studio, form(tab, batch=0))
    with pytest.raises(NotAllowed, match="optimizer"):
        train.settings_of(studio, form(tab, optimizer="sgd"))


def test_an_editor_run_shows_its_proof_and_a_character_run_does_not(studio: Studio, tab: TrainTab) -> None:
    trial = tab.progress.trial
    editor = run_of("v1").model_copy(update={"target": "editor", "lora": "gone", "id": "e"})
    seen = train_trial.refresh(studio, trial, editor)
    assert seen[trial.frame]["visible"] and "cannot be proven" in seen[trial.words]["lines"][0]
    assert not seen[trial.make]["interactive"] and seen[trial.use]["value"] == "Use in Enrich anyway"
    assert train_trial.refresh(studio, trial, run_of("v2")) == {trial.frame: {"visible": False, "__type__": "update"}}
