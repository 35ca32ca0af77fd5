"""Generate: wildcards in prompts, gaps first, and a number to be reached."""

from collections import Counter

import pytest
from test_plans import generating

from pipelines.domain.presets import Scenario
from pipelines.planning import base, generate
from pipelines.planning.wildcards import expanded

LISTS = {"hats": ("a cap", "a {red|blue} beret"), "void": (), "loop": ("x __loop__",), "winter/hats": ("a bobble hat",)}
GRID = tuple(
    Scenario(name=f"{angle}-{face}", title="t", prompt="{character}", angle=angle, expression=face)  # type: ignore[arg-type]
    for angle in ("front", "half-left")
    for face in ("neutral", "sad")
)


def several(prompt: str, seeds: int = 200) -> Counter[str]:
    return Counter(expanded(prompt, LISTS, seed) for seed in range(seeds))


def test_one_of_each_choice_reproducibly() -> None:
    assert set(several("{red|blue} scarf")) == {"red scarf", "blue scarf"}
    assert set(several("in __hats__")) == {"in a cap", "in a red beret", "in a blue beret"}
    assert set(several("{a {b|c}|__winter/hats__}")) == {"a b", "a c", "a bobble hat"}
    assert set(several("{smiling, |}{character}")) == {"smiling,{character}", "{character}"}
    assert set(several("{{character}|nobody}")) == {"{character}", "nobody"}
    weighed = several("{9::red|1::blue|0::green}", 400)
    assert weighed["red"] > 320 and 0 < weighed["blue"] < 80 and not weighed["green"]
    assert [expanded("{a|b|c}", {}, n) for n in range(30)] == [expanded("{a|b|c}", {}, n) for n in range(30)]


@pytest.mark.parametrize("plain", ["{character}, a {plain} scarf", "snake_case and __ two", "a  b", "50% {", "a|b"])
def test_what_is_no_wildcard_stays_letter_for_letter(plain: str) -> None:
    assert expanded(plain, LISTS, 1) == plain


@pytest.mark.parametrize(
    ("prompt", "why"),
    [
        ("__caps__", "a list of that name there is not. There is: hats, loop"),
        ("__void__", "is empty"),
        ("__loop__", "have no end"),
        ("{0::a|0::b}", "every weight is 0"),
    ],
)
def test_wildcards_that_do_not_do_are_told(prompt: str, why: str) -> None:
    with pytest.raises(base.ChoiceError, match=why):
        generate.plan(generating(prompts=(prompt,), lists=LISTS))


def test_each_shot_has_its_own_expanded_prompt() -> None:
    asked = generating(prompts=("{character} in __hats__",), lists=LISTS, variants=12, seed=3)
    shots = generate.plan(asked).shots
    hats = ("a cap", "a red beret", "a blue beret")
    assert {shot.prompt for shot in shots} == {f"ohwx_char person in {hat}" for hat in hats}
    assert len({shot.purpose.cell for shot in shots}) == 1 and len({shot.id for shot in shots}) == 12
    assert generate.plan(asked).shots == shots
    assert [s.prompt for s in generate.plan(asked.model_copy(update={"seed": 4}))] != [s.prompt for s in shots]
    fewer = generate.plan(asked.model_copy(update={"variants": 5}))
    assert fewer.shots == shots[:5]


def test_the_emptiest_cells_come_first() -> None:
    have = {("front", "neutral"): 3, ("front", "sad"): 1}
    named = [shot.purpose.cell for shot in generate.plan(generating(offered=GRID, have=have, variants=2))]
    assert named[:2] == ["half-left-neutral", "half-left-sad"]
    assert Counter(named) == {"half-left-neutral": 3, "half-left-sad": 3, "front-sad": 2}, "all have 3 then"
    own = generate.plan(generating(offered=GRID, scenarios=[s.name for s in GRID], prompts=("a hat",), have=have))
    cells = [shot.purpose.cell for shot in own]
    assert [c for c in cells[:8] if c.startswith("own/")] == [], "what fills no gap comes once they are filled"
    assert any(c.startswith("own/") for c in cells)


def test_what_is_missing_is_planned_beyond_what_is_made() -> None:
    first = generate.plan(generating(offered=GRID, missing=6))
    assert len(first) == 6 and len({shot.id for shot in first}) == 6
    made = frozenset(shot.id for shot in first)
    more = generate.plan(generating(offered=GRID, missing=5, made=made))
    assert len(more) == 5 and not made & {shot.id for shot in more}
    assert len(generate.plan(generating(offered=GRID, missing=5, made=made, count=2))) == 2
    assert not generate.plan(generating(offered=GRID, missing=0)).shots
    gaps = generate.plan(generating(offered=GRID, missing=4, have={("front", "sad"): 9}, made=made))
    assert "front-sad" not in {shot.purpose.cell for shot in gaps}
