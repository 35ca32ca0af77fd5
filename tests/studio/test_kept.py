"""What a person has set for a character comes back: after a reload, from another character, after a restart."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from studio_helpers import Served
from tab_helpers import on_page

from pipelines.domain.records import ImageRecord, Job
from pipelines.workflow import characters
from pipelines.workflow.characters import NotAllowed
from studio.app import page as page_of
from studio.components.forms import Updates
from studio.server import choices
from studio.server.state import Studio
from studio.tabs import enrich, generate, survey, train
from studio.tabs.enrich_form import EnrichForm
from studio.tabs.generate_form import GenerateForm, everything
from studio.tabs.survey_form import SurveyForm
from studio.tabs.train import TrainForm

Put = Callable[..., ImageRecord]
SLOW = 60_000


def tab(page: Page, name: str) -> None:
    page.click(f"#tab-{name}-button")


def fill(page: Page, field: str, value: str) -> None:
    box = page.locator(f"#{field} input, #{field} textarea").first
    box.fill(value, timeout=SLOW)
    box.press("Tab")


def holds(page: Page, field: str, value: str) -> None:
    expect(page.locator(f"#{field} input, #{field} textarea").first).to_have_value(value, timeout=SLOW)


def set_all(page: Page) -> None:
    """Something in every tab."""
    tab(page, "enrich")
    page.locator("#enrich-sources .tick input").first.uncheck(timeout=SLOW)
    page.locator("#enrich-axis-lighting input").first.uncheck()
    page.locator("#enrich-gaps input").uncheck()
    fill(page, "enrich-count", "9")
    page.locator("#enrich-beside input[value='1']").check()
    page.locator("#enrich-beside .more [data-id]").nth(1).click()
    page.locator("#enrich-beside summary").click()
    page.locator("#enrich-beside .control [data-id]").nth(1).click()
    tab(page, "survey")
    page.locator("#survey-images .tick input").first.uncheck(timeout=SLOW)
    fill(page, "survey-prompts", "a hat on")
    page.locator("#survey-decision input").nth(1).check()
    fill(page, "survey-reasons", "the others lose the face")
    tab(page, "generate")
    page.locator("#generate-scenarios input").first.uncheck(timeout=SLOW)
    fill(page, "generate-prompts", "on a boat")
    fill(page, "generate-steps", "7")
    tab(page, "train")
    fill(page, "train-steps", "33")


def all_there(page: Page) -> None:
    tab(page, "enrich")
    expect(page.locator("#enrich-sources .tick input:checked")).to_have_count(1, timeout=SLOW)
    expect(page.locator("#enrich-axis-lighting input").first).not_to_be_checked(timeout=SLOW)
    expect(page.locator("#enrich-gaps input")).not_to_be_checked()
    holds(page, "enrich-count", "9")
    expect(page.locator("#enrich-beside input[value='1']")).to_be_checked(timeout=SLOW)
    for chosen in (".more [data-id] >> nth=1", ".control [data-id] >> nth=1"):
        expect(page.locator(f"#enrich-beside {chosen}")).to_have_attribute("aria-pressed", "true")
    tab(page, "survey")
    expect(page.locator("#survey-images .tick input:checked")).to_have_count(1, timeout=SLOW)
    holds(page, "survey-prompts", "a hat on")
    expect(page.locator("#survey-decision input").nth(1)).to_be_checked()
    holds(page, "survey-reasons", "the others lose the face")
    tab(page, "generate")
    expect(page.locator("#generate-scenarios input").first).not_to_be_checked(timeout=SLOW)
    holds(page, "generate-prompts", "on a boat")
    holds(page, "generate-steps", "7")
    tab(page, "train")
    holds(page, "train-steps", "33")


@pytest.mark.slow
def test_what_was_set_comes_back_and_another_character_begins_afresh(
    studio: Studio, put: Put, page: Page, served: Served
) -> None:
    put("source"), put("source")
    expect(page.locator("#enrich-sources .tick input")).to_have_count(2, timeout=SLOW)
    set_all(page)
    expect(page.locator("#train-plan")).to_contain_text("33", timeout=SLOW)
    page.reload()
    page.wait_for_selector("#character-picker option", state="attached", timeout=SLOW)
    all_there(page)
    bo = characters.create(studio.session, "Bo", may_use=True)
    studio.choose(bo.id)
    holds(page, "train-steps", "300")
    tab(page, "generate")
    holds(page, "generate-prompts", "")
    expect(page.locator("#generate-scenarios input").first).to_be_checked()
    fill(page, "generate-prompts", "in a tree")
    studio.choose("ada")
    expect(page.locator("#generate-scenarios input").first).not_to_be_checked(timeout=SLOW)
    all_there(page)


NONSENSE = ("", None, -1, 1e99, True, [], {}, ["axis/none"], {"ticked": 3}, {"items": [1], "ticked": "x"}, "x" * 30_000)


@pytest.mark.parametrize("value", NONSENSE)
def test_an_old_or_spoilt_value_gives_way_to_the_first_choice(studio: Studio, put: Put, value: Any) -> None:
    put("source")
    tabs = {build.__name__: on_page(build.build, studio) for build in (enrich, generate, survey, train)}
    root = studio.session.workspace.root

    def opened() -> list[Updates]:
        e, g, s, t = tabs.values()
        return [enrich.refresh(studio, e, EnrichForm()), generate.refresh(studio, g, GenerateForm()),
                survey.refresh(studio, s, SurveyForm()), train.refresh(studio, t, TrainForm())]  # fmt: skip

    usual = opened()
    numbers = [*tabs["studio.tabs.train"].settings.fields.values(), tabs["studio.tabs.enrich"].numbers.seed]
    for tab in tabs.values():
        for kept in [tab.kept, *([tab.draft] if hasattr(tab, "draft") else [])]:
            key = f"{kept.tab}/character" if kept.tab == "train" else kept.tab
            choices.write(root, "ada", key, dict.fromkeys(kept.parts, value))
    choices.write(root, "ada", "train-target", {"target": value})
    seen = opened()
    for before, after in zip(usual, seen, strict=True):
        for part in numbers:
            assert part not in before or before[part] == after[part]
    assert [set(u) for u in usual] == [set(u) for u in seen]


def test_a_file_that_cannot_be_read_is_as_good_as_none(studio: Studio) -> None:
    root = studio.session.workspace.root
    for spoilt in (b"", b"{", b"[1]", b'{"ada": 3}', b'{"ada": {"enrich": 3}}', b"\xff"):
        (root / choices.FILE).write_bytes(spoilt)
        assert choices.read(root, "ada", "enrich") == {}
    choices.write(root, "ada", "enrich", {"gaps": True})
    choices.write(root, "bo", "enrich", {"gaps": False})
    assert json.loads((root / choices.FILE).read_text())["ada"] == {"enrich": {"gaps": True}}


def test_what_another_character_had_chosen_is_neither_looked_at_nor_made(studio: Studio, put: Put) -> None:
    source = put("source")
    studio.choose(characters.create(studio.session, "Bo", may_use=True).id)
    shown = {"items": [{"id": source.id}], "ticked": [source.id]}
    edits = EnrichForm(shown, edits=("angle/front",), whose="ada")
    draws = GenerateForm(scenarios=tuple(everything(studio)), whose="ada")
    tests = SurveyForm(pictures=shown, prompts=("a hat",), whose="ada")
    trains = TrainForm(preset="character-practice", at="ada/character/mini-flux")
    for ask in (
        lambda: enrich.plan_of(studio, edits),
        lambda: generate.plan_of(studio, draws),
        lambda: survey.plan_of(studio, tests),
        lambda: train.settled(studio, trains),
    ):
        with pytest.raises(NotAllowed, match="another character"):
            ask()
    tab = on_page(enrich.build, studio)
    seen = enrich.look_ahead(studio, tab, edits)
    assert not seen[tab.foot.make]["interactive"] and not seen[tab.foot.preview]["interactive"]
    assert studio.session.store.all(Job) == []


def test_nothing_that_was_said_of_a_character_stays_on_another(studio: Studio) -> None:
    e, g, s, t = (on_page(tab.build, studio) for tab in (enrich, generate, survey, train))
    seen = enrich.refresh(studio, e, EnrichForm(whose="bo"))
    assert seen[e.sources.arrival] == {} and seen[e.foot.plan] == {} and not seen[e.foot.make]["interactive"]
    assert not seen[e.sources.undo]["visible"] and not seen[e.sources.tag]["visible"]
    seen = generate.refresh(studio, g, GenerateForm(whose="bo"))
    assert seen[g.filtered] == {} and not seen[g.foot.make]["interactive"]
    seen = survey.refresh(studio, s, SurveyForm(whose="bo"))
    assert seen[s.models.message] == {} and not seen[s.make]["interactive"]
    seen = train.refresh(studio, t, TrainForm(at="bo/character"))
    assert seen[t.settings.plan] == {} and not seen[t.settings.make]["interactive"]
    assert enrich.refresh(studio, e, EnrichForm(whose="ada")).keys().isdisjoint({e.foot.make, e.sources.arrival})


def test_each_target_of_training_has_its_own_settings(studio: Studio) -> None:
    tab = on_page(train.build, studio)
    rank = tab.settings.fields["rank"]
    filled = dict.fromkeys(tab.settings.fields.values(), 3)
    said = {tab.at: "ada/character/mini-flux", tab.settings.preset: "character-practice", **filled, rank: 5}
    tab.kept.write(studio, said)
    editor = train.refresh(studio, tab, TrainForm("editor", at="ada/character/mini-flux"))
    assert editor[tab.at] == "ada/editor/mini-qwen-edit" and editor[rank] != 5
    assert train.refresh(studio, tab, TrainForm("character", at="ada/editor/mini-qwen-edit"))[rank] == 5
    train.refresh(studio, tab, TrainForm("editor", at="ada/character/mini-flux"))
    opened = train.refresh(studio, tab, TrainForm())
    assert opened[tab.target] == "editor", "what was trained last is shown again"


def test_a_change_that_comes_while_the_page_still_follows_another_is_followed_too(studio: Studio) -> None:
    """Else a run is shown as running after it is done."""
    made = page_of(studio).config["dependencies"]
    followers = [d for d in made if any(event == "select" for _, event in d["targets"])]
    assert len(followers) >= 4
    assert {d["trigger_mode"] for d in followers} == {"always_last"}
    seen = {d["id"] for d in followers}
    while more := {d["id"] for d in made if d.get("trigger_after") in seen} - seen:
        seen |= more
    assert {d["trigger_mode"] for d in made if d["id"] in seen} == {"always_last"}
