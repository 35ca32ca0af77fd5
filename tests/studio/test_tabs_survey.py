"""The Survey tab's handlers on a real session: no browser, no worker."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tab_helpers import controls, lora_file, survey_groups

from pipelines.domain.records import ImageRecord, Survey
from pipelines.storage.presets import shipped
from pipelines.workflow.survey import Standing
from studio.components import lora_stack
from studio.components.catalogue import chosen, match, status
from studio.components.lora_stack import Draft
from studio.components.standings import averages, ranking
from studio.server.state import Studio
from studio.tabs import survey

Put = Callable[..., ImageRecord]


def shown(studio: Studio, listed: dict[str, Any] | None = None, pictures: dict[str, Any] | None = None) -> list[Any]:
    return survey.refresh(studio, listed or {}, pictures or {}, "")


def choice(listed: dict[str, Any], pictures: dict[str, Any], **fields: Any) -> list[Any]:
    """What the tab's events send."""
    said = {"combine": [], "saved": [], "special": False, "text": "", "seed": 0, "prompts": ("background/forest",)}
    said |= fields
    first = [listed, said["combine"], said["saved"], pictures]
    return [*first, said["special"], said["text"], said["seed"], *survey_groups(*said["prompts"])]


@pytest.fixture
def brought(studio: Studio, tmp_path: Path) -> dict[str, Any]:
    """Two LoRAs brought in and ticked, the first as an entry of the catalogue; the catalogue's value."""
    value: dict[str, Any] = {}
    for name, entry in (("angles", "multiple-angles"), ("my own", "")):
        value, words = survey.bring(studio, str(lora_file(tmp_path, name)), entry, value)
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


def test_an_entry_is_matched_by_its_file_name(studio: Studio, tmp_path: Path) -> None:
    entry = next(e for e in shipped().catalogue if e.name == "next-scene")
    value, _ = survey.bring(studio, str(lora_file(tmp_path, Path(entry.file).stem)), "", {})
    item = next(i for i in value["items"] if i["key"] == "next-scene")
    assert item["status"] == "here" and item["lora"]
    assert match(entry, []) is None


def test_a_lora_that_comes_with_the_product_is_taken_in_when_it_is_ticked(studio: Studio) -> None:
    listed = shown(studio)[0]
    assert survey.columns(studio, listed, [], []) == []
    value = survey.fetch(studio, listed | {"ticked": ["mini-relight", "mini-portrait"]})
    assert value["ticked"] == ["mini-relight"]
    (column,) = survey.columns(studio, value, [], [])
    assert studio.session.workspace.path(column.adapters[0].path).is_file()
    again = survey.fetch(studio, value)
    assert "ticked" not in again, "nothing to take in: the page keeps its value"


def test_a_lora_of_another_family_is_refused_in_words(studio: Studio, tmp_path: Path) -> None:
    value, words = survey.bring(studio, str(lora_file(tmp_path, "grain", "flux")), "multiple-angles", {})
    assert words["tone"] == "bad" and "grain" in words["lines"][0]
    assert not any(i["lora"] for i in value["items"])


def test_ids_from_the_page_are_not_trusted(studio: Studio, brought: dict[str, Any]) -> None:
    forged = {"items": [{"key": "x", "lora": "0" * 64}], "ticked": ["x"]}
    assert chosen(forged, lora_stack.usable(studio, "editor")) == []
    assert len(chosen(brought, lora_stack.usable(studio, "editor"))) == 2


def test_columns_are_singles_pairs_all_and_saved_stacks(studio: Studio, brought: dict[str, Any]) -> None:
    assert len(survey.columns(studio, brought, [], [])) == 2
    assert len(survey.columns(studio, brought, ["pairs", "all"], [])) == 3
    ids = chosen(brought, lora_stack.usable(studio, "editor"))
    off = Draft(ids, [True, False], [0.5, 1.0])
    lora_stack.save_as(studio, "editor", "half", *controls(off, 8))
    saved = lora_stack.named(studio, "editor")[0]
    extra = survey.columns(studio, {}, [], [saved.id])
    assert [[a.weight for a in s.adapters] for s in extra] == [[0.5]]


def test_the_plan_is_columns_by_pictures_by_prompts(studio: Studio, put: Put, brought: dict[str, Any]) -> None:
    for _ in range(7):
        put("source")
    pictures = shown(studio)[1]
    assert len(pictures["ticked"]) == 5
    said = choice(brought, pictures, prompts=("background/forest", "lighting/sunset"), text="give her a hat\n")
    words, button = survey.look_ahead(studio, *said)
    assert words["lines"][0] == "3 columns x 5 pictures x 3 prompts"
    assert button["value"] == "Run 45" and button["interactive"]
    plan = survey.plan_of(studio, *said)
    assert {s.stack.label for s in plan.shots} == {"base", "angles 1", "my own 1"}


def test_specialties_of_the_ticked_loras_join_the_prompts(studio: Studio, put: Put, tmp_path: Path) -> None:
    put("source")
    value, _ = survey.bring(studio, str(lora_file(tmp_path, "multiple-angles")), "multiple-angles", {})
    pictures = shown(studio)[1]
    without = len(survey.plan_of(studio, *choice(value, pictures)))
    entry = next(e for e in shipped().catalogue if e.name == "multiple-angles")
    assert len(survey.plan_of(studio, *choice(value, pictures, special=True))) == without + 2 * len(entry.prompts)


def test_what_lacks_is_told(studio: Studio, put: Put) -> None:
    words, button = survey.look_ahead(studio, *choice({}, shown(studio)[1]))
    assert "drop some in Enrich" in words["lines"][0] and not button["interactive"]
    put("source")
    words, _ = survey.look_ahead(studio, *choice({}, shown(studio)[1], prompts=()))
    assert words["lines"] == ["Tick at least one prompt."]


def test_a_decision_needs_a_survey_a_letter_and_reasons(studio: Studio) -> None:
    assert "Run a survey first" in survey.decide(studio, "A", "because")[2]["lines"][0]
    studio.session.store.put(Survey(id="ada/v1", character="ada", version="v1", family="mini-qwen-edit"))
    assert "Choose A" in survey.decide(studio, "Z", "because")[2]["lines"][0]
    assert "reasons" in survey.decide(studio, "B", "   ")[2]["lines"][0]
    decision, reasons, words = survey.decide(studio, "B", " angles for turning, base for scenes ")
    assert (decision, words["tone"]) == ("B", "good")
    stored = studio.session.store.get(Survey, "ada/v1")
    assert stored is not None
    assert (stored.decision, stored.reasons) == (
        "B",
        "angles for turning, base for scenes",
    ) and reasons == stored.reasons


def test_reasons_being_written_are_not_overwritten(studio: Studio) -> None:
    studio.session.store.put(
        Survey(id="ada/v1", character="ada", version="v1", family="mini-qwen-edit", reasons="kept")
    )
    first = shown(studio)
    assert first[5] == "ada/v1" and first[7] == "kept"
    again = survey.refresh(studio, {}, {}, "ada/v1")
    assert again[7] != "kept"


def standing(stack: str, right: int, measured: int) -> Standing:
    return Standing(stack, measured, 0.5, right, measured, 1.5, None, None, 3.0)


def test_averages_leave_unmeasured_cells_empty() -> None:
    row = averages([standing("base", 3, 4)])["rows"][0]
    assert row == ["base", "4", "0.50", "", "3.0", "1.5 s", ""]


def test_the_ranking_prefers_the_surer_rate() -> None:
    bars = ranking([standing("lucky", 2, 2), standing("proven", 19, 20), standing("unseen", 0, 0)])["bars"]
    assert [b["name"] for b in bars] == ["proven", "lucky"]
    assert bars[0]["words"].startswith("19 of 20 right (76-99 %)")
