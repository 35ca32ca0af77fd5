"""More pictures of the same character beside the one that is edited: which, how they are told, and what stays."""

import pytest
from test_plans import ADA, EDITOR, enriching, picture, surveying

from pipelines.domain.presets import ModelFamily
from pipelines.domain.sampling import NoiseSchedule, Sampling
from pipelines.domain.shots import Adapter, ImageRef, LoraStack, Plan, Purpose, Shot
from pipelines.planning import enrich, sampling, survey
from pipelines.planning.base import ChoiceError
from pipelines.storage.presets import shipped

FRONT, HALF, PROFILE, BACK = (
    picture(n, angle, face)
    for n, (angle, face) in enumerate(
        [("front", "neutral"), ("half-left", "neutral"), ("profile-left", "smiling"), ("back", "unsure")], 1
    )
)
SMILING = picture(5, "front", "smiling")
UNKNOWN = picture(6, "unsure", "unsure")
EVERY = (UNKNOWN, BACK, SMILING, PROFILE, HALF, FRONT)


def planned(edit: str, **changes: object) -> Plan:
    wanted = {"sources": (FRONT,), "known": EVERY, "edits": (edit,), "per_source": 1, "family": EDITOR}
    return enrich.plan(enriching(**(wanted | changes)))


def beside(plan: Plan) -> list[str]:
    (shot,) = plan.shots
    assert shot.sources[0] == FRONT.ref, "the picture that is edited comes first"
    return [ref.id for ref in shot.sources[1:]]


def test_ids_of_shots_of_before_are_what_they_were() -> None:
    """Written down from the code before a shot could have a control: what a plan made is found again."""
    lora = Adapter(
        name="angles", sha256="a" * 64, path="loras/a.safetensors", weight=0.8,
        sampling=Sampling(steps=4, guidance=1.0),
    )  # fmt: skip
    plain = Shot(
        family="qwen-image-edit-2509", revision="main", prompt="turn", sources=(ImageRef(id="b" * 64, path="x.png"),),
        seed=7, steps=40, guidance=4.0, width=896, height=1184,
        purpose=Purpose(step="enrich", cell="angle/front", labels={"angle": "front"}),
    )  # fmt: skip
    stacked = plain.model_copy(update={"stack": LoraStack(adapters=(lora,))})
    scheduled = stacked.model_copy(update={"schedule": NoiseSchedule(base_shift=1.0)})
    bare = plain.model_copy(update={"sources": (), "purpose": Purpose(step="model_card")})
    assert [shot.id for shot in (plain, stacked, scheduled, bare)] == [
        "30e13102fb6177295562", "010cc73be306b66102a1", "df0a0d95d2d99cbe97d9", "7d489166d4e4ee739e85",
    ]  # fmt: skip
    told = plain.model_dump(mode="json")
    del told["control"]
    assert Shot.model_validate(told).id == plain.id
    mapped = plain.model_copy(update={"control": ImageRef(id="c" * 64, path="y.png")})
    assert mapped.id != plain.id
    assert mapped.id == plain.model_copy(update={"control": ImageRef(id="c" * 64, path="moved.png")}).id


def test_without_references_a_plan_is_the_same_whoever_else_there_is() -> None:
    assert planned("angle/half-left") == planned("angle/half-left", known=())


def test_the_nearest_angle_comes_first_and_of_two_the_expression_decides() -> None:
    assert beside(planned("angle/half-left", references=2)) == [HALF.id, PROFILE.id]
    assert beside(planned("angle/profile-left", references=1)) == [PROFILE.id]
    assert beside(planned("expression/smiling", references=1)) == [SMILING.id]
    assert beside(planned("lighting/left", references=1)) != [FRONT.id], "never the picture itself"


def test_one_may_say_which() -> None:
    assert beside(planned("angle/half-left", beside=(BACK,))) == [BACK.id]
    assert beside(planned("angle/half-left", beside=(BACK, FRONT), references=2)) == [BACK.id]


def test_the_instruction_tells_the_editor_who_the_others_are() -> None:
    plain = planned("expression/smiling").shots[0].prompt
    one = planned("expression/smiling", references=1).shots[0].prompt
    two = planned("expression/smiling", references=2).shots[0].prompt
    assert one == f"{plain} Picture 2 shows the same person as picture 1."
    assert two == f"{plain} Pictures 2 and 3 show the same person as picture 1."
    mapped = planned("expression/smiling", references=1, control=BACK).shots[0]
    assert mapped.prompt == f"{plain} Picture 3 shows the same person as picture 1."
    assert [ref.id for ref in mapped.seen] == [FRONT.id, BACK.id, SMILING.id], "the map is the second picture"
    other = ADA.model_copy(update={"kind": "cat"})
    told = planned("expression/smiling", references=1, character=other, kinds=shipped().kinds).shots[0].prompt
    assert "person" not in told.rpartition("Picture 2")[2]


@pytest.mark.parametrize("model", [m for m in shipped().models.values() if "editor" in m.roles], ids=lambda m: m.name)
def test_no_more_than_the_model_sees(model: ModelFamily) -> None:
    assert len(planned("angle/half-left", references=2, family=model).shots[0].sources) == 3
    most = model.defaults.max_sources
    few = model.model_copy(update={"defaults": model.defaults.model_copy(update={"max_sources": 2})})
    with pytest.raises(ChoiceError, match="sees 2 pictures at once, and this would be 3"):
        planned("angle/half-left", references=2, family=few)
    if most == 3:
        with pytest.raises(ChoiceError, match="sees 3 pictures at once, and this would be 4"):
            planned("angle/half-left", references=2, control=BACK, family=model)


def test_a_survey_shows_each_column_the_same() -> None:
    plan = survey.plan(surveying(images=(FRONT,), known=EVERY, references=1, prompts=("angle/slightly-left", "smile")))
    assert all(len(shot.sources) == 2 and shot.sources[0] == FRONT.ref for shot in plan)
    cells = {shot.purpose.cell: set() for shot in plan}
    for shot in plan:
        cells[shot.purpose.cell].add(shot.sources)
    assert all(len(seen) == 1 for seen in cells.values())


def test_the_plan_says_what_the_editor_sees_and_what_a_lora_lacks() -> None:
    light = Adapter(name="light", sha256="b" * 64, path="l.safetensors", sampling=Sampling(control="luminance"))
    stack = LoraStack(adapters=(light,))
    without = sampling.notes(planned("expression/smiling", stack=stack, references=1))
    assert any("light goes by a luminance map" in line for line in without)
    assert any("sees 1 more of the same character" in line for line in without)
    mapped = planned("expression/smiling", stack=stack, control=BACK)
    assert not any("goes by" in line for line in sampling.notes(mapped))
    assert sampling.notes(planned("expression/smiling")) == []
