"""The Generate tab's handlers on a real session: no browser, no worker."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tab_helpers import lora_file, on_page, rows_say

from pipelines.domain.records import Decision, ImageRecord, LoraRecord
from pipelines.practice.choices import choices
from pipelines.storage.presets import shipped
from pipelines.workflow import loras, practice
from studio.components.forms import Updates
from studio.components.histogram import histogram
from studio.components.lora_rows import Draft
from studio.server.state import Studio
from studio.tabs import generate
from studio.tabs.generate_form import GenerateForm, GenerateTab, read

Put = Callable[..., ImageRecord]
ALL = [s.name for s in shipped().scenarios]


def trained(studio: Studio, folder: Path, version: str) -> LoraRecord:
    """A LoRA of the character, as the end of a training leaves it."""
    lora = loras.add(studio.session, lora_file(folder, f"ada_{version}", "flux"), "x.safetensors", family="mini-flux")
    own = lora.model_copy(update={"origin": "trained", "character": "ada", "version": version})
    studio.session.store.put(own)
    return own


@pytest.fixture
def tab(studio: Studio) -> GenerateTab:
    return on_page(generate.build, studio)


def choice(
    tab: GenerateTab, names: list[str] | None = None, prompts: str = "", lora: str = "", **fields: Any
) -> GenerateForm:
    """What the tab reads of what its events send."""
    said = {"strength": 1.0, "variants": 4, "count": "", "seed": 0, "steps": "", "guidance": ""}
    said |= {"gaps": False, "until": ""} | fields
    said |= {"scenarios": ALL if names is None else names, "prompts": prompts, "lora": lora}
    stack = rows_say(tab.loras, said.pop("stack", Draft()))
    values = {getattr(tab.chosen, name): value for name, value in said.items()} | stack
    assert values.keys() == set(tab.choice)
    return read(tab, values)


def test_plan_line_counts_scenarios_prompts_and_variants(studio: Studio, tab: GenerateTab) -> None:
    seen = generate.look_ahead(studio, tab, choice(tab, ALL[:3], "on a boat\n\n  in a tree  ", variants=2))
    words, preview, make = (seen[c] for c in tab.foot.outputs)
    assert make["value"] == "Make 10" and make["interactive"] and preview["interactive"]
    assert words["title"].startswith("10 pictures, ")
    assert any("base model" in line for line in words["lines"])


def test_at_most_and_seed(studio: Studio, tab: GenerateTab) -> None:
    few = generate.plan_of(studio, choice(tab, count="7"))
    assert len(few) == 7
    other = generate.plan_of(studio, choice(tab, count="7", seed=3))
    assert {s.seed for s in few.shots}.isdisjoint({s.seed for s in other.shots})


def test_a_goal_plans_what_is_missing_and_says_when_there_is_nothing(
    studio: Studio, tab: GenerateTab, put: Put
) -> None:
    waiting, found_good = put("synthetic"), put("synthetic")
    studio.session.store.decide(Decision(image=found_good.id, who="human", action="label", value="good"))
    seen = generate.look_ahead(studio, tab, choice(tab, until="30"))
    assert seen[tab.foot.make]["value"] == "Make 28"
    assert seen[tab.foot.plan]["lines"][0] == "1 of 30 are good, 1 wait for review: 28 more are made."
    for until, why in (("2", "review these first"), ("1", "nothing to make")):
        seen = generate.look_ahead(studio, tab, choice(tab, until=until))
        assert why in seen[tab.foot.plan]["lines"][0] and not seen[tab.foot.make]["interactive"]
    assert "whole number" in choice(tab, until="many").wrong
    assert waiting.kind == "synthetic"


def test_gaps_first_and_wildcards(studio: Studio, tab: GenerateTab) -> None:
    folder = studio.session.workspace.root / "presets" / "wildcards"
    (folder / "winter").mkdir(parents=True)
    (folder / "winter" / "hats.txt").write_text("# mine\na bobble hat\n")
    (folder / "bad.txt").write_bytes(b"\xff\xfe\xff")
    shots = generate.plan_of(studio, choice(tab, [], "{{character}|{character}} in __winter/hats__, __lights__")).shots
    assert len(shots) == 4 and all(s.prompt.startswith("ohwx_char person in a bobble hat, ") for s in shots)
    gaps = generate.plan_of(studio, choice(tab, gaps=True, count="20"))
    cells = [(s.purpose.labels.get("angle"), s.purpose.labels.get("expression")) for s in gaps.shots]
    assert len(set(cells)) == len({(s.angle, s.expression) for s in shipped().scenarios if s.focus == "head"}), cells
    seen = generate.look_ahead(studio, tab, choice(tab, [], "__bad__"))
    assert "bad.txt cannot be read" in seen[tab.foot.plan]["lines"][0]


def test_guidance_and_steps_are_the_users_where_given(studio: Studio, tab: GenerateTab) -> None:
    mine = generate.plan_of(studio, choice(tab, ALL[:1], guidance="2,5", steps="20")).shots
    assert {(s.guidance, s.steps) for s in mine} == {(2.5, 20)}
    usual = studio.session.family(generate.generator_of(studio)).defaults
    theirs = generate.plan_of(studio, choice(tab, ALL[:1], guidance=" ")).shots
    assert {(s.guidance, s.steps) for s in theirs} == {(usual.guidance, usual.steps)}


def test_nothing_chosen_is_told(studio: Studio, tab: GenerateTab) -> None:
    seen = generate.look_ahead(studio, tab, choice(tab, [], "  \n "))
    words, preview, make = (seen[c] for c in tab.foot.outputs)
    assert words["lines"] == ["Tick a scenario or write a prompt."]
    assert not preview["interactive"] and not make["interactive"]


def test_an_unknown_scenario_is_told(studio: Studio, tab: GenerateTab) -> None:
    words = generate.look_ahead(studio, tab, choice(tab, ["no-such-scenario"]))[tab.foot.plan]
    assert "no-such-scenario" in words["lines"][0]


def test_a_hostile_prompt_stays_a_prompt(studio: Studio, tab: GenerateTab) -> None:
    prompt = '${alert(1)}<img src=x onerror="alert(1)">'
    shots = generate.plan_of(studio, choice(tab, [], prompt, variants=1)).shots
    assert [s.prompt for s in shots] == [f"ohwx_char person, {prompt}"]


def test_own_lora_at_its_strength_with_another_beside_it(studio: Studio, tab: GenerateTab, tmp_path: Path) -> None:
    own = trained(studio, tmp_path, "v1")
    grain = loras.add(studio.session, lora_file(tmp_path, "grain", "flux"), "grain.safetensors", family="mini-flux")
    stack = Draft([grain.id], [True], [0.4])
    shots = generate.plan_of(studio, choice(tab, ALL[:1], lora=own.id, strength=0.8, stack=stack)).shots
    weights = {(a.sha256, a.weight) for a in shots[0].stack.adapters}
    assert weights == {(own.id, 0.8), (grain.id, 0.4)}


def follow(studio: Studio, tab: GenerateTab, newest: str | None, whose: str | None) -> tuple[Any, Updates]:
    """What the tab takes for the newest LoRA, and all that changes."""
    updates = generate.refresh(studio, tab, GenerateForm(newest=newest, whose=whose))
    return updates[tab.newest], updates


def test_a_new_lora_is_chosen_once_and_then_left_to_the_user(studio: Studio, tab: GenerateTab, tmp_path: Path) -> None:
    lora = tab.chosen.lora
    newest, seen = follow(studio, tab, None, None)
    assert [i for _, i in seen[lora]["choices"]] == [""]
    first = trained(studio, tmp_path, "v1")
    newest, seen = follow(studio, tab, newest, "ada")
    assert seen[lora]["value"] == first.id
    newest, seen = follow(studio, tab, newest, "ada")
    assert "value" not in seen[lora]
    second = trained(studio, tmp_path, "v2")
    _, seen = follow(studio, tab, newest, "ada")
    assert seen[lora]["value"] == second.id
    assert [i for _, i in seen[lora]["choices"]] == [second.id, first.id, ""]


def test_a_character_comes_with_its_first_choice_and_then_it_is_the_users(studio: Studio, tab: GenerateTab) -> None:
    parts = (tab.whose, tab.chosen.scenarios, tab.chosen.variants, tab.chosen.guidance)
    _, seen = follow(studio, tab, None, None)
    assert [seen[p] for p in parts] == ["ada", ALL, 4, ""]
    assert not follow(studio, tab, None, "ada")[1].keys() & set(parts[1:])
    other, _ = practice.start(studio.session, 1)
    studio.choose(other.id)
    wanted = choices().generate
    whose, names, variants, guidance = (follow(studio, tab, None, "ada")[1][p] for p in parts)
    assert whose == other.id
    assert (names, variants, guidance) == (list(wanted.scenarios), 8, f"{wanted.guidance:g}")
    plan = generate.plan_of(studio, choice(tab, names, variants=variants, guidance=guidance))
    assert len(plan.shots) == 8 * len(names)


def test_what_is_no_number_on_the_page_is_as_good_as_not_said(tab: GenerateTab) -> None:
    wild = choice(tab, variants="many", strength=float("nan"), seed=-1, count="-3")
    assert (wild.variants, wild.strength, wild.seed, wild.count) == (1, 1.0, 0, None)
    assert read(tab, {}) == GenerateForm()


@pytest.fixture
def judged(studio: Studio, put: Put) -> list[ImageRecord]:
    """Five synthetic pictures with known scores."""
    return [put("synthetic", score=s, verdict="wrong") for s in (0.2, 0.4, 0.5, 0.6, 0.8)]


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
    studio: Studio, tab: GenerateTab, judged: list[ImageRecord]
) -> None:
    line = generate.scores_of(studio, {}) | {"cut": 0.55}
    words = generate.sort_out(studio, tab, read(tab, {tab.histogram: line}))[tab.filtered]
    verdicts = [studio.session.store.verdict(i.id) for i in judged]
    assert [v.label for v in verdicts] == ["reject"] * 3 + [None] * 2
    assert {v.who for v in verdicts[:3]} == {"rule"}
    assert words["title"].startswith("3 sorted out") and "taken back" in words["lines"][0]


def test_what_is_in_doubt_is_never_sorted_out_and_the_button_says_what_it_does(
    studio: Studio, tab: GenerateTab, put: Put
) -> None:
    doubts = [put("synthetic", score=0.1, verdict=v) for v in ("cannot tell", "unsure", "right")]
    profile = put("synthetic", score=0.05, verdict="cannot tell", cell="profile-left/neutral")
    wrong = [put("synthetic", score=s, verdict="wrong") for s in (0.1, 0.3)]
    for cut, count in ((0.2, 1), (1.0, 1)):
        line = generate.scores_of(studio, {}) | {"cut": cut}
        assert generate.filter_button(studio, line)["value"] == f"Sort out {count} below the line"
        title = generate.sort_out(studio, tab, read(tab, {tab.histogram: line}))[tab.filtered]["title"]
        assert title.startswith(f"{count} sorted out")
    labels = [studio.session.store.verdict(i.id).label for i in (*doubts, profile, *wrong)]
    assert labels == [None] * 4 + ["reject"] * 2


def test_pictures_without_a_score_are_counted_apart() -> None:
    value = histogram([None, 0.3, 0.6], None)
    assert value["unmeasured"] == 1 and value["cut"] == 0.6
    assert histogram([], None)["scores"] == []


@pytest.mark.parametrize("cut", [None, "0.5", float("inf"), -7, {}])
def test_a_broken_cut_from_the_page_is_held_within_a_cosine(cut: Any) -> None:
    assert -1.0 <= generate.cut_of({"cut": cut}) <= 1.0
