"""Opening a workspace to work in it: the session, with all that follows from the end of a job."""

from pathlib import Path
from typing import Any

from pipelines.session import Session
from pipelines.workflow import outcomes


def open_session(root: Path, *, read_only: bool = False, **overrides: Any) -> Session:
    """Open (and, unless ``read_only``, create) the workspace at ``root``; ``overrides`` are settings.

    Raises WorkspaceBusy when another process has it, PresetError when its settings are broken.
    """
    session = Session.open(root, read_only=read_only, **overrides)
    if not read_only:
        outcomes.listen(session)
    return session
