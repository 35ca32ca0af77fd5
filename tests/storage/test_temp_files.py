"""Half files of dead processes go, all else stays."""

import os
import subprocess
import sys
from pathlib import Path

from pipelines.storage.temp_files import sweep


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
