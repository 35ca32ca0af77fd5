"""Workers that the tests fork from a process with torch imported are processes like those of a user's studio."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from warm_workers import HANDLERS

from pipelines.domain.messages import Ready, ToApp
from pipelines.queue.worker_process import WorkerProcess
from pipelines.storage.lock import locked
from pipelines.storage.workspace import Workspace

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux alone")


class Heard:
    """One worker, and what came of it."""

    def __init__(self, root: Path, **environment: str) -> None:
        self.root = root
        self.ready, self.closed = threading.Event(), threading.Event()
        self.told: list[ToApp] = []
        self.worker = WorkerProcess(root, HANDLERS, environment, self._message, lambda _: self.closed.set())
        assert self.ready.wait(60) and isinstance(self.told[0], Ready)

    def _message(self, _: WorkerProcess, message: ToApp) -> None:
        self.told.append(message)
        self.ready.set()

    @property
    def process(self) -> psutil.Process:
        return psutil.Process(self.worker.pid)


@pytest.fixture
def begin(workspace: Workspace) -> Iterator[Any]:
    begun: list[Heard] = []

    def _begin(**environment: str) -> Heard:
        begun.append(Heard(workspace.root, **environment))
        return begun[-1]

    yield _begin
    for heard in begun:
        heard.worker.stop()


def test_it_has_torch_when_it_begins_and_is_told_where_it_is(begin: Any, workspace: Workspace) -> None:
    heard = begin()
    assert heard.told[0].pid == heard.worker.pid
    assert "libtorch" in Path(f"/proc/{heard.worker.pid}/maps").read_text()
    assert (workspace.root / "logs" / "worker.lock").exists()


def test_one_with_variables_of_its_own_is_begun_by_a_new_python(begin: Any) -> None:
    heard = begin(OMP_NUM_THREADS="2")
    assert heard.process.cmdline()[1:3] == ["-m", "pipelines.worker.main"]


def test_it_is_killed_and_says_by_what(begin: Any) -> None:
    heard = begin()
    os.kill(heard.worker.pid, signal.SIGSEGV)
    assert heard.closed.wait(60) and f"signal {int(signal.SIGSEGV)}." in heard.worker.how_it_ended()
    assert not psutil.pid_exists(heard.worker.pid)
    assert "Segmentation fault" in heard.worker.tail  # its last words arrive as ever


def test_it_ends_with_its_app(begin: Any) -> None:
    heard = begin()
    heard.worker.stop(grace=60)
    assert heard.closed.wait(60) and heard.worker.how_it_ended().endswith("(exit status 0).")


def test_another_begins_at_once_when_one_is_killed(begin: Any) -> None:
    """Nobody else holds the lock of its workspace, as the process that forked it might."""
    first = begin()
    first.worker.kill()
    second = begin()
    assert isinstance(second.told[0], Ready) and second.worker.pid != first.worker.pid
    second.worker.stop(grace=60)
    locked(second.root / "logs" / "worker.lock", 0).release()
