"""Who passes a field by keys, or looks at what it offers and leaves it as it is, has changed nothing.

Gradio's dropdown tells of an input whenever it is left, and twice when an entry is clicked.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gradio.queueing import Queue
from gradio.routes import App
from playwright.sync_api import Page, Request, expect
from studio_helpers import Served
from tab_helpers import lora_file

from pipelines.domain.records import Character, ImageRecord, LoraRecord, SavedStack
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.workflow import loras
from studio.server.state import Studio

Put = Callable[..., ImageRecord]
SLOW = 60_000
TABS = ("enrich", "survey", "train", "generate", "model_card")
PASS_BY = """async (tab) => {
    const fields = [...document.querySelector(tab).querySelectorAll("input, textarea, select")];
    const seen = fields.filter((field) => field.checkVisibility() && !field.disabled && field.type !== "file");
    for (const field of seen) {
        field.focus();
        await new Promise(requestAnimationFrame);
        field.blur();
    }
    return seen.length;
}"""
VALUES = """(tab) => [...document.querySelector(tab).querySelectorAll("input, textarea, select")]
    .filter((field) => field.type !== "file")
    .map((field) => [field.closest("[id]")?.id, field.type, field.value, field.checked])"""


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> list[Queue]:
    """Where the page's events wait, once it is served."""
    found, start = list[Queue](), Queue.set_server_app

    def heard(self: Queue, app: App) -> None:
        found.append(self)
        start(self, app)

    monkeypatch.setattr(Queue, "set_server_app", heard)
    return found


class Answered:
    """What the page asks of the studio, and what is not answered yet."""

    def __init__(self, page: Page, line: list[Queue]) -> None:
        self.page, self.line, self.asked = page, line, 0
        page.on("request", self._hear)

    def _hear(self, request: Request) -> None:
        self.asked += "/queue/join" in request.url

    def wait(self) -> None:
        """Until all is answered, and nothing more is asked because of it."""
        quiet, before = 0, -1
        while quiet < 5:
            self.page.wait_for_timeout(100)
            waits = any(
                q.get_active_worker_count() or any(e.queue for e in q.event_queue_per_concurrency_id.values())
                for q in self.line
            )
            quiet = 0 if waits or before != self.asked else quiet + 1
            before = self.asked


@pytest.fixture
def told(studio: Studio, put: Put, tmp_path: Path) -> Studio:
    """A character with pictures, and a stack of two LoRAs beside one that is kept under a name."""
    put("source"), put("source")
    session = studio.session
    for role, kind in (("editor", "qwen"), ("generator", "flux")):
        made = [loras.add(session, lora_file(tmp_path, f"{role}{n}", kind), f"{role}{n}.safetensors") for n in (1, 2)]
        adapters = tuple(Adapter(name=x.name, sha256=x.id, path=x.path) for x in made)
        for name, stack in (("", adapters), ("one", adapters[:1])):
            session.store.put(
                SavedStack(
                    id=f"ada/{role}/{name}", character="ada", role=role, name=name, stack=LoraStack(adapters=stack)
                )
            )
    return studio


def records(studio: Studio) -> list[Any]:
    kinds = (Character, ImageRecord, LoraRecord, SavedStack)
    return [record.model_dump(mode="json") for kind in kinds for record in studio.session.store.all(kind)]


def values(page: Page, tab: str) -> list[list[Any]]:
    return page.evaluate(VALUES, f"#tab-{tab}")


@pytest.mark.slow(seconds=28)
def test_who_passes_by_a_field_changes_nothing(line: list[Queue], told: Studio, page: Page, served: Served) -> None:
    answered = Answered(page, line)
    for tab in TABS:
        page.click(f"#tab-{tab}-button")
        expect(page.locator(f"#tab-{tab}")).not_to_have_attribute("aria-busy", "true", timeout=SLOW)
        if tab == "enrich":
            page.locator("#enrich-sources button.thumb").first.click()
            expect(page.locator("#enrich-angle")).to_be_visible(timeout=SLOW)
        if tab == "train":
            page.fill("#train-steps input", "33")
        answered.wait()
        there, kept = values(page, tab), records(told)
        assert page.evaluate(PASS_BY, f"#tab-{tab}")
        answered.wait()
        assert values(page, tab) == there
        assert records(told) == kept
