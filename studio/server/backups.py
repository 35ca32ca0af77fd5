"""The routes of the backup in Settings."""

from typing import Literal

from fastapi import APIRouter, Depends
from typing_extensions import TypedDict

from pipelines.workflow.backup import BackupRun
from studio.server.in_words import Done, InWords
from studio.server.loopback import only_from_here
from studio.server.state import Studio


class BackupShown(TypedDict):
    """The newest backup of this session: how far it is, in bytes; where it lies, how large it is and what was left out
    once it is done."""

    state: Literal["none", "running", "done", "failed", "cancelled"]
    done: int
    total: int
    error: str
    path: str
    bytes: int
    files: int
    left_out: list[str]


def backup_routes(studio: Studio) -> APIRouter:
    """Beginning, following and stopping a backup of the open workspace."""
    router = APIRouter(route_class=InWords, dependencies=[Depends(only_from_here)])
    run = BackupRun()

    @router.get("/backup")
    def shown() -> BackupShown:
        """How far it is."""
        now = run.state
        made = now.made
        return {
            "state": now.state,
            "done": now.done,
            "total": now.total,
            "error": now.error,
            "path": str(made.path) if made else "",
            "bytes": made.bytes if made else 0,
            "files": made.files if made else 0,
            "left_out": list(made.left_out) if made else [],
        }

    @router.post("/backup")
    def begin() -> Done:
        """Begin one, in the workspace's folder ``backups``; one that runs goes on."""
        run.begin(studio.session.workspace.root)
        return {"ok": True}

    @router.post("/backup/cancel")
    def cancel() -> Done:
        """Stop the one that runs."""
        run.cancel()
        return {"ok": True}

    return router
