"""Where a LoRA is, over HTTP: its path and folders for this machine alone, the file for all who may see the studio."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import Served

from pipelines.domain.records import LoraRecord
from pipelines.storage.atomic import file_hash
from studio.server.own import own
from studio.server.state import Studio


@pytest.fixture
def lora(studio: Studio) -> LoraRecord:
    file = studio.session.workspace.path("loras/ada.safetensors")
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"weights")
    made = LoraRecord(id=file_hash(file), name="ada", path="loras/ada.safetensors", family="flux", rank=4)
    studio.session.store.put(made)
    return made


def test_it_is_told_downloaded_and_written(
    studio: Studio, client: TestClient, lora: LoraRecord, tmp_path: Path
) -> None:
    answer = client.get(f"/loras/{lora.id}/file")
    assert answer.content == b"weights" and "ada.safetensors" in answer.headers["content-disposition"]
    here = TestClient(own(studio), base_url="http://127.0.0.1:7860", client=("127.0.0.1", 5000))
    told = here.get(f"/loras/{lora.id}/place").json()
    assert told["here"] and told["path"].endswith("ada.safetensors") and told["bytes"] == 7 and not told["trained"]
    to = tmp_path / "hub"
    went = here.post(f"/loras/{lora.id}/write", json={"what": "hub", "folder": str(to)}).json()
    assert went["files"][:2] == ["ada.safetensors", "README.md"] and (to / "README.md").is_file()
    for goes, why in (
        ({"what": "hub", "folder": str(to)}, "not empty"),
        ({"what": "hub", "folder": "relative"}, "whole path"),
        ({"what": "comfyui", "folder": str(tmp_path / "nowhere")}, "no folder"),
        ({"what": "trainers", "folder": str(tmp_path / "x")}, "not kept here"),
        ({"what": "everything", "folder": str(to)}, "what"),
    ):
        answer = here.post(f"/loras/{lora.id}/write", json=goes)
        assert answer.status_code in (404, 422) and why in answer.json()["detail"], goes
    assert here.get("/loras/nobody/place").status_code == 404


def test_another_machine_learns_no_path_and_writes_nothing(studio: Studio, lora: LoraRecord, tmp_path: Path) -> None:
    other = TestClient(own(studio), base_url="http://192.168.1.5:7860", client=("192.168.1.9", 5000))
    told = other.get(f"/loras/{lora.id}/place").json()
    assert (told["here"], told["path"], told["comfy"]) == (False, "", [])
    assert other.post(f"/loras/{lora.id}/open").status_code == 403
    goes = {"what": "hub", "folder": str(tmp_path / "hub")}
    assert other.post(f"/loras/{lora.id}/write", json=goes).status_code == 403
    assert not (tmp_path / "hub").exists()


@pytest.mark.slow
def test_the_dialog_of_a_card_writes_a_folder(
    page: Page, served: Served, studio: Studio, lora: LoraRecord, tmp_path: Path
) -> None:
    from pipelines.domain.records import Card

    studio.session.store.put(Card(id="ada/v1", character="ada", version="v1", lora=lora.id, seed=1))
    page.click("#tab-model_card-button")
    page.click("#card-where")
    expect(page.locator("#lora-dialog")).to_contain_text("ada.safetensors")
    page.fill("#lora-to-hub", str(tmp_path / "hub"))
    page.click("#lora-write-hub")
    expect(page.locator("#lora-said-hub")).to_contain_text("Written to")
    assert (tmp_path / "hub" / "README.md").is_file()
