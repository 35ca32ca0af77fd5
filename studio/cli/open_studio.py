"""The studio that has a workspace open, as the command line reaches it: over its own routes, on this machine."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote

from pipelines.domain.records import Job, Record, new_id
from pipelines.domain.requests import Request
from pipelines.queue.admission import NotAllowed
from pipelines.queue.state import RUNNING
from pipelines.queue.status import Status

SECONDS = 30
APART = 0.5
"""Seconds between two questions how far a job is."""


class OpenStudio:
    """A studio at ``address``. What it refuses, and that it does not answer, is NotAllowed in words."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def get(self, path: str) -> Any:
        """What a route answers."""
        return self._ask(urllib.request.Request(f"{self.address}{path}"))  # noqa: S310  our own, from the workspace

    def post(self, path: str, body: object = None) -> Any:
        """The answer to what is sent as JSON."""
        data = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data else {}
        return self._ask(urllib.request.Request(f"{self.address}{path}", data, headers, method="POST"))  # noqa: S310

    def _ask(self, asked: urllib.request.Request) -> Any:
        try:
            with urllib.request.urlopen(asked, timeout=SECONDS) as answer:  # noqa: S310
                return json.load(answer)
        except urllib.error.HTTPError as refusal:
            raise NotAllowed(self._words(refusal)) from refusal
        except (OSError, ValueError) as error:
            raise NotAllowed(f"The studio at {self.address} does not answer: {error}.") from error

    def _words(self, refusal: urllib.error.HTTPError) -> str:
        if refusal.code in (401, 403):
            return f"The studio at {self.address} asks for its password: do it there."
        try:
            return str(json.loads(refusal.read())["detail"])
        except (ValueError, KeyError, TypeError):
            return f"The studio at {self.address} said no ({refusal.code})."


class HandedJobs:
    """The queue of that studio. ``seen_anew`` is called when a job has ended: what it left is in the records now."""

    def __init__(self, studio: OpenStudio, seen_anew: Callable[[], None]) -> None:
        self._studio, self._seen_anew = studio, seen_anew

    def submit(
        self,
        request: Request,
        title: str,
        character: str = "",
        resumes: str = "",
        alongside: Callable[[Job], Iterable[Record]] = lambda job: (),
    ) -> Job:
        """As ``JobQueue.submit``; the studio asks its gate and keeps the job with what belongs to it."""
        asked = request.model_dump(mode="json")
        job = Job(id=new_id(), kind=request.kind, title=title, character=character, request=asked, resumes=resumes)
        belongings: dict[str, list[object]] = {}
        for record in alongside(job):
            belongings.setdefault(record.table, []).append(record.model_dump(mode="json"))
        body = {"id": job.id, "title": title, "character": character, "request": asked, **belongings}
        self._studio.post("/jobs", body)
        return job

    def cancel(self, job_id: str, force: bool = False) -> None:
        """Stop it at its next step, or at once."""
        self._studio.post(f"/jobs/{quote(job_id)}/{'end' if force else 'cancel'}")

    def status(self) -> Status:
        """The job that is at work there: it need not be the one that was handed over."""
        now = self._studio.get("/status")["job"]
        if not now:
            return Status()
        known = {name: now[name] for name in ("id", "kind", "title", "state", "done", "total", "note")}
        return Status(Job(request={}, **known), seconds_left=now["left"])

    def wait(self, job_id: str, timeout: float | None = None) -> Job:
        """As ``JobQueue.wait``."""
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            job = Job.model_validate(self._studio.get(f"/jobs/{quote(job_id)}"))
            if job.state not in RUNNING:
                self._seen_anew()
                return job
            if end is not None and time.monotonic() >= end:
                return job
            time.sleep(APART)
