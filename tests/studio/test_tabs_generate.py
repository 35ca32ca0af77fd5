"""The Generate tab's handlers on a real session: no browser, no worker."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from tab_helpers import controls, lora_file

from pipelines.domain.records import ImageRecord, LoraRecord
from pipelines.practice.choices import choices
from pipelines.storage.presets import shipped
from pipelines.workflow import loras, practice
from studio.components.histogram import histogram
from studio.components.lora_stack import Draft
from studio.server.state import Studio
from studio.tabs import generate

Put = Callable[..., ImageRecord]
ALL = [s.name for s in shipped().scenarios]


def trained(studio: Studio, folder: Path, version: str) -> LoraRecord:
    """A LoRA of the character, as the end of a training leaves it."""
    lora = loras.add(studio.session, lora_file(folder, f"ada_{version}", "flux"), "x.safetensors", family="mini-flux")
    own = lora.model_copy(update={"origin": "trained", "character": "ada", "version": version})
    studio.session.store.put(own)
    return own


def choice(names: list[str] | None = None, prompts: str = "", lora: str = "", **fields: Any) -> list[Any]:
    """What the tab's events send."""
    said = {"strength": 1.0, "variants": 4, "count": "", "seed": 0, "steps": "", "guidance": ""} | fields
    stack = said.pop("stack", Draft())
    return [ALL if names is None else names, prompts, lora, *said.values(), *controls(stack, 4)]


def test_plan_line_counts_scenarios_prompts_and_variants(studio: Studio) -> None:
    words, preview, make = generate.look_ahead(studio, *choice(ALL[:3], "on a boat\n\n  in a tree  ", variants=2))
    assert make["value"] == "Make 10" and make["interactive"] and preview["interactive"]
    assert words["title"].startswith("10 pictures, ")
    assert any("base model" in line for line in words["lines"])


def test_at_most_and_seed(studio: Studio) -> None:
    few = generate.plan_of(studio, *choice(count="7"))
    assert len(few) == 7
    other = generate.plan_of(studio, *choice(count="7", seed=3))
    assert {s.seed for s in few.shots}.isdisjoint({s.seed for s in other.shots})


def test_guidance_and_steps_are_the_users_where_given(studio: Studio) -> None:
    mine = generate.plan_of(studio, *choice(ALL[:1], guidance="2,5", steps="20")).shots
    assert {(s.guidance, s.steps) for s in mine} == {(2.5, 20)}
    usual = studio.session.family(generate.generator_of(studio)).defaults
    theirs = generate.plan_of(studio, *choice(ALL[:1], guidance="much")).shots
    assert {(s.guidance, s.steps) for s in theirs} == {(usual.guidance, usual.steps)}


def test_nothing_chosen_is_told(studio: Studio) -> None:
    words, preview, make = generate.look_ahead(studio, *choice([], "  \n "))
    assert words["lines"] == ["Tick a scenario or write a prompt."]
    assert not preview["interactive"] and not make["interactive"]


def test_an_unknown_scenario_is_told(studio: Studio) -> None:
    words = generate.look_ahead(studio, *choice(["no-such-scenario"]))[0]
    assert "no-such-scenario" in words["lines"][0]


def test_a_hostile_prompt_stays_a_prompt(studio: Studio) -> None:
    prompt = '${alert(1)}<img src=x onerror="alert(1)">'
    shots = generate.plan_of(studio, *choice([], prompt, variants=1)).shots
    assert [s.prompt for s in shots] == [f"ohwx_char person, {prompt}"]


def test_own_lora_at_its_strength_with_another_beside_it(studio: Studio, tmp_path: Path) -> None:
    own = trained(studio, tmp_path, "v1")
    grain = loras.add(studio.session, lora_file(tmp_path, "grain", "flux"), "grain.safetensors", family="mini-flux")
    stack = Draft([grain.id], [True], [0.4])
    shots = generate.plan_of(studio, *choice(ALL[:1], lora=own.id, strength=0.8, stack=stack)).shots
    weights = {(a.sha256, a.weight) for a in shots[0].stack.adapters}
    assert weights == {(own.id, 0.8), (grain.id, 0.4)}


def test_a_new_lora_is_chosen_once_and_then_left_to_the_user(studio: Studio, tmp_path: Path) -> None:
    newest, lora, *_ = generate.refresh(studio, None, {}, None)
    assert [i for _, i in lora["choices"]] == [""]
    first = trained(studio, tmp_path, "v1")
    newest, lora, *_ = generate.refresh(studio, newest, {}, studio.character_id)
    assert lora["value"] == first.id
    newest, lora, *_ = generate.refresh(studio, newest, {}, studio.character_id)
    assert "value" not in lora
    second = trained(studio, tmp_path, "v2")
    _, lora, *_ = generate.refresh(studio, newest, {}, studio.character_id)
    assert lora["value"] == second.id
    assert [i for _, i in lora["choices"]] == [second.id, first.id, ""]


def test_a_character_comes_with_its_first_choice_and_then_it_is_the_users(studio: Studio) -> None:
    *_, whose, names, variants, guidance = generate.refresh(studio, None, {}, None)
    assert (whose, names, variants, guidance) == ("ada", ALL, 4, "")
    *_, names, variants, guidance = generate.refresh(studio, None, {}, whose)
    assert names == variants == guidance == gr.skip()
    other, _ = practice.start(studio.session, 1)
    studio.choose(other.id)
    *_, whose, names, variants, guidance = generate.refresh(studio, None, {}, whose)
    assert whose == other.id
    assert (names, variants, guidance) == (list(choices().generate.scenarios), 8, f"{choices().generate.guidance:g}")
    assert len(generate.plan_of(studio, *choice(names, variants=variants, guidance=guidance)).shots) == 8 * len(names)


@pytest.fixture
def judged(studio: Studio, put: Put) -> list[ImageRecord]:
    """Five synthetic pictures with known scores."""
    return [put("synthetic", score=s) for s in (0.2, 0.4, 0.5, 0.6, 0.8)]


def test_the_histogram_starts_at_the_threshold(studio: Studio, judged: list[ImageRecord]) -> None:
    value = generate.scores_of(studio, {})
    assert value["scores"] == [0.2, 0.4, 0.5, 0.6, 0.8]
    assert value["cut"] == value["threshold"] == 0.5
    assert value["low"] < 0.2 and value["high"] > 0.8
    assert generate.filter_button(studio, value)["value"] == "Sort out 2 below the line"


def test_a_line_that_was_moved_stays_where_it_is(studio: Studio, put: Put, judged: list[ImageRecord]) -> None:
    value = generate.scores_of(studio, {}) | {"cut": 0.7, "moved": True}
    put("synthetic", score=0.9)
    again = generate.scores_of(studio, value)
    assert again["cut"] == 0.7 and len(again["scores"]) == 6
    assert generate.scores_of(studio, value | {"of": "bea"})["cut"] == 0.5


def test_sorting_out_rejects_what_is_below_and_says_that_it_can_be_taken_back(
    studio: Studio, judged: list[ImageRecord]
) -> None:
    words = generate.sort_out(studio, generate.scores_of(studio, {}) | {"cut": 0.55})
    verdicts = [studio.session.store.verdict(i.id) for i in judged]
    assert [v.label for v in verdicts] == ["reject"] * 3 + [None] * 2
    assert {v.who for v in verdicts[:3]} == {"rule"}
    assert words["title"].startswith("3 sorted out") and "taken back" in words["lines"][0]


def test_pictures_without_a_score_are_counted_apart() -> None:
    value = histogram([None, 0.3, 0.6], None)
    assert value["unmeasured"] == 1 and value["cut"] == 0.6
    assert histogram([], None)["scores"] == []


@pytest.mark.parametrize("cut", [None, "0.5", float("inf"), -7, {}])
def test_a_broken_cut_from_the_page_is_held_within_a_cosine(cut: Any) -> None:
    assert -1.0 <= generate.cut_of({"cut": cut}) <= 1.0
