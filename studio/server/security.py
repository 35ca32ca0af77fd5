"""What holds foreign pages and programs off. The studio answers this machine only, unless told otherwise.

A page of another origin could call every endpoint of a default launch (multipart and text/plain need no preflight), and
DNS rebinding would let it read the answers. Hence: known hosts only, nothing for a foreign Origin, and headers that
keep the page from loading or being loaded by anything foreign. SECURITY.md says what this holds off and what not.
"""

import socket
from urllib.parse import urlsplit

from fastapi.responses import PlainTextResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.server.loopback import LOOPBACK

UPLOAD_LIMIT = 2 * 1024**3  # a LoRA file may be large; pictures have their own bound in intake
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
    """Middleware: refuses scripts and writing of another origin and what is too long; adds the security headers."""

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
    origin, host = headers.get("origin"), headers.get("host", "")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        # reading, too: Gradio allows it to every page of this machine, and with a host of one's own to every page
        return PlainTextResponse("Another site may not read or write here.", 403)
    if method in ("GET", "HEAD", "OPTIONS"):
        return None
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
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
