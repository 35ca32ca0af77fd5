"""How quick is the page with much in it? ``python tests/benchmarks/bench_page.py [--pictures 10000] [--keys 200]``

A studio in a process of its own and a real Chromium at 1440 x 900. Review with 10,000 pictures: from a key pressed to
the frame that shows what it did, and the heap of the page afterwards. A survey of 40 stacks, 60 prompts and 2
pictures: how far apart frames are while it is scrolled through, and how many elements the page has. Then the page's
start beside a bare Gradio app of six tabs, by turns. One JSON object.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]

import numpy as np
from bench_start import BARE, free_port, wait_for
from bench_store import picture
from browser_helpers import chromium, start, stop
from PIL import Image
from playwright.sync_api import Page, expect

from pipelines.domain.records import ImageRecord, Survey
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.storage.pictures import save_picture
from pipelines.workflow import characters
from pipelines.workflow.opening import open_session

STACKS, PROMPTS, SOURCES = 40, 60, 2
FILES = 60
"""Different pictures; the records share their files."""

KEY_TO_PAINT = """() => {
  window.painted = [];
  window.addEventListener("keydown", (event) => {
    const pressed = event.timeStamp;
    requestAnimationFrame(() => {
      const after = new MessageChannel();
      after.port1.onmessage = () => window.painted.push(performance.now() - pressed);
      after.port2.postMessage(0);
    });
  }, true);
}"""

FRAMES = """async () => {
  const box = document.querySelector(".mx-scroll");
  const apart = [];
  await new Promise((done) => {
    let before = 0, turn = 0;
    const frame = (now) => {
      if (before) apart.push(now - before);
      before = now;
      box.scrollBy(40, 60);
      if (++turn < 240) requestAnimationFrame(frame); else done();
    };
    requestAnimationFrame(frame);
  });
  return apart;
}"""


def spread(samples: list[float]) -> dict[str, float]:
    """Median and 95th percentile, in what they were measured in."""
    return {"p50": round(statistics.median(samples), 1), "p95": round(statistics.quantiles(samples, n=20)[18], 1)}


def fill(root: Path, pictures: int) -> None:
    """A character with so many pictures to review, and a survey of 40 x 60 x 2."""
    with open_session(root) as session:
        characters.create(session, "Ada", origin="drawn here", may_use=True)
        dice = np.random.default_rng(0)
        files = [
            save_picture(
                session.workspace, Image.fromarray(dice.integers(0, 255, (256, 256, 3), dtype=np.uint8)),
                character="ada", kind="synthetic", version="v1", path=f"characters/ada/data/synthetic/v1/{n}.png",
            )
            for n in range(FILES)
        ]  # fmt: skip
        records = [_shared(picture(n), files[n % FILES], version="v1") for n in range(pictures)]
        for first in range(0, pictures, 500):
            session.store.put(*records[first : first + 500])
        _survey(session, files)


def _shared(record: ImageRecord, file: ImageRecord, **changes: Any) -> ImageRecord:
    """``record``, shown by the file of another."""
    return record.model_copy(update={"path": file.path, "width": file.width, "height": file.height, **changes})


def _survey(session: Any, files: list[ImageRecord]) -> None:
    stacks = [LoraStack()] + [
        LoraStack(adapters=(Adapter(name=f"lora {n}", sha256=f"{n:064x}", path=f"loras/{n}.safetensors", weight=1.0),))
        for n in range(1, STACKS)
    ]
    prompts = tuple(f"own/{n}" for n in range(PROMPTS))
    sources = tuple(f.id for f in files[:SOURCES])
    session.store.put(
        Survey(
            id="ada/v1", character="ada", version="v1", family="mini-qwen-edit", stacks=tuple(stacks), images=sources,
            prompts=prompts,
        )
    )  # fmt: skip
    made = []
    for number, (stack, prompt, image) in enumerate((s, p, i) for s in stacks for p in prompts for i in sources):
        record = _shared(picture(10_000_000 + number), files[number % FILES], kind="survey", version="v1")
        assert record.shot
        labels = {"stack": stack.label, "image": image, "prompt": prompt}
        purpose = record.shot.purpose.model_copy(update={"step": "survey", "labels": labels})
        shot = record.shot.model_copy(update={"stack": stack, "purpose": purpose, "family": "mini-qwen-edit"})
        made.append(record.model_copy(update={"shot": shot}))
    session.store.put(*made)


def review(page: Page, url: str, keys: int) -> dict[str, Any]:
    """Milliseconds from a key to the frame that shows it, and the heap afterwards in MB."""
    page.goto(url)
    page.click("#tab-review-button")
    page.get_by_role("button", name="Synthetic", exact=True).click()
    expect(page.locator("#review-position")).to_contain_text("1", timeout=120_000)
    page.evaluate(KEY_TO_PAINT)
    told: dict[str, Any] = {}
    for name, pressed in {"next": ["ArrowRight"], "decide": ["p", "x"]}.items():
        page.evaluate("window.painted.length = 0")
        for n in range(keys):
            page.keyboard.press(pressed[n % len(pressed)])
            page.wait_for_function(f"window.painted.length === {n + 1}")
        told[f"key_to_painted_{name}_ms"] = spread(page.evaluate("window.painted"))
    tools = page.context.new_cdp_session(page)
    tools.send("HeapProfiler.enable")
    tools.send("HeapProfiler.collectGarbage")
    tools.send("Performance.enable")
    metrics = {m["name"]: m["value"] for m in tools.send("Performance.getMetrics")["metrics"]}
    return told | {"heap_mb": round(metrics["JSHeapUsedSize"] / 1e6, 1), "elements": int(metrics["Nodes"])}


def matrix(page: Page, url: str) -> dict[str, Any]:
    """Milliseconds between frames while the matrix is scrolled, and its elements."""
    page.goto(url)
    began = time.perf_counter()
    page.click("#tab-survey-button")
    expect(page.locator(".matrix .mx-pic").first).to_be_visible(timeout=120_000)
    shown = time.perf_counter() - began
    frames = page.evaluate(FRAMES)
    return {
        "shown_s": round(shown, 2),
        "frame_ms": spread(frames),
        "elements": page.evaluate("document.querySelectorAll('.matrix *').length"),
    }


@contextmanager
def bare_app() -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)], stdout=subprocess.DEVNULL)
    wait_for(process, port)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def page_start(page: Page, url: str, bare: str, rounds: int) -> dict[str, float]:
    """Seconds until the first tab can be clicked, by turns."""

    def ready(at: str) -> float:
        began = time.perf_counter()
        page.goto(at)
        expect(page.get_by_role("tab").first).to_be_visible()
        return time.perf_counter() - began

    ready(url), ready(bare)
    pairs = [(ready(url), ready(bare)) for _ in range(rounds)]
    return {
        "studio_s": round(statistics.median(a for a, _ in pairs), 2),
        "bare_s": round(statistics.median(b for _, b in pairs), 2),
        "ratio": round(statistics.median(a / b for a, b in pairs), 2),
    }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--pictures", type=int, default=10_000)
    asked.add_argument("--keys", type=int, default=200)
    asked.add_argument("--rounds", type=int, default=7)
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        root = Path(folder) / "workspace"
        fill(root, options.pictures)
        running = start(root)
        try:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            told = {
                "review": review(page, running.url, options.keys),
                "matrix": matrix(page, running.url),
            }
            with bare_app() as bare:
                told["page_start"] = page_start(page, running.url, bare, options.rounds)
        finally:
            stop(running)
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main()
