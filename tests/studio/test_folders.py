"""Folders to choose from: names of folders alone, to this machine's own browser alone."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from guarded import LAN, WORD, client_of
from playwright.sync_api import Page, expect
from starlette.types import ASGIApp
from studio_helpers import Served

from studio.server.place import Place
from studio.server.state import Studio


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Folders, files, and what is hidden."""
    for name in ("models", "Ada", "b", ".secret", "models/flux"):
        (tmp_path / "disk" / name).mkdir(parents=True)
    (tmp_path / "disk" / "letter.txt").write_text("private")
    (tmp_path / "disk" / "link").symlink_to(tmp_path / "disk" / "models")
    (tmp_path / "disk" / "lost").symlink_to(tmp_path / "nowhere")
    return tmp_path / "disk"


def test_folders_alone_are_listed(client: TestClient, studio: Studio, disk: Path) -> None:
    told = client.get("/folders", params={"at": str(disk)}).json()
    assert told["folders"] == ["Ada", "b", "link", "models"]
    assert (told["at"], told["parent"], told["left_out"]) == (str(disk), str(disk.parent), 0)
    assert str(studio.session.workspace.root) in told["places"] and "letter" not in str(told)
    assert client.get("/folders", params={"at": "/"}).json()["parent"] == ""
    Path("~").expanduser().mkdir(exist_ok=True)
    assert client.get("/folders").json()["at"] == str(Path("~").expanduser())


def test_a_place_that_is_not_there_leads_to_the_nearest_above(client: TestClient, disk: Path) -> None:
    for at in (
        disk / "models" / "nowhere" / "deeper",
        disk / "letter.txt" / "x",
        disk / "b" / ".." / "models" / "gone",
    ):
        told = client.get("/folders", params={"at": str(at)}).json()
        assert told["at"] in (str(disk / "models"), str(disk))


@pytest.mark.parametrize("at", ["models", "../..", "\0", "a\0b"])
def test_what_is_no_whole_path_is_told(client: TestClient, at: str) -> None:
    answer = client.get("/folders", params={"at": at})
    assert answer.status_code == 422 and "path" in answer.json()["detail"]


def test_more_than_anybody_would_look_through_is_cut(
    client: TestClient, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.server.folders.MOST", 3)
    told = client.get("/folders", params={"at": str(disk)}).json()
    assert len(told["folders"]) == 3 and told["left_out"] == 1


def test_another_machine_learns_of_no_folder(inside: ASGIApp, disk: Path) -> None:
    others = client_of(inside, Place("0.0.0.0"), f"{LAN}:7860")
    assert others.get("/status", params={"token": WORD}).status_code == 200
    answer = others.get("/folders", params={"at": str(disk)})
    assert answer.status_code == 403 and "models" not in answer.text
    foreign = client_of(inside, Place(), "127.0.0.1:7860", password="")
    for headers in ({"origin": "https://evil.example"}, {"x-forwarded-for": "203.0.113.9"}):
        answer = foreign.get("/folders", params={"at": str(disk)}, headers=headers)
        assert answer.status_code == 403 and "Ada" not in answer.text
    assert foreign.get("/folders", params={"at": str(disk)}, headers={"host": "evil.example"}).status_code == 400


def test_settings_say_which_of_them_are_folders(client: TestClient) -> None:
    fields = client.get("/settings").json()["fields"]
    folders = {f["name"]: f["folder"] for f in fields if f["folder"]}
    assert folders == {"models_dir": "one", "cache_dir": "one", "insightface_root": "one", "shared_folders": "several"}


@pytest.mark.slow(seconds=7)
def test_a_folder_is_chosen_by_clicking(page: Page, served: Served, disk: Path) -> None:
    page.click("#settings-open")
    page.fill("input[name=models_dir]", str(disk / "nowhere"))
    page.click("#browse-models_dir")
    expect(page.locator("#folder-at")).to_have_value(str(disk))
    page.click("#folder-list button:text-is('models')")
    page.click("#folder-list button:text-is('flux')")
    expect(page.locator("#folder-at")).to_have_value(str(disk / "models" / "flux"))
    page.click("#folder-list button:text-is('..')")
    expect(page.locator("#folder-at")).to_have_value(str(disk / "models"))
    page.click("#folder-take")
    expect(page.locator("input[name=models_dir]")).to_have_value(str(disk / "models"))
    page.click("#settings-save")
    expect(page.locator("#settings-dialog")).to_be_hidden()
    assert served.studio.session.settings.models_dir == disk / "models"
