"""What is made of one to three sources."""

from collections import Counter

import pytest
from test_plans import enriching
from test_plans import picture as plain

from pipelines.planning import base, enrich
from pipelines.planning.few import wider
from pipelines.practice.choices import choices
from pipelines.storage.presets import shipped

AXES = shipped().edits


def picture(n, framing="portrait", **said):
    return plain(n, **said).model_copy(update={"framing": framing})


def planned(*sources, **choice):
    made = wider(len(sources), AXES)
    asked = {"edits": made.edits, "chains": made.chains, "per_source": made.per_source, "gaps": True}
    return enrich.plan(enriching(sources=sources, axes=AXES, **asked | choice))


@pytest.mark.parametrize("angles", [("front",), ("front", "half-left"), ("front", "half-left", "half-right")])
def test_every_view_comes_with_every_expression_and_a_third_each_of_face_bust_and_body(angles):
    sources = tuple(picture(n, angle=angle, expression="neutral") for n, angle in enumerate(angles))
    plan = planned(*sources)
    labels = [shot.purpose.labels for shot in plan.pictures]
    heads = {(x["angle"], x["expression"]) for x in labels if "framing" not in x}
    assert heads | {(angle, "neutral") for angle in angles} >= {
        (edit.angle, other.expression)
        for axis in AXES for edit in axis.edits if edit.angle
        for face in AXES for other in face.edits if other.expression
    }  # fmt: skip
    mix = Counter(x.get("framing", "portrait") for x in labels)
    assert all(0.2 <= mix[framing] / mix.total() <= 0.5 for framing in ("portrait", "bust", "full")), mix
    assert 50 <= mix.total() <= 110
    bodies = [x for x in labels if x.get("framing") == "full"]
    assert {x["pose"] for x in bodies} == {"standing", "sitting", "t-pose"} and {x["focus"] for x in bodies} == {"body"}


def test_a_whole_figure_says_so_in_each_step_of_its_chain():
    plan = planned(picture(1, angle="front", expression="neutral"))
    chain = next(c for c in plan.chains if c.then[0].purpose.cell == "framing/standing > angle/half-left")
    assert chain.then[0].purpose.labels["pose"] == "standing"
    (first,) = (shot for shot in plan.shots if shot.id == chain.first)
    assert first.purpose.labels["framing"] == "full" and "from head to feet" in first.prompt
    assert "framing/portrait" not in {shot.purpose.cell for shot in plan.shots}, "it is one already"


def test_only_what_an_editor_is_good_for_where_that_is_said():
    made = wider(3, AXES, choices().enrich.edits)
    assert set(made.edits) == set(choices().enrich.edits) and len(made.chains) == 5 * 4
    with pytest.raises(base.ChoiceError, match="No edit named angle/up"):
        wider(1, AXES, ("angle/up",))


def test_framings_are_made_where_they_are_named_alone():
    every = enrich.plan(enriching(sources=(picture(1),), axes=AXES, per_source=99))
    assert not any(shot.purpose.cell.startswith("framing/") for shot in every)
    (one,) = enrich.plan(enriching(sources=(picture(1),), axes=AXES, edits=("framing/sitting",)))
    assert one.purpose.labels["pose"] == "sitting"
