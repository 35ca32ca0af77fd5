"""The page's modules and styles: what can be asked for, and that it is all there is to run."""

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, Page, expect
from studio_helpers import NASTY, Served

from studio.components.island import Island
from studio.components.picker import Picker
from studio.server import joined, web
from studio.server.web import SCRIPT, STYLES, WEB, head

HIDDEN = ("jsconfig.json", "types.d.ts", "", "core", "core/", "../app.py", "core/../studio.js", "x.js", "core/dom.js")


@pytest.mark.parametrize(("name", "media"), [(SCRIPT, "text/javascript"), (STYLES, "text/css")])
def test_what_the_head_names_is_served_and_only_once(client: TestClient, name: str, media: str) -> None:
    assert f'"ui/{name}"' in head()
    answer = client.get(f"/ui/{name}")
    assert answer.headers["content-type"].startswith(media)
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(f"/ui/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_browser_can_install_it_as_a_window(client: TestClient) -> None:
    told = client.get("/ui/manifest.json").json()
    assert (told["display"], told["start_url"], told["name"]) == ("standalone", "../", "FLENwheel")
    [icon] = told["icons"]
    answer = client.get(f"/ui/{icon['src']}")
    assert answer.headers["content-type"].startswith(icon["type"]) and answer.text.startswith("<svg")
    assert 'rel="manifest" href="ui/manifest.json"' in head()


@pytest.mark.parametrize("name", HIDDEN)
def test_nothing_else_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/ui/{name.replace('..', '%2e%2e')}").status_code == 404


def test_a_file_that_changes_is_seen_at_the_next_reload(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(web, "WEB", tmp_path)
    (tmp_path / "studio.js").write_text("// one")
    first = client.get(f"/ui/{SCRIPT}")
    (tmp_path / "studio.js").write_text("// another")
    second = client.get(f"/ui/{SCRIPT}", headers={"If-None-Match": first.headers["etag"]})
    assert second.status_code == 200 and "// another" in second.text


@pytest.mark.parametrize("kind", ["js", "css"])
def test_every_file_is_part_of_the_page_and_none_is_foreign(kind: str) -> None:
    joined_files = joined.files(WEB / f"studio.{kind}")
    assert set(joined_files) == set(WEB.rglob(f"*.{kind}"))  # none that nothing needs
    for path in joined_files:
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", path.read_text("utf-8")), path


def test_joined_modules_say_what_they_would_alone(browser: Browser, tmp_path: Path) -> None:
    """Run both ways: names taken and renamed, what is needed twice made once, a name that two modules use."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/base.js").write_text(
        "export const said = [];\nexport class A {\n  b = 1;\n}\nsaid.push('base');\n"
    )
    (tmp_path / "one.js").write_text(
        'import {\n  A as First,\n  said,\n} from "./deep/base.js";\n\nconst hidden = "one";\n'
        "export async function wait() {\n  said.push(hidden, new First().b);\n}\n"
    )
    (tmp_path / "two.js").write_text(
        'import { said } from "./deep/base.js";\n\nconst hidden = "two";\nsaid.push(hidden);\n'
    )
    start = tmp_path / "start.js"
    start.write_text(
        'import { said } from "./deep/base.js";\nimport { wait } from "./one.js";\n\nimport "./two.js";\n\n'
        "await wait();\nglobalThis.said = said;\n"
    )
    (tmp_path / "all.js").write_text(joined.script(start))
    for name in ("start.js", "all.js"):
        (tmp_path / "index.html").write_text(f'<script type="module" src="{name}"></script>')
        page = browser.new_page()
        page.route("http://modules.test/**", lambda route: route.fulfill(path=tmp_path / route.request.url[20:]))
        page.goto("http://modules.test/index.html")
        page.wait_for_function("() => globalThis.said")
        assert page.evaluate("said") == ["base", "two", "one", 1]
        page.close()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("export default 1;\n", "x.js cannot be joined with the others: export default 1;"),
        ('import x from "./x.js";\n', "cannot be joined"),
        ("export { a };\n", "cannot be joined"),
        ('import "./x.js";\n', "x.js needs itself, by way of x.js."),
    ],
)
def test_a_module_that_keeps_to_other_rules_is_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "x.js").write_text(text)
    with pytest.raises(ValueError, match=re.escape(why)):
        joined.script(tmp_path / "x.js")


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


@pytest.mark.slow(seconds=4)
def test_elements_hold_text_and_never_markup(page: Page, modules: None) -> None:
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


@pytest.mark.slow(seconds=5)
def test_an_island_that_fails_leaves_the_others_as_they_are(browser: Browser, served: Served) -> None:
    page = browser.new_page()
    without = joined.script(WEB / "studio.js").replace('painted("meter"', 'painted("none"')
    page.route(f"**/ui/{SCRIPT}", lambda route: route.fulfill(body=without, content_type="text/javascript"))
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(served.url)
    page.wait_for_selector("#character-picker option", state="attached", timeout=60_000)
    page.click("#tab-train-button")
    expect(page.locator("#tab-train .p-tally").first).to_be_attached(timeout=30_000)
    page.close()
    assert any('No module fills the island "meter"' in error for error in errors)
