"""The presets as shipped."""

from pipelines.domain.scores import ANGLES, EXPRESSIONS
from pipelines.models.lora_files import inspect
from pipelines.practice import reviewer
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.presets import shipped

OURS = shipped()


def test_every_file_parses_and_names_are_unique():
    names = [
        list(OURS.models),
        [e.name for e in OURS.catalogue],
        [a.name for a in OURS.axes],
        [a.name for a in OURS.survey_prompts],
        [s.name for s in OURS.scenarios],
        [c.name for c in OURS.card.cells],
        list(OURS.trainings),
        [f.name for f in OURS.failures],
        [f.key for f in OURS.failures],
    ]
    assert all(names)
    assert all(len(set(group)) == len(group) for group in names)


def test_the_catalogue_has_every_row_of_the_survey_with_its_warnings():
    community = [e for e in OURS.catalogue if e.repo]
    by_repo = {e.repo: e for e in community}
    # lightx2v counts twice, 4 and 8 steps; since then four for 2511 and portraits, and three for FLUX.1
    assert len(community) == 20 + 7
    assert by_repo["fal/Qwen-Image-Edit-2511-Multiple-Angles-LoRA"].licence == "Apache-2.0"
    assert by_repo["dx8152/Qwen-Edit-2509-Multi-Angle-Lighting"].sampling.control == "luminance"
    assert by_repo["YaoJiefu/multiple-characters"].warning.startswith("MISLEADING")
    assert by_repo["InstantX/Qwen-Image-ControlNet-Union"].warning.startswith("WRONG FAMILY")
    assert not by_repo["InstantX/Qwen-Image-ControlNet-Inpainting"].suits
    assert by_repo["dx8152/Qwen-Edit-2509-Multiple-angles"].file == "镜头转换.safetensors"
    assert "将镜头向左旋转45度" in by_repo["dx8152/Qwen-Edit-2509-Multiple-angles"].prompts
    assert by_repo["chestnutlzj/Edit-R1-Qwen-Image-Edit-2509"].relevance == 0


def test_the_shipped_loras_fit_what_the_catalogue_says():
    shipped = [e for e in OURS.catalogue if e.shipped]
    assert all(not e.repo for e in shipped)
    families = {e.name: inspect(PRESETS / e.shipped).family for e in shipped}
    assert families == {e.name: e.suits[0] for e in shipped}
    assert [name for name, family in families.items() if family == "flux"] == ["mini-portrait"]


def test_an_editor_is_offered_its_own_first_and_nothing_made_for_another():
    mini, real = OURS.offered("mini-qwen-edit"), OURS.offered("qwen-edit-2509")
    assert [bool(e.shipped) for e in mini[:7]] == [True] * 6 + [False]
    assert not any(e.shipped for e in real) and len(real) == len(mini) - 6
    assert [e.relevance for e in real] == sorted((e.relevance for e in real), reverse=True)


def test_the_axes_are_the_missions():
    assert [a.name for a in OURS.axes if not a.on_request] == ["angle", "lighting", "background", "expression", "style"]
    assert [a.name for a in OURS.axes if a.on_request] == ["clothes", "elevation"]
    survey = {a.name: [e.value for e in a.edits] for a in OURS.survey_prompts}
    assert survey == {
        "background": ["forest", "beach", "studio"],
        "lighting": ["sunset", "daylight", "studio"],
        "angle": ["slightly-left", "slightly-right"],
    }


def test_an_edit_says_only_what_its_axis_changes():
    for axis in OURS.axes:
        for edit in axis.edits:
            assert bool(edit.angle) == (axis.name == "angle")
            assert bool(edit.expression) == (axis.name == "expression")
            assert "eep the same person" in edit.prompt


def test_what_a_drawn_world_cannot_show_is_data():
    mini, real = OURS.models["mini-qwen-edit"], OURS.models["qwen-image-edit-2509"]
    assert [a.name for a in OURS.axes if not a.shown_by(mini)] == ["clothes", "elevation"]
    assert all(a.shown_by(real) for a in OURS.edits)
    read = {q.fact: {option.value for option in q.options} for q in OURS.questions if q.fact in ("framing", "pose")}
    for axis in OURS.edits:
        for edit in axis.edits:
            assert not edit.framing or edit.framing in read["framing"]
            assert not edit.pose or edit.pose in read["pose"]


def test_the_card_has_23_cells():
    cells = {c.name: c for c in OURS.card.cells}
    portraits = [f"{angle}/{expression}" for angle in ANGLES for expression in EXPRESSIONS]
    assert list(cells) == [*portraits, "body/t-pose", "body/standing", "body/sitting"]
    smiling = cells["profile-left/smiling"].prompt
    assert smiling == (
        "portrait of {character}, smiling, profile-left view, clean background, studio lighting, shoulders visible"
    )
    assert OURS.card.target == 0.8


def test_scenarios_name_the_character_and_cover_angles_and_expressions():
    scenarios = OURS.scenarios
    assert all("{character}" in s.prompt for s in scenarios)
    assert {s.angle for s in scenarios} >= set(ANGLES)
    assert {s.expression for s in scenarios} >= set(EXPRESSIONS)
    assert {s.focus for s in scenarios} == {"head", "body"}


def test_the_simulated_reviewer_notes_failure_modes_that_there_are():
    noted = ("SOMEONE_ELSE", "VIEW", "EXPRESSION", "LIGHT", "BACKGROUND", "ANATOMY", "ARTIFACTS")
    assert {getattr(reviewer, name) for name in noted} <= {f.name for f in OURS.failures}
