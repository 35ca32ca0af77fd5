"""What is said about weights that are not here, and whether a button can get them."""

from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from pipelines.engine import weights
from pipelines.workflow import characters, generate, render
from pipelines.workflow.characters import NotAllowed
from studio.components.estimate import build_obtain, estimate_words, making, obtain_offer
from studio.server.state import Studio


def offered(studio: Studio, family: str) -> tuple[Any, Any, Any]:
    """What is shown of row, words and button."""
    with gr.Blocks():
        offer = build_obtain("x")
    updates = obtain_offer(studio, offer, family)
    return updates[offer.row], updates[offer.words], updates.get(offer.button)


def test_weights_that_come_with_the_product_need_no_word(studio: Studio) -> None:
    row, words, button = offered(studio, "mini-flux")
    assert (row["visible"], words, button) == (False, {}, None)


def test_a_download_is_offered_with_size_and_licence(studio: Studio) -> None:
    row, words, button = offered(studio, "flux1-dev")
    assert row["visible"] and button["visible"] and button["value"] == "Download 31.4 GB"
    assert "31.4 GB from black-forest-labs/FLUX.1-dev" in words["lines"][0] and "Non-Commercial" in words["lines"][1]


def test_damaged_weights_of_the_product_are_told_and_nothing_is_made(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weights, "PRESETS", tmp_path)
    row, words, button = offered(studio, "mini-flux")
    assert row["visible"] and not button["visible"]
    assert "Mini FLUX (practice) comes with FLENwheel" in words["lines"][0]
    plan = generate.plan(studio.session, studio.character_id, generate.GenerateOptions(prompts=("in the rain",)))
    with pytest.raises(NotAllowed, match="Install FLENwheel again"):
        render.submit(studio.session, plan, "Two pictures")


def test_a_plan_without_its_weights_says_so_and_cannot_be_begun(studio: Studio) -> None:
    ada = characters.create(studio.session, "Ada", origin="drawn here", may_use=True)
    studio.session.store.put(ada.model_copy(update={"generator": "flux1-dev"}))
    plan = generate.plan(studio.session, ada.id, generate.GenerateOptions(scenarios=("portrait-front",), variants=2))
    seen = render.estimate(studio.session, plan)
    assert not seen.can_begin
    assert seen.words == "2 pictures, once the weights are here"
    assert making(studio, plan, "Make") == gr.update(interactive=False, value="Get the weights first (31 GB)")
    assert "Without a graphics card" in estimate_words(studio, plan)["lines"][-1]


def test_a_plan_of_the_practice_models_needs_no_word_about_cards(studio: Studio) -> None:
    ada = characters.create(studio.session, "Ada", origin="drawn here", may_use=True)
    plan = generate.plan(studio.session, ada.id, generate.GenerateOptions(scenarios=("portrait-front",), variants=2))
    assert making(studio, plan, "Make") == gr.update(interactive=True, value="Make 2")
    assert estimate_words(studio, plan)["lines"] == []


def test_the_time_of_a_model_is_known_however_many_pictures_another_made_since(studio: Studio, put: Any) -> None:
    edited = put("enriched")
    assert edited.shot
    by_editor = edited.shot.model_copy(update={"family": "mini-qwen-edit"})
    drawn = [edited.model_copy(update={"id": f"{n:064x}", "seconds": 9.0}) for n in range(201)]
    studio.session.store.put(edited.model_copy(update={"shot": by_editor, "seconds": 2.0}), *drawn)
    assert render._seconds_a_picture(studio.session, "mini-qwen-edit") == 2.0
    assert render._seconds_a_picture(studio.session, "mini-flux") == 9.0
