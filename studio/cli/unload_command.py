"""``flenwheel unload``: the studio that is at work in a workspace gives back the memory of what it has loaded."""

import argparse
import json
import urllib.error
import urllib.request

from pipelines.queue.admission import NotAllowed
from pipelines.storage.lock import WorkspaceBusy, WorkspaceLock
from studio.cli.answers import Answer, command, workspace_of

NOTHING = "Nothing is loaded: no studio is at work in {root}. A command gives its memory back when it ends."
SECONDS = 30


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
        _ask(busy.address)
    return {"unloaded": True}, "Unloaded: the memory of its models is free. The next job loads what it needs."


def _ask(address: str) -> None:
    """Raises NotAllowed with what the studio answers, when it does not."""
    asked = urllib.request.Request(f"{address.rstrip('/')}/unload", data=b"", method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(asked, timeout=SECONDS):  # noqa: S310  our own address, from the workspace
            return
    except urllib.error.HTTPError as refusal:
        raise NotAllowed(_words(refusal, address)) from refusal
    except OSError as error:
        raise NotAllowed(f"The studio at {address} does not answer: {error}.") from error


def _words(refusal: urllib.error.HTTPError, address: str) -> str:
    if refusal.code in (401, 403):
        return f"The studio at {address} asks for its password: press Unload there, below at the left."
    try:
        return str(json.loads(refusal.read())["detail"])
    except (ValueError, KeyError, TypeError):
        return f"The studio at {address} said no ({refusal.code})."
