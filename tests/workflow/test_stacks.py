"""A LoRA is in a stack once: a model takes an adapter once, with its last weight, and counts that as often as it is
named. Weights of 1 and 0.5 drew what 1 alone draws, 0.5 and 1 what 2 does."""

from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from pipelines.domain.records import Character, LoraRecord
from pipelines.session import Session
from pipelines.workflow import card, generate, loras, recipes
from pipelines.workflow.card import CardOptions
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.generate import GenerateOptions

OWN, STYLE = "a" * 64, "b" * 64


@pytest.fixture(autouse=True)
def two(session: Session, ada: Character) -> None:
    for sha256, name, whose in ((OWN, "ada_v1", "ada"), (STYLE, "grain", "")):
        path = session.workspace.path(f"loras/{name}.safetensors")
        path.write_bytes(b"")
        record = LoraRecord(id=sha256, name=name, path=f"loras/{name}.safetensors", family="flux", rank=4)
        session.store.put(record.model_copy(update={"character": whose, "origin": "trained" if whose else "imported"}))


def test_a_lora_that_is_there_twice_is_refused_before_anything_is_drawn(session: Session) -> None:
    with pytest.raises(NotAllowed, match="grain is there twice"):
        loras.stack(session, [(STYLE, 1.0), (OWN, 1.0), (STYLE, 0.5)])
    beside = loras.stack(session, [(STYLE, 0.5), (OWN, 0.5)])
    for plan in (
        lambda lora: card.plan(session, "ada", CardOptions(lora=lora, beside=beside)),
        lambda lora: generate.plan(session, "ada", GenerateOptions(lora=lora, beside=beside, prompts=("a roof",))),
    ):
        with pytest.raises(NotAllowed, match="ada_v1 is there twice"):
            plan(OWN)
        assert {x.stack for x in plan("").shots} == {beside}


def test_settings_of_a_picture_that_names_a_lora_twice_are_those_of_the_first(session: Session, tmp_path: Path) -> None:
    told = PngImagePlugin.PngInfo()
    told.add_itxt("parameters", "a roof <lora:grain:0.4> <lora:grain:0.9>\nSteps: 4, Seed: 5, Size: 64x64")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png", pnginfo=told)
    found = recipes.settings(session, "ada", recipes.of_file(tmp_path / "a.png"))
    assert found.stack == ((STYLE, 0.4),)
    assert any("grain once more, at 0.9" in line for line in found.lost)
