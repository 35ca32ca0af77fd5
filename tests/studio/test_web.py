"""The page's modules and styles: what can be asked for, and that it is all there is to run."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect
from studio_helpers import NASTY, Served

from studio.components.island import Island
from studio.components.picker import Picker
from studio.server.web import FILES, WEB, head

IMPORT = re.compile(r'(?:^import|^export|\bfrom|^@import url\()\s*\(?"(\.[^"]+)"', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
HIDDEN = ("jsconfig.json", "types.d.ts", "", "core", "core/", "../app.py", "core/../studio.js", "x.js")


def test_every_file_is_served_as_it_is_and_only_once(client: TestClient) -> None:
    for name, path in FILES.items():
        answer = client.get(f"/ui/{name}")
        assert answer.content == path.read_bytes()
        assert answer.headers["content-type"].startswith("text/javascript" if name.endswith(".js") else "text/css")
        assert answer.headers["cache-control"] == "no-cache"
        again = client.get(f"/ui/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "name", ["jsconfig.json", "types.d.ts", "", "core", "core/", "../app.py", "core/../studio.js", "x.js"]
)
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/ui/{name.replace('..', '%2e%2e')}").status_code == 404


def test_a_file_that_changes_has_another_tag(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    changed = tmp_path / "studio.js"
    changed.write_text("// one")
    monkeypatch.setitem(FILES, "studio.js", changed)
    first = client.get("/ui/studio.js")
    changed.write_text("// two")
    second = client.get("/ui/studio.js", headers={"If-None-Match": first.headers["etag"]})
    assert (second.status_code, second.text) == (200, "// two")


def test_modules_and_styles_reach_each_other_and_nothing_foreign() -> None:
    reached = set()
    waiting = ["studio.js", "studio.css"]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        text = FILES[name].read_text("utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), name
        for found in IMPORT.findall(COMMENT.sub("", text)):
            waiting.append((FILES[name].parent / found).resolve().relative_to(WEB).as_posix())
    assert reached == set(FILES)  # no module that nothing needs


def test_every_module_is_fetched_ahead() -> None:
    assert set(re.findall(r'modulepreload" href="ui/([^"]+)"', head())) == {n for n in FILES if n.endswith(".js")}


def test_what_an_island_is_made_of_is_no_template() -> None:
    """A ``${...}`` in the value or the options of a component must never stand in what Gradio evaluates."""
    nasty = "${window.pwned=1} {{value}}"
    for made in (Island("changed", {"empty": nasty}, value=nasty), Picker({"empty": nasty})):
        for template in (made.html_template, made.css_template, made.js_on_load or ""):
            assert "pwned" not in template
            assert "${" not in template and "{{" not in template and "value" not in template


def test_an_event_is_wired_by_its_name_if_the_component_declares_it() -> None:
    assert callable(Picker().ticks)
    with pytest.raises(AttributeError, match="'cut'"):
        _ = Picker().cut


def test_elements_hold_text_and_never_markup(page: Page) -> None:
    """The one way to draw, in the browser that it is for."""
    made = page.evaluate(
        """async (nasty) => {
            const { h, svg, put } = await import('/ui/core/dom.js');
            const props = { title: nasty, hidden: false, 'aria-label': null };
            const node = h('div', props, nasty, [null, false, 0, [['x']]]);
            const chosen = h('select', { value: 'b' }, h('option', { value: 'a' }), h('option', { value: 'b' }));
            const box = h('input', { type: 'checkbox', checked: true });
            const image = h('img', { draggable: false, style: { '--i': 2 }, dataset: { id: nasty } });
            const texts = [node.textContent, node.children.length, node.title, node.getAttributeNames()];
            put(node, svg('rect', { x: 1, class: 'bar' }, svg('title', {}, nasty)));
            const rect = node.firstChild;
            return { texts, chosen: chosen.value, checked: box.checked, draggable: image.draggable,
                i: image.style.getPropertyValue('--i'), id: image.dataset.id, space: rect.namespaceURI,
                bar: rect.getAttribute('class'), said: rect.textContent, pwned: window.pwned ?? null };
        }""",
        NASTY,
    )
    assert made == {
        "texts": [NASTY + "0x", 0, NASTY, ["title"]],
        "chosen": "b",
        "checked": True,
        "draggable": False,
        "i": "2",
        "id": NASTY,
        "space": "http://www.w3.org/2000/svg",
        "bar": "bar",
        "said": NASTY,
        "pwned": None,
    }


def test_an_island_that_fails_leaves_the_others_as_they_are(browser: Browser, served: Served) -> None:
    page = browser.new_page()
    page.route("**/ui/train/meter.js", lambda route: route.fulfill(body="", content_type="text/javascript"))
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(served.url)
    page.wait_for_selector("#character-picker option", state="attached", timeout=60_000)
    page.click("#tab-train-button")
    expect(page.locator("#tab-train .p-tally").first).to_be_attached(timeout=30_000)
    page.close()
    assert any('No module fills the island "meter"' in error for error in errors)
