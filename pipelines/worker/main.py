"""The worker: the one process that owns torch and the GPU. ``python -m pipelines.worker.main --workspace ROOT``.

It reads ``StartJob`` and ``Control`` lines, works through one job at a time and tells what happens. It writes picture
and model files, never records. It ends when its app ends. Between jobs it keeps its model resident.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import importlib.util
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn, cast, get_args

from filelock import Timeout

from pipelines.domain.base import Frozen
from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Event, Failed, Finished, Progress, Started, StepDone, Stopped
from pipelines.domain.faults import in_words, out_of_memory
from pipelines.domain.messages import TO_WORKER, Ask, Claimed, Ready, StartJob, Told, line
from pipelines.storage.lock import locked
from pipelines.storage.place import NotThere, check_home, keep_to
from pipelines.storage.temp_files import sweep
from pipelines.storage.workspace import Workspace
from pipelines.worker.handlers import Handler, JobContext, Shared

LOCK_SECONDS = 15
log = logging.getLogger(__name__)


def claim_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Take stdin and stdout for the protocol; from now on whatever prints to stdout, in Python or C, goes to stderr,
    and whatever reads stdin finds it empty."""
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


class Task:
    """One job in the worker. Its flags are its own: a cancel that comes late finds no other job to hit."""

    def __init__(self, start: StartJob) -> None:
        self.start = start
        self.cancel = threading.Event()
        self.going = threading.Event()
        self.going.set()
        self._asks: queue.SimpleQueue[Ask] = queue.SimpleQueue()

    def asked(self) -> frozenset[Ask]:
        """What was asked for since the last call; each once."""
        found = set()
        while not self._asks.empty():
            found.add(self._asks.get())
        return frozenset(found)

    def cancelled(self) -> bool:
        """Whether to stop; asked between steps. Blocks while paused."""
        self.going.wait()
        return self.cancel.is_set()

    def control(self, action: str) -> None:
        """Cancel, pause or unpause, or something to do at the next step."""
        if action in get_args(Ask):
            self._asks.put(cast(Ask, action))
            return
        if action == "cancel":
            self.cancel.set()
        if action == "pause":
            self.going.clear()
        else:
            self.going.set()


class Worker:
    """Takes tasks off its inbox, one after the other, while a thread listens to the app."""

    def __init__(self, workspace: Workspace, handlers: Handlers, pipes: tuple[IO[bytes], IO[bytes]]) -> None:
        self._handlers = handlers
        self._incoming, self._outgoing = pipes
        self._sending = threading.Lock()
        self._inbox: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._tasks: dict[str, Task] = {}
        self._task: Task | None = None
        self._far = HowFar()
        self._shared = Shared(workspace, self.emit)

    def serve(self) -> NoReturn:
        """Work until the app is gone."""
        threading.Thread(target=self._listen, name="app", daemon=True).start()
        self._send(Ready(pid=os.getpid()))
        self._handlers.warm()
        while True:
            task = self._inbox.get()
            self._task = task
            self._work(task)
            self._tasks.pop(task.start.job, None)

    def emit(self, event: Event) -> None:
        """Tell the app what happened in the present job. How a job ends is told by the worker alone."""
        if self._task is None or isinstance(event, Finished | Failed | Stopped):
            log.debug("not told: %s", event.type)
            return
        self._far.hear(event)
        self._send(Told(job=self._task.start.job, event=event))

    def _work(self, task: Task) -> None:
        start, self._far = task.start, HowFar()
        self._send(Claimed(job=start.job))
        try:
            if task.cancelled():
                raise Cancelled
            check_home(self._shared.workspace.root)  # else what is missing there would be told to be missing at all
            context = JobContext(
                start.job, self._shared, start.settings, frozenset(start.scored), self.emit, task.cancelled, task.asked
            )
            result = self._handlers.by_kind[start.request.kind](start.request, context)
            self._send(Told(job=start.job, event=Finished(result=result)))
            return
        except Cancelled:
            self._send(Told(job=start.job, event=Stopped()))
            return
        except BaseException as error:  # nothing a job does may end the worker
            log.exception("job %s failed", start.job)
            event = Failed(message=words(error, str(self._far)), traceback="".join(traceback.format_exception(error)))
            self._tell_failure(start.job, event)
        # Outside the handler: a live traceback would hold on to what the job had.
        try:
            self._shared.tidy()
        except Exception:
            log.exception("what job %s had could not be given back", start.job)

    def _tell_failure(self, job: str, event: Failed) -> None:
        """The end of a job is told, whatever its error holds: the queue waits for it."""
        try:
            self._send(Told(job=job, event=event))
        except Exception:
            log.exception("how job %s failed could not be told", job)
            self._send(Told(job=job, event=Failed(message="It failed, and how cannot be told; see logs/worker.log.")))

    def _send(self, message: Frozen) -> None:
        data = line(message)
        with self._sending:
            try:
                self._outgoing.write(data)
                self._outgoing.flush()
            except OSError:
                os._exit(0)  # the app is gone

    def _listen(self) -> NoReturn:
        try:
            for text in self._incoming:
                message = TO_WORKER.validate_json(text)
                if isinstance(message, StartJob):
                    self._tasks[message.job] = task = Task(message)
                    self._inbox.put(task)
                elif task := self._tasks.get(message.job):
                    task.control(message.action)
        except Exception:
            log.exception("the app sent what is no message")
            os._exit(4)
        os._exit(0)  # the app is gone; every file is written under a temporary name, so now is as good as later


class HowFar:
    """How far a job is, as it tells the app, in words."""

    def __init__(self) -> None:
        self._work, self._done, self._step = Started(total=0), 0, 0

    def hear(self, event: Event) -> None:
        """The job told something."""
        match event:
            case Started():
                self._work, self._done, self._step = event, event.skipped, 0
            case Progress():
                self._step = self._step if event.done == self._done else 0
                self._done = event.done
            case StepDone():
                self._step = event.k
            case _:
                pass

    def __str__(self) -> str:
        if not self._work.total:
            return "before the work had begun"
        step = f", after step {self._step} of the next" if self._step else ""
        return f"with {self._done} of {self._work.total} {self._work.unit} done{step}"


def words(error: BaseException, far: str = "") -> str:
    """``error`` for the person who asked for the work; ``far``: how far it was."""
    text = str(error) or type(error).__name__
    kind = type(error)
    if out_of_memory(error):
        said = "" if isinstance(error, MemoryError) else f" ({text.splitlines()[0][:200]})"
        at = f" {far}" if far else ""
        return f"Out of memory{at}{said}. Smaller pictures, fewer steps at once or a smaller model need less."
    if isinstance(error, OSError) and error.strerror:
        if isinstance(error, NotThere):
            return in_words(error)
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}."
    if kind.__module__.startswith(("pipelines.", "studio.")):
        return text  # our own errors are written for people
    return f"Something went wrong that was not foreseen ({kind.__name__}): {text}"


@dataclass(frozen=True)
class Handlers:
    """What serves requests: a handler for each kind, and what to do before the first job comes."""

    by_kind: dict[str, Handler]
    warm: Callable[[], None]


def load_handlers(name: str) -> Handlers:
    """``HANDLERS`` and, if there is one, ``warm`` of the module ``name``, dotted or the path of a ``.py`` file."""
    if not name.endswith(".py"):
        return _handlers_of(importlib.import_module(name))
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} cannot be loaded as a module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return _handlers_of(module)


def _handlers_of(module: Any) -> Handlers:
    return Handlers(module.HANDLERS, getattr(module, "warm", lambda: None))


def main() -> NoReturn:
    """Serve one app. Only one worker at a time works in a workspace: a successor waits until its forerunner is gone."""
    pipes = claim_pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in a terminal is meant for the app, which ends us
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    parser = argparse.ArgumentParser(prog="python -m pipelines.worker.main")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--handlers", default="pipelines.worker.handlers")
    args = parser.parse_args()
    try:
        held = locked(args.workspace / "logs" / "worker.lock", LOCK_SECONDS)
    except Timeout:
        sys.exit(f"Another worker has been busy in {args.workspace} for {LOCK_SECONDS} seconds.")
    keep_to(args.workspace.resolve())
    sweep(args.workspace)
    with held:  # for as long as this process lives
        Worker(Workspace(args.workspace), load_handlers(args.handlers), pipes).serve()


if __name__ == "__main__":
    main()
