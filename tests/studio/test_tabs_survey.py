"""The Survey tab's handlers on a real session: no browser, no worker."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tab_helpers import groups_say, lora_file, on_page, rows_say

from pipelines.domain.records import ImageRecord, Job, LoraRecord, Survey
from pipelines.storage.presets import shipped
from pipelines.workflow import loras
from pipelines.workflow import survey as survey_steps
from pipelines.workflow.survey import Standing
from studio.components import lora_rows, lora_stack
from studio.components.catalogue import chosen, match, status
from studio.components.forms import Updates
from studio.components.lora_rows import Draft, StackForm
from studio.components.standings import averages, ranking
from studio.server.state import Studio
from studio.tabs import survey
from studio.tabs.survey import SurveyForm, SurveyTab

Put = Callable[..., ImageRecord]


@pytest.fixture
def tab(studio: Studio) -> SurveyTab:
    return on_page(survey.build, studio)


def shown(studio: Studio, tab: SurveyTab, at: str = "") -> Updates:
    return survey.refresh(studio, tab, SurveyForm(at=at, whose="ada" if at else None))


def choice(tab: SurveyTab, listed: dict[str, Any], pictures: dict[str, Any], **fields: Any) -> SurveyForm:
    """What the tab reads of what its events send."""
    said = {"combine": [], "saved": [], "special": False, "text": "", "seed": 0, "prompts": ("background/forest",)}
    said |= fields
    models, tests = tab.models, tab.tests
    values = {models.catalogue: listed, models.combine: said["combine"], models.stacks: said["saved"]}
    values |= {tests.images: pictures, tests.specialties: said["special"], tests.prompts: said["text"]}
    values |= {tests.seeds: said.get("seeds", 1), tests.onto: said.get("onto", "")}
    values |= {
        tests.seed: said["seed"],
        tests.beside: said.get("beside", {}),
        **groups_say(tests.axes, said["prompts"]),
    }
    assert values.keys() == set(tab.choice)
    return survey.read(tab, values)


def bring(
    studio: Studio, tab: SurveyTab, path: Path, entry: str, before: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """A file is chosen in the page: what the catalogue shows then, and what is said."""
    models = tab.models
    said = {models.upload: str(path), models.entry: entry, models.catalogue: before}
    updates = survey.bring(studio, tab, survey.read(tab, said))
    return updates[models.catalogue], updates[models.message]


@pytest.fixture
def brought(studio: Studio, tab: SurveyTab, tmp_path: Path) -> dict[str, Any]:
    """Two LoRAs brought in and ticked, the first as an entry of the catalogue; the catalogue's value."""
    value: dict[str, Any] = {}
    for name, entry in (("angles", "multiple-angles"), ("my own", "")):
        value, words = bring(studio, tab, lora_file(tmp_path, name), entry, value)
        assert words["tone"] == "good"
    return value


def test_the_catalogue_shows_what_is_here_and_what_does_not_fit(studio: Studio, brought: dict[str, Any]) -> None:
    chips = {i["key"]: i["status"] for i in brought["items"]}
    assert chips["multiple-angles"] == "here"
    assert chips["controlnet-union"] == "wrong family"
    assert chips["multiple-characters"] == "misleading"
    assert chips["lightning-8"] == "not here"
    assert chips["mini-relight"] == "here" and chips["mini-portrait"] == "wrong family"
    relevance = [i["relevance"] for i in brought["items"] if i["repo"]]
    assert relevance == sorted(relevance, reverse=True)


def test_a_file_that_fits_another_entry_of_the_wrong_family_is_not_here(studio: Studio) -> None:
    wrong = next(e for e in shipped().catalogue if e.name == "controlnet-union")
    assert status(wrong, None, "qwen-image-edit") == ("wrong family", "bad")


def test_an_entry_is_matched_by_its_file_name(studio: Studio, tab: SurveyTab, tmp_path: Path) -> None:
    entry = next(e for e in shipped().catalogue if e.name == "next-scene")
    value, _ = bring(studio, tab, lora_file(tmp_path, Path(entry.file).stem), "", {})
    item = next(i for i in value["items"] if i["key"] == "next-scene")
    assert item["status"] == "here" and item["lora"]
    assert match(entry, []) is None


def test_a_lora_that_comes_with_the_product_is_taken_in_when_it_is_ticked(studio: Studio, tab: SurveyTab) -> None:
    listed = shown(studio, tab)[tab.models.catalogue]
    assert survey.columns(studio, listed, [], []) == []
    listed |= {"ticked": ["mini-relight", "mini-portrait"]}
    value = survey.fetch(studio, tab, SurveyForm(listed))[tab.models.catalogue]
    assert value["ticked"] == ["mini-relight"]
    (column,) = survey.columns(studio, value, [], [])
    assert studio.session.workspace.path(column.adapters[0].path).is_file()
    again = survey.fetch(studio, tab, SurveyForm(value))[tab.models.catalogue]
    assert "ticked" not in again, "nothing to take in: the page keeps its value"


def test_a_lora_of_another_family_is_refused_in_words(studio: Studio, tab: SurveyTab, tmp_path: Path) -> None:
    value, words = bring(studio, tab, lora_file(tmp_path, "grain", "flux"), "multiple-angles", {})
    assert words["tone"] == "bad" and "grain" in words["lines"][0]
    assert not any(i["lora"] for i in value["items"])


def trained(studio: Studio, path: Path) -> LoraRecord:
    """A LoRA of the character's editor, as a training leaves it."""
    record = loras.add(studio.session, path, "ada_v1.safetensors", family="mini-qwen-edit")
    own = record.model_copy(update={"origin": "trained", "character": "ada", "version": "v1", "run": "r", "alpha": 2.0})
    studio.session.store.put(own)
    return own


def test_what_is_ticked_is_tested_after_an_own_lora_was_trained(studio: Studio, tab: SurveyTab, tmp_path: Path) -> None:
    """Entries without a repository have an empty name, as own LoRAs have none in the catalogue: these are not alike."""
    own = trained(studio, lora_file(tmp_path, "ada_v1"))
    listed = shown(studio, tab)[tab.models.catalogue] | {"ticked": ["mini-expressions", "mini-angles"]}
    titles = {i["key"]: i["lora"] for i in listed["items"]}
    assert titles["mini-expressions"] == titles["mini-angles"] == "" and titles[own.id] == own.id
    value = survey.fetch(studio, tab, SurveyForm(listed))[tab.models.catalogue]
    columns = survey.columns(studio, value, [], [])
    assert {c.adapters[0].name for c in columns} == {"mini-expressions", "mini-angles"}
    assert own.id not in {a.sha256 for c in columns for a in c.adapters}


def test_two_files_of_one_name_are_two_lines_and_two_columns(
    studio: Studio, tab: SurveyTab, put: Put, tmp_path: Path
) -> None:
    put("source")
    pictures = shown(studio, tab)[tab.tests.images]
    value: dict[str, Any] = {}
    for folder, rank in (("one", 4), ("two", 2)):
        (tmp_path / folder).mkdir()
        path = lora_file(tmp_path / folder, "pytorch_lora_weights", rank=rank)
        value, _ = bring(studio, tab, path, "", value)
    own = [i for i in value["items"] if i["kind"] == "brought in"]
    assert len({i["title"] for i in own}) == 2
    plan = survey.plan_of(studio, choice(tab, value, pictures))
    assert len({s.purpose.labels["stack"] for s in plan.shots}) == 3  # the base and both
    made = survey_steps._survey(plan, Job(id="j", kind="render", title="t", request={}))
    assert len(made.stacks) == 3


def test_an_own_lora_brought_in_again_stays_the_characters(studio: Studio, tab: SurveyTab, tmp_path: Path) -> None:
    path = lora_file(tmp_path, "ada_v1")
    own = trained(studio, path)
    value, _ = bring(studio, tab, path, "multiple-angles", {})
    kept = loras.get(studio.session, own.id)
    assert (kept.origin, kept.character, kept.version, kept.run, kept.catalogue) == ("trained", "ada", "v1", "r", "")
    assert (kept.name, kept.alpha, kept.path) == (own.name, own.alpha, own.path)
    assert len(list(studio.session.workspace.path("loras").glob("*.safetensors"))) == 1
    assert not any(i["lora"] for i in value["items"] if i["key"] == "multiple-angles")


def test_a_file_that_was_lost_comes_back_to_its_record(studio: Studio, tmp_path: Path) -> None:
    path = lora_file(tmp_path, "ada_v1")
    own = trained(studio, path)
    studio.session.workspace.path(own.path).unlink()
    again = loras.add(studio.session, path, "other.safetensors", family="mini-qwen-edit")
    assert again.origin == "trained" and studio.session.workspace.path(again.path).is_file()


def test_ids_from_the_page_are_not_trusted(studio: Studio, brought: dict[str, Any]) -> None:
    forged = {"items": [{"key": "x", "lora": "0" * 64}], "ticked": ["x"]}
    assert chosen(forged, lora_stack.usable(studio, "editor")) == []
    assert len(chosen(brought, lora_stack.usable(studio, "editor"))) == 2


def test_columns_are_singles_pairs_all_and_saved_stacks(studio: Studio, brought: dict[str, Any]) -> None:
    assert len(survey.columns(studio, brought, [], [])) == 2
    assert len(survey.columns(studio, brought, ["pairs", "all"], [])) == 3
    ids = chosen(brought, lora_stack.usable(studio, "editor"))
    rows = on_page(lora_rows.build, "enrich", "editor")
    off = lora_rows.read(rows, rows_say(rows, Draft(ids, [True, False], [0.5, 1.0]))).draft
    lora_stack.save_as(studio, rows, StackForm(off, name="half"))
    saved = lora_stack.named(studio, "editor")[0]
    extra = survey.columns(studio, {}, [], [saved.id])
    assert [[a.weight for a in s.adapters] for s in extra] == [[0.5]]


def test_the_plan_is_columns_by_pictures_by_prompts(
    studio: Studio, tab: SurveyTab, put: Put, brought: dict[str, Any]
) -> None:
    for _ in range(7):
        put("source")
    pictures = shown(studio, tab)[tab.tests.images]
    assert len(pictures["ticked"]) == 5
    said = choice(tab, brought, pictures, prompts=("background/forest", "lighting/sunset"), text="give her a hat\n")
    seen = survey.look_ahead(studio, tab, said)
    words, button = seen[tab.plan], seen[tab.make]
    assert words["lines"][0] == "3 columns x 5 pictures x 3 prompts"
    assert button["value"] == "Run 45" and button["interactive"]
    plan = survey.plan_of(studio, said)
    assert {s.stack.label for s in plan.shots} == {"base", "angles 1", "my own 1"}


def test_specialties_of_the_ticked_loras_join_the_prompts(
    studio: Studio, tab: SurveyTab, put: Put, tmp_path: Path
) -> None:
    put("source")
    value, _ = bring(studio, tab, lora_file(tmp_path, "multiple-angles"), "multiple-angles", {})
    pictures = shown(studio, tab)[tab.tests.images]
    without = len(survey.plan_of(studio, choice(tab, value, pictures)))
    entry = next(e for e in shipped().catalogue if e.name == "multiple-angles")
    assert len(survey.plan_of(studio, choice(tab, value, pictures, special=True))) == without + 2 * len(entry.prompts)


def test_what_lacks_is_told(studio: Studio, tab: SurveyTab, put: Put) -> None:
    seen = survey.look_ahead(studio, tab, choice(tab, {}, shown(studio, tab)[tab.tests.images]))
    words, button = seen[tab.plan], seen[tab.make]
    assert "drop some in Enrich" in words["lines"][0] and not button["interactive"]
    put("source")
    seen = survey.look_ahead(studio, tab, choice(tab, {}, shown(studio, tab)[tab.tests.images], prompts=()))
    words, _ = seen[tab.plan], seen[tab.make]
    assert words["lines"] == ["Tick at least one prompt."]


def test_a_decision_needs_a_survey_a_letter_and_reasons(studio: Studio, tab: SurveyTab) -> None:
    analysis = tab.analysis

    def decide(letter: str, reasons: str) -> Updates:
        return survey.decide(studio, tab, survey.read(tab, {analysis.decision: letter, analysis.reasons: reasons}))

    def refusal(letter: str, reasons: str) -> str:
        updates = decide(letter, reasons)
        assert updates.keys() == {analysis.decided}, "what was written stays"
        return updates[analysis.decided]["lines"][0]

    assert "Run a survey first" in refusal("A", "because")
    studio.session.store.put(Survey(id="ada/v1", character="ada", version="v1", family="mini-qwen-edit"))
    assert "Choose A" in refusal("Z", "because")
    assert "reasons" in refusal("B", "   ")
    told = decide("B", " angles for turning, base for scenes ")
    assert (told[analysis.decision], told[analysis.decided]["tone"]) == ("B", "good")
    stored = studio.session.store.get(Survey, "ada/v1")
    assert stored is not None and stored.decision == "B"
    assert stored.reasons == told[analysis.reasons] == "angles for turning, base for scenes"


def test_reasons_being_written_are_not_overwritten(studio: Studio, tab: SurveyTab) -> None:
    studio.session.store.put(
        Survey(id="ada/v1", character="ada", version="v1", family="mini-qwen-edit", reasons="kept")
    )
    first = shown(studio, tab)
    assert first[tab.at] == "ada/v1" and first[tab.analysis.reasons] == "kept"
    assert not shown(studio, tab, "ada/v1").keys() & set(tab.analysis.said)


def standing(stack: str, right: int, measured: int) -> Standing:
    return Standing(stack, measured, 0.5, right, measured, 1.5, None, None, 3.0)


def test_averages_leave_unmeasured_cells_empty() -> None:
    row = averages([standing("base", 3, 4)])["rows"][0]
    assert row == ["base", "4", "0.50", "", "3.0", "1.5 s", ""]


def test_the_ranking_prefers_the_surer_rate() -> None:
    bars = ranking([standing("lucky", 2, 2), standing("proven", 19, 20), standing("unseen", 0, 0)])["bars"]
    assert [b["name"] for b in bars] == ["proven", "lucky"]
    assert bars[0]["words"].startswith("19 of 20 right (76-99 %)")
