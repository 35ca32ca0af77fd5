"""Settings: what they are called, what they take, what was found where they point."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from studio.server.own import own
from studio.server.state import Studio


def test_an_editor_is_no_generator_and_the_other_way_round(client: TestClient, studio: Studio) -> None:
    before = studio.session.settings
    for name, title in (("generator", "mini-qwen-edit"), ("editor", "mini-flux")):
        answer = client.post("/settings", json={name: title})
        assert answer.status_code == 422 and title in answer.text
    assert studio.session.settings == before


@pytest.mark.parametrize("name", ["models_dir", "cache_dir", "insightface_root", "facenet_weights"])
def test_a_place_that_is_not_there_is_refused_by_name(
    client: TestClient, studio: Studio, tmp_path: Path, name: str
) -> None:
    title = next(f["title"] for f in client.get("/settings").json()["fields"] if f["name"] == name)
    answer = client.post("/settings", json={name: str(tmp_path / "nowhere")})
    assert answer.status_code == 422
    assert f"{title}: there is no " in answer.json()["detail"] and name not in answer.json()["detail"]
    assert getattr(studio.session.settings, name) is None
    assert client.post("/settings", json={name: ""}).status_code == 200


def test_what_is_found_at_a_folder_is_told(client: TestClient, tmp_path: Path) -> None:
    for model in ("a", "b", "group/c"):
        (tmp_path / model).mkdir(parents=True)
        (tmp_path / model / "model_index.json").write_text("{}")
    told = client.post("/settings", json={"models_dir": str(tmp_path)}).json()["found"]
    assert told == ["Models folder: 3 models found there"]
    (tmp_path / "empty").mkdir()
    assert client.post("/settings", json={"models_dir": str(tmp_path / "empty")}).json()["found"] == [
        "Models folder: 0 models found there"
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [("threads", "many"), ("threads", -1), ("threads", 1.5), ("memory_budget_gib", 1e9), ("device", "tpu")],
)
def test_a_value_that_does_not_do_is_told_in_our_words(client: TestClient, name: str, value: Any) -> None:
    words = client.post("/settings", json={name: value}).json()["detail"]
    assert "it has to be" in words and not any(theirs in words for theirs in ("Input should", "pydantic", f"  {name}:"))


def test_an_address_that_is_told_of_jobs_is_tried_when_it_is_set(client: TestClient) -> None:
    answer = client.post("/settings", json={"tell_address": "http://127.0.0.1:9/hook"})
    assert "could not be reached" in answer.json()["found"][0]
    assert client.post("/settings", json={"tell_address": "file:///x"}).status_code == 422


def test_another_machine_does_not_set_whom_this_one_reaches(studio: Studio) -> None:
    elsewhere = TestClient(own(studio), base_url="http://127.0.0.1:7860", client=("10.0.0.5", 5000))
    for name in ("tell_address", "captioner_address"):
        assert elsewhere.post("/settings", json={name: "http://127.0.0.1:9/hook"}).status_code == 403
        assert name not in {field["name"] for field in elsewhere.get("/settings").json()["fields"]}


def test_every_setting_has_a_name_of_its_own_and_a_number_its_bounds(client: TestClient) -> None:
    fields = client.get("/settings").json()["fields"]
    assert all(f["title"] and "_" not in f["title"] and f["about"] for f in fields)
    assert len({f["title"] for f in fields}) == len(fields)
    for field in fields:
        if isinstance(field["value"], int | float) and not isinstance(field["value"], bool):
            assert field["low"] is not None and field["high"] is not None
            assert f"{field['high']:g}" in field["about"]
