"""An address of the user's choice is told when a job ends: words, to that address alone, and never in anybody's way."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from pipelines.domain.records import Job
from pipelines.session import Session
from pipelines.storage.served import web_address
from pipelines.workflow import telling
from pipelines.workflow.opening import open_session


class Ear(BaseHTTPRequestHandler):
    heard: ClassVar[list[dict]] = []
    answer = 204

    def do_POST(self) -> None:
        self.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.answer)
        if self.answer == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Ear, "heard", [])
    server = HTTPServer(("127.0.0.1", 0), Ear)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    server.server_close()


@pytest.fixture
def session(tmp_path: Path, ear: str) -> Iterator[Session]:
    with open_session(tmp_path / "workspace", tell_address=ear) as opened:
        yield opened


def ended(session: Session, state: str, error: str = "") -> None:
    job = Job(id="1", kind="train", title="Train ada_v2", request={}, state=state, error=error)  # type: ignore[arg-type]
    telling.ended(session, job)
    for thread in threading.enumerate():
        if thread.name == "telling":
            thread.join(60)


@pytest.mark.parametrize(
    ("state", "error", "said"),
    [
        ("done", "", ["Train ada_v2: done"]),
        ("failed", "The disk is full.", ["Train ada_v2: failed. The disk is full."]),
        ("cancelled", "", []),
    ],
)
def test_what_ended_is_told_unless_one_ended_it_oneself(session: Session, state: str, error: str, said: list) -> None:
    ended(session, state, error)
    assert [body["text"] for body in Ear.heard] == said == [body["content"] for body in Ear.heard]
    assert not session.store.repairs


@pytest.mark.parametrize(("answer", "why"), [(500, "answered 500"), (302, "answered 302")])
def test_what_was_not_taken_is_a_notice_and_no_other_address_is_asked(
    session: Session, monkeypatch: pytest.MonkeyPatch, answer: int, why: str
) -> None:
    monkeypatch.setattr(Ear, "answer", answer)
    ended(session, "done")
    assert len(Ear.heard) == 1 and why in session.store.repairs[-1]


def test_an_address_that_is_gone_is_a_notice(tmp_path: Path) -> None:
    with open_session(tmp_path / "workspace", tell_address="http://127.0.0.1:9/x") as session:
        ended(session, "failed", "x")
        assert "could not be reached" in session.store.repairs[-1]


@pytest.mark.parametrize(
    "text",
    ["file:///etc/passwd", "ftp://x.test", "x", "http://", "https://a b", "javascript:1", "http://x:0", "http://["],
)
def test_what_is_no_web_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        web_address(text)


def test_no_address_is_one() -> None:
    assert web_address("  ") == "" and web_address(" https://x.test/a?b=c ") == "https://x.test/a?b=c"
