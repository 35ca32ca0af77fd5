"""Makes the README's pictures: ``python tests/browser/take_screenshots.py [WORKSPACE]`` writes ``docs/*.webp``.

A practice character goes once round the wheel in a fresh workspace (or in the one that is given), clicked in Chromium;
every tab is photographed when it has something to show.
"""

import io
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from browser_helpers import chromium, start, stop  # noqa: E402
from person import JOB_MS, Person  # noqa: E402
from PIL import Image  # noqa: E402
from playwright.sync_api import expect  # noqa: E402
from wheel_pictures import editor_loras  # noqa: E402

from pipelines.mini import practice  # noqa: E402

DOCS = ROOT / "docs"
ENRICHED = 16
SYNTHETIC = 12
SIZE = {"width": 1440, "height": 900}


def shoot(person: Person, name: str) -> None:
    """A screenshot, when the page has come to rest."""
    person.page.wait_for_timeout(2500)
    png = person.page.screenshot()
    Image.open(io.BytesIO(png)).convert("RGB").save(DOCS / f"{name}.webp", quality=82, method=6)
    print(name)


def bring_in(person: Person, folder: Path) -> None:
    """Twelve pictures of a practice character, and two LoRAs."""
    folder.mkdir(parents=True)
    for source in practice.sources(1, 512):
        source.image.save(folder / source.filename)
    person.open("enrich")
    person.drop("enrich-drop", sorted(folder.iterdir()))
    expect(person.page.locator("#enrich-sources .item")).to_have_count(12)
    for n, path in enumerate(editor_loras(folder.parent / "loras")):
        person.upload("enrich-lora-upload", [path])
        expect(person.page.locator(f"#enrich-lora-{n}")).to_be_visible()


def survey(person: Person) -> None:
    """The base and both LoRAs on two pictures with two prompts."""
    person.open("survey")
    for n in range(2):
        person.page.locator("#survey-catalogue .entry input[type=checkbox]").nth(n).check()
    run(person, "#survey-run", "Survey v1")
    person.open("survey")
    shoot(person, "survey")


def run(person: Person, button: str, title: str) -> None:
    """Start a job and wait for its end."""
    expect(person.page.locator(button)).to_be_enabled()
    person.page.click(button)
    done = re.compile(f"{re.escape(title)}.*: done")
    expect(person.page.locator("#job-title")).to_have_text(done, timeout=JOB_MS)


def turn(person: Person, folder: Path) -> None:
    """Once round the wheel, with a picture of each tab."""
    page = person.page
    shoot(person, "start")
    person.new_character(practice.member(1).name)
    name = practice.member(1).name.lower()
    bring_in(person, folder / "pictures")
    survey(person)
    person.open("enrich")
    person.set_number("enrich-count", ENRICHED)
    expect(page.locator("#enrich-make")).to_have_text(f"Make {ENRICHED}")
    run(person, "#enrich-make", "Enrich")
    shoot(person, "enrich")
    person.open("review")
    page.click("#review-gate-enriched")
    expect(page.locator("#review-position")).to_have_text(f"1 of {ENRICHED}")
    for key in "pppn":
        page.keyboard.press(key)
    shoot(person, "review")
    for _ in range(ENRICHED - 4):
        page.keyboard.press("p")
    for version in ("v1", "v2"):
        person.open("train")
        run(person, "#train-run", f"Train {name}_{version}")
        shoot(person, "train")
        person.open("model_card")
        page.select_option("#card-lora", label=f"{name}_{version}")
        run(person, "#card-run", f"Model card of {name}_{version}")
        if version == "v1":
            generate(person)
    page.select_option("#card-compare", "v1")
    shoot(person, "model_card")


def generate(person: Person) -> None:
    """Novel pictures, three of them pristine."""
    person.open("generate")
    person.set_number("generate-count", SYNTHETIC)
    run(person, "#generate-run", "Generate")
    shoot(person, "generate")
    person.judge("synthetic", "ppp" + "x" * (SYNTHETIC - 3))
    person.page.click("#review-pristine")


def main() -> None:
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        studio = start(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch) / "workspace")
        try:
            person = Person(browser, studio.url)
            person.page.set_viewport_size(SIZE)
            turn(person, Path(scratch))
        finally:
            stop(studio)


if __name__ == "__main__":
    main()
