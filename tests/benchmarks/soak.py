"""Does a studio that works for hours grow, hang or lose? ``python tests/benchmarks/soak.py [--minutes 120]``

A studio in a process of its own, on a temporary workspace with a practice character. One person in a real Chromium goes
round the wheel again and again (survey, enrich, review, train, generate, pristine, card, score, backup; now and then a
job is paused, stopped and resumed, the page reloaded, the command line asked), a second client polls beside it. Looked
at every 30 seconds; what is printed at the end is Markdown for RESULTS.md. Ctrl-C or SIGTERM ends it early, with the
table. Exit code 1: a stuck job, an orphan, an answer of 500 or a traceback.
"""

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[:0] = [
    str(Path(__file__).resolve().parents[2]),
    str(Path(__file__).resolve().parents[1]),
    str(Path(__file__).parent),
]
os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", OMP_NUM_THREADS="1")

import httpx
from browser_helpers import Running, chromium, start, stop
from playwright.sync_api import Error as PageError
from playwright.sync_api import Page
from soak_watch import Client, Watch, table

STUCK = 300.0
"""Seconds without any change after which a job counts as stuck."""
ENRICHED, SYNTHETIC, STEPS = 4, 4, 10


class Over(Exception):
    """The time is up."""


class Soak:
    """One person's round at the wheel, and what was wrong on the way."""

    def __init__(self, running: Running, page: Page, watch: Watch, until: float, rest: float) -> None:
        self.page, self.watch, self.until, self.rest = page, watch, until, rest
        self.web = httpx.Client(base_url=running.url, timeout=120)
        self.running = running
        self.jobs: Counter[str] = Counter()
        self.did: Counter[str] = Counter()
        self.stuck: list[str] = []
        self.wrong: list[str] = []
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.wrong.append(f"script: {error}"))
        page.on("response", lambda r: r.status >= 500 and self.wrong.append(f"{r.url}: {r.status}"))

    # ---- asking

    def status(self) -> dict[str, Any]:
        return self.get("/status")

    def get(self, path: str) -> Any:
        return self._answer(self.web.get(path))

    def post(self, path: str, body: Any = None) -> Any:
        return self._answer(self.web.post(path, json=body if body is not None else {}))

    def _answer(self, answer: httpx.Response) -> Any:
        if answer.status_code >= 500 or "Traceback" in answer.text:
            self.wrong.append(f"{answer.request.method} {answer.url.path}: {answer.status_code} {answer.text[:300]}")
        return answer.json()

    def breathe(self, seconds: float) -> None:
        """Nothing for a while. Raises Over."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if time.monotonic() > self.until:
                raise Over
            self.page.wait_for_timeout(min(1000.0, 1000 * max(0.0, end - time.monotonic())))

    def idle(self) -> None:
        """Until nothing is at work or waits. Rests as long as that took, so that half the machine is others'."""
        began = moved = time.monotonic()
        last: Any = None
        while (state := self.status())["job"] or state["queued"]:
            job = state["job"] or {}
            if job.get("paused"):
                self.post(f"/jobs/{job['id']}/unpause")
            now = (job.get("id"), job.get("done"), job.get("k"), job.get("unit"), len(state["queued"]))
            moved, last = (time.monotonic(), now) if now != last else (moved, last)
            if time.monotonic() - moved > STUCK:
                self.stuck.append(f"{job.get('title')}: {now}")
                self.post(f"/jobs/{job['id']}/end")
                moved = time.monotonic()
            self.breathe(1.0)
        for job in state["recent"]:
            if self.jobs[job["id"]] == 0 and job["state"] == "failed":
                self.wrong.append(f"job {job['title']}: {job['error']}")
            self.jobs[job["id"]] = 1
        self.breathe(max(2.0, self.rest * (time.monotonic() - began)))

    # ---- clicking

    def open(self, tab: str) -> None:
        self.page.click(f"#tab-{tab}-button")
        self.breathe(1.0)

    def number(self, elem_id: str, value: object) -> None:
        box = self.page.locator(f"#{elem_id} input:not([type=range]), #{elem_id} textarea").first
        box.fill(str(value))
        box.press("Tab")

    def tick_alone(self, boxes: str) -> None:
        """The first of them is ticked, no other."""
        js = "all => all.forEach((box, n) => { if (box.checked !== (n === 0)) box.click(); })"
        self.page.locator(boxes).first.wait_for(state="attached")
        self.page.locator(boxes).evaluate_all(js)
        self.breathe(2)

    def run(self, button: str, what: str) -> None:
        """Press a button that begins a job, and wait for the job's end."""
        self.page.wait_for_function("id => !document.querySelector(id).disabled", arg=f"#{button}")
        before = {job["id"] for job in self.everything()}
        self.page.click(f"#{button}")
        for _ in range(120):
            if {job["id"] for job in self.everything()} - before:
                break
            self.breathe(0.5)
        else:
            self.wrong.append(f"{what}: no job came of the button")
        self.did[what] += 1
        self.trouble()
        self.idle()

    def everything(self) -> list[dict[str, Any]]:
        state = self.status()
        return [*([state["job"]] if state["job"] else []), *state["queued"], *state["recent"]]

    def trouble(self) -> None:
        """Now and then a job is paused for a moment, or stopped and resumed."""
        job = self.status()["job"]
        chance = secrets.randbelow(6)
        if not job or chance > 1:
            return
        if chance == 0:
            self.post(f"/jobs/{job['id']}/pause")
            self.breathe(3)
            self.post(f"/jobs/{job['id']}/unpause")
        else:
            self.post(f"/jobs/{job['id']}/cancel")
            self.idle()
            self.post(f"/jobs/{job['id']}/resume")
        self.did["paused" if chance == 0 else "stopped and resumed"] += 1

    # ---- the wheel

    def begin(self) -> None:
        self.post("/practice/1")
        self.idle()
        self.post("/thresholds")
        self.idle()
        self.page.reload()
        self.page.wait_for_selector("#character-picker option", state="attached")

    def survey(self, number: int) -> None:
        self.open("survey")
        if not self.did["survey"]:
            self.tick_alone("#survey-images .item input")
            self.tick_alone("#survey-catalogue .entry input[type=checkbox]")
        self.number("survey-seed", number)
        self.run("survey-run", "survey")

    def enrich(self, number: int) -> None:
        self.open("enrich")
        self.number("enrich-count", ENRICHED)
        self.number("enrich-seed", number)
        self.run("enrich-make", "enrich")

    def judge(self, gate: str) -> None:
        """All that waits: good, but for one. Every other time with the keys of the page."""
        waiting = [i for i in self.get(f"/review?gate={gate}")["items"] if "open" in i["piles"]]
        self.open("review")
        self.page.click(f"#review-gate-{gate}")
        if self.watch.round % 2 and waiting:
            self.breathe(2)
            for n in range(len(waiting)):
                self.page.keyboard.press("x" if n == 1 else "p")
                self.breathe(0.3)
            self.breathe(2)
        said = [
            {"id": secrets.token_hex(8), "image": i["id"], "action": "label", "value": "reject" if n == 1 else "good",
             "reason": "soak" if n == 1 else ""}
            for n, i in enumerate(waiting)
        ]  # fmt: skip
        self.post("/decisions", {"decisions": said})
        self.did["decisions"] += len(said)

    def train(self) -> None:
        self.open("train")
        self.number("train-steps", STEPS)
        self.run("train-run", "train")

    def generate(self, number: int) -> None:
        self.open("generate")
        self.number("generate-count", SYNTHETIC)
        self.number("generate-seed", number)
        self.run("generate-run", "generate")
        self.judge("synthetic")
        kept = self.get("/review/pristine")["pictures"][:2]
        if kept and number % 2:
            self.post("/review/pristine", {"images": [i["id"] for i in kept]})
            self.did["pristine"] += 1

    def card(self) -> None:
        lora = next((x["id"] for x in self.get("/cards")["loras"] if x["own"]), "")
        self.open("model_card")
        self.post("/cards", {"lora": lora})
        self.idle()
        self.did["card"] += 1

    def small_things(self, number: int) -> None:
        """The rest of a day: judged again, a backup, the command line, a reload."""
        self.post("/thresholds/score")
        self.idle()
        self.did["score"] += 1
        if number % 4 == 0:
            self.backup()
        if number % 3 == 0:
            self.page.reload()
            self.page.wait_for_selector("#character-picker option", state="attached")
            self.did["reload"] += 1
        command = [sys.executable, "-m", "studio", "--workspace", str(self.running.workspace), "--json", "status"]
        told = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if told.returncode or "Traceback" in told.stderr:
            self.wrong.append(f"flenwheel status: {told.returncode} {told.stderr[-300:]}")

    def backup(self) -> None:
        self.post("/backup")
        while (now := self.get("/backup"))["state"] == "running":
            self.breathe(1)
        if now["state"] != "done":
            self.wrong.append(f"backup: {now}")
        Path(now["path"]).unlink(missing_ok=True)
        self.did["backup"] += 1

    def go(self) -> None:
        """Round and round until the time is up."""
        steps: list[tuple[str, Callable[[int], object]]] = [
            ("survey", self.survey), ("enrich", self.enrich), ("enriched", lambda n: self.judge("enriched")),
            ("train", lambda n: self.train()), ("generate", self.generate), ("card", lambda n: self.card()),
            ("small things", self.small_things),
        ]  # fmt: skip
        try:
            self.begin()
            while True:
                self.watch.round += 1
                for name, step in steps:
                    self.step(name, step)
                    self.look()
        except Over:
            return

    def step(self, name: str, step: Callable[[int], object]) -> None:
        try:
            step(self.watch.round)
        except (PageError, httpx.HTTPError, KeyError, AssertionError) as error:
            self.wrong.append(f"round {self.watch.round}, {name}: {str(error)[:500]}")
            self.page.screenshot(path=str(self.watch.out.with_suffix(f".{len(self.wrong)}.png")))
            self.idle()

    def look(self) -> None:
        self.watch.page_heap = self.page.evaluate("performance.memory ? performance.memory.usedJSHeapSize : 0") / 2**20
        if "Traceback (most recent" in self.page.locator("body").inner_text():
            self.wrong.append(f"round {self.watch.round}: a traceback on the page")


def told(soak: Soak, client: Client, watch: Watch, log: str, left: list[str]) -> tuple[list[str], bool]:
    """The outcome in Markdown, and whether all was well."""
    traces = [line for line in log.splitlines() if "Traceback (most recent" in line]
    bad = {"stuck jobs": soak.stuck, "orphans": left, "tracebacks in the log": traces,
           "answers of 500, failures": [*soak.wrong, *client.bad]}  # fmt: skip
    minutes = (time.monotonic() - watch.began) / 60
    did = ", ".join(f"{what} {count}" for what, count in sorted(soak.did.items()))
    words = [f"{minutes:.0f} minutes, {watch.round} rounds, {len(soak.jobs)} jobs seen; {did}.",
             f"The second client was answered {client.answers} times, the slowest in {client.slow:.1f} s.",
             "", *table(watch.samples), ""]  # fmt: skip
    for what, found in bad.items():
        words += [f"{what}: {len(found)}", *(f"  - {one}" for one in found[:20])]
    return words, not any(bad.values())


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=120)
    options.add_argument("--every", type=float, default=30, help="seconds between two looks")
    options.add_argument("--rest", type=float, default=1.0, help="how long to rest after a job, in times of its length")
    options.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "flenwheel-soak.jsonl")
    chosen = options.parse_args()
    chosen.out.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="flenwheel-soak-") as folder:
        log = chosen.out.with_suffix(".log")
        with log.open("wb") as file:
            running = start(Path(folder) / "workspace", log=file)
        until = time.monotonic() + 60 * chosen.minutes
        client = Client(running.url, 1.0)
        try:
            with (
                Watch(running.process.pid, running.workspace, log, chosen.out, chosen.every) as watch,
                chromium() as browser,
            ):
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                page.goto(running.url)
                soak = Soak(running, page, watch, until, chosen.rest)
                signal.signal(signal.SIGTERM, lambda *_: setattr(soak, "until", 0.0))
                signal.signal(signal.SIGINT, lambda *_: setattr(soak, "until", 0.0))
                client.start()
                soak.go()
                client.over.set()
        finally:
            stop(running)
        time.sleep(3)
        words, well = told(soak, client, watch, log.read_text("utf-8", "replace"), watch.orphans())
    print("\n".join(words))
    print(json.dumps({"well": well}))
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
