"""Every field for a number: what does not do is told by name and bound, and the button stays off."""

from collections.abc import Callable
from typing import Any

import gradio as gr
import pytest
from tab_helpers import groups_say, on_page, rows_say

from pipelines.domain.records import ImageRecord
from pipelines.storage.presets import shipped
from pipelines.workflow import training
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.training import TrainOptions
from studio.app import page
from studio.components.forms import Bound, Updates
from studio.components.lora_rows import Draft
from studio.server.state import Studio
from studio.tabs import enrich, enrich_form, generate, generate_form, survey, train
from studio.tabs.survey_form import read as read_survey

Put = Callable[..., ImageRecord]
PRESET = "character-practice"


def train_look(studio: Studio, **changes: Any) -> tuple[str, Any, Any]:
    tab = on_page(train.build, studio)
    filled = {part: getattr(shipped().trainings[PRESET].settings, n) for n, part in tab.settings.fields.items()}
    said = {tab.target: "character", tab.settings.preset: PRESET, **filled}
    said |= {tab.settings.fields[name]: value for name, value in changes.items()}
    seen = train.look_ahead(studio, tab, train.read(tab, said))
    words = seen[tab.settings.plan]
    return (
        " ".join([words.get("title", ""), *words.get("lines", [])]),
        seen[tab.settings.make],
        seen[tab.settings.memory],
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("rank", 0, "Rank: a whole number from 1 to 256; not 0."),
        ("rank", 12.5, "Rank: a whole number from 1 to 256; not 12.5."),
        ("rank", None, "Rank: a whole number from 1 to 256; it is empty."),
        ("steps", 1_000_000, "Steps: a whole number from 1 to 100 000; not 1 000 000."),
        ("resolution", 63, "a multiple of"),
        ("resolution", 8, "Resolution, px: a whole number from 32 to 4 096; not 8."),
        ("learning_rate", 0, "Learning rate: a number from 1e-08 to 0.1; not 0."),
        ("learning_rate", 5, "Learning rate"),
        ("face_weight", 101, "Face weight"),
        ("seed", -1, "Seed"),
    ],
)
def test_a_setting_of_a_training_that_does_not_do(studio: Studio, put: Put, name: str, value: Any, words: str) -> None:
    put("source")
    assert train_look(studio)[1]["interactive"]
    told, button, memory = train_look(studio, **{name: value})
    assert words in told
    assert not button["interactive"] and memory == {}, "nothing says that it fits"


def test_a_training_asked_for_by_its_settings_is_held_to_the_same_bounds(studio: Studio) -> None:
    for change in ({"steps": "1000000"}, {"resolution": 63}, {"learning_rate": "0.5"}, {"seed": -1}, {"rank": "0"}):
        with pytest.raises(NotAllowed, match=next(iter(change))):
            training.settings_of(studio.session, "ada", TrainOptions("character", PRESET, change))


TYPED = [("count", "abc"), ("count", "-3"), ("count", "0"), ("count", "2.5"), ("steps", "1e9"), ("guidance", "much"),
         ("guidance", "-1"), ("guidance", "nan"), ("seed", -1), ("seed", None), ("seed", 1.5)]  # fmt: skip
NAMES = {"count": "At most", "steps": "Steps", "guidance": "Guidance", "seed": "Seed"}


@pytest.mark.parametrize(("name", "value"), TYPED)
def test_a_number_in_generate_that_does_not_do(studio: Studio, name: str, value: Any) -> None:
    tab = on_page(generate.build, studio)
    c = tab.chosen
    said = {c.scenarios: generate_form.everything(studio), c.prompts: "", c.lora: "", c.strength: 1.0, c.variants: 1}
    said |= {c.count: "", c.seed: 0, c.steps: "", c.guidance: "", **rows_say(tab.loras, Draft())}
    told(generate.look_ahead(studio, tab, generate_form.read(tab, said | {getattr(c, name): value})), tab.foot, name)


@pytest.mark.parametrize(("name", "value"), TYPED)
def test_a_number_in_enrich_that_does_not_do(studio: Studio, put: Put, name: str, value: Any) -> None:
    source = put("source")
    tab = on_page(enrich.build, studio)
    n = tab.numbers
    said = {tab.sources.picker: {"items": [{"id": source.id}], "ticked": [source.id]}, n.per_source: 1, n.gaps: False}
    said |= {n.count: "", n.seed: 0, n.steps: "", n.guidance: "", **rows_say(tab.loras, Draft())}
    said |= groups_say(tab.axes, ["angle/profile-left"])
    assert enrich.look_ahead(studio, tab, enrich_form.read(tab, said))[tab.foot.make]["interactive"]
    told(enrich.look_ahead(studio, tab, enrich_form.read(tab, said | {getattr(n, name): value})), tab.foot, name)


def told(seen: Updates, foot: Any, name: str) -> None:
    assert seen[foot.plan]["lines"][0].startswith(f"{NAMES[name]}: ")
    assert not seen[foot.make]["interactive"] and not seen[foot.preview]["interactive"]


@pytest.mark.parametrize("value", [-1, None, 0.5, 2**40])
def test_a_seed_in_survey_that_does_not_do(studio: Studio, put: Put, value: Any) -> None:
    source = put("source")
    tab = on_page(survey.build, studio)
    said = {tab.tests.images: {"items": [{"id": source.id}], "ticked": [source.id]}, tab.tests.seed: value}
    said |= {group: group.value for group in tab.tests.axes.values()}
    seen = survey.look_ahead(studio, tab, read_survey(tab, said))
    assert seen[tab.plan]["lines"][0].startswith("Seed: ") and not seen[tab.make]["interactive"]


def test_too_many_prompts_are_told_and_not_cut(studio: Studio) -> None:
    tab = on_page(generate.build, studio)
    said = {tab.chosen.prompts: "\n".join(f"picture {n}" for n in range(201)), tab.chosen.scenarios: []}
    seen = generate.look_ahead(studio, tab, generate_form.read(tab, said))
    assert seen[tab.foot.plan]["lines"] == ["Own prompts: 200 at most; not 201."]


def test_no_stock_bound_keeps_a_number_from_its_handler(studio: Studio) -> None:
    """Gradio's message names no field, and the page keeps what it said before."""
    for build in (train.build, generate.build, enrich.build, survey.build):
        with gr.Blocks() as page:
            build(studio)
        numbers = [b for b in page.blocks.values() if isinstance(b, gr.Number)]
        assert numbers and all(b.minimum is None and b.maximum is None and b.precision is None for b in numbers)
        assert all(b.info for b in numbers), "its bound stands at the field"


def test_a_bound_reads_what_people_type() -> None:
    guidance = Bound("Guidance", 0, 100, whole=False, empty=True)
    assert guidance.read(" 2,5 ") == 2.5 and guidance.read("") is None and guidance.read("0") == 0


def test_what_is_done_again_while_the_first_is_at_work_is_heard(studio: Studio) -> None:
    """Of every event of the page: Gradio drops the second unless told otherwise."""
    told = page(studio).get_config_file()["dependencies"]
    assert len(told) > 50
    for event in told:
        kinds = {kind for _, kind in event["targets"]}
        wanted = "once" if kinds == {"click"} else "multiple" if "upload" in kinds else "always_last"
        assert event["trigger_mode"] == wanted, event["targets"]
