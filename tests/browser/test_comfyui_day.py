"""The wheel on files that another program's folder holds, clicked by a person: named in Settings, turned into a copy,
edited with a LoRA of few steps that lies there, trained, drawn with, measured. Small twins stand in for the models."""

import re
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from browser_helpers import start, stop
from engine_helpers import FLUX, QWEN, QWEN_TARGETS, checkpoint, lora_tensors, prefixed, write_lora
from owned_helpers import black_forest, flux_comfy, frame, part, qwen_comfy
from person import JOB_MS, Person
from playwright.sync_api import Browser, expect
from wheel_pictures import sources

from pipelines.domain.records import Card, Character, ImageRecord, LoraRecord
from pipelines.storage.presets import our_entries
from pipelines.storage.store import Store

LIGHTNING = "Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16"
"""The catalogue knows what a file of this name asks for."""
TWINS = {"flux-twin": (FLUX, "FLUX.1 dev"), "qwen-twin": (QWEN, "Qwen-Image-Edit 2509")}
ENRICHED, SYNTHETIC, STEPS = 3, 2, 6


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """ComfyUI's folders, with the models and a LoRA."""
    folder = tmp_path / "ComfyUI" / "models"
    flux_comfy(folder, black_forest(part(FLUX, "transformer")))
    qwen_comfy(folder, part(QWEN, "transformer"))
    write_lora(folder / "loras" / f"{LIGHTNING}.safetensors", prefixed(lora_tensors(checkpoint(QWEN), QWEN_TARGETS)))
    return folder


def presets(root: Path, frames: Path) -> None:
    """Each twin as a preset of the user's own; only what is small of it (configs, tokenizers) lies in its folder."""
    for name, (mini, title) in TWINS.items():
        folder = frame(mini, frames / name)
        table: dict[str, Any] = our_entries()["models"].tables[mini] | {"name": name, "title": title}
        path = root / "presets" / "models" / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(tomli_w.dumps(table | {"weights": {"folder": str(folder)}}), encoding="utf-8")


def made_ready(person: Person, tab: str) -> None:
    """The tab says what has to be made of the files; it is made by its button."""
    page = person.page
    person.open(tab)
    expect(page.locator(f"#{tab}-weights")).to_contain_text("are turned once into a copy")
    page.click(f"#{tab}-obtain")
    expect(page.locator(f"#{tab}-weights")).to_be_hidden(timeout=JOB_MS)


@pytest.mark.slow(seconds=160)
@pytest.mark.timeout(1200)
def test_the_wheel_turns_on_files_of_a_comfyui_folder(
    browser: Browser, workspace_root: Path, models: Path, tmp_path: Path
) -> None:
    presets(workspace_root, tmp_path / "frames")
    before = {path: path.stat().st_mtime_ns for path in models.rglob("*.safetensors")}
    studio = start(workspace_root)
    try:
        person = Person(browser, studio.url)
        page = person.page
        page.click("#settings-open")
        page.locator("#settings-dialog label", has=page.locator("#browse-shared_folders")).locator("input").fill(
            str(models)
        )
        page.click("#settings-save")
        expect(page.locator("#settings-dialog")).to_have_count(0)

        page.click("#new-character")
        page.fill("#character-name", "Ada")
        page.select_option("#character-generator", "flux-twin")
        page.select_option("#character-editor", "qwen-twin")
        page.check("#character-may-use")
        page.click("#create-character")
        expect(page.locator("#character-picker option:checked")).to_have_text("Ada")

        person.open("enrich")
        person.drop("enrich-drop", sources(tmp_path / "pictures")[:4])
        made_ready(person, "enrich")
        page.click("#enrich-lora-add input")
        page.get_by_role("option", name=LIGHTNING).click()
        expect(page.locator("#enrich-lora-0")).to_be_visible()
        person.set_number("enrich-count", ENRICHED)
        expect(page.locator("#enrich-make")).to_have_text(f"Make {ENRICHED}")
        expect(page.locator("#enrich-plan")).to_contain_text("4 steps, guidance 1")
        person.run_with_a_reload("#enrich-make", f"Enrich: {ENRICHED} pictures")
        person.judge("enriched", "p" * ENRICHED)

        made_ready(person, "train")
        person.set_number("train-steps", STEPS)
        expect(page.locator("#train-plan")).to_contain_text(f"{STEPS} steps")
        person.run_with_a_reload("#train-run", "Train ada_v1")
        person.open("generate")
        person.set_number("generate-count", SYNTHETIC)
        expect(page.locator("#generate-run")).to_have_text(re.compile(rf"\b{SYNTHETIC}\b"))
        person.run_with_a_reload("#generate-run", f"Generate: {SYNTHETIC} pictures")
        person.open("model_card")
        person.run_with_a_reload("#card-run", "Model card of ada_v1")
        expect(page.locator("#card-poster .cell img[src]")).to_have_count(23)
        assert person.errors == []
        page.close()
    finally:
        stop(studio)
    assert {path: path.stat().st_mtime_ns for path in models.rglob("*.safetensors")} == before, "nothing is changed"
    _the_records_tell_of_it(workspace_root)


def _the_records_tell_of_it(workspace: Path) -> None:
    with Store.open(workspace, read_only=True) as store:
        (ada,) = store.all(Character)
        assert (ada.generator, ada.editor) == ("flux-twin", "qwen-twin")
        edits = [i.shot for i in store.all(ImageRecord, kind="enriched") if i.shot]
        assert len(edits) == ENRICHED and {(s.family, s.steps, s.guidance) for s in edits} == {("qwen-twin", 4, 1.0)}
        assert all(s.schedule.values for s in edits), "its own noise schedule"
        (lightning,) = [x for x in store.all(LoraRecord) if x.name == LIGHTNING]
        assert lightning.changed and Path(lightning.path).is_absolute(), "it stays where it lies"
        (own,) = store.all(LoraRecord, origin="trained")
        drawn = [i.shot for i in store.all(ImageRecord) if i.kind in ("synthetic", "card") and i.shot]
        assert len(drawn) == SYNTHETIC + 23 and {s.family for s in drawn} == {"flux-twin"}
        assert {a.sha256 for s in drawn for a in s.stack.adapters} == {own.id}
        assert len(store.all(Card)) == 1
