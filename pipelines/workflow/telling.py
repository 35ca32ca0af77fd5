"""Telling an address of the user's choice (a webhook) that a job has ended. Words alone are sent, never a picture."""

import json
import logging
import threading
import urllib.error
import urllib.request
from email.message import Message
from importlib.metadata import version
from typing import IO

from pipelines.domain.faults import in_words
from pipelines.domain.records import Job
from pipelines.session import Session

SECONDS = 10
HELLO = "FLENwheel tells this address when a job ends."
TOLD = ("done", "failed", "interrupted")
"""States that are told; who cancels a job knows it."""
log = logging.getLogger(__name__)


class NotTold(ValueError):
    """The address did not take it; the message says why."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """The address was chosen by the user; another one was not."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        return None


def words(job: Job) -> str:
    """``Train ada_v2: failed. The disk is full.``"""
    return f"{job.title}: {job.state}" + (f". {job.error}" if job.error else "")


def ended(session: Session, job: Job) -> None:
    """Tell of a job that has ended, in a thread of its own. What goes wrong becomes a notice of the workspace."""
    address = session.settings.tell_address
    if not address or job.state not in TOLD:
        return

    def work() -> None:
        try:
            tell(address, words(job), {"title": job.title, "kind": job.kind, "state": job.state, "error": job.error})
        except NotTold as error:
            log.warning("%s", error)
            session.store.tell(str(error))

    threading.Thread(target=work, name="telling", daemon=True).start()


def tell(address: str, text: str, job: dict[str, str] | None = None) -> None:
    """Post ``text`` as JSON, under the names that chat programs read (``text``, ``content``), with the job apart.
    Raises NotTold."""
    body = {"text": text, "content": text, "job": job or {}}
    headers = {"Content-Type": "application/json", "User-Agent": f"FLENwheel/{version('flenwheel')}"}
    asked = urllib.request.Request(address, json.dumps(body).encode(), headers)  # noqa: S310  http(s), by the settings
    try:
        with urllib.request.build_opener(_Stay).open(asked, timeout=SECONDS):
            return
    except urllib.error.HTTPError as refusal:
        told = f"{refusal.code} ({refusal.reason})"
        raise NotTold(f"The address that is told when a job ends answered {told}.") from refusal
    except (OSError, ValueError) as error:
        why = in_words(error)
        raise NotTold(f"The address that is told when a job ends could not be reached: {why}.") from error
