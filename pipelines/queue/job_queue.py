"""The queue of jobs, in the app: what can be asked of it. It owns the job records and the worker process; nothing here
imports torch. What happens then happens in a thread of its own (``dispatcher``).
"""

import threading
from collections.abc import Callable, Iterable

from pipelines.domain.messages import Ask
from pipelines.domain.records import Card, Character, Job, Record, TrainingRun, new_id
from pipelines.domain.requests import Request, TrainRequest
from pipelines.queue.admission import Admit, NotAllowed, as_asked
from pipelines.queue.completions import EndCallback
from pipelines.queue.dispatcher import Dispatcher
from pipelines.queue.resuming import runs_taken_over
from pipelines.queue.state import RUNNING
from pipelines.queue.status import Status
from pipelines.queue.stored_request import check, stored_request
from pipelines.storage.settings import Settings
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

HANDLERS = "pipelines.worker.handlers"


class QueueClosed(RuntimeError):
    """The queue takes no more jobs: the studio is closing."""


class NoSuchJob(LookupError):
    """There is no job of that id."""


class JobQueue:
    """Jobs in the order they were asked for, one at a time, in a worker process that starts with the first of them.

    ``settings`` may be replaced at any time; a job sees those of its start, and without any its worker has its own
    defaults. ``handlers`` names the module that serves requests in the worker (tests put their own).

    ``admit`` says whether a request may begin. It is asked when a job is put in, and again whenever one is about to
    be handed to the worker: at its turn, which may come after days or in another session, and when a worker died
    before it began; and when the worker takes it, for a worker that has to start does so seconds later.
    """

    def __init__(
        self,
        store: Store,
        workspace: Workspace,
        settings: Settings | None,
        handlers: str = HANDLERS,
        admit: Admit = as_asked,
    ) -> None:
        self.settings = settings
        self._admit, self._store = admit, store
        self._resuming = threading.Lock()
        self._dispatcher = Dispatcher(store, workspace, lambda: self.settings, handlers, admit)
        self._jobs = self._dispatcher.jobs

    def submit(
        self,
        request: Request,
        title: str,
        character: str = "",
        resumes: str = "",
        alongside: Callable[[Job], Iterable[Record]] = lambda job: (),
        *,
        job_id: str = "",
    ) -> Job:
        """Put ``request`` into the queue; returns its job at once, durable. Raises QueueClosed, and NotAllowed when it
        may not begin as things are.

        ``alongside`` makes records that belong to the job, such as its training run: all of them are kept or none,
        and they are there before the job begins. ``job_id`` is for one that was named elsewhere, by ``new_id``.
        """
        request = self._admit(request)
        if self._dispatcher.job(job_id):
            raise NotAllowed(f"There is a job {job_id!r} already.")
        job = Job(
            id=job_id or new_id(), kind=request.kind, title=title, character=character,
            request=request.model_dump(mode="json"), resumes=resumes,
        )  # fmt: skip
        check(job)
        if self._jobs.closed:
            raise QueueClosed("The studio is closing and takes no more jobs.")
        with self._store.alone():
            beside = list(alongside(job))
            self._refuse_taken(beside)
            self._store.put(job, *runs_taken_over(self._store, job, request), *beside)
        self._jobs.add(job)
        self._dispatcher.dispatch()
        return job

    def _refuse_taken(self, beside: Iterable[Record]) -> None:
        """A version is one training's, one card's, a name one character's: two that were planned at the same moment
        chose the same."""
        for record in beside:
            match record:
                case Card() | Character():
                    taken = self._store.get(type(record), record.id) is not None
                case TrainingRun(character=character, target=target, version=version):
                    taken = bool(self._store.all(TrainingRun, character=character, target=target, version=version))
                case _:
                    taken = False
            if taken:
                raise NotAllowed("Meanwhile another was begun under the same name or version: ask again.")

    def warm(self) -> None:
        """Start the worker before there is a job, so that the first one need not wait for its imports."""
        self._dispatcher.warm()

    def unload(self) -> None:
        """Give back the memory of what is loaded: the worker process ends, the next job begins another. Raises
        NotAllowed while a job is at work or waits."""
        status = self.status()
        if status.job or status.queued:
            raise NotAllowed("A job is at work: what it needs stays loaded. Wait for it or stop it first.")
        self._dispatcher.unload()

    def cancel(self, job_id: str, force: bool = False) -> None:
        """Take a waiting job off the queue, or stop a running one at its next step; what it finished stays.

        ``force`` ends the worker process instead of waiting for the step. A job that has ended is left as it is.
        """
        self._dispatcher.cancel(job_id, force)

    def pause(self, job_id: str) -> None:
        """Let the running job wait at its next step. Its model stays in memory."""
        self._dispatcher.pause(job_id, True)

    def unpause(self, job_id: str) -> None:
        """Let a paused job go on. Raises NotAllowed when it might not begin any more: it stays paused."""
        current = self._jobs.running(job_id)
        if current is not None:
            self._admit(current.request)
        self._dispatcher.pause(job_id, False)

    def ask(self, job_id: str, what: Ask) -> None:
        """Have the running training make samples or write a checkpoint at its next step. Raises NotAllowed for any
        other job."""
        current = self._jobs.running(job_id)
        if current is None or not isinstance(current.request, TrainRequest) or current.cancelling:
            raise NotAllowed("Only a training that is running can save or make samples now.")
        self._dispatcher.ask(job_id, what)

    def resume(self, job_id: str) -> Job:
        """Ask for the same once more: it goes on where the files end. Asked twice, it is queued once; a job that is
        queued or running is its own resumption. Raises NoSuchJob, QueueClosed, RequestUnreadable for a job of another
        version that cannot be asked again, and NotAllowed when it may not begin any more: then nothing has changed."""
        with self._resuming:
            old = self.job(job_id)
            if old.state in RUNNING:
                return old
            now = self.status()
            for job in [*now.queued, *([now.job] if now.job else [])]:
                if job.resumes == job_id:
                    return job
            return self.submit(stored_request(old), old.title, old.character, resumes=job_id)

    def dismiss(self, job_id: str) -> None:
        """Take an ended job off the list of recent ones; its record stays. Raises NoSuchJob."""
        job = self.job(job_id)
        if job.state not in RUNNING:
            self._dispatcher.dismiss(job_id)

    def job(self, job_id: str) -> Job:
        """The job of that id as it is now. Raises NoSuchJob."""
        job = self._dispatcher.job(job_id)
        if job is None:
            raise NoSuchJob(f"There is no job {job_id!r}.")
        return job

    def status(self) -> Status:
        """What is going on now. Cheap; from any thread; reads no records."""
        return self._jobs.status()

    def on_end(self, callback: EndCallback) -> None:
        """Call ``callback(job, request)`` in the queue's thread whenever a job has ended, its end being recorded.

        It hears also of ends since the app started, and of those the last app recorded but did not live to tell. It
        may hear of an end twice when the app is killed in between, so it must be able to do its work again.
        """
        self._dispatcher.listen(callback)

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """Block until the job has ended and all callbacks were called, or ``timeout`` seconds went by. Returns the job
        as it is then. Raises NoSuchJob."""
        if self._dispatcher.is_here():
            raise RuntimeError("A callback of the queue cannot wait for a job: it would wait for itself.")
        changed = self._jobs.changed
        with changed:
            over = changed.wait_for(lambda: self._over(job_id), timeout)
            if not over and self.job(job_id).state not in RUNNING:  # it has ended and is being told: that takes no time
                changed.wait_for(lambda: self._over(job_id))
        return self.job(job_id)

    def _over(self, job_id: str) -> bool:
        if self._jobs.pending(job_id):
            return self._dispatcher.is_over()
        return self.job(job_id).state not in RUNNING

    def close(self) -> None:
        """Stop within seconds. A running job becomes ``interrupted`` and can be resumed; waiting ones keep waiting
        for the next start."""
        if self._jobs.close():
            self._dispatcher.close()
