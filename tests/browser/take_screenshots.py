"""Makes the README's pictures: ``python tests/browser/take_screenshots.py [WORKSPACE]`` writes ``docs/*.webp``.

WORKSPACE is one that ``flenwheel practice --character 8500010 --workspace WORKSPACE`` has been through; without one the
run is made first. Its poster opens the README; every tab is photographed in Chromium as the run has left it, but that
two LoRAs are surveyed and eight more pictures wait for review.
"""

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from browser_helpers import chromium, start, stop  # noqa: E402
from person import JOB_MS, Person  # noqa: E402
from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, expect  # noqa: E402

DOCS = ROOT / "docs"
SIZE = {"width": 1440, "height": 900}
SURVEYED = ("mini-angles", "mini-relight")
WAITING = 8


def keep(picture: Image.Image, name: str) -> None:
    """Into ``docs``."""
    picture.convert("RGB").save(DOCS / f"{name}.webp", quality=84, method=6)
    print(name)


def shoot(person: Person, name: str) -> None:
    """A screenshot, when the page has come to rest."""
    person.page.wait_for_timeout(2500)
    keep(Image.open(io.BytesIO(person.page.screenshot())), name)


def run(person: Person, button: str, title: str) -> None:
    """Start a job and wait for its end."""
    expect(person.page.locator(button)).to_be_enabled()
    person.page.click(button)
    done = re.compile(f"{re.escape(title)}.*: done")
    expect(person.page.locator("#job-title")).to_have_text(done, timeout=JOB_MS)


def survey(person: Person) -> None:
    """The base and two LoRAs that come with the product on two pictures."""
    person.open("survey")
    for name in SURVEYED:
        person.page.locator(f"#survey-catalogue .entry[data-key={name}] input[type=checkbox]").check()
    boxes = person.page.locator("#survey-images .item input[type=checkbox]")
    for n in range(2, 5):
        boxes.nth(n).uncheck()
    run(person, "#survey-run", "Survey v1")
    person.open("survey")
    shoot(person, "survey")


def tabs(person: Person) -> None:
    """All of them, in the order of the wheel."""
    page = person.page
    person.open("enrich")
    shoot(person, "enrich")
    for tab in ("train", "generate"):
        person.open(tab)
        shoot(person, tab)
    person.open("model_card")
    page.select_option("#card-compare", "v1")
    shoot(person, "model_card")
    survey(person)
    person.open("enrich")
    person.set_number("enrich-seed", 7)
    person.set_number("enrich-count", WAITING)
    expect(page.locator("#enrich-make")).to_have_text(f"Make {WAITING}")
    run(person, "#enrich-make", "Enrich")
    person.open("review")
    page.click("#review-gate-enriched")
    shoot(person, "review")


def visit(browser: Browser, workspace: Path, look: str = "") -> None:
    """A studio on a workspace: its start page, or all its tabs."""
    studio = start(workspace)
    try:
        person = Person(browser, studio.url)
        person.page.set_viewport_size(SIZE)
        shoot(person, look) if look else tabs(person)
    finally:
        stop(studio)


def main() -> None:
    """Poster, start page, tabs."""
    DOCS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, chromium() as browser:
        practised = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(scratch) / "practice"
        wheel = [
            sys.executable,
            "-m",
            "studio",
            "practice",
            "--character",
            "8500010",
            "--workspace",
            str(practised),
        ]
        subprocess.run(wheel, cwd=ROOT, check=True)
        (poster,) = practised.glob("characters/*/practice/poster.png")
        keep(Image.open(poster), "loop")
        visit(browser, Path(scratch) / "fresh", "start")
        visit(browser, practised)


if __name__ == "__main__":
    main()
