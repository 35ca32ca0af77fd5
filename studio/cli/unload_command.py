"""``flenwheel unload``: the studio that is at work in a workspace gives back the memory of what it has loaded."""

import argparse

from pipelines.storage.lock import WorkspaceBusy, WorkspaceLock
from studio.cli.answers import Answer, command, workspace_of
from studio.cli.open_studio import OpenStudio

NOTHING = "Nothing is loaded: no studio is at work in {root}. A command gives its memory back when it ends."


@command
def unload(options: argparse.Namespace) -> Answer:
    """Ask the studio that has the workspace open. Loads and opens nothing itself."""
    root = workspace_of(options)
    if not root.is_dir():
        return {"unloaded": False}, NOTHING.format(root=root)
    try:
        with WorkspaceLock(root):
            return {"unloaded": False}, NOTHING.format(root=root)
    except WorkspaceBusy as busy:
        if not busy.address:
            raise  # a command is at work there: its words say so
        OpenStudio(busy.address).post("/unload")
    return {"unloaded": True}, "Unloaded: the memory of its models is free. The next job loads what it needs."
