"""A pipe where a file is expected gives nothing until somebody writes to it: it is told, and never waited for."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.engine import shared_folders
from pipelines.models import owned_files
from pipelines.storage.atomic import NO_FILE, NotAFile, read_bytes
from pipelines.storage.gguf_file import read_gguf
from pipelines.storage.pictures import read_recipe
from pipelines.storage.presets import load_presets
from pipelines.storage.rebuild import rebuild
from pipelines.storage.restoring import BackupRefused, restore
from pipelines.storage.safetensors_header import read_header
from pipelines.storage.settings import Settings, load
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes in folders")


@pytest.fixture(autouse=True)
def nobody_waits() -> Iterator[None]:
    """Whoever opens a pipe here is still waiting after a minute."""
    before = signal.signal(signal.SIGALRM, lambda *_: os._exit(99))
    signal.alarm(120)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pipe(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("read", [read_bytes, read_header, read_gguf, owned_files.header_of])
def test_no_reader_of_files_waits_for_a_pipe(tmp_path: Path, read) -> None:
    with pytest.raises(NotAFile, match=NO_FILE):
        read(pipe(tmp_path / "a.safetensors"))


def test_model_files_of_shared_folders(tmp_path: Path) -> None:
    for name in ("loras/a.safetensors", "loras/b.gguf", "unet/c.sft"):
        pipe(tmp_path / name)
    (found,) = shared_folders.found(Settings(shared_folders=str(tmp_path)))
    assert [NO_FILE in file.problem for file in found.files] == [True] * 3
    (tmp_path / "comfy").mkdir()
    pipe(tmp_path / "extra_model_paths.yaml")
    assert len(shared_folders.found(Settings(shared_folders=str(tmp_path)))[0].files) == 3
    listed = pipe(tmp_path / "listed.yaml")
    (found,) = shared_folders.found(Settings(shared_folders=str(listed)))
    assert NO_FILE in found.problem


def test_files_of_a_workspace(workspace: Workspace, tmp_path: Path) -> None:
    for place in ("models/a.toml", "training/b.toml", "loras.toml", "prompts/edits.toml"):
        pipe(workspace.root / "presets" / place)
    problems = load_presets(workspace.root).problems
    assert sum(NO_FILE in problem for problem in problems) == 4, problems
    picture = pipe(workspace.root / "characters/ada/data/enriched/v1/a.png")
    assert read_recipe(picture) is None
    with Store.open(workspace.root) as store:
        assert rebuild(workspace, store).restored == []
    with pytest.raises(BackupRefused, match="is no file"):
        restore(picture, tmp_path / "new")
    pipe(workspace.root / "settings.toml")
    assert NO_FILE in load(workspace.root).problems[0]
