"""Worker processes by ``fork`` from one that has torch and diffusers imported: imports are most of what a short job
costs, and a run of all tests starts some hundred workers.

Such a worker is a process with its own pipes, module ``pipelines.worker.main`` is run in it as ever, and it is killed
as ever; only Python's start and the imports lie behind it. One that a test gives variables of its own begins as a
user's does (what is imported may have read them), and so does every worker of a studio in a process of its own.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

MODULE = "pipelines.worker.main"
MESSAGE = 1 << 20  # bytes at most; that holds a command and the variables of a process
HANDLERS = "pipelines.worker.handlers"
IMPORTED = ("pipelines.worker.render", "diffusers.pipelines.flux.pipeline_flux", "diffusers.pipelines.qwenimage")
NOT_READ_BY_IMPORTS = {"CUDA_VISIBLE_DEVICES", "PYTORCH_ALLOC_CONF", "PYTHONUNBUFFERED", "PYTHONIOENCODING"}
"""Read by torch when it first looks for a card, or by a Python that starts; beside them those of ``harmless``."""


def harmless(name: str) -> bool:
    """Whether a variable may differ from that of the process which imported: places, which each test has of its own."""
    return name in NOT_READ_BY_IMPORTS or name.startswith("PYTEST_") or name.endswith(("HOME", "_TEMP_DIR"))


class Nursery:
    """The process that has imported, started when the first worker is wanted. It ends with the test run. Stands in for
    the module ``subprocess`` where a worker is started."""

    PIPE, TimeoutExpired = subprocess.PIPE, subprocess.TimeoutExpired

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._line: socket.socket | None = None
        self._known = {**os.environ, "HF_HUB_DISABLE_TELEMETRY": "1"}

    def Popen(self, command: Sequence[str], *, env: Mapping[str, str], **pipes: Any) -> Any:
        """Starts a worker, in the place of ``subprocess.Popen``."""
        given = {name for name in env.keys() | self._known.keys() if env.get(name) != self._known.get(name)}
        if command[-1] != HANDLERS or not all(map(harmless, given)):
            return subprocess.Popen(command, env=env, **pipes)
        return Forked(self._begun(env), list(command[3:]), dict(env))

    def close(self) -> None:
        """Let the process end."""
        if self._line:
            self._line.close()

    def _begun(self, env: Mapping[str, str]) -> socket.socket:
        with self._starting:
            if not self._line:
                self._line, theirs = pair()
                command = [sys.executable, __file__, str(theirs.fileno())]
                subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=env)
                theirs.close()
            return self._line


class Forked:
    """What a worker's starter uses of ``subprocess.Popen``, for a process that another one forked."""

    def __init__(self, nursery: socket.socket, words: list[str], env: dict[str, str]) -> None:
        ends = [os.pipe() for _ in range(3)]
        self._life, theirs = pair()
        passed = [ends[0][0], ends[1][1], ends[2][1], theirs.fileno()]
        asked = json.dumps({"words": words, "env": env, "folder": str(Path.cwd())}).encode()
        socket.send_fds(nursery, [asked], passed)
        theirs.close()
        for fd in passed[:3]:
            os.close(fd)
        self.stdin = os.fdopen(ends[0][1], "wb")
        self.stdout, self.stderr = os.fdopen(ends[1][0], "rb"), os.fdopen(ends[2][0], "rb")
        self.returncode: int | None = None
        self._ended = threading.Event()
        self.pid = int(self._life.recv(32))
        threading.Thread(target=self._await, name="forked", daemon=True).start()

    def wait(self, timeout: float | None = None) -> int | None:
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired(MODULE, timeout or 0)
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def _await(self) -> None:
        self.returncode = int(self._life.recv(32) or -signal.SIGKILL)
        self._ended.set()
        self._life.close()


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends that keep messages apart."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _serve(line: socket.socket) -> list[str]:
    """Fork whenever it is asked; returns the words of a worker in each process that is to be one."""
    while True:
        asked, fds, *_ = socket.recv_fds(line, MESSAGE, 4)
        if not asked:
            os._exit(0)
        if os.fork():
            for fd in fds:
                os.close(fd)
            continue
        line.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        *standard, life = fds
        if worker := os.fork():  # the one between waits for the worker and tells how it ended
            for fd in standard:
                os.close(fd)
            os.write(life, str(worker).encode())
            status = os.waitpid(worker, 0)[1]
            with suppress(OSError):  # the tests are over
                os.write(life, str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
        os.close(life)
        for to, fd in enumerate(standard):
            os.dup2(fd, to)
            os.close(fd)
        wanted = json.loads(asked)
        os.chdir(wanted["folder"])
        os.environ.clear()
        os.environ.update(wanted["env"])
        return wanted["words"]


if __name__ == "__main__":
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how those between ended
    for name in IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    sys.argv[1:] = _serve(control)
    sys.path[0] = str(Path.cwd())
    runpy.run_module(MODULE, run_name="__main__", alter_sys=True)
