"""The whole wheel, clicked by a person in Chromium on the real pipelines: from pictures on disk to v2 beside v1."""

from pathlib import Path

import pytest
from person import Person
from playwright.sync_api import Browser, expect
from wheel_pictures import BROKEN, editor_loras, sources

from pipelines.domain.records import Card, DatasetVersion, Decision, ImageRecord, LoraRecord, TrainingRun
from pipelines.storage.store import Store

ENRICHED = 8
SYNTHETIC = 6
STEPS = 12


@pytest.mark.slow(seconds=140)
@pytest.mark.timeout(1200)
def test_a_person_turns_the_wheel(browser: Browser, running, tmp_path: Path) -> None:
    assert not running.has_torch(), "the page opens before torch is imported"
    person = Person(browser, running.url)
    page = person.page
    person.new_character("Ada")

    # sources: ten come in, one is refused in words
    person.open("enrich")
    person.drop("enrich-drop", sources(tmp_path / "pictures"))
    expect(page.locator("#enrich-arrival")).to_contain_text("10 pictures taken in, 1 refused")
    expect(page.locator("#enrich-arrival")).to_contain_text(f"{BROKEN}:")
    expect(page.locator("#enrich-sources .item")).to_have_count(10)

    # enrich with two LoRAs at two weights
    for n, path in enumerate(editor_loras(tmp_path / "loras")):
        person.upload("enrich-lora-upload", [path])
        expect(page.locator(f"#enrich-lora-{n}")).to_be_visible()
    person.set_number("enrich-lora-0-weight", 1.2)
    person.set_number("enrich-lora-1-weight", 0.6)
    person.set_number("enrich-count", ENRICHED)
    expect(page.locator("#enrich-make")).to_have_text(f"Make {ENRICHED}")
    expect(page.locator("#enrich-plan")).to_contain_text(f"{ENRICHED} pictures")
    person.run_with_a_reload("#enrich-make", f"Enrich: {ENRICHED} pictures")
    expect(page.locator("#enrich-results figure.tile")).to_have_count(ENRICHED)

    # the gate: training is shut until every picture is judged
    person.open("train")
    expect(page.locator("#train-run")).to_be_disabled()
    person.judge("enriched", "p" * (ENRICHED - 1) + "x")

    # v1
    person.open("train")
    person.set_number("train-steps", STEPS)
    expect(page.locator("#train-plan")).to_contain_text(f"{STEPS} steps")
    person.run_with_a_reload("#train-run", "Train ada_v1")

    # generate with it, filter, choose
    person.open("generate")
    person.set_number("generate-count", SYNTHETIC)
    expect(page.locator("#generate-run")).to_contain_text(str(SYNTHETIC))
    person.run_with_a_reload("#generate-run", f"Generate: {SYNTHETIC} pictures")
    person.open("review")
    page.click("#review-gate-synthetic")
    page.click("#review-filter")
    person.judge("synthetic", "pxpxpx", every=True)  # what the rule sorted out, a person may let through
    page.click("#review-pristine")
    page.click("#pristine-keep")
    expect(page.locator(".toast", has_text="3 pictures are pristine v1")).to_be_visible()

    # the card of v1, then v2 and its card, side by side
    person.open("model_card")
    person.run_with_a_reload("#card-run", "Model card of ada_v1")
    person.open("train")
    person.set_number("train-steps", STEPS)
    expect(page.locator("#train-plan")).to_contain_text(f"{STEPS} steps")
    person.run_with_a_reload("#train-run", "Train ada_v2")
    expect(page.locator("#tab-train-button")).to_have_attribute("aria-selected", "true")  # the reload came back to it
    person.open("model_card")
    page.select_option("#card-lora", label="ada_v2")
    person.run_with_a_reload("#card-run", "Model card of ada_v2")
    expect(page.locator("#card-version option:checked")).to_contain_text("ada_v2")
    page.select_option("#card-compare", "v1")
    expect(page.locator("#card-poster .cell img[src]")).to_have_count(23)
    expect(page.locator("#card-poster-beside .cell img[src]")).to_have_count(23)
    page.locator('#card-poster .cell[data-cell="front/neutral"]').focus()
    page.keyboard.press("p")
    expect(page.locator("#card-headline")).to_contain_text("1 of 23 right at the first try")

    assert person.errors == []
    assert not running.has_torch(), "the studio's own process never imports torch"
    page.close()
    _the_records_tell_the_same(running.workspace)


def _the_records_tell_the_same(workspace: Path) -> None:
    with Store.open(workspace, read_only=True) as store:
        kinds = [i.kind for i in store.all(ImageRecord)]
        counts = {kind: kinds.count(kind) for kind in ("source", "enriched", "synthetic", "card")}
        assert counts == {"source": 10, "enriched": ENRICHED, "synthetic": SYNTHETIC, "card": 46}
        enriched = store.all(ImageRecord, kind="enriched")
        assert {tuple(a.weight for a in i.shot.stack.adapters) for i in enriched if i.shot} == {(1.2, 0.6)}
        assert [x.name for x in store.all(LoraRecord, origin="trained")] == ["ada_v1", "ada_v2"]
        first, second = store.all(TrainingRun)
        assert (first.state, second.state) == ("done", "done")
        assert (first.settings["steps"], second.settings["steps"]) == (STEPS, STEPS)
        assert len(first.images) == 10 + ENRICHED - 1
        assert set(second.images) - set(first.images) == set(store.get(DatasetVersion, "ada/pristine/v1").images)  # type: ignore[union-attr]
        assert len(store.all(Card)) == 2
        reject = [i.id for i in enriched if store.verdict(i.id).label == "reject"]
        assert len(reject) == 1
        assert not set(reject) & set(second.images)
        assert all(d.who == "human" for d in store.all(Decision) if d.value == "good")
        assert all(i.scores.quality for i in store.all(ImageRecord, kind="source")), "sources are looked at on arrival"
        notes = {i.intake.filename: i.intake.notes for i in store.all(ImageRecord, kind="source") if i.intake}
        assert all(notes[name] for name in ("rotated.jpg", "print.jpg", "scan16.png"))
