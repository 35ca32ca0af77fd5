"""Half files of dead processes go, all else stays."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.models import lora_files
from pipelines.storage.atomic import writer_of
from pipelines.storage.temp_files import sweep
from pipelines.storage.workspace import Workspace
from pipelines.workflow.opening import open_session


def test_half_files_of_dead_processes_go_and_all_else_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = tmp_path / "characters" / "ada"
    folder.mkdir(parents=True)
    (tmp_path / "models").mkdir()
    gone = [folder / f".a.png.{dead.pid}-0a1b2c3d.tmp", tmp_path / f".flenwheel.json.{dead.pid}-0a1b2c3d.tmp"]
    stay = [
        folder / f".b.png.{os.getpid()}-0a1b2c3d.tmp",  # being written
        folder / "a.png",
        folder / f"a.{dead.pid}-0a1b2c3d.tmp.png",
        folder / "notes.tmp",
        tmp_path / "models" / f".m.{dead.pid}-0a1b2c3d.tmp",
    ]
    for path in gone + stay:
        path.write_bytes(b"x")
    assert sweep(tmp_path) == 2
    assert not any(p.exists() for p in gone) and all(p.exists() for p in stay)


def test_half_folders_of_dead_processes_go_with_all_that_is_in_them(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    half = tmp_path / "checkpoints" / f".000010.{dead.pid}-0a1b2c3d.tmp"
    (half / "inner").mkdir(parents=True)
    (half / f".a.{dead.pid}-0a1b2c3d.tmp").write_bytes(b"x")
    whole = tmp_path / "checkpoints" / "000010"
    whole.mkdir()
    assert sweep(tmp_path) == 1
    assert not half.exists() and whole.exists()


def test_half_copies_of_models_go_and_half_downloads_of_others_stay(tmp_path: Path) -> None:
    """A copy of a model that a kill cut short takes many GB under a name that nobody sees."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    halves = [tmp_path / "models" / place / f".flux1-dev.{dead.pid}-0a1b2c3d.tmp" for place in ("prepared", "theirs")]
    for half in halves:
        half.mkdir(parents=True)
        (half / "model.safetensors").write_bytes(b"x")
    open_session(tmp_path).close()
    assert [half.exists() for half in halves] == [False, True]


def test_a_lora_that_was_arriving_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, seen = Workspace(tmp_path), []

    def killed(path: Path, *_: object) -> None:
        seen.append(path)
        raise KeyboardInterrupt

    monkeypatch.setattr(lora_files, "inspect", killed)
    with pytest.raises(KeyboardInterrupt):
        lora_files.admit_lora(workspace, b"x", "a.safetensors")
    assert writer_of(seen[0].name) == os.getpid()


def test_opening_to_work_sweeps_what_a_killed_import_left_and_reading_touches_nothing(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    with open_session(root):
        pass
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    originals = root / "characters" / "ada" / "data" / "originals"
    originals.mkdir(parents=True)
    half = originals / f".0bff.png.{dead.pid}-0a1b2c3d.tmp"
    half.write_bytes(b"x")
    with open_session(root, read_only=True):
        assert half.exists()
    with open_session(root):
        assert not half.exists()
