"""The studio's server: own routes first, then the Gradio page. It answers this machine only, unless told otherwise.

A page of another origin could call every endpoint of a default launch (multipart and text/plain need no preflight), and
DNS rebinding would let it read the answers. Hence: known hosts only, no writing with a foreign Origin, and headers that
keep the page from loading or being loaded by anything foreign.
"""

import os
import shutil
import socket
import threading
import webbrowser
from pathlib import Path
from urllib.parse import urlsplit

# Gradio reads these when it is imported.
os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1", GRADIO_RUN_HISTORY="False")

import gradio as gr
import uvicorn
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.desk import Desk
from studio import line, routes, start, web_files
from studio.app import page
from studio.context import Studio
from studio.theme import theme

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
UPLOAD_LIMIT = 2 * 1024**3  # a LoRA file may be large; pictures have their own bound in intake
WARM_AFTER = 3.0  # seconds
# Gradio's page needs inline scripts and `new Function`; nothing foreign is ever loaded or sent to.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """Middleware: refuses writing from another origin and uploads beyond the limit; adds the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 403 or 413, or pass on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = refuse(scope["method"], Headers(scope=scope))
        await (refusal or self.app)(scope, receive, with_headers)


def refuse(method: str, headers: Headers) -> PlainTextResponse | None:
    """Why a request is not let in, as the answer to it; ``None`` when it may pass."""
    if method in ("GET", "HEAD", "OPTIONS"):
        return None
    origin, host = headers.get("origin"), headers.get("host", "")
    foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
    if foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return PlainTextResponse("Another site may not write here.", 403)
    if "transfer-encoding" in headers:
        return PlainTextResponse("Say how long that is.", 411)
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > UPLOAD_LIMIT:
        return PlainTextResponse(f"That is more than {UPLOAD_LIMIT // 1024**3} GB.", 413)
    return None


def known_hosts(host: str) -> list[str]:
    """Names under which the studio may be addressed when it listens on ``host``."""
    names = [*LOOPBACK, host]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - the user asked to be reachable from elsewhere: under this name
        names.append(socket.gethostname())
    return list(dict.fromkeys(names))


def own(studio: Studio) -> FastAPI:
    """The studio's own routes around an open desk: everything but the page."""
    app = FastAPI(title="FLENwheel", docs_url=None, redoc_url=None, openapi_url=None)
    for router in (
        web_files.web_routes(studio),
        routes.picture_routes(studio),
        routes.review_routes(studio),
        routes.work_routes(studio),
        line.line_routes(studio),
        start.practice_routes(studio),
        start.hint_routes(studio),
        start.workspace_routes(studio),
    ):
        app.include_router(router)
    return app


def build(studio: Studio, host: str = "127.0.0.1", port: int = 7860) -> FastAPI:
    """The whole application around an open desk, not yet serving."""
    uploads = studio.desk.workspace.root / "cache" / "uploads"
    shutil.rmtree(uploads, ignore_errors=True)  # what was dropped in earlier sessions has been taken in or refused
    uploads.mkdir(parents=True)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    app = gr.mount_gradio_app(
        own(studio),
        page(studio),
        path="/",
        server_name=host,
        server_port=port,
        footer_links=[],
        run_history=False,
        show_error=True,
        max_file_size=UPLOAD_LIMIT,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        theme=theme(),
        head=web_files.head(),
        allowed_paths=[],
    )
    app.add_middleware(Guard)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=known_hosts(host), www_redirect=False)
    return app


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OSError in words when the port is taken or the host is not ours."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OSError(
            f"Cannot listen on {host}:{port} ({error.strerror}). Is a studio open there? Try --port."
        ) from error


def serve(workspace: Path, host: str = "127.0.0.1", port: int = 7860, open_browser: bool = True) -> None:
    """Open the workspace and serve the studio until it is stopped. Raises WorkspaceBusy, OSError (port in use)."""
    address = f"http://{'localhost' if host in LOOPBACK else host}:{port}"
    with listen(host, port) as door, Studio(Desk.open(workspace), address) as studio:
        app = build(studio, host, port)
        studio.desk.store.announce(address)
        config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=2)
        if open_browser:
            threading.Timer(1.0, webbrowser.open, [address]).start()
        warm = threading.Timer(WARM_AFTER, lambda: studio.desk.jobs.warm())  # the page comes first
        warm.daemon = True
        warm.start()
        print(f"FLENwheel is open at {address} (workspace {workspace})", flush=True)  # noqa: T201 - told on the terminal
        uvicorn.Server(config).run(sockets=[door])
