"""Backups where people meet them: on the command line, in Settings, and never for another machine."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import Served

from pipelines.domain.records import Character
from pipelines.storage.restoring import restore
from pipelines.storage.store import Store
from pipelines.workflow import backup as backups
from studio.__main__ import main
from studio.server.own import own
from studio.server.state import Studio

SLOW = 60_000
LAN = "192.168.7.5"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; its exit status and what it said."""

    def _run(*words: object) -> tuple[int, str, str]:
        status = main([str(word) for word in words])
        said = capsys.readouterr()
        return status, said.out, said.err

    return _run


def ended(client: TestClient) -> dict[str, Any]:
    """The backup, once it runs no more."""
    until = time.monotonic() + 60
    while (shown := client.get("/backup").json())["state"] == "running":
        assert time.monotonic() < until
        time.sleep(0.02)
    return shown


def test_one_file_and_back_on_the_command_line_beside_an_open_studio(
    run: Any, studio: Studio, workspace_root: Path, tmp_path: Path
) -> None:
    file, new = tmp_path / "kept.zip", tmp_path / "new"
    status, out, _ = run("backup", file, "--workspace", workspace_root, "--json")
    told = json.loads(out)
    assert (status, told["ok"], told["path"], told["left_out"]) == (0, True, str(file), [])
    assert told["bytes"] == file.stat().st_size and told["files"] >= 1
    status, out, _ = run("restore", file, "--workspace", new)
    assert status == 0 and "1 character," in out and f"--workspace {new}" in out
    with Store.open(new, read_only=True) as store:
        assert [c.id for c in store.all(Character)] == ["ada"]


def test_what_is_not_done_is_told_in_words(run: Any, workspace_root: Path, tmp_path: Path) -> None:
    Store.open(workspace_root).close()
    file = tmp_path / "kept.zip"
    file.write_bytes(b"mine")
    for words, why in (
        (("backup", file), "already"),
        (("backup", tmp_path / "no" / "such" / "folder.zip"), "no folder"),
        (("restore", file), "already"),
        (("restore", file, "--workspace", tmp_path / "new"), "no backup of FLENwheel"),
        (("restore", tmp_path / "nothing.zip", "--workspace", tmp_path / "new"), "no file"),
        (("restore", file, "--workspace", file / "below"), "Nothing was|no backup"),
    ):
        for extra in ((), ("--json",)):
            place = () if "--workspace" in words else ("--workspace", workspace_root)
            status, out, err = run(*words, *place, *extra)
            said = json.loads(out)["error"] if extra else err
            assert status == 1 and any(part in said for part in why.split("|")), (words, said)
    assert file.read_bytes() == b"mine" and not (tmp_path / "new").exists()


def test_a_backup_from_settings_can_be_restored(client: TestClient, studio: Studio, tmp_path: Path) -> None:
    assert client.get("/backup").json()["state"] == "none"
    assert client.post("/backup").json() == {"ok": True}
    shown = ended(client)
    assert shown["state"] == "done" and shown["error"] == ""
    made = Path(shown["path"])
    assert made.parent == studio.session.workspace.root / "backups" and made.stat().st_size == shown["bytes"]
    restore(made, tmp_path / "new")
    assert client.post("/backup/cancel").json() == {"ok": True}
    assert client.get("/backup").json()["state"] == "done", "there was nothing to stop"


def test_a_backup_that_is_stopped_or_fails_says_so_and_leaves_nothing(
    client: TestClient, studio: Studio, workspace_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = backups.back_up

    def stopped(root: Path, target: Path, told: Any) -> Any:
        client.post("/backup/cancel")
        return real(root, target, told)

    with monkeypatch.context() as patched:
        patched.setattr(backups, "back_up", stopped)
        client.post("/backup")
        assert ended(client)["state"] == "cancelled"
    (workspace_root / "backups").rmdir()
    (workspace_root / "backups").write_bytes(b"a file where the folder should be")
    client.post("/backup")
    shown = ended(client)
    assert shown["state"] == "failed" and "Nothing was backed up" in shown["error"]
    assert client.get("/status").status_code == 200
    assert [p.name for p in workspace_root.rglob("*") if p.suffix in (".zip", ".tmp")] == []


def test_another_machine_fills_no_disk_even_with_the_password(studio: Studio) -> None:
    client = TestClient(own(studio), base_url=f"http://{LAN}:7860", client=("192.168.7.9", 50000))
    for ask in (client.get, client.post):
        assert ask("/backup").status_code == 403
    assert client.post("/backup/cancel").status_code == 403
    assert not (studio.session.workspace.root / "backups").exists()


@pytest.mark.slow
def test_the_button_in_settings(page: Page, served: Served, tmp_path: Path) -> None:
    page.click("#settings-open")
    expect(page.locator("#backup-restore")).to_contain_text("flenwheel restore")
    expect(page.locator("#backup-cancel")).to_be_hidden()
    page.click("#backup-begin")
    expect(page.locator("#backup-said")).to_contain_text("read again and found whole", timeout=SLOW)
    expect(page.locator("#backup-begin")).to_be_enabled()
    [made] = (served.studio.session.workspace.root / "backups").glob("*.zip")
    expect(page.locator("#backup-restore")).to_contain_text(made.name)
    restore(made, tmp_path / "new")
