"""kill -9 at every file operation of bringing an old workspace up to date: the old state or the new, nothing else."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from old_workspaces import FIXTURES, OLD, read_whole, told_by_then

from pipelines.domain.records import Character
from pipelines.storage import migrations
from pipelines.storage.store import Store

HERE = Path(__file__).resolve().parent


def records_of(root: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in root.glob("flenwheel.j*")}


def old_records(to: Path) -> Path:
    """The records of the old workspace, without its pictures, in a fresh folder."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir()
    for path in (FIXTURES / OLD).glob("flenwheel.*"):
        shutil.copy(path, to)
    return to


def upgraded(root: Path) -> bool:
    """Whether what lies on the disk is the new state, by the plain files: a snapshot and the lines after it."""
    content = [p.read_bytes() for p in root.glob("flenwheel.j*") if p.suffix != ".bak"]
    return any(m.name.encode() in data for m in migrations.ALL for data in content)


@pytest.mark.slow
def test_a_kill_at_any_file_operation_leaves_the_old_records_or_the_new(tmp_path: Path) -> None:
    nursery = subprocess.Popen(
        [sys.executable, str(HERE / "upgrade_nursery.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{HERE.parents[1]}{os.pathsep}{HERE}"},
    )
    assert nursery.stdin and nursery.stdout and nursery.stdout.readline() == "ready\n"
    then, seen, ended = told_by_then(OLD), [], ""
    original = records_of(old_records(tmp_path / "original"))
    for stop in range(1, 1000):
        root = old_records(tmp_path / "workspace")
        nursery.stdin.write(f"{root} {stop}\n")
        nursery.stdin.flush()
        ended = nursery.stdout.readline().strip()
        seen.append(upgraded(root))
        if not seen[-1]:
            assert records_of(root) == original, "not begun: nothing is changed"
        else:
            [copied] = [p for p in (root / "backups").iterdir() if not p.name.startswith(".")]
            assert records_of(copied) == original, "a whole copy came first"
        with Store.open(root, read_only=True) as store:
            assert read_whole(store) == then
            assert store.all(Character)[0].practice == 8500010
        with Store.open(root) as store:
            assert read_whole(store) == then
        if ended.startswith("opened"):
            break
    nursery.stdin.close()
    nursery.wait(timeout=20)
    assert ended == "opened 0" and len(seen) > 20
    assert seen == sorted(seen) and {False, True} == set(seen), "once it is new it stays new"
    content = json.loads((tmp_path / "workspace" / "flenwheel.json").read_bytes())
    assert [row["id"] for row in content[migrations.TABLE].values()] == [m.name for m in migrations.ALL]
