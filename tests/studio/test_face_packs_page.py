"""Face packs where a person gets them: in Settings, and on the command line; their licence is told before."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from face_pack_helpers import pack_offered
from playwright.sync_api import Browser, expect
from studio_helpers import serving

from pipelines.workflow.opening import open_session
from studio.server.state import Studio

SLOW = 120_000
Run = Callable[..., tuple[int, dict[str, Any]]]

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def offered(workspace_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with pack_offered(workspace_root, tmp_path / "faces", monkeypatch):
        yield tmp_path / "faces" / "models" / "minipack"


def test_settings_gets_a_pack_and_says_that_it_judges(workspace_root: Path, offered: Path, browser: Browser) -> None:
    with open_session(workspace_root) as session, serving(Studio(session)) as port:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"http://127.0.0.1:{port}/")
        page.click("#settings-open", timeout=SLOW)
        pack = page.locator(".face-pack[data-name=minipack]")
        expect(pack).to_contain_text("Licence: MIT", timeout=SLOW)
        expect(pack).to_contain_text("From lab/mini")
        page.click("#face-pack-minipack")
        expect(page.locator(".toast", has_text="download has begun")).to_be_visible(timeout=SLOW)
        expect(pack).to_contain_text("here, and judges", timeout=SLOW)
        expect(pack).to_contain_text(str(offered))
        expect(page.locator("#face-pack-minipack")).to_have_count(0)
        page.close()
    assert sorted(f.name for f in offered.iterdir()) == ["det.onnx", "rec.onnx"]


def test_the_command_line_lists_a_pack_with_its_licence_and_gets_it(run: Run, offered: Path) -> None:
    status, told = run("models", "--get-faces", "minipack", "--get", "flux1-dev")
    assert status != 0 and "one after the other" in str(told)
    status, told = run("models", "--get-faces", "nobody")
    assert status != 0 and "known: minipack" in str(told)
    status, told = run("models", "--get-faces", "minipack")
    assert status == 0, told
    assert sorted(f.name for f in offered.iterdir()) == ["det.onnx", "rec.onnx"]
    status, told = run("models", "--get-faces", "minipack")
    assert status != 0 and "is here" in str(told)
