"""Opening a workspace to work in it: the session, with its queue, its gate, and all that follows from a job's end."""

from functools import partial
from pathlib import Path
from typing import Any

from pipelines.queue.job_queue import HANDLERS, JobQueue
from pipelines.session import Session
from pipelines.storage.temp_files import sweep
from pipelines.workflow import admission, outcomes


def open_session(root: Path, *, read_only: bool = False, **overrides: Any) -> Session:
    """Open (and, unless ``read_only``, create) the workspace at ``root``; ``overrides`` are settings.

    What killed processes left half in it is swept: a killed import is not to wait for the first job.
    Raises WorkspaceBusy when another process has it, PresetError when its settings are broken, StoreUnreadable when its
    records cannot be read or are of a newer FLENwheel.
    """
    session = Session.open(root, read_only=read_only, **overrides)
    if not read_only:
        try:
            sweep(session.workspace.root)
            open_queue(session)
        except BaseException:
            session.close()  # another try is not to find the workspace busy
            raise
    return session


def open_queue(session: Session, handlers: str = HANDLERS) -> None:
    """Give a session its queue, which asks ``admission`` before any job begins and tells ``outcomes`` about every one
    that ends. What an earlier session left waiting begins at once, so it is asked from the first moment on."""
    admit = partial(admission.admit, session)
    session.queue = JobQueue(session.store, session.workspace, session.settings, handlers, admit)
    session.own_queue.on_end(partial(outcomes.ended, session))
