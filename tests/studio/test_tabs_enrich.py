"""The Enrich tab's handlers on a real session: no browser, no worker."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image
from tab_helpers import groups_say, lora_file, on_page, rows_say

from pipelines.domain.records import Decision, ImageRecord, Job, LoraRecord, SavedStack
from pipelines.domain.sampling import Sampling
from pipelines.practice.choices import choices
from pipelines.session import NotFound
from pipelines.workflow import loras, practice, sources
from pipelines.workflow.opening import open_session
from studio.components import lora_rows, lora_stack
from studio.components.forms import Updates, Values
from studio.components.lora_rows import Draft, LoraRows, StackForm
from studio.server.state import Studio
from studio.tabs import enrich, enrich_chains, enrich_sources
from studio.tabs.enrich_form import EnrichForm, EnrichTab, read
from studio.tabs.enrich_sources import SourcesForm

Put = Callable[..., ImageRecord]
HOSTILE = '${alert(1)}<img src=x onerror="alert(1)">'


@pytest.fixture
def tab(studio: Studio) -> EnrichTab:
    return on_page(enrich.build, studio)


def picker(studio: Studio, tab: EnrichTab, before: dict[str, Any] | None = None) -> dict[str, Any]:
    return enrich.refresh(studio, tab, EnrichForm(before or {}, whose="ada" if before else None))[tab.sources.picker]


def form(
    tab: EnrichTab,
    shown: dict[str, Any],
    edits: tuple[str, ...] = ("angle/half-left",),
    stack: Draft | None = None,
    **numbers: Any,
) -> EnrichForm:
    """What the tab reads of what its events send."""
    return read(tab, said_by(tab, shown, edits, stack, **numbers))


def said_by(
    tab: EnrichTab,
    shown: dict[str, Any],
    edits: tuple[str, ...] = (),
    stack: Draft | None = None,
    chains: str = "",
    own: str = "",
    words: str = "",
    beside: dict[str, Any] | None = None,
    **numbers: Any,
) -> Values:
    """What the tab's events send."""
    said = {"per_source": 4, "best_of": 1, "gaps": False, "count": "", "seed": 0, "steps": "", "guidance": ""} | numbers
    values = {getattr(tab.numbers, name): value for name, value in said.items()}
    values |= {tab.beside: beside or {}} | groups_say(tab.axes, edits) | rows_say(tab.loras, stack or Draft())
    values |= {tab.chains: chains, tab.own: own, tab.words: words}
    assert {*values, tab.sources.picker} == set(tab.choice)
    return values | {tab.sources.picker: shown}


def value_of(update: Any) -> Any:
    return update["value"] if isinstance(update, dict) else update


def picture(folder: Path, name: str, size: int = 80) -> str:
    path = folder / name
    Image.effect_noise((size, size), 80).save(path, "PNG")
    return str(path)


def test_an_empty_workspace_says_what_to_do_first(workspace_root: Path) -> None:
    with open_session(workspace_root) as session:
        nobody = Studio(session)
        tab = on_page(enrich.build, nobody)
        assert "New character" in picker(nobody, tab)["empty"]
        seen = enrich.look_ahead(nobody, tab, form(tab, {}))
        assert "character first" in seen[tab.foot.plan]["lines"][0]
        assert not seen[tab.foot.preview]["interactive"]
        assert not seen[tab.foot.make]["interactive"]


def test_a_character_comes_with_its_first_choice_and_then_it_is_the_users(studio: Studio, tab: EnrichTab) -> None:
    def follow(whose: str | None) -> Updates:
        return enrich.refresh(studio, tab, EnrichForm(whose=whose))

    first = follow(None)
    assert (first[tab.whose], first[tab.numbers.per_source]) == ("ada", 4)
    ticked = {axis for axis, group in tab.axes.items() if value_of(first[group])}
    assert ticked == {"angle", "expression", "lighting"}
    assert not follow("ada").keys() & {tab.numbers.per_source, *tab.axes.values()}
    other, _ = practice.start(studio.session, 1)
    studio.choose(other.id)
    first = follow("ada")
    assert (first[tab.whose], first[tab.numbers.per_source]) == (other.id, choices().enrich.per_source)
    assert {e for group in tab.axes.values() for e in value_of(first[group])} == set(choices().enrich.edits)
    unseen = {
        name for name, group in tab.axes.items() if isinstance(first[group], dict) and not first[group]["visible"]
    }
    assert unseen == {"clothes", "elevation"}, "the practice world cannot show these"


def test_what_is_no_number_on_the_page_is_as_good_as_not_said(tab: EnrichTab) -> None:
    wild = form(tab, {"ticked": 7}, per_source=None, seed=-5, count="many", steps=float("inf"), guidance={})
    assert (wild.per_source, wild.seed, wild.count, wild.steps, wild.guidance) == (1, 0, None, None, None)
    assert read(tab, {}) == EnrichForm()


def arrive(studio: Studio, tab: EnrichTab, files: list[str], first_frame: bool = False) -> Updates:
    said = {tab.sources.drop: files, tab.sources.first_frame: first_frame, tab.sources.picker: {}}
    return enrich_sources.arrive(studio, tab.sources, enrich_sources.read(tab.sources, said))


def test_dropped_files_are_taken_in_and_refusals_name_file_and_reason(
    studio: Studio, tab: EnrichTab, tmp_path: Path
) -> None:
    broken = tmp_path / "holiday.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nthis is no picture")
    files = [picture(tmp_path, "ada.png"), str(broken)]
    updates, column = arrive(studio, tab, files), tab.sources
    words, shown, advice = (updates[c] for c in (column.arrival, column.picker, column.advice))
    assert updates[column.drop] is None
    assert words["title"] == "1 picture taken in, 1 refused"
    assert words["tone"] == "bad"
    assert len(words["lines"]) == 1
    assert "holiday.png" in words["lines"][0]
    assert [i["name"] for i in shown["items"]] == ["ada.png"]
    assert shown["ticked"] == [shown["items"][0]["id"]]
    assert any("10" in line for line in advice["lines"])


def test_an_animation_is_refused_unless_its_first_frame_is_asked_for(
    studio: Studio, tab: EnrichTab, tmp_path: Path
) -> None:
    frames = [Image.new("RGB", (64, 64), c) for c in ("red", "blue")]
    data = BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
    path = tmp_path / "dance.gif"
    path.write_bytes(data.getvalue())
    assert "1 refused" in arrive(studio, tab, [str(path)])[tab.sources.arrival]["title"]
    assert arrive(studio, tab, [str(path)], first_frame=True)[tab.sources.arrival]["title"] == "1 picture taken in"


def test_ticks_survive_new_pictures_and_new_pictures_are_ticked(studio: Studio, tab: EnrichTab, put: Put) -> None:
    first, second = put("source"), put("source")
    value = picker(studio, tab)
    value["ticked"] = [second.id]
    third = put("source")
    assert picker(studio, tab, value)["ticked"] == [second.id, third.id]
    assert first.id not in picker(studio, tab, value)["ticked"]


def test_tagging_the_selected_picture(studio: Studio, tab: EnrichTab, put: Put) -> None:
    source = put("source")
    value = picker(studio, tab) | {"selected": source.id}
    column = tab.sources
    seen = enrich_sources.selected(studio, column, SourcesForm(value))
    assert seen[column.tag]["visible"] and seen[column.angle] == "unsure"
    said = {column.picker: value, column.of: seen[column.of], column.angle: "half-right", column.expression: "smiling"}
    said[column.caption] = f"  {HOSTILE} \n new line "
    shown = enrich_sources.tag(studio, column, enrich_sources.read(column, said))[column.picker]
    stored = studio.session.store.get(ImageRecord, source.id)
    assert stored is not None
    assert (stored.angle, stored.expression) == ("half-right", "smiling")
    assert stored.caption == f"{HOSTILE} new line"
    assert shown["items"][0]["tag"] == "half-right · smiling"


def test_what_was_not_said_otherwise_is_not_taken_for_the_users_word(studio: Studio, tab: EnrichTab, put: Put) -> None:
    """Another page, or the captioner, said something since it was shown."""
    source, column = put("source"), tab.sources
    seen = enrich_sources.selected(studio, column, SourcesForm({"selected": source.id}))
    sources.tag(studio.session, source.id, expression="sad", caption="what another page wrote")
    parts = (column.of, column.angle, column.expression, column.caption)
    said = {part: seen[part] for part in parts}
    for of in (seen[column.of], "", "[]", "[" * 100_000):  # nothing can be said of a picture that is not named
        assert enrich_sources.tag(studio, column, enrich_sources.read(column, said | {column.of: of})) == {}
    enrich_sources.tag(studio, column, enrich_sources.read(column, said | {column.angle: "front"}))
    stored = studio.session.store.get(ImageRecord, source.id)
    assert stored is not None
    assert (stored.angle, stored.expression, stored.caption) == ("front", "sad", "what another page wrote")


def test_a_picture_of_another_character_cannot_be_tagged(studio: Studio, tab: EnrichTab, put: Put) -> None:
    source = put("source")
    other = source.model_copy(update={"id": "f" * 64, "character": "bea"})
    studio.session.store.put(other)
    enrich_sources.tag(studio, tab.sources, SourcesForm({}, "front", "sad", "hm", of={"id": other.id}))
    kept = studio.session.store.get(ImageRecord, other.id)
    assert kept == other


def test_leaving_out_can_be_undone(studio: Studio, tab: EnrichTab, put: Put) -> None:
    source = put("source")
    column = tab.sources
    out = enrich_sources.leave_out(studio, column, SourcesForm(picker(studio, tab) | {"selected": source.id}))
    assert out[column.picker]["items"] == [] and out[column.undo]["visible"] and out[column.removed] == source.id
    back = enrich_sources.take_back(studio, column, SourcesForm(out[column.picker], removed=out[column.removed]))
    assert [i["id"] for i in back[column.picker]["items"]] == [source.id] and not back[column.undo]["visible"]


def test_plan_line_counts_what_the_button_makes(studio: Studio, tab: EnrichTab, put: Put) -> None:
    for _ in range(3):
        sources.tag(studio.session, put("source").id, angle="front", expression="neutral")
    choice = form(
        tab, picker(studio, tab), ("angle/half-left", "angle/profile-left", "expression/smiling"), per_source=2
    )
    seen = enrich.look_ahead(studio, tab, choice)
    coverage, words, preview, make = (seen[c] for c in (tab.coverage, tab.foot.plan, tab.foot.preview, tab.foot.make))
    plan = enrich.plan_of(studio, choice)
    assert len(plan) == 6
    assert make["value"] == "Make 6" and make["interactive"] and preview["interactive"]
    assert words["title"].startswith("6 pictures, time not known yet, fits")
    assert sum(coverage["planned"].values()) == 6
    fewer = enrich.look_ahead(studio, tab, form(tab, picker(studio, tab), ("angle/half-left",), count="2"))
    assert fewer[tab.foot.make]["value"] == "Make 2"


def test_pictures_that_exist_are_not_made_again(studio: Studio, tab: EnrichTab, put: Put) -> None:
    sources.tag(studio.session, put("source").id, angle="front", expression="neutral")
    choice = form(tab, picker(studio, tab), ("angle/half-left", "expression/sad"))
    plan = enrich.plan_of(studio, choice)
    path = studio.session.workspace.path(plan.path(plan.shots[0]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"there")
    seen = enrich.look_ahead(studio, tab, choice)
    assert seen[tab.foot.make]["value"] == f"Make {len(plan) - 1}"
    assert "1 of 2 exist already and are kept." in seen[tab.foot.plan]["lines"]
    assert sum(seen[tab.coverage]["planned"].values()) == 1, "what is there is no plan any more"
    mix = seen[tab.mix]
    assert sum(row["planned"] for row in mix["rows"]) + mix["unknown"] == 1 + 1, "with the source, of unknown framing"


def test_only_ticked_sources_are_planned(studio: Studio, tab: EnrichTab, put: Put) -> None:
    first, _ = put("source"), put("source")
    plan = enrich.plan_of(studio, form(tab, picker(studio, tab) | {"ticked": [first.id]}))
    assert {s.sources[0].id for s in plan.shots} == {first.id}
    words = enrich.look_ahead(studio, tab, form(tab, picker(studio, tab) | {"ticked": []}))[tab.foot.plan]
    assert words["lines"] == ["Tick at least one source."]
    words = enrich.look_ahead(studio, tab, form(tab, picker(studio, tab), ()))[tab.foot.plan]
    assert "at least one edit" in words["lines"][0]


def test_an_invented_picture_id_is_told_in_words(studio: Studio, tab: EnrichTab, put: Put) -> None:
    put("source")
    words = enrich.look_ahead(studio, tab, form(tab, {"ticked": ["../../etc/passwd"]}))[tab.foot.plan]
    assert "not among the sources" in words["lines"][0]


def test_steps_and_guidance_of_a_distilled_lora(studio: Studio, tab: EnrichTab, put: Put) -> None:
    put("source")
    shots = enrich.plan_of(studio, form(tab, picker(studio, tab), steps="8", guidance="1,0")).shots
    assert {(s.steps, s.guidance) for s in shots} == {(8, 1.0)}
    family = studio.session.family(enrich.editor_of(studio)).defaults
    shots = enrich.plan_of(studio, form(tab, picker(studio, tab), steps="", guidance=" ")).shots
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


def click(studio: Studio, tab: EnrichTab, angle: str, expression: str, **more: Any) -> tuple[set[str], tuple[str, ...]]:
    """The edits and the chains that are chosen after a click on a cell."""
    values = said_by(tab, picker(studio, tab), **more)
    updates = enrich.clicked(studio, tab)(values, gr.EventData(None, {"angle": angle, "expression": expression}))
    after = read(tab, values | updates)
    return set(after.edits), after.chains


def test_a_click_on_a_cell_chooses_one_edit_where_that_leads_there(studio: Studio, tab: EnrichTab, put: Put) -> None:
    sources.tag(studio.session, put("source").id, angle="front", expression="neutral")
    assert click(studio, tab, "front", "sad") == ({"expression/sad"}, ())
    assert click(studio, tab, "half-left", "neutral") == ({"angle/half-left"}, ())
    assert click(studio, tab, "half-left", "neutral", edits=("expression/sad",))[0] == {
        "angle/half-left",
        "expression/sad",
    }


def test_a_click_on_a_corner_makes_a_chain_that_plan_and_estimate_show(
    studio: Studio, tab: EnrichTab, put: Put
) -> None:
    sources.tag(studio.session, put("source").id, angle="front", expression="neutral")
    edits, made = click(studio, tab, "profile-left", "angry")
    assert (edits, made) == (set(), ("angle/profile-left > expression/angry",))
    choice = form(tab, picker(studio, tab), (), chains=made[0])
    seen = enrich.look_ahead(studio, tab, choice)
    assert seen[tab.coverage]["planned"] == {"profile-left/neutral": 1, "profile-left/angry": 1}
    assert seen[tab.foot.make]["value"] == "Make 2" and seen[tab.foot.plan]["title"].startswith("2 pictures")
    assert click(studio, tab, "profile-left", "angry", chains=made[0])[1] == made, "a second click adds nothing"


def test_a_click_that_fills_nothing_says_why(studio: Studio, tab: EnrichTab, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(enrich.Shell, "notify", lambda words, tone="": told.append(words))
    click(studio, tab, "profile-left", "angry")
    assert len(told) == 1 and "profile-left, angry" in told[0] and "Drop pictures" in told[0]


def test_chains_are_put_together_by_choosing_edits(studio: Studio, tab: EnrichTab) -> None:
    written = ""
    for chosen in (
        "lighting/neutral",
        "angle/front",
        enrich_chains.NEW_CHAIN,
        enrich_chains.NEW_CHAIN,
        "angle/half-left",
    ):
        updates = enrich_chains.gone_on(tab.then, tab.chains, {tab.then: chosen, tab.chains: written})
        assert updates[tab.then] is None
        written = updates[tab.chains]
    assert written == "lighting/neutral > angle/front\nangle/half-left"
    assert enrich_chains.gone_on(tab.then, tab.chains, {tab.then: None, tab.chains: written}) == {}


def test_an_edit_in_ones_own_words(studio: Studio, tab: EnrichTab, put: Put) -> None:
    put("source")
    words = "Give the person a red hat | wearing a red hat\n\nOpen the mouth"
    plan = enrich.plan_of(studio, form(tab, picker(studio, tab), (), own=words))
    assert [shot.prompt for shot in plan] == ["Give the person a red hat", "Open the mouth"]
    seen = enrich.look_ahead(studio, tab, form(tab, picker(studio, tab), (), own="| only a caption"))
    assert "An instruction has" in seen[tab.foot.plan]["lines"][0]


def test_tries_and_edits_in_other_words(studio: Studio, tab: EnrichTab, put: Put) -> None:
    put("source")
    shown, edits = picker(studio, tab), ("expression/angry",)
    asked = form(tab, shown, edits, words="expression/angry = Be = mad | mad", best_of=3)
    plan = enrich.plan_of(studio, asked)
    assert (len(plan), plan.tries) == (3, 3) and {shot.prompt for shot in plan} == {"Be = mad"}
    assert "Make 3" in str(enrich.look_ahead(studio, tab, asked)[tab.foot.make])
    for words, why in (("nonsense", "No edit named nonsense"), ("expression/angry =", "1 to 1000 characters")):
        seen = enrich.look_ahead(studio, tab, form(tab, shown, edits, words=words))
        assert why in seen[tab.foot.plan]["lines"][0]
    taken = enrich_chains.taken_up(studio, tab.reword, tab.words, {tab.reword: edits[0], tab.words: "a = b"})
    first, second = taken[tab.words].splitlines()
    assert first == "a = b" and second.startswith("expression/angry = Change only the facial") and "| angry" in second
    again = enrich_chains.taken_up(studio, tab.reword, tab.words, {tab.reword: edits[0], tab.words: taken[tab.words]})
    assert again == {tab.reword: None}, "once is enough"


def test_a_chain_that_is_none_is_told_at_the_plan(studio: Studio, tab: EnrichTab, put: Put) -> None:
    put("source")
    seen = enrich.look_ahead(studio, tab, form(tab, picker(studio, tab), (), chains="angle/front"))
    assert "is no chain" in seen[tab.foot.plan]["lines"][0] and not seen[tab.foot.make]["interactive"]


@pytest.fixture
def stacked(studio: Studio, tmp_path: Path) -> Draft:
    """Two LoRAs, the second at 0.65 and the third not ticked."""
    ids = [
        loras.add(studio.session, lora_file(tmp_path, n), f"{n}.safetensors", family="mini-qwen-edit").id for n in "abc"
    ]
    return Draft(ids, [True, True, False], [1.0, 0.65, 0.5])


def test_rows_become_the_stack_of_every_shot(studio: Studio, tab: EnrichTab, put: Put, stacked: Draft) -> None:
    put("source")
    plan = enrich.plan_of(studio, form(tab, picker(studio, tab), stack=stacked))
    assert {s.stack.label for s in plan.shots} == {"a 1 + b 0.65"}


def said(rows: LoraRows, draft: Draft, **more: str) -> StackForm:
    """What is read of what the events of a stack send."""
    values = rows_say(rows, draft)
    assert values.keys() == set(rows.inputs)
    return lora_rows.read(rows, values | {getattr(rows, name): value for name, value in more.items()})


def shown(rows: LoraRows, answer: Updates) -> Draft:
    """The rows that the page is told to show."""
    items = answer[rows.stack]["items"]
    return Draft([i["id"] for i in items], [i["use"] for i in items], [i["weight"] for i in items])


@pytest.fixture
def rows(tab: EnrichTab) -> LoraRows:
    return tab.loras


def test_the_stack_on_the_screen_survives_a_reload(studio: Studio, rows: LoraRows, stacked: Draft) -> None:
    lora_stack.save_stack(studio, rows, said(rows, stacked))
    assert lora_stack.draft(studio, "editor") == stacked
    fresh = lora_stack.follow(studio, rows, StackForm())
    assert shown(rows, fresh) == stacked
    assert rows.stack not in lora_stack.follow(studio, rows, StackForm(at=fresh[rows.at]))


def test_a_lora_of_a_shared_folder_that_is_chosen_twice_is_in_the_stack_once(
    studio: Studio, rows: LoraRows, tmp_path: Path
) -> None:
    """Gradio tells twice of an entry that is clicked, with what the page showed before the first answer."""
    folder = tmp_path / "ComfyUI" / "loras"
    folder.mkdir(parents=True)
    lora_file(folder, "turn")
    studio.session.settings = studio.session.settings.model_copy(update={"shared_folders": str(folder.parent)})
    (turn,) = lora_stack.usable(studio, "editor")
    answers = [lora_stack.put_in(studio, rows, said(rows, Draft(), add=turn.id)) for _ in range(2)]
    (there,) = studio.session.store.all(LoraRecord)
    assert [shown(rows, answer).ids for answer in answers] == [[there.id]] * 2
    assert lora_stack.draft(studio, "editor").ids == [there.id]
    assert lora_stack.put_in(studio, rows, said(rows, Draft())) == {}, "nothing was chosen"


def test_a_saved_stack_is_loaded_when_it_is_chosen_and_not_when_its_field_is_left(
    studio: Studio, rows: LoraRows, stacked: Draft
) -> None:
    lora_stack.save_as(studio, rows, said(rows, stacked, name="mine"))
    (saved,) = lora_stack.named(studio, "editor")
    answer = lora_stack.load(studio, rows, said(rows, Draft(), saved=saved.id))
    assert shown(rows, answer) == stacked and answer[rows.saved]["value"] == ""
    assert lora_stack.load(studio, rows, said(rows, stacked, saved=answer[rows.saved]["value"])) == {}


def test_a_stack_that_was_changed_elsewhere_comes_onto_the_screen(
    studio: Studio, rows: LoraRows, stacked: Draft
) -> None:
    """An editor LoRA that was taken into Enrich did not show there before the page was loaded again, and the next tick
    took it out."""
    saved = lora_stack.save_stack(studio, rows, said(rows, Draft(stacked.ids[:2], [True, True], [1.0, 0.7])))
    assert rows.stack not in lora_stack.follow(studio, rows, StackForm(at=saved[rows.at])), "a slider must not jump"
    kept = studio.session.store.get(SavedStack, "ada/editor/")
    assert kept
    studio.session.store.put(kept.model_copy(update={"off": (stacked.ids[0],)}))
    fresh = lora_stack.follow(studio, rows, StackForm(at=saved[rows.at]))
    assert shown(rows, fresh).uses == [False, True]
    assert rows.stack not in lora_stack.follow(studio, rows, StackForm(at=fresh[rows.at]))


def test_an_answer_says_which_changes_of_the_user_it_has_seen(studio: Studio, rows: LoraRows, stacked: Draft) -> None:
    form = StackForm(stacked, rev=7, added=stacked.ids[0])
    for answer in (lora_stack.put_in(studio, rows, form), lora_stack.follow(studio, rows, form)):
        assert answer[rows.stack]["rev"] == 7


def test_a_row_says_where_its_lora_is_from_and_what_it_asks_for(studio: Studio, rows: LoraRows, stacked: Draft) -> None:
    loras.ask_for(studio.session, stacked.ids[1], Sampling(steps=4, guidance=1))
    lora_stack.save_stack(studio, rows, said(rows, stacked))
    first, second, _ = lora_stack.follow(studio, rows, StackForm())[rows.stack]["items"]
    assert (first["name"], first["facts"]) == ("a", "rank 4 · brought in")
    assert second["facts"] == "rank 4 · brought in · made for 4 steps, guidance 1"


def test_what_the_editor_sees_beside_a_source_is_chosen_by_pictures_and_kept(
    studio: Studio, tab: EnrichTab, put: Put
) -> None:
    """Which ones were chosen was lost with every reload; one that is left out since is not asked for any more."""
    ids = [put("source").id for _ in range(3)]
    wish = {"more": 1, "named": [ids[1]], "control": ids[2]}
    chosen = form(tab, picker(studio, tab), beside=wish)
    plan = enrich.plan_of(studio, chosen)
    of_first = next(s for s in plan.shots if s.sources[0].id == ids[0])
    assert [i.id for i in of_first.sources] == ids[:2] and of_first.control and of_first.control.id == ids[2]
    tab.kept.write(studio, said_by(tab, picker(studio, tab), beside=wish) | {tab.whose: "ada"})
    assert enrich.refresh(studio, tab, EnrichForm())[tab.beside].items() >= wish.items()
    sources.remove(studio.session, ids[2])
    later = enrich.refresh(studio, tab, EnrichForm())[tab.beside]
    assert (later["named"], later["control"], [i["id"] for i in later["items"]]) == ([ids[1]], "", ids[:2])
    mine = enrich.refresh(studio, tab, EnrichForm(beside={"more": 1, "rev": 4}, whose="ada"))[tab.beside]
    assert (mine["more"], mine["rev"], mine["named"], mine["control"]) == (1, 4, [], ""), "what is on the screen stays"


def test_saving_and_loading_a_stack(studio: Studio, rows: LoraRows, stacked: Draft) -> None:
    told = lora_stack.save_as(studio, rows, said(rows, stacked, name="  angles   fast "))
    assert told[rows.message]["tone"] == "good"
    choices = told[rows.saved]["choices"]
    assert [title for title, _ in choices][1:] == ["angles fast"]
    lora_stack.save_stack(studio, rows, said(rows, Draft()))
    lora_stack.load(studio, rows, said(rows, Draft(), saved=choices[1][1]))
    assert lora_stack.draft(studio, "editor") == stacked
    assert len(lora_stack.named(studio, "editor")) == 1
    assert len(studio.session.store.all(SavedStack)) == 2


def test_a_stack_is_shared_as_text(studio: Studio, rows: LoraRows, stacked: Draft) -> None:
    """The rows that are ticked, as prompts name LoRAs; written elsewhere, it is the stack here."""
    text = lora_stack.save_stack(studio, rows, said(rows, stacked))[rows.text]
    assert text == "<lora:a:1> <lora:b:0.65>"
    answer = lora_stack.take_text(studio, rows, said(rows, Draft(), text=f"{text}, <lora:C:-0.5>"))
    assert shown(rows, answer) == Draft(stacked.ids, [True] * 3, [1.0, 0.65, -0.5])
    assert answer[rows.message] == {} and answer[rows.text] == "<lora:a:1> <lora:b:0.65> <lora:c:-0.5>"
    assert lora_stack.draft(studio, "editor").weights == [1.0, 0.65, -0.5]
    assert shown(rows, lora_stack.take_text(studio, rows, said(rows, stacked, text=" "))) == Draft()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<lora:nobody:1>", "'nobody' is not in this workspace"),
        ("<lora:a:99>", "weight 99 of a is out of bounds"),
        ("angles 0.8", "written <lora:name:weight>"),
        ("<lora:a:1.2.3>", "Not understood: '<lora:a:1.2.3>'"),
        ("<lora:grain:1>", "made for another model"),
    ],
)
def test_what_is_not_understood_of_a_text_is_said_and_what_is_counts(
    studio: Studio, rows: LoraRows, stacked: Draft, tmp_path: Path, text: str, why: str
) -> None:
    loras.add(studio.session, lora_file(tmp_path, "grain", "flux"), "grain.safetensors", family="mini-flux")
    lora_stack.save_stack(studio, rows, said(rows, stacked))
    alone = lora_stack.take_text(studio, rows, said(rows, stacked, text=text))
    assert why in " ".join(alone[rows.message]["lines"]) and rows.stack not in alone
    assert lora_stack.draft(studio, "editor") == stacked, "nothing that was understood: nothing changes"
    beside = lora_stack.take_text(studio, rows, said(rows, stacked, text=f"<lora:b:0.5> {text}"))
    assert why in " ".join(beside[rows.message]["lines"])
    assert shown(rows, beside) == Draft([stacked.ids[1]], [True], [0.5])


def test_a_weight_of_the_text_encoder_is_told(studio: Studio, rows: LoraRows, stacked: Draft) -> None:
    answer = lora_stack.take_text(studio, rows, said(rows, Draft(), text="<lora:b:1:0.5>"))
    assert shown(rows, answer) == Draft([stacked.ids[1]], [True], [0.5])
    assert answer[rows.message]["lines"] == ["Of b: 'text encoder 1'. A LoRA has one weight here."]


def test_a_name_that_cannot_stand_in_a_text_gives_way_to_the_files_hash(
    studio: Studio, rows: LoraRows, tmp_path: Path
) -> None:
    lora = loras.add(studio.session, lora_file(tmp_path, "n"), "n.safetensors", family="mini-qwen-edit", name="a:b>")
    text = lora_stack.save_stack(studio, rows, said(rows, Draft([lora.id], [True], [1.0])))[rows.text]
    assert text == f"<lora:{lora.id[:8]}:1>"
    assert shown(rows, lora_stack.take_text(studio, rows, said(rows, Draft(), text=text))).ids == [lora.id]


@pytest.mark.parametrize("weight", [0.00001, -0.5, 10.0, 1.0])
def test_a_weight_is_read_as_it_was_written(studio: Studio, rows: LoraRows, stacked: Draft, weight: float) -> None:
    """0.00001 is written 1e-05, and was read as 1."""
    text = lora_stack.save_stack(studio, rows, said(rows, Draft(stacked.ids[:1], [True], [weight])))[rows.text]
    assert shown(rows, lora_stack.take_text(studio, rows, said(rows, Draft(), text=text))).weights == [weight]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "ana"),
        ("a banana\n\nana on a bench", "ana, a banana\nana on a bench"),
    ],
)
def test_a_trigger_word_goes_before_each_prompt_that_lacks_it(tab: EnrichTab, before: str, after: str) -> None:
    insert = lora_stack.inserted(tab.own)
    assert insert({tab.own: before}, gr.EventData(None, {"trigger": "ana"})) == {tab.own: after}


def test_an_uploaded_lora_joins_the_stack(studio: Studio, rows: LoraRows, tmp_path: Path) -> None:
    path = lora_file(tmp_path, "angles")
    told = lora_stack.bring(studio, rows, said(rows, Draft(), upload=str(path)))
    assert shown(rows, told).ids == [x.id for x in lora_stack.usable(studio, "editor")]
    assert "rank 4" in told[rows.stack]["items"][0]["facts"]
    assert lora_stack.draft(studio, "editor").weights == [1.0]


@pytest.mark.parametrize(("name", "kind"), [("grain", "flux"), ("model.ckpt", "")])
def test_a_lora_of_the_wrong_family_or_a_pickle_is_refused_in_words(
    studio: Studio, rows: LoraRows, tmp_path: Path, name: str, kind: str
) -> None:
    path = lora_file(tmp_path, name, kind) if kind else tmp_path / name
    if not kind:
        path.write_bytes(b"\x80\x04\x95\x00")
    told = lora_stack.bring(studio, rows, said(rows, Draft(), upload=str(path)))
    words = told[rows.message]
    assert shown(rows, told) == Draft() and words["tone"] == "bad" and name in words["lines"][0]
    assert lora_stack.usable(studio, "editor") == []


def test_a_full_stack_says_so(studio: Studio, stacked: Draft) -> None:
    short = on_page(lora_rows.build, "short", "editor", 2)
    outcome = lora_stack.put_in(studio, short, said(short, stacked.within(2), add=stacked.ids[2]))
    assert shown(short, outcome).ids == stacked.ids[:2]
    assert "2 rows at most" in outcome[short.message]["lines"][0]
    gone = lora_stack.save_stack(studio, short, said(short, stacked.within(1)))
    assert gone[short.message] == {}, "it is not full any more"


def test_rows_that_the_page_invents_are_no_stack(studio: Studio, rows: LoraRows, stacked: Draft) -> None:
    """Twice the same, no id, no words, a weight beyond what one may be: none of it is taken as it is."""
    held = said(rows, Draft(stacked.ids, stacked.uses, [99.0, -99.0, 0.0])).draft
    assert held.weights == [10.0, -10.0, 0.0]
    items = [{"id": 3}, {"use": True}, {"id": stacked.ids[0], "weight": "x"}, {"id": stacked.ids[0], "use": 1}]
    read = lora_rows.read(rows, {rows.stack: rows.stack.preprocess({"items": [*items, None, "a"]})}).draft
    assert read == Draft([stacked.ids[0]], [True], [0.0])
    with pytest.raises(NotFound):
        lora_stack.save_stack(studio, rows, said(rows, Draft(["f" * 64], [True], [1.0])))


def test_make_queues_one_job_with_the_plan(studio: Studio, tab: EnrichTab, put: Put) -> None:
    put("source")
    words = sources.advice(studio.session, studio.character_id)
    assert words
    enrich.make(studio, True, form(tab, picker(studio, tab), ("angle/half-left", "expression/sad", "style/film")))
    jobs = studio.session.store.all(Job)
    assert [j.kind for j in jobs] == ["render"]
    assert jobs[0].title.startswith("Preview")
    studio.session.jobs.cancel(jobs[0].id)


def test_what_a_source_shows_is_left_out_unless_it_is_asked_for(studio: Studio, tab: EnrichTab, put: Put) -> None:
    for angle in ("front", "half-left"):
        sources.tag(studio.session, put("source").id, angle=angle, expression="neutral")
    edits = ("angle/front", "angle/half-left")
    seen = enrich.look_ahead(studio, tab, form(tab, picker(studio, tab), edits, gaps=True))
    assert "show all of this already" in seen[tab.foot.plan]["lines"][0]
    assert not seen[tab.foot.preview]["interactive"]
    assert len(enrich.plan_of(studio, form(tab, picker(studio, tab), edits, gaps=False)).shots) == 2
