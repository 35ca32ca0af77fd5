"""Chains of edits: what they are called, where they go from, and that a plan with them stays a plan."""

import itertools

import pytest
from test_plans import enriching, picture

from pipelines.domain.shots import ImageRef, Plan, Shot
from pipelines.planning import base, chains, enrich
from pipelines.storage.presets import shipped

CORNER = "angle/profile-left > expression/angry"
AXES = shipped().axes


def planned(*names: str, **more) -> Plan:
    return enrich.plan(enriching(**({"chains": names, "sources": (picture(1, expression="neutral"),)} | more)))


def cells(plan: Plan) -> list[str]:
    return [shot.purpose.cell for shot in plan.pictures]


@pytest.mark.parametrize(
    "text",
    [
        CORNER, "angle/profile-left,expression/angry", "profile-left -> angry", "angle/profile-left + angry",
        " profile-left\t→ expression/angry ",
    ],
)  # fmt: skip
def test_a_chain_is_named_in_more_than_one_way(text: str) -> None:
    assert chains.name_of(chains.parse(text, AXES)) == CORNER


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("angle/profile-left", "name 2 to 8 edits"),
        ("", "name 2 to 8 edits"),
        ("angle/front,,expression/sad", "name 2 to 8 edits"),
        (",".join(["expression/sad"] * 9), "name 2 to 8 edits"),
        ("angle/upside-down > angry", "No edit named angle/upside-down"),
        ("neutral > angry", "lighting/neutral or expression/neutral: say which"),
    ],
)
def test_what_is_no_chain_is_told(text: str, why: str) -> None:
    with pytest.raises(base.ChoiceError, match=why):
        planned(text)


def test_each_step_is_planned_from_what_the_one_before_shows() -> None:
    plan = planned("lighting/neutral > angle/half-right > angle/profile-right > expression/angry > lighting/left")
    (first,), (chain,) = plan.shots, plan.chains
    assert first.sources and not any(step.sources for step in chain.then)
    assert "旋转45度" in chain.then[1].prompt and "旋转45度" in chain.then[0].prompt, (
        "from the half view, not the front"
    )
    labels = [shot.purpose.labels for shot in plan.pictures]
    assert [(x["axis"], x["angle"], x["expression"]) for x in labels] == [
        ("lighting", "front", "neutral"),
        ("angle", "half-right", "neutral"),
        ("angle", "profile-right", "neutral"),
        ("expression", "profile-right", "angry"),
        ("lighting", "profile-right", "angry"),
    ]
    assert chain.then[-1].purpose.edits[1:3] == ("angle/half-right", "angle/profile-right")
    assert {x["source"] for x in labels} == {picture(1).id}
    assert len({shot.seed for shot in plan.pictures}) == 5


def test_a_beginning_that_chains_share_is_made_once_and_is_the_plain_edit() -> None:
    plan = planned(CORNER, "angle/profile-left > expression/sad", f"{CORNER} > lighting/left", per_source=9)
    assert len(plan.shots) == 1 and len(plan.chains) == 3
    assert sorted(cells(plan)) == sorted(
        ["angle/profile-left", CORNER, "angle/profile-left > expression/sad", f"{CORNER} > lighting/left"]
    )
    plain = enrich.plan(enriching(sources=(picture(1, expression="neutral"),), edits=("angle/profile-left",)))
    assert plain.shots == plan.shots


def test_chains_alone_or_beside_edits() -> None:
    assert cells(planned(CORNER)) == ["angle/profile-left", CORNER]
    both = planned(CORNER, edits=("expression/sad",), per_source=2)
    assert sorted(cells(both)) == sorted(["expression/sad", "angle/profile-left", CORNER])


def test_steps_that_a_source_shows_already_are_left_out() -> None:
    aside, cross = picture(1, "profile-left", "neutral"), picture(2, "front", "angry")
    there = picture(3, "profile-left", "angry")
    assert cells(planned(CORNER, sources=(aside,))) == ["expression/angry"]
    assert cells(planned(CORNER, sources=(cross,))) == ["angle/profile-left"]
    assert cells(planned(CORNER, sources=(there,))) == []
    assert cells(planned(CORNER, sources=(picture(4), there), gaps=True)) == [], "a source shows the corner"


def test_chains_begin_at_the_sources_that_are_nearest() -> None:
    halves = tuple(picture(10 + n, "half-left", "neutral") for n in range(enrich.NEARER))
    fronts = tuple(picture(n, "front", "neutral") for n in range(3))
    made = planned(CORNER, sources=(*fronts, *halves), gaps=True)
    assert {shot.sources[0].id for shot in made.shots} == {half.id for half in halves}


def test_count_counts_pictures_and_cuts_no_chain() -> None:
    everyone = tuple(picture(n, expression="neutral") for n in range(5))
    for count, pictures in ((2, 2), (3, 2), (7, 6), (99, 10)):
        plan = planned(CORNER, sources=everyone, count=count)
        assert len(plan.pictures) == pictures and all(len(c.then) == 1 for c in plan.chains)
        assert len(plan.chains) == pictures // 2
    with pytest.raises(base.ChoiceError, match="only 1 may be made"):
        planned(CORNER, count=1)


def test_a_preview_holds_whole_chains() -> None:
    everyone = tuple(picture(n, expression="neutral") for n in range(5))
    plan = planned(CORNER, sources=everyone)
    assert len(plan.beginning(4).pictures) == 4 and len(plan.beginning(4).chains) == 2
    assert len(plan.beginning(3).pictures) == 2
    assert len(plan.beginning(1).pictures) == 2, "one is begun all the same"
    assert plan.beginning(99) == plan


def test_an_edit_of_an_edit_keeps_its_proportions() -> None:
    plan = planned(f"{CORNER} > lighting/left", sources=(picture(1, expression="neutral", size=(600, 900)),))
    sizes = [(shot.width, shot.height) for shot in plan.pictures]
    for before, after in itertools.pairwise(sizes):
        assert after == base.size_of_edit(before, shipped().models["mini-qwen-edit"])


def test_the_rest_of_a_plan_is_known_as_it_grows() -> None:
    plan = planned(f"{CORNER} > lighting/left")
    made: dict[str, ImageRef] = {}

    def picture_of(shot: Shot) -> ImageRef | None:
        return made.get(shot.id)

    known = []
    for shot in plan.grown(lambda tries: filter(None, map(picture_of, tries))):
        made[shot.id] = ImageRef(id=f"{len(made):064x}", path=plan.path(shot))
        known.append(shot)
    assert [shot.purpose.cell for shot in known] == cells(plan)
    assert [shot.sources[0].id for shot in known[1:]] == [f"{n:064x}" for n in range(2)]
    assert len({shot.id for shot in (*known, *plan.pictures)}) == 5, "a step with its source is another shot"
    assert [shot.purpose.cell for shot in plan.grown(lambda tries: ())] == cells(plan)[:1]


def test_a_plan_with_chains_survives_json_and_one_without_still_loads() -> None:
    plan = planned(CORNER)
    assert Plan.model_validate_json(plan.model_dump_json()) == plan
    old = plan.model_dump(mode="json")
    del old["chains"]
    assert Plan.model_validate(old).chains == ()


def test_own_instructions_are_taken_word_for_word() -> None:
    own = ("Give the person a red hat | wearing a red hat", "Give the person a red hat", "Open the mouth.")
    plan = planned(instructions=own, chains=(), per_source=9)
    assert [shot.prompt for shot in plan] == ["Give the person a red hat", "Open the mouth."]
    assert [shot.purpose.labels["caption"] for shot in plan] == ["Give the person a red hat", "Open the mouth"]
    assert all(shot.purpose.cell.startswith("own/") for shot in plan)
    beside = planned(CORNER, instructions=own[:1], edits=("expression/sad",), per_source=9)
    assert len(beside.pictures) == 4
    for wrong in ("", "| words", "x" * 1001):
        with pytest.raises(base.ChoiceError, match="An instruction has 1 to 1000"):
            planned(instructions=(wrong,), chains=())
