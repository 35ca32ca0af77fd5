"""What the studio's tests share besides fixtures."""

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from fastapi.routing import APIRoute

from pipelines.domain.records import Decision
from pipelines.workflow import characters
from pipelines.workflow.opening import open_session
from studio.app import build
from studio.server.place import Place, listen
from studio.server.state import Studio

# a name, a prompt and a file name that want to be markup and a template
NASTY = "<img src=x onerror=window.pwned=1> ${window.pwned=2} <b>Ada</b>"

# no decision waits in the browser for a studio to take it
NOTHING_WAITS = "Object.keys(localStorage).every((key) => !key.startsWith('flen:unsent'))"


@dataclass
class Served:
    """A studio that listens on a port."""

    studio: Studio
    url: str


@contextmanager
def serving(studio: Studio, port: int = 0, place: Place | None = None, password: str = "") -> Iterator[int]:
    """A studio that listens on this machine, at this port or at a free one; which port that is."""
    with listen("127.0.0.1", port) as door:
        at = door.getsockname()[1]
        app = build(studio, port=at, place=place, password=password)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        yield at
        server.should_exit = server.force_exit = True
        thread.join(timeout=30)


def damaged_workspace(root: Path) -> None:
    """A workspace at ``root`` as a crash and a bad sector leave it: a decision is damaged in its
    journal."""
    with open_session(root.with_name("whole")) as session:
        session.store.decide(Decision(image="x", who="human", action="note", value="spoilt"))
        characters.create(session, "Ada", may_use=True)
        shutil.copytree(session.workspace.root, root)
    journal = root / "flenwheel.journal"
    journal.write_bytes(journal.read_bytes().replace(b"spoilt", b"spoilT"))


def api_routes(router: Any) -> list[APIRoute]:
    """All routes of an application or router, those of the routers that it includes as well."""
    found: list[APIRoute] = []
    for route in router.routes:
        if isinstance(route, APIRoute):
            found.append(route)
        elif within := getattr(route, "original_router", None):
            found += api_routes(within)
    return found
