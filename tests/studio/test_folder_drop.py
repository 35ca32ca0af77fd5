"""Folders of pictures over HTTP, and chosen and dropped in real Chromium."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from playwright.sync_api import Page, expect
from skimage import data
from studio_helpers import Served

from pipelines.workflow import sources
from studio.server.state import Studio

SLOW = 60_000
DROP = """([id, names]) => {
  const entry = (name, path) => ({ name, fullPath: path, isFile: true, isDirectory: false,
    file: (done) => fetch(`/img/${id}`).then((r) => r.blob()).then((b) => done(new File([b], name))) });
  const folder = (name, path, inside) => {
    let left = [inside.slice(0, 1), inside.slice(1), []];  // a reader answers in parts
    return { name, fullPath: path, isFile: false, isDirectory: true,
      createReader: () => ({ readEntries: (done) => done(left.shift()) }) };
  };
  const deep = folder("deep", "/ada/deep", names.map((n) => entry(n, `/ada/deep/${n}`)));
  const items = [{ webkitGetAsEntry: () => folder("ada", "/ada", [entry("a.png", "/ada/a.png"), deep]) }];
  const event = new Event("drop", { bubbles: true, cancelable: true });
  Object.defineProperty(event, "dataTransfer", { value: { items, files: [], types: ["Files"] } });
  document.querySelector("#enrich-drop button, #enrich-drop").dispatchEvent(event);
}"""


def folder(root: Path) -> list[Path]:
    (root / "ada" / "deep").mkdir(parents=True)
    files = [root / "ada" / name for name in ("a.png", "a.txt", "deep/b.jpg", "deep/c.pdf", ".hidden.png")]
    Image.fromarray(data.astronaut()).save(files[0])
    files[1].write_text("ohwx_char person, in a suit")
    Image.fromarray(data.coffee()).save(files[2])
    files[3].write_bytes(b"%PDF-1.4 nothing")
    files[4].write_bytes(b"x")
    return files


def test_a_folder_comes_in_with_its_captions(client: TestClient, studio: Studio, tmp_path: Path) -> None:
    sent = [("files", (str(f.relative_to(tmp_path)), f.read_bytes())) for f in folder(tmp_path)]
    told = client.post("/sources", files=sent).json()
    assert told["title"] == "2 pictures taken in, 1 with captions, 1 refused"
    assert "c.pdf" in told["lines"][0] and "PDF" in told["lines"][0] and ".hidden" not in str(told)
    captions = {s.caption for s in sources.sources(studio.session, "ada")}
    assert "ohwx_char person, in a suit" in captions
    assert list(studio.session.workspace.path("cache/arrivals").iterdir()) == []
    nothing = client.post("/sources", files=[("files", ("ada/.x.png", b"x"))])
    assert nothing.status_code == 404 and "nothing to take in" in nothing.json()["detail"]


@pytest.mark.slow
def test_a_folder_is_chosen_in_the_page(page: Page, served: Served, tmp_path: Path) -> None:
    folder(tmp_path)
    page.locator("#folder-input").set_input_files(tmp_path / "ada", timeout=SLOW)
    expect(page.locator("#folder-told")).to_contain_text("2 pictures taken in, 1 with captions", timeout=SLOW)
    expect(page.locator("#folder-told")).to_contain_text("c.pdf")
    expect(page.locator("#enrich-sources .item")).to_have_count(2, timeout=SLOW)


@pytest.mark.slow
def test_a_folder_is_dropped_with_what_is_below_it(page: Page, served: Served, tmp_path: Path) -> None:
    [image] = sources.add(served.studio.session, "ada", [("first.png", folder(tmp_path)[0])]).admitted
    expect(page.locator("#enrich-sources .item")).to_have_count(1, timeout=SLOW)
    page.evaluate(DROP, [image.id, ["b.png", "c.png"]])
    told = page.locator("#folder-told")
    expect(told).to_contain_text("0 pictures taken in, 3 refused", timeout=SLOW)
    expect(told).to_contain_text("c.png: this picture is already among the sources")
