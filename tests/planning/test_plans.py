"""Plans: counts, determinism, single factors, seeds."""

import subprocess
import sys
from collections import Counter

import pytest

from pipelines.domain.records import Character, ImageRecord
from pipelines.domain.scores import ANGLES, Angle, Expression
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.planning import axes, base, enrich, generate, model_card, survey
from pipelines.storage.presets import shipped

ADA = Character(id="ada", name="Ada", generator="mini-flux", editor="mini-qwen-edit")
EDITOR = shipped().models["mini-qwen-edit"]
GENERATOR = shipped().models["mini-flux"]
ANGLES_LORA = Adapter(name="multiple-angles", sha256="a" * 64, path="loras/angles.safetensors", weight=1.0)
LIGHT_LORA = Adapter(name="relight", sha256="b" * 64, path="loras/light.safetensors", weight=0.8)


def picture(n: int, angle: Angle = "front", expression: Expression = "unsure", size=(128, 128)) -> ImageRecord:
    return ImageRecord(
        id=f"{n:064x}",
        character="ada",
        kind="source",
        version="v1",
        path=f"characters/ada/data/source/v1/{n}.png",
        width=size[0],
        height=size[1],
        pixels=f"{n:064x}",
        angle=angle,
        expression=expression,
    )


USUAL = axes.usual(shipped().axes, EDITOR)


def enriching(**changes) -> enrich.EnrichChoice:
    fields = {
        "character": ADA,
        "family": EDITOR,
        "version": "v1",
        "folder": "characters/ada/data/enriched/v1",
        "sources": tuple(picture(n) for n in range(10)),
        "axes": shipped().axes,
        "seed": 7,
    }
    return enrich.EnrichChoice(**(fields | changes))


def generating(**changes) -> generate.GenerateChoice:
    fields = {"character": ADA, "family": GENERATOR, "version": "v1", "folder": "characters/ada/data/synthetic/v1"}
    return generate.GenerateChoice(**(fields | {"offered": shipped().scenarios} | changes))


def carding(**changes) -> model_card.CardChoice:
    fields = {"character": ADA, "family": GENERATOR, "version": "v1", "folder": "characters/ada/cards/v1"}
    return model_card.CardChoice(**(fields | {"stack": LoraStack(), "spec": shipped().card} | changes))


def surveying(**changes) -> survey.SurveyChoice:
    fields = {
        "character": ADA,
        "family": EDITOR,
        "version": "v1",
        "folder": "characters/ada/surveys/v1",
        "images": tuple(picture(n) for n in range(5)),
        "axes": shipped().survey_prompts,
        "stacks": (LoraStack(adapters=(ANGLES_LORA,)), LoraStack(adapters=(ANGLES_LORA, LIGHT_LORA))),
    }
    return survey.SurveyChoice(**(fields | changes))


ALL_PLANS = {
    "enrich": lambda: enrich.plan(enriching()),
    "generate": lambda: generate.plan(generating()),
    "card": lambda: model_card.plan(carding()),
    "survey": lambda: survey.plan(surveying()),
}


@pytest.mark.parametrize("name", ALL_PLANS)
def test_a_plan_is_deterministic_and_its_ids_are_unique(name):
    one, two = ALL_PLANS[name](), ALL_PLANS[name]()
    assert one == two
    assert len({s.id for s in one}) == len(one) > 0
    assert all(0 <= s.seed < 2**32 for s in one)
    assert all("{" not in s.prompt for s in one)


# enrich ----------------------------------------------------------------------------------------------------------


def test_enrich_edits_each_source_along_different_axes():
    plan = enrich.plan(enriching(per_source=5))
    assert len(plan) == 50
    for n in range(10):
        mine = [s.purpose.labels["axis"] for s in plan if s.sources[0] == picture(n).ref]
        assert sorted(mine) == ["angle", "background", "expression", "lighting", "style"]


@pytest.mark.parametrize("count", [5, 12, 23, 40])
def test_enrich_spreads_any_count_over_sources_and_axes(count):
    plan = enrich.plan(enriching(count=count))
    assert len(plan) == count
    sources = Counter(s.sources[0].id for s in plan)
    axes = Counter(s.purpose.labels["axis"] for s in plan)
    assert max(sources.values()) - min(sources.values() if count >= 10 else [1]) <= 1
    assert len(axes) == 5
    assert max(axes.values()) - min(axes.values()) <= 1


def test_enrich_uses_all_values_of_an_axis():
    plan = enrich.plan(enriching(edits=("lighting/neutral", "lighting/left", "lighting/above"), per_source=1))
    assert Counter(s.purpose.labels["value"] for s in plan) == {"neutral": 4, "left": 3, "above": 3}


def test_enrich_more_keeps_what_was_made():
    few = enrich.plan(enriching(count=13))
    more = enrich.plan(enriching(count=31))
    most = enrich.plan(enriching(per_source=5))
    assert [s.id for s in more][:13] == [s.id for s in few]
    assert [s.id for s in most][:31] == [s.id for s in more]


def test_enrich_never_asks_for_what_is_there():
    front = (picture(1, angle="front", expression="smiling"),)
    plan = enrich.plan(enriching(sources=front, per_source=99))
    values = {s.purpose.cell for s in plan}
    assert "angle/front" not in values
    assert "expression/smiling" not in values
    assert len(values) == sum(len(a.edits) for a in USUAL) - 2


def test_enrich_turns_a_head_from_the_sources_that_are_nearest():
    fronts = tuple(picture(n, angle="front") for n in range(4))
    halves = tuple(picture(10 + n, angle="half-left") for n in range(enrich.NEARER))
    behind = picture(20, angle="back")

    def turned(sources: tuple, gaps: bool = True) -> set[str]:
        asked = enriching(sources=sources, per_source=99, gaps=gaps, edits=("angle/profile-left",))
        return {s.sources[0].id for s in enrich.plan(asked)}

    everyone = (*fronts, *halves, behind)
    assert turned(everyone) == {p.id for p in halves}
    assert turned(everyone, gaps=False) == {p.id for p in everyone}
    few = (*fronts, *halves[1:], behind)
    assert turned(few) == {p.id for p in few}, "two are not enough"


def test_enrich_gaps_leaves_out_turns_and_expressions_that_a_source_shows():
    smiling, calm, aside = (
        picture(n, angle=angle, expression=expression)
        for n, (angle, expression) in enumerate((("front", "smiling"), ("front", "neutral"), ("half-left", "neutral")))
    )
    asked = enriching(sources=(smiling, calm, aside), per_source=99, gaps=True)
    made = {(s.sources[0].id, s.purpose.cell) for s in enrich.plan(asked)}
    left_out = {
        (smiling.id, "angle/front"), (smiling.id, "expression/smiling"), (smiling.id, "expression/neutral"),
        (calm.id, "angle/front"), (calm.id, "expression/neutral"), (calm.id, "expression/smiling"),
        (calm.id, "angle/half-left"),
        (aside.id, "angle/half-left"), (aside.id, "expression/neutral"), (aside.id, "angle/front"),
    }  # fmt: skip
    every = {(p.id, f"{a.name}/{e.value}") for p in (smiling, calm, aside) for a in USUAL for e in a.edits}
    assert every - made == left_out
    assert (smiling.id, "angle/half-left") in made, "half-left, smiling is new"
    dim = picture(7, angle="profile-left")
    asked = asked.model_copy(update={"sources": (dim, picture(8, angle="half-left"), aside)})
    cells = {s.purpose.cell for s in enrich.plan(asked) if s.sources[0].id == dim.id}
    assert "angle/half-left" in cells, "nobody knows the expression"
    assert "angle/profile-left" not in cells
    (first,) = enrich.plan(asked.model_copy(update={"sources": (aside,), "edits": ("angle/front",)}))
    assert first.purpose.cell == "angle/front", "the other sources are not among these"


def test_enrich_labels_what_the_picture_should_show():
    side = (picture(1, angle="half-left", expression="sad"),)
    for shot in enrich.plan(enriching(sources=side, per_source=99)):
        labels = shot.purpose.labels
        assert labels["angle"] == (labels["value"] if labels["axis"] == "angle" else "half-left")
        assert labels["expression"] == (labels["value"] if labels["axis"] == "expression" else "sad")


def test_enrich_seed_belongs_to_source_and_cell():
    all_edits = {(s.sources, s.purpose.cell): s.seed for s in enrich.plan(enriching(per_source=99))}
    some = enrich.plan(enriching(edits=("angle/half-left",), per_source=1))
    assert all(all_edits[s.sources, s.purpose.cell] == s.seed for s in some)
    assert len(set(all_edits.values())) == len(all_edits)
    other = {(s.sources, s.purpose.cell): s.seed for s in enrich.plan(enriching(per_source=99, seed=8))}
    assert all(other[key] != seed for key, seed in all_edits.items())


@pytest.mark.parametrize(
    ("seen_from", "wanted", "command"),
    [
        ("front", "half-right", "将镜头向左旋转45度"),
        ("front", "half-left", "将镜头向右旋转45度"),
        ("unsure", "profile-left", "将镜头向右旋转90度"),
        ("half-left", "front", "将镜头向左旋转45度"),
        ("profile-right", "half-left", "将镜头向右旋转135度"),
        ("profile-left", "profile-right", "将镜头向左旋转180度"),
        ("back", "profile-left", "将镜头向左旋转90度"),
    ],
)
def test_camera_commands_turn_from_the_sources_own_angle(seen_from, wanted, command):
    edit = base.edits_by_name(shipped().axes)[f"angle/{wanted}"]
    prompt = enrich.prompt_for(edit, seen_from)
    assert prompt.startswith(command)
    side = "left" if "左" in command else "right"
    assert f"to the {side}:" in prompt


def test_enrich_keeps_the_proportions_of_the_source():
    tall = enrich.plan(enriching(sources=(picture(1, size=(600, 900)),), count=1)).shots[0]
    assert (tall.width, tall.height) == (56, 80)  # 52.3 x 78.4, to multiples of 8
    strip = enrich.plan(enriching(sources=(picture(1, size=(4000, 100)),), count=1)).shots[0]
    assert (strip.width, strip.height) == (88, 48)
    square = enrich.plan(enriching(count=1)).shots[0]
    assert (square.width, square.height) == (64, 64)
    real = base.size_like(picture(1, size=(600, 900)), shipped().models["qwen-image-edit-2509"])
    assert real == (832, 1248)  # 836.1 x 1254.1, to multiples of 32


def test_wrong_names_and_wrong_families_are_refused_in_words():
    with pytest.raises(base.ChoiceError, match=r"No edit named angle/upside-down, x\. There is: angle/half-left"):
        enrich.plan(enriching(edits=("angle/upside-down", "x")))
    with pytest.raises(base.ChoiceError, match="not an editor"):
        enrich.plan(enriching(family=GENERATOR))
    with pytest.raises(base.ChoiceError, match="not a generator"):
        generate.plan(generating(family=EDITOR))
    with pytest.raises(base.ChoiceError, match="No scenario named nowhere"):
        generate.plan(generating(scenarios=("nowhere",)))
    with pytest.raises(base.ChoiceError, match="No cell named front/bored"):
        model_card.plan(carding(cells=("front/bored",)))


# survey ----------------------------------------------------------------------------------------------------------


def test_survey_is_every_stack_on_every_picture_with_every_prompt():
    plan = survey.plan(surveying())
    assert len(plan) == 3 * 5 * 8
    assert plan.shots[0].stack == LoraStack()
    assert Counter(s.purpose.labels["stack"] for s in plan) == {
        "base": 40,
        "multiple-angles 1": 40,
        "multiple-angles 1 + relight 0.8": 40,
    }


def test_survey_rows_share_their_seed_so_that_columns_compare():
    seeds: dict[tuple[str, str], set[int]] = {}
    for shot in survey.plan(surveying()):
        seeds.setdefault((shot.purpose.labels["image"], shot.prompt), set()).add(shot.seed)
    assert all(len(found) == 1 for found in seeds.values())
    assert len(set.union(*seeds.values())) == len(seeds) == 40


def test_survey_takes_own_prompts_and_drops_doubles():
    twice = (LoraStack(), LoraStack(adapters=(ANGLES_LORA,)), LoraStack(adapters=(ANGLES_LORA,)))
    plan = survey.plan(surveying(stacks=twice, prompts=("background/beach", "give her a hat", "give her a hat")))
    assert len(plan) == 2 * 5 * 2
    assert {s.prompt for s in plan} == {"Change the background to a beach. Keep the same person.", "give her a hat"}
    names = tuple(dict.fromkeys(s.purpose.labels["prompt"] for s in plan))
    assert names == ("background/beach", "give her a hat")
    axes = shipped().survey_prompts
    assert survey.rows(names, axes) == survey.rows(("background/beach", "give her a hat"), axes)


def test_survey_specialties_come_from_the_catalogue():
    own = survey.specialties(surveying().stacks, shipped().catalogue)
    assert own[0] == "将镜头向前移动"
    assert len(own) == len(set(own)) == 8
    assert survey.specialties((LoraStack(adapters=(LIGHT_LORA,)),), shipped().catalogue) == ()


# generate --------------------------------------------------------------------------------------------------------


def test_generate_is_scenarios_times_variants():
    plan = generate.plan(generating(variants=5))
    assert len(plan) == len(shipped().scenarios) * 5
    assert all("ohwx_char person" in s.prompt for s in plan)
    assert len({s.seed for s in plan}) == len(plan)
    first = list(plan)[: len(shipped().scenarios)]
    assert {s.purpose.cell for s in first} == {s.name for s in shipped().scenarios}


def test_generate_count_is_the_beginning_of_more():
    few, more = generate.plan(generating(count=7)), generate.plan(generating(count=30))
    assert (len(few), len(more)) == (7, 30)
    assert [s.id for s in more][:7] == [s.id for s in few]


def test_generate_own_prompts_carry_the_trigger():
    prompts = ("riding a {horse}", "{character} in a kitchen", "ohwx_char asleep")
    plan = generate.plan(generating(prompts=prompts, variants=1))
    assert [s.prompt for s in plan] == [
        "ohwx_char person, riding a {horse}",
        "ohwx_char person in a kitchen",
        "ohwx_char asleep",
    ]


def test_generate_labels_the_cell_for_coverage():
    shot = generate.plan(generating(scenarios=("sad-front",), variants=1)).shots[0]
    assert shot.purpose.labels == {"scenario": "sad-front", "focus": "head", "angle": "front", "expression": "sad"}


def test_steps_and_guidance_can_be_chosen():
    default = generate.plan(generating(count=1)).shots[0]
    fast = generate.plan(generating(count=1, steps=8, guidance=1.0)).shots[0]
    assert (default.steps, default.guidance) == (GENERATOR.defaults.steps, GENERATOR.defaults.guidance) != (8, 1.0)
    assert (fast.steps, fast.guidance) == (8, 1.0)


# model card ------------------------------------------------------------------------------------------------------


def test_card_has_all_23_cells_in_reading_order():
    plan = model_card.plan(carding())
    assert [s.purpose.cell for s in plan] == [c.name for c in shipped().card.cells]
    assert len(plan) == 23
    assert plan.shots[1].prompt == (
        "portrait of ohwx_char person, smiling, profile-left view, clean background, studio lighting, shoulders visible"
    )
    assert {s.purpose.labels["angle"] for s in plan} == set(ANGLES)
    assert [s.purpose.labels.get("pose") for s in plan][-3:] == ["t-pose", "standing", "sitting"]


def test_card_versions_are_compared_on_the_same_noise():
    one = model_card.plan(carding(stack=LoraStack(adapters=(ANGLES_LORA,))))
    two = model_card.plan(carding(stack=LoraStack(adapters=(LIGHT_LORA,)), version="v2"))
    assert [s.seed for s in one] == [s.seed for s in two]
    assert {s.id for s in one}.isdisjoint(s.id for s in two)
    part = model_card.plan(carding(cells=("front/sad",))).shots[0]
    assert part.seed == model_card.plan(carding()).shots[11].seed
    assert model_card.plan(carding(seed=1)).shots[0].seed != one.shots[0].seed


def test_plans_import_neither_torch_nor_pillow():
    code = "import sys; from pipelines.planning import enrich, generate, model_card, survey"
    code += "; assert not {'torch', 'PIL', 'numpy', 'diffusers'} & set(sys.modules), 'heavy import'"
    subprocess.run([sys.executable, "-c", code], check=True)
