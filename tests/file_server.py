"""Servers of files for tests: as much of a model hub as is asked for, and a host of its own kind beside it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "c" * 40


@dataclass
class Served:
    """What a server has and what it was asked for. ``files`` are by name: ``owner/name/file`` at the hub, else a path.
    ``breaks`` are bytes after which a connection is cut, one each; ``hashes`` overrule what is told of a file."""

    files: dict[str, bytes]
    breaks: list[int] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0
    address: str = ""


def _handler(served: Served) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path).lstrip("/")
            owner, name, *rest = [*path.removeprefix("api/models/").split("/"), "", ""]
            if path.startswith("api/models/"):
                return self._listing(f"{owner}/{name}", rest)
            if rest[0] == "resolve":
                path = "/".join([owner, name, *[r for r in rest[2:] if r]])
            return self._file(path)

        do_HEAD = do_GET

        def _listing(self, repo: str, rest: list[str]) -> None:
            held = {n.removeprefix(repo + "/"): d for n, d in served.files.items() if n.startswith(repo + "/")}
            if repo in served.status:
                return self._answer(b"{}", served.status[repo], {"X-Error-Code": "GatedRepo"})
            if not held:
                return self._answer(b"{}", 404, {"X-Error-Code": "RepoNotFound"})
            siblings = [
                {"rfilename": n, "size": len(d), "lfs": {"sha256": self._hash(f"{repo}/{n}", d), "size": len(d),
                                                          "pointerSize": 1}}
                for n, d in held.items()
            ]  # fmt: skip
            told = {"id": repo, "sha": COMMIT, "siblings": siblings, "private": False, "cardData": {"license": "mit"}}
            return self._answer(json.dumps(told).encode(), headers={"Content-Type": "application/json"})

        def _hash(self, name: str, data: bytes) -> str:
            return served.hashes.get(name) or sha256(data).hexdigest()

        def _file(self, path: str) -> None:
            data = served.files.get(path)
            served.asked.append((path, self.headers.get("Range", "")))
            if data is None or path in served.status:
                return self._answer(b"no", served.status.get(path, 404))
            mark = f'"{sha256(data).hexdigest()}"'
            first = 0
            if self.headers.get("Range") and self.headers.get("If-Range") == mark:
                first = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            headers = {"ETag": mark, "Content-Type": "application/octet-stream", **served.headers.get(path, {})}
            if first:
                headers["Content-Range"] = f"bytes {first}-{len(data) - 1}/{len(data)}"
            return self._answer(data[first:], 206 if first else 200, headers)

        def _answer(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            try:
                self._send(body)
            except OSError:  # who asked has heard enough
                self.close_connection = True

        def _send(self, body: bytes) -> None:
            large = len(body) > 4096 and served.breaks
            until = min(served.breaks.pop(0), len(body)) if large else len(body)
            for at in range(0, until, 65536):
                part = body[at : min(at + 65536, until)]
                self.wfile.write(part)
                served.sent += len(part)
            if until < len(body):
                self.close_connection = True
                self.connection.close()

        def log_message(self, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def hub(files: dict[str, bytes]) -> Iterator[Served]:
    """A server of ``files`` that the hub's client takes for the hub, as long as the block lasts."""
    from huggingface_hub import constants

    with serving(files) as served, pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", False)
        patch.setattr(constants, "ENDPOINT", served.address)
        place = served.address + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", place)
        yield served


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Served]:
    """A server of ``files`` on this machine, as long as the block lasts."""
    served = Served(files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(served))
    server.daemon_threads = True
    served.address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield served
    finally:
        server.shutdown()
