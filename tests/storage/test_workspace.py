from pathlib import Path

import pytest

from pipelines.storage.workspace import OutsideWorkspace, Workspace


@pytest.mark.parametrize(
    "hostile",
    ["../x", "a/../../x", "/etc/passwd", "a/..", "..", "a\\..\\b", "C:/x", "c:x", "a\0b", "//server/share"],
)
def test_paths_that_leave_are_refused(workspace: Workspace, hostile: str) -> None:
    with pytest.raises(OutsideWorkspace):
        workspace.path(hostile)


def test_a_link_that_leads_out_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (workspace.root / "out").symlink_to(tmp_path)
    with pytest.raises(OutsideWorkspace):
        workspace.path("out/secret")


def test_path_and_relative_are_inverse(workspace: Workspace) -> None:
    path = workspace.path("characters/ada/data/source/v1/x.png")
    assert path.is_absolute()
    assert workspace.relative(path) == "characters/ada/data/source/v1/x.png"
    with pytest.raises(OutsideWorkspace):
        workspace.relative(workspace.root.parent / "elsewhere.png")


def test_relative_knows_the_workspace_by_another_name(workspace: Workspace, tmp_path: Path) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(workspace.root)
    assert workspace.relative(alias / "loras" / "a.safetensors") == "loras/a.safetensors"


def test_relative_workspace_roots_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Workspace(Path("ws")).root == (tmp_path / "ws").resolve()


def test_the_folders_of_the_design(workspace: Workspace) -> None:
    assert workspace.dataset("ada", "enriched", "v1") == "characters/ada/data/enriched/v1"
    assert workspace.originals("ada") == "characters/ada/data/originals"
    assert workspace.lora_folder("ada", "character", "v2") == "characters/ada/models/flux_lora/ada_v2"
    assert workspace.lora_folder("ada", "editor", "v1") == "characters/ada/models/qwen_lora/ada_v1"
    assert workspace.card_folder("ada", "v1") == "characters/ada/cards/v1"
    assert workspace.survey_folder("ada", "v1") == "characters/ada/surveys/v1"
    assert workspace.model_folder("mini-flux", "1") == "models/mini-flux-1"
    assert workspace.thumbnail("ab" * 32, 256) == workspace.root / "cache/thumbs/ab" / f"{'ab' * 32}-256.webp"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a b", "x" * 101, "a.", "<b>"])
def test_a_name_that_cannot_be_a_folder_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(OutsideWorkspace):
        workspace.dataset(name, "source", "v1")


def test_create_leaves_what_is_there(workspace: Workspace) -> None:
    kept = workspace.path("loras/a.safetensors")
    kept.write_bytes(b"x")
    workspace.create()
    assert kept.read_bytes() == b"x"
    assert {"characters", "loras", "models", "cache"} <= {path.name for path in workspace.root.iterdir()}
