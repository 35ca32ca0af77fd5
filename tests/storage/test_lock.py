import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipelines.storage.lock import WorkspaceBusy, WorkspaceLock

HOLD = """
import sys
from pathlib import Path
from pipelines.storage.lock import WorkspaceLock
lock = WorkspaceLock(Path(sys.argv[1]))
lock.acquire("http://127.0.0.1:7860")
print("held", flush=True)
sys.stdin.read()
"""
ROOT = Path(__file__).resolve().parents[2]


def test_another_process_is_named_and_its_death_frees_the_workspace(workspace_root: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(workspace_root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(WorkspaceBusy) as busy:
        WorkspaceLock(workspace_root).acquire()
    assert str(holder.pid) in str(busy.value)
    assert "http://127.0.0.1:7860" in str(busy.value)
    assert (busy.value.pid, busy.value.address) == (holder.pid, "http://127.0.0.1:7860")
    holder.kill()
    holder.wait()
    with WorkspaceLock(workspace_root):
        pass


def test_twice_in_one_process_is_refused_too(workspace_root: Path) -> None:
    with WorkspaceLock(workspace_root), pytest.raises(WorkspaceBusy, match=str(os.getpid())):
        WorkspaceLock(workspace_root).acquire()


def test_a_lock_taken_in_one_thread_can_be_given_back_in_another(workspace_root: Path) -> None:
    lock = WorkspaceLock(workspace_root)
    lock.acquire()
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    with WorkspaceLock(workspace_root):
        lock.release()  # no longer its own: without effect
        with pytest.raises(WorkspaceBusy):
            WorkspaceLock(workspace_root).acquire()


def test_an_unreadable_holder_file_still_gives_a_clear_refusal(workspace_root: Path) -> None:
    with WorkspaceLock(workspace_root):
        (workspace_root / "flenwheel.holder").write_bytes(b"\xff{")
        with pytest.raises(WorkspaceBusy, match="another process"):
            WorkspaceLock(workspace_root).acquire()
