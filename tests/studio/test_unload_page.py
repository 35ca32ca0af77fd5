"""Unloading: by a button beside the memory, over HTTP, and by command beside a running studio."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import Served

from pipelines.domain.events import Memory
from studio.__main__ import main


@pytest.mark.slow
def test_the_button_is_there_while_something_is_loaded(page: Page, served: Served) -> None:
    button = page.locator("#unload")
    expect(button).to_be_hidden()
    jobs = served.studio.session.jobs
    jobs.warm()
    jobs._jobs.memory = Memory(device="cpu", used_gib=1, total_gib=8, resident="mini-flux")
    expect(button).to_be_visible(timeout=60_000)
    button.click(timeout=60_000)
    expect(page.locator("#job-memory")).to_have_text("Nothing loaded", timeout=60_000)
    assert jobs.status().worker_pid is None


def test_the_command_asks_the_studio_that_is_at_work(served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    root = served.studio.session.workspace.root
    served.studio.session.store.announce(served.url)
    assert main(["unload", "--workspace", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["unloaded"] is True


def test_without_a_studio_nothing_is_loaded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for root in (tmp_path / "nowhere", tmp_path):
        assert main(["unload", "--workspace", str(root), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["unloaded"] is False
    assert not (tmp_path / "nowhere").exists()


def test_the_route_needs_no_body(client: TestClient) -> None:
    assert client.post("/unload").json() == {"ok": True}
