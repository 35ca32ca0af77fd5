"""Getting a LoRA from the page: looked up first, then loaded; and what another machine may not ask for."""

from collections.abc import Iterator
from typing import Any

import pytest
from file_server import Served as Files
from file_server import hub
from playwright.sync_api import Page, expect
from starlette.testclient import TestClient

from pipelines.domain.records import LoraRecord
from pipelines.storage.preset_files import PRESETS

SLOW = 120_000
ANGLES = (PRESETS / "mini/loras/mini-angles.safetensors").read_bytes()
REPO = "dx8152/Qwen-Edit-2509-Multiple-angles"


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    with hub({f"{REPO}/镜头转换.safetensors": ANGLES, "lab/two/a.safetensors": b"", "lab/two/b.safetensors": b""}) as s:
        for name, value in {"HF_ENDPOINT": s.address, "HF_HUB_OFFLINE": "0", "NO_PROXY": "*"}.items():
            monkeypatch.setenv(name, value)
        yield s


@pytest.mark.slow
def test_an_entry_of_the_catalogue_by_its_button(page: Page, served: Any, files: Files) -> None:
    page.click("#tab-survey-button")
    entry = page.locator("#survey-catalogue .entry[data-key=multiple-angles]")
    expect(entry.locator(".chip")).to_have_text("not here", timeout=SLOW)
    assert not page.locator("#survey-catalogue .entry[data-key=controlnet-union] button.get").count()  # no LoRA for it
    entry.get_by_role("button", name="get multiple-angles").click()
    there = page.locator("#lora-there")
    expect(there).to_contain_text("镜头转换.safetensors", timeout=SLOW)
    expect(there).to_contain_text(f"licence mit), from {REPO}")
    assert not served.studio.session.store.all(LoraRecord)  # nothing is loaded before it is seen what it is
    page.keyboard.press("Enter")
    expect(page.locator("#lora-dialog")).to_have_count(0)
    expect(entry.locator(".chip")).to_have_text("here", timeout=SLOW)
    expect(entry.locator("input")).to_be_enabled()
    (lora,) = served.studio.session.store.all(LoraRecord)
    assert lora.catalogue == "multiple-angles"


@pytest.mark.slow(seconds=7)
def test_a_place_that_is_written_is_looked_up_again_when_it_changes(page: Page, files: Files) -> None:
    page.click("#tab-survey-button")
    page.locator("#survey-get").click(timeout=SLOW)
    page.fill("#lora-what", "lab/two")
    page.keyboard.press("Enter")
    expect(page.locator("#lora-dialog .problem")).to_contain_text("lab/two/a.safetensors, lab/two/b.saf", timeout=SLOW)
    page.fill("#lora-what", f"{REPO}")
    expect(page.locator("#lora-dialog .problem")).to_be_empty()
    page.click("#lora-get")
    expect(page.locator("#lora-get")).to_contain_text("Get it (", timeout=SLOW)
    page.fill("#lora-what", "elsewhere")
    expect(page.locator("#lora-get")).to_have_text("Look it up")


def test_others_may_ask_the_hub_alone(studio: Any, files: Files) -> None:
    """An address is asked from this machine's place in its network: that is not lent to who uses an opened studio."""
    from studio.server.own import own

    far = TestClient(own(studio), base_url="http://192.168.1.5:7860", client=("192.168.1.9", 5000))
    inner = {"what": "http://127.0.0.1:9/secret.safetensors"}
    for route in ("/loras/look", "/loras/get"):
        assert far.post(route, json=inner).status_code == 403
    assert far.post("/loras/look", json={"what": "lab/two/a.safetensors"}).json()["name"] == "a.safetensors"
    assert not [path for path, _ in files.asked if "secret" in path]
