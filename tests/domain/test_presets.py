"""The preset files as shipped, and what happens to broken ones."""

import pytest

from pipelines.domain import presets
from pipelines.domain.presets import Axis, CatalogueEntry, PresetError, Scenario
from pipelines.domain.records import ANGLES, EXPRESSIONS
from pipelines.models.lora_files import inspect


def test_every_file_parses_and_names_are_unique():
    names = [
        list(presets.models()),
        [e.name for e in presets.catalogue()],
        [a.name for a in presets.axes()],
        [a.name for a in presets.survey_prompts()],
        [s.name for s in presets.scenarios()],
        [c.name for c in presets.card().cells],
        list(presets.trainings()),
    ]
    assert all(names)
    assert all(len(set(group)) == len(group) for group in names)


def test_the_catalogue_has_every_row_of_the_survey_with_its_warnings():
    community = [e for e in presets.catalogue() if e.repo]
    by_repo = {e.repo: e for e in community}
    assert len(community) == 20  # lightx2v counts twice: 4 and 8 steps
    assert by_repo["YaoJiefu/multiple-characters"].warning.startswith("MISLEADING")
    assert by_repo["InstantX/Qwen-Image-ControlNet-Union"].warning.startswith("WRONG FAMILY")
    assert not by_repo["InstantX/Qwen-Image-ControlNet-Inpainting"].suits
    assert by_repo["dx8152/Qwen-Edit-2509-Multiple-angles"].file == "镜头转换.safetensors"
    assert "将镜头向左旋转45度" in by_repo["dx8152/Qwen-Edit-2509-Multiple-angles"].prompts
    assert by_repo["chestnutlzj/Edit-R1-Qwen-Image-Edit-2509"].relevance == 0


def test_the_shipped_loras_fit_what_the_catalogue_says():
    shipped = [e for e in presets.catalogue() if e.shipped]
    assert all(not e.repo for e in shipped)
    families = {e.name: inspect(presets.PRESETS / e.shipped).family for e in shipped}
    assert families == {e.name: e.suits[0] for e in shipped}
    assert [name for name, family in families.items() if family == "flux"] == ["mini-portrait"]


def test_an_editor_is_offered_its_own_first_and_nothing_made_for_another():
    mini, real = presets.offered("mini-qwen-edit"), presets.offered("qwen-edit-2509")
    assert [bool(e.shipped) for e in mini[:7]] == [True] * 6 + [False]
    assert not any(e.shipped for e in real) and len(real) == len(mini) - 6
    assert [e.relevance for e in real] == sorted((e.relevance for e in real), reverse=True)


def test_the_axes_are_the_missions():
    assert [a.name for a in presets.axes()] == ["angle", "lighting", "background", "expression", "style"]
    survey = {a.name: [e.value for e in a.edits] for a in presets.survey_prompts()}
    assert survey == {
        "background": ["forest", "beach", "studio"],
        "lighting": ["sunset", "daylight", "studio"],
        "angle": ["slightly-left", "slightly-right"],
    }


def test_an_edit_says_only_what_its_axis_changes():
    for axis in presets.axes():
        for edit in axis.edits:
            assert bool(edit.angle) == (axis.name == "angle")
            assert bool(edit.expression) == (axis.name == "expression")
            assert "eep the same person" in edit.prompt


def test_the_card_has_23_cells():
    cells = {c.name: c for c in presets.card().cells}
    portraits = [f"{angle}/{expression}" for angle in ANGLES for expression in EXPRESSIONS]
    assert list(cells) == [*portraits, "body/t-pose", "body/standing", "body/sitting"]
    smiling = cells["profile-left/smiling"].prompt
    assert smiling == (
        "portrait of {character}, smiling, profile-left view, clean background, studio lighting, shoulders visible"
    )
    assert presets.card().target == 0.8


def test_scenarios_name_the_character_and_cover_angles_and_expressions():
    scenarios = presets.scenarios()
    assert all("{character}" in s.prompt for s in scenarios)
    assert {s.angle for s in scenarios} >= set(ANGLES)
    assert {s.expression for s in scenarios} >= set(EXPRESSIONS)
    assert {s.focus for s in scenarios} == {"head", "body"}


def test_all_errors_of_a_broken_file_are_told_at_once(tmp_path):
    file = tmp_path / "loras.toml"
    file.write_text(
        '[[lora]]\nname = "a"\nrepo = "x/a"\nkind = "k"\nsuits = []\nrelevance = 9\ncolour = "red"\n'
        '[[lora]]\nname = "b"\nkind = "k"\nsuits = []\nrelevance = 1\n'
        '[[lroa]]\nname = "c"\n'
    )
    with pytest.raises(PresetError) as told:
        presets.read_list(CatalogueEntry, file, "lora")
    words = str(told.value)
    assert words.startswith("loras.toml:")
    assert all(w in words for w in ("lora a: relevance", "lora a: colour", "lora b: repo", "lroa"))


def test_a_wrong_angle_and_broken_toml_are_refused(tmp_path):
    wrong = tmp_path / "edits.toml"
    wrong.write_text(
        '[[axis]]\nname = "angle"\ntitle = "A"\nedits = [{ value = "v", title = "t", prompt = "p", angle = "up" }]'
    )
    with pytest.raises(PresetError, match=r"edits\.0\.angle"):
        presets.read_list(Axis, wrong, "axis")
    torn = tmp_path / "scenarios.toml"
    torn.write_text("[[scenario")
    with pytest.raises(PresetError, match=r"scenarios\.toml is not valid TOML"):
        presets.read_list(Scenario, torn, "scenario")
