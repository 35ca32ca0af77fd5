"""The Enrich tab's handlers on a real session: no browser, no worker."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image
from tab_helpers import controls, enrich_choice, lora_file

from pipelines.domain.records import Decision, ImageRecord, Job, SavedStack
from pipelines.practice.choices import choices
from pipelines.workflow import loras, practice, sources
from pipelines.workflow.opening import open_session
from studio.components import lora_stack
from studio.components.lora_stack import Draft
from studio.server.state import Studio
from studio.tabs import enrich, enrich_sources

Put = Callable[..., ImageRecord]
HOSTILE = '${alert(1)}<img src=x onerror="alert(1)">'


def picker(studio: Studio, before: dict[str, Any] | None = None) -> dict[str, Any]:
    return enrich.refresh(studio, before or {}, None)[0]


def picture(folder: Path, name: str, size: int = 80) -> str:
    path = folder / name
    Image.effect_noise((size, size), 80).save(path, "PNG")
    return str(path)


def test_an_empty_workspace_says_what_to_do_first(workspace_root: Path) -> None:
    with open_session(workspace_root) as session:
        nobody = Studio(session)
        assert "New character" in picker(nobody)["empty"]
        _, words, preview, make = enrich.look_ahead(nobody, {}, *enrich_choice())
        assert "character first" in words["lines"][0]
        assert not preview["interactive"]
        assert not make["interactive"]


def test_a_character_comes_with_its_first_choice_and_then_it_is_the_users(studio: Studio) -> None:
    *_, whose, per_source, angle, lighting, background, expression, style = first(studio, None)
    assert (whose, per_source) == ("ada", 4)
    assert angle and expression and lighting
    assert background == style == []
    assert first(studio, whose)[-6:] == [gr.skip()] * 6
    other, _ = practice.start(studio.session, 1)
    studio.choose(other.id)
    *_, whose, per_source, angle, lighting, background, expression, style = first(studio, whose)
    assert (whose, per_source) == (other.id, choices().enrich.per_source)
    assert {*angle, *expression} == set(choices().enrich.edits)
    assert lighting == background == style == []


def first(studio: Studio, whose: str | None) -> list[Any]:
    return enrich.refresh(studio, {}, whose)


def test_dropped_files_are_taken_in_and_refusals_name_file_and_reason(studio: Studio, tmp_path: Path) -> None:
    broken = tmp_path / "holiday.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nthis is no picture")
    files = [picture(tmp_path, "ada.png"), str(broken)]
    cleared, words, shown, advice = enrich_sources.arrive(studio, files, False, {})
    assert cleared is None
    assert words["title"] == "1 picture taken in, 1 refused"
    assert words["tone"] == "bad"
    assert len(words["lines"]) == 1
    assert "holiday.png" in words["lines"][0]
    assert [i["name"] for i in shown["items"]] == ["ada.png"]
    assert shown["ticked"] == [shown["items"][0]["id"]]
    assert any("10" in line for line in advice["lines"])


def test_an_animation_is_refused_unless_its_first_frame_is_asked_for(studio: Studio, tmp_path: Path) -> None:
    frames = [Image.new("RGB", (64, 64), c) for c in ("red", "blue")]
    data = BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
    path = tmp_path / "dance.gif"
    path.write_bytes(data.getvalue())
    assert "1 refused" in enrich_sources.arrive(studio, [str(path)], False, {})[1]["title"]
    assert enrich_sources.arrive(studio, [str(path)], True, {})[1]["title"] == "1 picture taken in"


def test_ticks_survive_new_pictures_and_new_pictures_are_ticked(studio: Studio, put: Put) -> None:
    first, second = put("source"), put("source")
    value = picker(studio)
    value["ticked"] = [second.id]
    third = put("source")
    assert picker(studio, value)["ticked"] == [second.id, third.id]
    assert first.id not in picker(studio, value)["ticked"]


def test_tagging_the_selected_picture(studio: Studio, put: Put) -> None:
    source = put("source")
    value = picker(studio) | {"selected": source.id}
    panel, angle, _, _ = enrich_sources.selected(studio, value)
    assert panel["visible"] and angle == "unsure"
    shown, _ = enrich_sources.tag(studio, value, "half-right", "smiling", f"  {HOSTILE} \n new line ")
    stored = studio.session.store.get(ImageRecord, source.id)
    assert stored is not None
    assert (stored.angle, stored.expression) == ("half-right", "smiling")
    assert stored.caption == f"{HOSTILE} new line"
    assert shown["items"][0]["tag"] == "half-right · smiling"


def test_a_picture_of_another_character_cannot_be_tagged(studio: Studio, put: Put) -> None:
    source = put("source")
    other = source.model_copy(update={"id": "f" * 64, "character": "bea"})
    studio.session.store.put(other)
    enrich_sources.tag(studio, {"selected": other.id}, "front", "sad", "hm")
    kept = studio.session.store.get(ImageRecord, other.id)
    assert kept == other


def test_leaving_out_can_be_undone(studio: Studio, put: Put) -> None:
    source = put("source")
    shown, _, undo, removed = enrich_sources.leave_out(studio, picker(studio) | {"selected": source.id})
    assert shown["items"] == [] and undo["visible"] and removed == source.id
    back, hidden = enrich_sources.take_back(studio, removed, shown)
    assert [i["id"] for i in back["items"]] == [source.id] and not hidden["visible"]


def test_plan_line_counts_what_the_button_makes(studio: Studio, put: Put) -> None:
    for _ in range(3):
        sources.tag(studio.session, put("source").id, angle="front", expression="neutral")
    choice = enrich_choice(("angle/half-left", "angle/profile-left", "expression/smiling"), per_source=2)
    coverage, words, preview, make = enrich.look_ahead(studio, picker(studio), *choice)
    plan = enrich.plan_of(studio, picker(studio), *choice)
    assert len(plan) == 6
    assert make["value"] == "Make 6" and make["interactive"] and preview["interactive"]
    assert words["title"].startswith("6 pictures, time not known yet, fits")
    assert sum(coverage["planned"].values()) == 6
    fewer = enrich.look_ahead(studio, picker(studio), *enrich_choice(("angle/half-left",), count="2"))
    assert fewer[3]["value"] == "Make 2"


def test_pictures_that_exist_are_not_made_again(studio: Studio, put: Put) -> None:
    put("source")
    choice = enrich_choice(("angle/half-left", "expression/sad"))
    plan = enrich.plan_of(studio, picker(studio), *choice)
    path = studio.session.workspace.path(plan.path(plan.shots[0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"there")
    _, words, _, make = enrich.look_ahead(studio, picker(studio), *choice)
    assert make["value"] == f"Make {len(plan) - 1}"
    assert "1 of 2 exist already and are kept." in words["lines"]


def test_only_ticked_sources_are_planned(studio: Studio, put: Put) -> None:
    first, _ = put("source"), put("source")
    plan = enrich.plan_of(studio, picker(studio) | {"ticked": [first.id]}, *enrich_choice())
    assert {s.sources[0].id for s in plan.shots} == {first.id}
    words = enrich.look_ahead(studio, picker(studio) | {"ticked": []}, *enrich_choice())[1]
    assert words["lines"] == ["Tick at least one source."]
    words = enrich.look_ahead(studio, picker(studio), *enrich_choice(()))[1]
    assert "at least one edit" in words["lines"][0]


def test_an_invented_picture_id_is_told_in_words(studio: Studio, put: Put) -> None:
    put("source")
    words = enrich.look_ahead(studio, {"ticked": ["../../etc/passwd"]}, *enrich_choice())[1]
    assert "not among the sources" in words["lines"][0]


def test_steps_and_guidance_of_a_distilled_lora(studio: Studio, put: Put) -> None:
    put("source")
    shots = enrich.plan_of(studio, picker(studio), *enrich_choice(steps="8", guidance="1,0")).shots
    assert {(s.steps, s.guidance) for s in shots} == {(8, 1.0)}
    family = studio.session.family(enrich.editor_of(studio)).defaults
    shots = enrich.plan_of(studio, picker(studio), *enrich_choice(steps="", guidance="soon")).shots
    assert {(s.steps, s.guidance) for s in shots} == {(family.steps, family.guidance)}


def test_coverage_counts_good_and_waiting_apart(studio: Studio, put: Put) -> None:
    sources.tag(studio.session, put("source").id, angle="front", expression="neutral")
    waiting = put("enriched", cell="half-left/smiling")
    good = put("enriched", cell="half-right/sad")
    studio.session.store.decide(Decision(image=good.id, who="human", action="label", value="good"))
    value = enrich.coverage_of(studio, ())
    assert value["have"] == {"front/neutral": 1, "half-right/sad": 1}
    assert value["waiting"] == {"half-left/smiling": 1}
    studio.session.store.decide(Decision(image=waiting.id, who="human", action="label", value="reject"))
    value = enrich.coverage_of(studio, ())
    assert value["waiting"] == {} and "half-left/smiling" not in value["have"]


def test_a_click_on_a_cell_ticks_its_edits(studio: Studio) -> None:
    chosen = enrich.aimed(studio, {"angle/front", "expression/sad"}, ["angle/half-left"], [], [], None, [])
    assert chosen == [["angle/half-left", "angle/front"], [], [], ["expression/sad"], []]


@pytest.fixture
def stacked(studio: Studio, tmp_path: Path) -> Draft:
    """Two LoRAs, the second at 0.65 and the third not ticked."""
    ids = [
        loras.add(studio.session, lora_file(tmp_path, n), f"{n}.safetensors", family="mini-qwen-edit").id for n in "abc"
    ]
    return Draft(ids, [True, True, False], [1.0, 0.65, 0.5])


def test_rows_become_the_stack_of_every_shot(studio: Studio, put: Put, stacked: Draft) -> None:
    put("source")
    plan = enrich.plan_of(studio, picker(studio), *enrich_choice(stack=stacked))
    assert {s.stack.label for s in plan.shots} == {"a 1 + b 0.65"}


def test_the_stack_on_the_screen_survives_a_reload(studio: Studio, stacked: Draft) -> None:
    lora_stack.keep(studio, "editor", *controls(stacked, 8))
    assert lora_stack.draft(studio, "editor") == stacked
    fresh = lora_stack.follow(studio, "editor", 8, None)
    assert fresh[3] == stacked.ids
    assert [u["visible"] for u in fresh[4::3]] == [True] * 3 + [False] * 5
    assert fresh[8]["value"] is True and fresh[9]["value"] == 0.65
    assert fresh[11]["value"] is False


def test_saving_and_loading_a_stack(studio: Studio, stacked: Draft) -> None:
    saved, _, words = lora_stack.save_as(studio, "editor", "  angles   fast ", *controls(stacked, 8))
    assert words["tone"] == "good"
    assert [title for title, _ in saved["choices"]][1:] == ["angles fast"]
    lora_stack.keep(studio, "editor", *controls(Draft(), 8))
    lora_stack.load(studio, "editor", 8, saved["choices"][1][1])
    assert lora_stack.draft(studio, "editor") == stacked
    assert len(lora_stack.named(studio, "editor")) == 1
    assert len(studio.session.store.all(SavedStack)) == 2


def test_an_uploaded_lora_joins_the_stack(studio: Studio, tmp_path: Path) -> None:
    path = lora_file(tmp_path, "angles")
    *rows, words = lora_stack.bring(studio, "editor", str(path), *controls(Draft(), 8))
    assert rows[0] == [x.id for x in lora_stack.usable(studio, "editor")]
    assert "rank 4" in words["lines"][0]
    assert lora_stack.draft(studio, "editor").weights == [1.0]


@pytest.mark.parametrize(("name", "kind"), [("grain", "flux"), ("model.ckpt", "")])
def test_a_lora_of_the_wrong_family_or_a_pickle_is_refused_in_words(
    studio: Studio, tmp_path: Path, name: str, kind: str
) -> None:
    path = lora_file(tmp_path, name, kind) if kind else tmp_path / name
    if not kind:
        path.write_bytes(b"\x80\x04\x95\x00")
    *rows, words = lora_stack.bring(studio, "editor", str(path), *controls(Draft(), 8))
    assert rows[0] == [] and words["tone"] == "bad" and name in words["lines"][0]
    assert lora_stack.usable(studio, "editor") == []


def test_a_full_pool_says_so(studio: Studio, stacked: Draft) -> None:
    two = Draft(stacked.ids[:2], stacked.uses[:2], stacked.weights[:2])
    outcome = lora_stack.put_in(studio, "editor", stacked.ids[2], *controls(two, 2))
    assert outcome[0] == two.ids
    assert "2 rows at most" in outcome[-2]["lines"][0]


def test_removing_a_row_keeps_the_others_weights(studio: Studio, stacked: Draft) -> None:
    rows = lora_stack.take_out(studio, "editor", 0, *controls(stacked, 8))
    assert rows[0] == stacked.ids[1:]
    assert rows[3]["value"] == 0.65


def test_weights_beyond_the_sliders_are_held_back(stacked: Draft) -> None:
    wild = Draft(stacked.ids, stacked.uses, [99.0, -99.0, 0.0])
    ids, *rest = controls(wild, 8)
    assert Draft.of(ids, rest).weights == [2.0, -2.0, 0.0]


def test_make_queues_one_job_with_the_plan(studio: Studio, put: Put) -> None:
    put("source")
    words = sources.advice(studio.session, studio.character_id)
    assert words
    enrich.make(studio, True, picker(studio), *enrich_choice(("angle/half-left", "expression/sad", "style/film")))
    jobs = studio.session.store.all(Job)
    assert [j.kind for j in jobs] == ["render"]
    assert jobs[0].title.startswith("Preview")
    studio.session.jobs.cancel(jobs[0].id)


def test_what_a_source_shows_is_left_out_unless_it_is_asked_for(studio: Studio, put: Put) -> None:
    for angle in ("front", "half-left"):
        sources.tag(studio.session, put("source").id, angle=angle, expression="neutral")
    edits = ("angle/front", "angle/half-left")
    _, words, preview, _ = enrich.look_ahead(studio, picker(studio), *enrich_choice(edits, gaps=True))
    assert "show all of this already" in words["lines"][0]
    assert not preview["interactive"]
    assert len(enrich.plan_of(studio, picker(studio), *enrich_choice(edits, gaps=False)).shots) == 2
