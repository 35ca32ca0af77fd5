"""What the studio's tests share besides fixtures."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from pipelines.domain.records import Decision
from pipelines.workflow import characters
from pipelines.workflow.opening import open_session
from studio.server.state import Studio

# a name, a prompt and a file name that want to be markup and a template
NASTY = "<img src=x onerror=window.pwned=1> ${window.pwned=2} <b>Ada</b>"


@dataclass
class Served:
    """A studio that listens on a port."""

    studio: Studio
    url: str


def damaged_workspace(root: Path) -> None:
    """A workspace at ``root`` as a crash and a bad sector leave it: a decision is damaged in its
    journal."""
    with open_session(root.with_name("whole")) as session:
        session.store.decide(Decision(image="x", who="human", action="note", value="spoilt"))
        characters.create(session, "Ada", may_use=True)
        shutil.copytree(session.workspace.root, root)
    journal = root / "flenwheel.journal"
    journal.write_bytes(journal.read_bytes().replace(b"spoilt", b"spoilT"))
