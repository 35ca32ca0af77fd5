"""The app's end of one worker process: start it, talk to it, notice its death.

The protocol runs over the worker's stdin and stdout; the worker moves both out of reach of its libraries before it
imports any (``worker.claim_pipes``), so nothing they print gets between the lines. What they print, and stack traces
of crashes, arrives on stderr and goes to ``logs/worker.log``. When the app dies, by whatever cause, the kernel closes
the pipe and the worker reads end-of-file: no worker outlives its app.
"""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from pipelines.domain.base import Frozen
from pipelines.domain.messages import TO_APP, ToApp, line, salvaged
from pipelines.storage.atomic import make_folder

LOG_BYTES, LOG_FILES, TAIL_LINES = 1_000_000, 3, 40
log = logging.getLogger(__name__)


class WorkerProcess:
    """One worker process. ``on_message(worker, message)`` and, once and last, ``on_close(worker)`` are called from a
    thread of its own. ``environment``: variables that it gets beside this process's own."""

    def __init__(
        self,
        root: Path,
        handlers: str,
        environment: Mapping[str, str],
        on_message: Callable[[WorkerProcess, ToApp], None],
        on_close: Callable[[WorkerProcess], None],
    ) -> None:
        self._on_message, self._on_close = on_message, on_close
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        make_folder(root / "logs")
        command = [sys.executable, "-m", "pipelines.worker.main", "--workspace", str(root), "--handlers", handlers]
        quiet = {"PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8", "HF_HUB_DISABLE_TELEMETRY": "1"}
        variables = {**os.environ, **quiet, **environment}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=variables)
        self._pump = threading.Thread(target=self._keep_log, args=(root / "logs",), name="worker-log", daemon=True)
        self._pump.start()
        threading.Thread(target=self._listen, name="worker-listener", daemon=True).start()

    @property
    def pid(self) -> int:
        """Process id of the worker."""
        return self._process.pid

    @property
    def tail(self) -> str:
        """The last lines the worker wrote to its log."""
        return "\n".join(self._tail)

    def send(self, message: Frozen) -> None:
        """Send ``message``, from one thread at a time; a worker that is gone is no error here, ``on_close`` tells."""
        stdin = _pipe(self._process.stdin)
        try:
            stdin.write(line(message))
            stdin.flush()
        except OSError:
            log.info("worker %d is gone, %s not sent", self.pid, type(message).__name__)

    def stop(self, grace: float = 2.0) -> None:
        """End the worker: by end-of-file, and by force if it is still there after ``grace`` seconds."""
        with contextlib.suppress(OSError):  # it died with a message half sent
            _pipe(self._process.stdin).close()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the worker at once."""
        self._process.kill()
        self._process.wait()

    def how_it_ended(self) -> str:
        """Why the process is gone, in words."""
        code = self._process.returncode
        if code is not None and code < 0:
            hint = " That is how the system ends a process when memory runs out." if code == -9 else ""
            return f"The worker process was ended by signal {-code}.{hint}"
        return f"The worker process ended by itself (exit status {code})."

    def _listen(self) -> None:
        for text in _pipe(self._process.stdout):
            try:
                message = TO_APP.validate_json(text)
            except ValidationError as error:
                log.exception("worker %d sent what is no message: %.200r", self.pid, text)
                wrong = error.errors()[0]
                message = salvaged(text, f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}")
                if message is None:
                    continue
            self._on_message(self, message)
        self._process.wait()
        self._pump.join(1.0)
        self._on_close(self)

    def _keep_log(self, folder: Path) -> None:
        target = RotatingFileHandler(
            folder / "worker.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", delay=True
        )
        stderr = _pipe(self._process.stderr)
        while chunk := stderr.readline(65_536):
            # of a progress bar, which redraws its line after each \r, only the last state is worth keeping
            text = chunk.decode("utf-8", "replace").rstrip("\r\n").rpartition("\r")[2]
            self._tail.append(text)
            target.handle(logging.makeLogRecord({"msg": text}))
        target.close()


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None, "the process was started with pipes"
    return stream
