"""A day in the studio in two rounds, clicked by a person in Chromium on the real pipelines: chains, a note, what was
decided before a reload taken back, a better try made and chosen, an editor LoRA proven and taken into Enrich, the cells
that failed on the card made anew, the cards and the LoRA taken along."""

import base64
import io
import itertools
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from browser_helpers import Running
from person import JOB_MS, Person
from PIL import Image
from playwright.sync_api import Browser, expect
from safetensors.torch import load_file

from pipelines.domain.records import Card, Correction, ImageRecord, LoraRecord, SavedStack, TrainingRun
from pipelines.storage.store import Store
from pipelines.workflow import triplets
from pipelines.world import practice_sources
from pipelines.world.renderer import render

COMMUNITY = Path("presets/mini/loras/mini-expressions.safetensors").absolute()
SAD = "Change only the facial expression: the person is sad, the corners of the mouth turned down."
SOURCES = 6
EDITED = (0, 2, 4, 5)
"""Places of the sources that the expression alone is asked of."""
TURN, EXPRESSION = "angle/profile-left", "expression/sad"
CHAIN = f"{TURN} > {EXPRESSION}"
STEPS = 8
SYNTHETIC = 4
CELLS = 23
FAILED_AT_FIRST, FAILED_AGAIN = ("half-left/sad", "front/angry"), ("half-left/sad",)
ANEW = [f"angle/{angle} > expression/{face}" for angle, face in (cell.split("/") for cell in FAILED_AT_FIRST)]
SECOND = 8
"""Two chains of two steps, each step twice."""
NOTE = "the mouth is right, the brows are not"
FIRST = 8
"""An edit of four sources; a chain of two steps of the two others, which is far from the fourth."""


def neutral_sources(folder: Path) -> list[Path]:
    """Six pictures from three angles, none of which is sad."""
    folder.mkdir()
    chosen = practice_sources.sources(1, 256)[::2]
    for source in chosen:
        source.image.save(folder / source.filename)
    return sorted(folder.iterdir())


def first_edits(person: Person, tmp_path: Path) -> None:
    """Sources, and of them edits and chains with a LoRA of others, one edit in the person's own words."""
    page = person.page
    person.open("enrich")
    person.drop("enrich-drop", neutral_sources(tmp_path / "pictures"))
    expect(page.locator("#enrich-sources .item")).to_have_count(SOURCES)
    expect(page.locator("#job-title")).to_have_text(f"Look at {SOURCES} sources: done", timeout=JOB_MS)
    person.upload("enrich-lora-upload", [COMMUNITY])
    expect(page.locator("#enrich-lora-0")).to_be_visible()
    person.only_edits(EXPRESSION)
    person.set_number("enrich-chains", CHAIN)
    person.set_number("enrich-per-source", 1)
    person.set_number("enrich-words", f"{EXPRESSION} = {some_held_out(person)} | sad")
    expect(page.locator("#enrich-make")).to_have_text(f"Make {FIRST}")
    person.run_with_a_reload("#enrich-make", f"Enrich: {FIRST} pictures")
    expect(page.locator("#enrich-results figure.tile")).to_have_count(FIRST)


def some_held_out(person: Person) -> str:
    """An instruction that is kept from training of one or two of the sources that it is asked of: which are is decided
    by their contents, which are new each day."""
    ids = [item.get_attribute("data-id") or "" for item in person.page.locator("#enrich-sources .item").all()]
    asked = [ids[n] for n in EDITED]
    words = (f"{SAD} Take {n}." for n in itertools.count(1))
    return next(said for said in words if sum(triplets.is_held_out((one, said)) for one in asked) in (1, 2))


def first_review(person: Person, tmp_path: Path) -> None:
    """Keys, a note, a wrong key taken back after a reload, corrections by a better try and by files."""
    page = person.page
    person.open("review")
    page.click("#review-gate-enriched")
    position, label, title = page.locator("#review-position"), page.locator("#review-label"), page.locator(".rv-title")
    expect(position).to_have_text(f"1 of {FIRST}")
    expect(title).to_have_text(EXPRESSION)
    person.press("w")
    page.keyboard.type(NOTE)
    person.press("Enter", "n", "x")  # the second is a slip
    expect(position).to_have_text(f"3 of {FIRST}")
    page.reload()
    expect(position).to_have_text(f"1 of {FIRST - 2}")
    person.press("Control+z")
    expect(page.locator("#review-live")).to_have_text("undone: rejected")
    expect(title).to_have_text(TURN)
    expect(label).to_have_text("")
    better_try(person)
    page.click("#review-filter-all")
    person.press("Home")
    expect(page.locator("#review-note")).to_have_value(NOTE)
    for n, corrected in enumerate(truly_sad(tmp_path / "corrected")):
        by_file(person, corrected, decided=n == 0)
    page.click("#review-filter-open")
    person.press("Home")
    while "0" not in page.locator("#review-filter-open b").inner_text():
        person.press("x" if title.inner_text() == TURN else "p")


def better_try(person: Person) -> None:
    """The picture on the screen is made four times more; one of them is what it should have been."""
    page = person.page
    person.press("b")
    expect(page.locator("#try-dialog")).to_contain_text("None yet")
    person.run("#try-more", f"Vary {TURN}: 4 pictures")
    person.press("b")
    tries = page.locator("#try-dialog [role=radio]")
    expect(tries).to_have_count(4)
    person.press("ArrowRight", "Enter")
    expect(page.locator("#try-dialog")).to_have_count(0)
    expect(page.locator("#review-label")).to_have_text("needs correction")
    expect(page.locator("#correction-given")).to_contain_text("Corrected by")


def truly_sad(folder: Path) -> list[Path]:
    """What the edits of the expression should have been, as somebody drew them."""
    folder.mkdir()
    looks = [replace(practice_sources.sources(1, 256)[::2][n].truth.view, expression="sad") for n in EDITED]
    who = practice_sources.sources(1, 256)[0].truth.character
    pixels, _ = render([who] * len(looks), looks, 256)
    paths = [folder / f"{n}.png" for n in range(len(looks))]
    for path, drawn in zip(paths, pixels, strict=True):
        Image.fromarray(drawn).save(path)
    return paths


def by_file(person: Person, corrected: Path, *, decided: bool) -> None:
    """The next picture of the expression alone needs correction, and gets it."""
    page = person.page
    while page.locator(".rv-title").inner_text() != EXPRESSION:
        person.press("ArrowRight")
    if not decided:
        person.press("n", "ArrowLeft")
    expect(page.locator("#review-label")).to_have_text("needs correction")
    page.fill("#correction-wrong", "it does not look sad")
    page.set_input_files("#correction-file", str(corrected))
    with page.expect_response("**/corrections"):
        page.locator("#correction-wrong").press("Control+Enter")
    expect(page.locator("#correction-given")).to_contain_text("Corrected by")
    page.locator("#correction-wrong").blur()
    person.press("ArrowRight")


def train(person: Person, what: str, version: str) -> None:
    """A few steps, from the choice in Train to the LoRA."""
    page = person.page
    person.open("train")
    page.locator("#train-target label", has_text=f"{what} LoRA").click()
    expect(page.locator("#train-preset input")).to_have_value(f"{what}, practice")
    person.set_number("train-steps", STEPS)
    expect(page.locator("#train-plan")).to_contain_text(f"{STEPS} steps")
    person.run_with_a_reload("#train-run", f"Train {version}")


def first_loras(person: Person, tmp_path: Path) -> None:
    """The character's first LoRA; the editor's, which is proven and taken into Enrich."""
    page = person.page
    train(person, "Character", "ada_v1")
    train(person, "Editor", "ada_editor_v1")
    expect(page.locator("#train-trial-words")).to_contain_text("is not tried on its")
    expect(page.locator("#train-trial-use")).to_have_text("Use in Enrich anyway")
    to_make = int(page.locator("#train-trial-plan").inner_text().split()[0])
    person.run("#train-trial-make", f"Prove editor v1: {to_make} pictures")
    expect(page.locator("#train-trial-words")).to_contain_text("nearer than the base in")
    expect(page.locator("#train-trial-words")).to_contain_text("nearer than the community's LoRAs in")
    page.click("#train-trial-use")
    expect(page.locator("#train-trial-use")).to_have_text("Enrich edits with it")
    person.open("enrich")
    for n, (name, used) in enumerate((("ada_editor_v1", True), (COMMUNITY.stem, False))):
        row = page.locator(f"#enrich-lora-{n}")
        expect(row).to_contain_text(name)
        expect(row.locator("input[type=checkbox]")).to_be_checked(checked=used)


def first_card(person: Person, tmp_path: Path) -> None:
    """New pictures, of which the good ones are kept; the card, judged by keys; what failed on it is the next plan."""
    page = person.page
    person.open("generate")
    person.set_number("generate-count", SYNTHETIC)
    expect(page.locator("#generate-run")).to_contain_text(str(SYNTHETIC))
    person.run_with_a_reload("#generate-run", f"Generate: {SYNTHETIC} pictures")
    person.judge("synthetic", "pxpx", every=True)
    page.click("#review-pristine")
    page.click("#pristine-keep")
    expect(page.locator(".toast", has_text="2 pictures are pristine v1")).to_be_visible()

    person.open("model_card")
    person.run_with_a_reload("#card-run", "Model card of ada_v1")
    judge_card(person, wrong=FAILED_AT_FIRST)
    expect(page.locator("#card-headline")).to_contain_text(f"{CELLS - len(FAILED_AT_FIRST)} of {CELLS} right")


def judge_card(person: Person, wrong: tuple[str, ...]) -> None:
    """Every cell of the card on the screen, by keys: those named are wrong, the others right."""
    page = person.page
    cells = page.locator("#card-poster .cell")
    expect(page.locator("#card-poster .cell img[src]")).to_have_count(CELLS)
    for n in range(CELLS):
        cells.nth(n).focus()
        person.press("x" if cells.nth(n).get_attribute("data-cell") in wrong else "p")
    for verdict, count in (("right", CELLS - len(wrong)), ("wrong", len(wrong))):
        expect(page.locator(f'#card-poster .cell[data-verdict="{verdict}"]')).to_have_count(count)


def failed_cells_anew(person: Person, tmp_path: Path) -> None:
    """What failed on the card is planned in Enrich by a click, and made of two sources by the editor's own LoRA."""
    page = person.page
    person.open("model_card")
    expect(page.locator("#card-headline")).to_contain_text(f"{CELLS - len(FAILED_AT_FIRST)} of {CELLS} right")
    page.click("#card-failed")
    expect(page.locator("#tab-enrich-button")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#enrich-chains textarea")).to_have_value("\n".join([CHAIN, *ANEW]))
    expect(page.locator("#enrich-best-of input[type=number]")).to_have_value("4")
    expect(page.locator("#enrich-axes input:checked")).to_have_count(0)
    person.set_number("enrich-chains", "\n".join(ANEW))
    person.set_number("enrich-best-of", 2)
    for n in range(SOURCES):
        page.locator("#enrich-sources .tick input").nth(n).set_checked(n in (0, 2))
    expect(page.locator("#enrich-make")).to_have_text(f"Make {SECOND}")
    person.run("#enrich-make", f"Enrich: {SECOND} pictures")
    person.open("review")
    page.click("#review-gate-enriched")
    let_all_through(person)


def let_all_through(person: Person) -> None:
    """Every picture that waits at the gate that is open is good."""
    page = person.page
    waiting = page.locator("#review-filter-open b")
    expect(waiting).not_to_have_text("0")
    for _ in range(int(waiting.inner_text())):
        person.press("p")
    expect(waiting).to_have_text("0")


def second_card(person: Person, tmp_path: Path) -> None:
    """The second LoRA and its card, beside the first."""
    page = person.page
    train(person, "Character", "ada_v2")
    person.open("model_card")
    page.select_option("#card-lora", label="ada_v2")
    person.run_with_a_reload("#card-run", "Model card of ada_v2")
    expect(page.locator("#card-version option:checked")).to_contain_text("ada_v2")
    judge_card(person, wrong=FAILED_AGAIN)
    page.select_option("#card-compare", "v1")
    expect(page.locator("#card-compared")).to_contain_text("1 gained (front/angry), 0 lost")
    expect(page.locator("#card-poster-beside .cell img[src]")).to_have_count(CELLS)
    page.click("#card-wheel")
    expect(page.locator("#wheel-rounds tbody tr")).to_have_count(2)
    expect(page.locator("#wheel-rounds tbody tr").nth(1)).to_contain_text(f"{CELLS - 1} of {CELLS} right")
    person.press("Escape")


def taken_along(person: Person, tmp_path: Path) -> None:
    """The card in every form, and the LoRA's folder: each file is what it says."""
    page, kept = person.page, tmp_path / "taken"
    kept.mkdir()
    rate = f"{CELLS - 1} of {CELLS} right"
    markdown, told, shown = (
        person.download(f"#card-exports a:has-text('{name}')", kept).read_text()
        for name in ("Markdown", "JSON", "Page")
    )
    assert rate in markdown and sum(line.startswith("| ") for line in markdown.splitlines()) >= CELLS
    card = json.loads(told)
    assert rate in card["rate"]["words"] and card["failed"] == [*FAILED_AGAIN] and len(card["cells"]) == CELLS
    pictures = re.findall(r'src="data:image/\w+;base64,([^"]+)"', shown)
    assert rate in shown and len(pictures) == CELLS
    assert all(min(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB").size) > 1 for data in pictures)

    with Image.open(person.download("#card-exports a:has-text('Picture')", kept)) as drawn:
        assert drawn.format == "PNG" and min(drawn.size) > 800

    page.click("#card-where")
    file = person.download("#lora-download", kept)
    page.fill("#lora-to-hub", str(kept / "hub"))
    page.click("#lora-write-hub")
    expect(page.locator("#lora-said-hub")).to_contain_text("Written to")
    readme = (kept / "hub" / "README.md").read_text()
    assert rate in readme and "ada_v2" in readme
    (written,) = (kept / "hub").glob("*.safetensors")
    assert written.read_bytes() == file.read_bytes() and load_file(file)
    assert {named.name for named in (kept / "hub" / "images").iterdir()} >= {
        Path(name).name for name in re.findall(r"images/[\w.-]+", readme)
    }
    person.press("Escape")


def what_the_day_left(workspace: Path) -> None:
    """The records tell the same day."""
    with Store.open(workspace, read_only=True) as store:
        images = {i.id: i for i in store.all(ImageRecord)}
        edits = [i for i in images.values() if i.kind == "enriched"]
        ends = [i for i in edits if i.parents and images[i.parents[0].id].kind == "enriched"]
        assert {i.shot.purpose.cell for i in ends if i.shot} == {CHAIN, *ANEW}
        assert [v.note for v in (store.verdict(i.id) for i in edits) if v.note] == [NOTE]
        slips = [d for i in edits for d in store.decisions(i.id) if d.action == "label" and d.value == "reject"]
        taken_back = {d.undoes for i in edits for d in store.decisions(i.id) if d.action == "undo"}
        (slip,) = [d for d in slips if d.id in taken_back]
        corrections = store.all(Correction)
        by_try = [c for c in corrections if images[c.target.id].kind == "enriched"]
        assert len(corrections) == len(EDITED) + 1 and [c.wrong.id for c in by_try] == [slip.image]
        better = images[by_try[0].target.id]
        assert better.parents == images[slip.image].parents and better.shot and better.shot.purpose.cell == TURN

        runs = {run.version if run.target == "character" else "editor": run for run in store.all(TrainingRun)}
        assert {name: run.state for name, run in runs.items()} == dict.fromkeys(("v1", "editor", "v2"), "done")
        held = {c.target.id for c in corrections if triplets.is_held_out(triplets.edit_of(c))}
        assert (
            held
            and not held & {*runs["editor"].images}
            and {c.target.id for c in corrections} - held <= {*runs["editor"].images}
        )
        (stack,) = [s for s in store.all(SavedStack, role="editor") if not s.name]
        community = next(x.id for x in store.all(LoraRecord, origin="imported"))
        assert [a.sha256 for a in stack.stack.adapters] == [runs["editor"].lora, community] and stack.off == (
            community,
        )
        made_with = [{a.sha256 for a in i.shot.stack.adapters} for i in edits if i.shot]
        assert made_with == [{community}] * (FIRST + 4) + [{runs["editor"].lora}] * SECOND
        assert {i.id for i in edits if store.verdict(i.id).label == "good"} <= {*runs["v2"].images}
        assert {*runs["v1"].images} < {*runs["v2"].images}
        cards = {card.lora: card for card in store.all(Card)}
        assert [*cards] == [runs["v1"].lora, runs["v2"].lora]


@pytest.mark.slow(seconds=500)
@pytest.mark.timeout(1500)
def test_a_day_in_two_rounds(browser: Browser, running: Running, tmp_path: Path) -> None:
    person = Person(browser, running.url)
    person.new_character("Ada")
    first_edits(person, tmp_path)
    first_review(person, tmp_path)
    first_loras(person, tmp_path)
    first_card(person, tmp_path)
    failed_cells_anew(person, tmp_path)
    second_card(person, tmp_path)
    taken_along(person, tmp_path)
    assert person.errors == []
    person.page.close()
    what_the_day_left(running.workspace)
