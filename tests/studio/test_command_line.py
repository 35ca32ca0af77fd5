"""The command line without a browser: answers in JSON, refusals in words, nothing but steps underneath."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.domain.records import Decision, ImageRecord
from pipelines.storage.store import Store
from pipelines.workflow.opening import open_session
from studio.__main__ import main
from studio.cli.main import COMMANDS


@pytest.fixture
def run(workspace_root: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command with ``--json``; its exit status and its answer."""

    def _run(*words: str) -> tuple[int, dict[str, Any]]:
        status = main([*words, "--workspace", str(workspace_root), "--json"])
        return status, json.loads(capsys.readouterr().out)

    return _run


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(3):
        noise = np.random.default_rng(n).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{n}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return folder


def test_every_command_of_the_readme_is_there() -> None:
    named = {
        "import",
        "survey",
        "enrich",
        "review",
        "train",
        "generate",
        "score",
        "card",
        "status",
        "rebuild",
        "doctor",
    }
    assert named <= set(COMMANDS)


def test_import_takes_in_what_it_can_and_names_what_it_cannot(run: Any, pictures: Path) -> None:
    status, told = run("import", str(pictures), "--new", "Ada", "--may-use", "--angle", "front")
    assert status == 0
    assert (told["character"], len(told["admitted"]), list(told["refused"])) == ("ada", 3, ["broken.jpg"])
    status, told = run("status")
    assert [s["count"] for s in told["rail"]["steps"] if s["key"] == "sources"] == [3]
    assert told["rail"]["next"]["tab"] == "enrich"


def test_a_character_needs_leave_to_use_its_pictures(run: Any, pictures: Path) -> None:
    status, told = run("import", str(pictures), "--new", "Ada")
    assert status == 1 and not told["ok"] and "may use" in told["error"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["enrich", "--edit", "angle/upside-down"], "angle/upside-down"),
        (["enrich", "--lora", "nobody=1.0"], "no LoRA 'nobody'"),
        (["generate"], "has no LoRA"),
        (["review", "--label", "good"], "Say which pictures"),
        (["review", "--label", "good", "ffff"], "names 0 pictures"),
        (["train", "--set", "rank=0"], "rank"),
        (["card", "--show", "v7"], "no card v7"),
        (["status", "--character", "zoe"], "no character 'zoe'"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(run: Any, pictures: Path, words: list[str], why: str) -> None:
    run("import", str(pictures), "--new", "Ada", "--may-use")
    status, told = run(*words)
    assert status == 1 and why in told["error"]


def test_decisions_and_a_rebuild_from_files_alone(run: Any, pictures: Path, workspace_root: Path) -> None:
    _, told = run("import", str(pictures), "--new", "Ada", "--may-use")
    status, _ = run("review", "--label", "reject", told["admitted"][0][:12], "--reason", "not her")
    assert status == 0
    with Store.open(workspace_root) as store:
        assert store.verdict(told["admitted"][0]).reason == "not her"
    for file in workspace_root.glob("flenwheel*"):
        if file.is_file():
            file.unlink()
    status, report = run("rebuild")
    assert status == 0 and sorted(report["restored"]) == sorted(told["admitted"])
    with Store.open(workspace_root, read_only=True) as store:
        assert {i.id for i in store.all(ImageRecord)} == set(told["admitted"])


def test_without_names_the_best_become_pristine(run: Any, pictures: Path, workspace_root: Path) -> None:
    run("import", str(pictures), "--new", "Ada", "--may-use")
    status, told = run("review", "--pristine")
    assert status == 1
    assert "none is left" in told["error"]
    with open_session(workspace_root) as session:
        source = session.store.all(ImageRecord)[0]
        made = source.model_copy(update={"id": "a" * 64, "kind": "synthetic", "version": "v1"})
        session.store.put(made)
        session.store.decide(Decision(image=made.id, who="human", action="label", value="good"))
    status, told = run("review", "--pristine")
    assert (status, told["dataset"]["id"], told["dataset"]["images"]) == (0, "ada/pristine/v1", [made.id])


def test_a_workspace_in_use_is_refused_in_words_but_may_be_read(run: Any, pictures: Path, workspace_root: Path) -> None:
    run("import", str(pictures), "--new", "Ada", "--may-use")
    with Store.open(workspace_root):
        status, told = run("enrich")
        assert status == 1 and "is open in process" in told["error"]
        status, told = run("status")
        assert status == 0 and told["character"] == "ada"
