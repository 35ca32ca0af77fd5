"""For eyes, hands and screen readers: contrast of the theme's colours, names of all that can be used, focus."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect
from studio_helpers import Served

import studio
from pipelines.domain.records import Card, ImageRecord, LoraRecord, Survey

Put = Callable[..., ImageRecord]
CSS = (Path(studio.__file__).parent / "web" / "core" / "base.css").read_text("utf-8")
GROUNDS = ("bg", "panel", "raised", "raised-hover", "field", "stage", "accent-soft")
INKS = ("text", "dim")
TONES = ("accent", "good", "bad", "warn")
NAMED = ("button", "link", "checkbox", "radio", "textbox", "searchbox", "combobox", "listbox", "slider", "spinbutton",
         "switch", "tab", "menuitem", "dialog", "grid", "image", "img", "progressbar")  # fmt: skip


def colours(theme: str) -> dict[str, str]:
    """The tokens of ``light`` or ``dark``: name to ``#rrggbb``; dark ones stand over the light ones."""
    found: dict[str, str] = {}
    for selector in (":root", ".dark")[: 1 + (theme == "dark")]:
        for block in re.findall(re.escape(selector) + r"\s*\{([^}]*)\}", CSS):
            found |= dict(re.findall(r"--f-([\w-]+):\s*(#[0-9a-f]{6})", block))
    return found


def contrast(a: str, b: str) -> float:
    """The contrast ratio of two colours (WCAG 2.2, relative luminance and contrast ratio)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_the_measure_of_contrast_itself() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)  # the well-known grey that just fails


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_words_stand_out_from_their_grounds(theme: str) -> None:
    """4.5 for text, 3 for the edges of fields (WCAG 2.2, 1.4.3 and 1.4.11)."""
    known = colours(theme)
    pairs = [(ink, ground) for ink in INKS for ground in GROUNDS]
    pairs += [(tone, ground) for tone in TONES for ground in ("bg", "panel", "raised", "stage")]
    pairs += [(tone, f"{tone}-soft") for tone in TONES[1:]]
    weak = {f"{a} on {b}": contrast(known[a], known[b]) for a, b in pairs if contrast(known[a], known[b]) < 4.5}
    weak |= {f"white on {b}": contrast("#ffffff", known[b]) for b in ("accent-strong", "accent-hover")
             if contrast("#ffffff", known[b]) < 4.5}  # fmt: skip
    weak |= {f"edge on {b}": contrast(known["edge"], known[b]) for b in ("bg", "panel", "field")
             if contrast(known["edge"], known[b]) < 3}  # fmt: skip
    assert weak == {}


@pytest.fixture
def filled(put: Put, served: Served) -> None:
    """Something in every tab."""
    store = served.studio.session.store
    source = put("source")
    put("enriched", sources=(source.ref,), verdict="right", score=0.8)
    put("synthetic", score=0.4, verdict="unsure")
    put("card", cell="front/neutral")
    put("survey", labels={"stack": "base", "image": source.id, "prompt": "background/forest"})
    store.put(
        Survey(id="ada/v1", character="ada", version="v1", family="mini-qwen-edit", images=(source.id,),
               prompts=("background/forest",)),
        LoraRecord(id="c" * 64, name="ada_v1", path="x", family="flux", rank=4, origin="trained", character="ada",
                   version="v1"),
        Card(id="ada/v1", character="ada", version="v1", lora="c" * 64, seed=1),
    )  # fmt: skip


@pytest.fixture
def tree(page: Page) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Chromium's accessibility tree as it is now."""
    session: CDPSession = page.context.new_cdp_session(page)
    session.send("Accessibility.enable")
    yield lambda: session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()


def nameless(nodes: list[dict[str, Any]], page: Page) -> list[str]:
    """What can be used but has no name: role and properties."""
    found = []
    for node in nodes:
        role, name = node.get("role", {}).get("value", ""), node.get("name", {}).get("value", "")
        if not node["ignored"] and role in NAMED and not str(name).strip():
            found.append(f"{role} #{node.get('backendDOMNodeId')}")
    return found


@pytest.mark.slow(seconds=16)
def test_everything_that_can_be_used_has_a_name(
    filled: None, page: Page, tree: Callable[[], list[dict[str, Any]]]
) -> None:
    """All six tabs and the dialogs."""
    without: dict[str, list[str]] = {}

    def look(where: str) -> None:
        session = page.context.new_cdp_session(page)
        found = []
        for told in nameless(tree(), page):
            role, _, backend = told.partition(" #")
            html = session.send("DOM.resolveNode", {"backendNodeId": int(backend)})["object"]["objectId"]
            said = session.send("Runtime.callFunctionOn", {
                "objectId": html, "functionDeclaration": "function() { return this.outerHTML.slice(0, 160) }",
                "returnByValue": True,
            })  # fmt: skip
            if not said["result"]["value"].startswith("<svg"):  # Gradio's drawings within buttons that have names
                found.append(f"{role}: {said['result']['value']}")
        session.detach()
        if found:
            without[where] = found

    for name in ("survey", "enrich", "train", "generate", "review", "model_card"):
        page.click(f"#tab-{name}-button")
        expect(page.locator(f"#tab-{name}")).to_be_visible()
        page.wait_for_timeout(600)
        look(name)
    for opener, dialog in (("#settings-open", "#settings-dialog"), ("#new-character", "#character-dialog"),
                           ("#job-list-open", "#jobs-dialog"), ("#workspace-name", "#workspace-dialog")):  # fmt: skip
        page.click(opener)
        expect(page.locator(dialog)).to_be_visible()
        look(dialog)
        assert page.evaluate(f"document.querySelector('{dialog}').contains(document.activeElement)"), dialog
        page.keyboard.press("Escape")
        expect(page.locator(f"{dialog}[open]")).to_have_count(0)
        assert page.evaluate("document.activeElement.id") == opener[1:], "the focus comes back to where it was"
    assert without == {}
    jumps = "[...document.querySelectorAll('[tabindex]')].filter((e) => e.tabIndex > 0).length"
    assert page.evaluate(jumps) == 0  # the order of the page is the order of the Tab key
