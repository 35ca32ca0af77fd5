"""What holds foreign pages and programs off. The studio answers this machine only, unless told otherwise.

A page of another origin could call every endpoint of a default launch (multipart and text/plain need no preflight), and
DNS rebinding would let it read the answers. Hence: known hosts only, nothing for a foreign Origin, a password as soon
as others can reach it, and headers that keep the page from loading or being loaded by anything foreign. SECURITY.md
says what this holds off and what not.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from studio.server.entry import FORM_LIMIT, LOGIN, Entry
from studio.server.loopback import sent_on_for
from studio.server.place import Place, host_of, root_path

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


@dataclass(frozen=True)
class Asked:
    """By which name the studio was asked: ``host`` of the request itself, ``public`` as the browser knows it (a proxy
    may have asked under another), and the path that the proxy says it stands under."""

    host: str
    public: str
    root: str


class Guard:
    """Middleware, outermost: refuses unknown names, scripts and writing of another origin, who does not know the
    password, and what is too long; adds the security headers; tells what is within where it stands."""

    def __init__(self, app: ASGIApp, place: Place, entry: Entry | None = None) -> None:
        self.app, self.place, self.entry = app, place, entry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 400, 401, 403, 411, 413 or 429, or pass on."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return

        scope = dict(scope)
        answer = self._ahead(scope) or await self._enter(scope, receive)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if isinstance(answer, str) and answer:
                    headers.append("Set-Cookie", answer)
            await send(message)

        if isinstance(answer, str):
            await self.app(scope, receive, with_headers)
        elif scope["type"] == "websocket":
            await receive()  # its "connect"
            await send({"type": "websocket.close", "code": 1008})
        else:
            await answer(scope, receive, with_headers)

    def _ahead(self, scope: Scope) -> Response | None:
        """What is answered whoever asks. Puts the scope right as seen from the browser."""
        headers = Headers(raw=list(scope["headers"]))
        asked = self._asked(headers)
        if isinstance(asked, Response):
            return asked
        refusal = refuse(scope.get("method", "GET"), headers, asked, self.place.names)
        return refusal or stand_under(scope, headers, asked)

    def _asked(self, headers: Headers) -> Asked | Response:
        hosts = headers.getlist("host")
        host = hosts[0] if len(hosts) == 1 else ""
        public = headers.get("x-forwarded-host", host).split(",")[0].strip()
        for name in (host, public):
            if not self.place.knows(name):
                return _unknown(name)
        if not self.entry and (client := sent_on_for(headers)):
            return PlainTextResponse(
                f"A proxy asks for {client[:60]!a}, but this studio was started for its own machine alone. Start it "
                "with --allow-host and the proxy's name.", 403,
            )  # fmt: skip
        try:
            root = root_path(headers.get("x-forwarded-prefix", self.place.root).split(",")[0].strip())
        except ValueError:
            return PlainTextResponse("X-Forwarded-Prefix is not a path such as /studio.", 400)
        return Asked(host, public, root)

    async def _enter(self, scope: Scope, receive: Receive) -> Response | str:
        """A refusal, or the cookie of who has just come in; "" for who may pass."""
        if self.entry is None:
            return ""
        telling = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].endswith(LOGIN)
        return self.entry.answer(scope, await _body(receive) if telling else b"")


async def _body(receive: Receive) -> bytes:
    """The start of what was sent: a form with a password is short."""
    body, more = b"", True
    while more and len(body) < FORM_LIMIT:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body[:FORM_LIMIT]


def stand_under(scope: Scope, headers: Headers, asked: Asked) -> Response | None:
    """Tell what is within the name and the path that the browser knows, whether the proxy has taken that path off or
    not. The answer to the path itself without its slash: what the page names beside it would not be found."""
    root, path = asked.root, scope["path"]
    if root and path == root:
        query = scope.get("query_string", b"").decode("latin-1")
        return RedirectResponse(f"{root}/" + (f"?{query}" if query else ""), 307)
    if root and not path.startswith(f"{root}/"):
        scope["path"] = root + path
        scope["raw_path"] = root.encode() + scope.get("raw_path", path.encode())
    scope["root_path"] = root
    told = [(n, v) for n, v in headers.raw if n != b"host" and n not in _OF_PROXIES]
    scope["headers"] = [(b"host", asked.public.encode("latin-1")), *told]
    return None


_OF_PROXIES = (b"x-forwarded-host", b"x-forwarded-prefix", b"x-gradio-server")
"""Headers from which Gradio would work out where it stands, after this module has."""


def refuse(method: str, headers: Headers, asked: Asked, names: tuple[str, ...] = ()) -> Response | None:
    """Why a request is not let in, as the answer to it; ``None`` when it may pass."""
    if not _of_this_page(headers, asked, names):
        # reading, too: Gradio allows it to every page of this machine, and with a host of one's own to every page
        return PlainTextResponse(
            "Another site may not read or write here. If this is the studio's own page behind a proxy: let the proxy "
            "pass on Host or X-Forwarded-Host.", 403,
        )  # fmt: skip
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


def _of_this_page(headers: Headers, asked: Asked, names: tuple[str, ...]) -> bool:
    """Whether a request comes from no page, or from one that the studio has served."""
    origin = headers.get("origin")
    if origin is None:
        return True
    parts = urlsplit(origin)
    if _bare(parts.netloc, parts.scheme) in (_bare(asked.host, parts.scheme), _bare(asked.public, parts.scheme)):
        return True
    # behind a proxy that asks under a name of its own: the browser itself says so, where it says such things (https)
    return headers.get("sec-fetch-site") == "same-origin" and host_of(parts.netloc) in names


def _bare(netloc: str, scheme: str) -> str:
    """A host and port as browsers write them: without the port that goes without saying."""
    return re.sub(r":443$" if scheme == "https" else r":80$", "", netloc.lower())


def _unknown(name: str) -> Response:
    host = host_of(name)
    if not host or not host.isascii() or not host.isprintable():
        return PlainTextResponse("The request does not name a host.", 400)
    return PlainTextResponse(
        f"This studio does not answer to the name {host[:100]}. If it is yours, start it with --allow-host "
        f"{host[:100]}; on its own machine it is at http://localhost.", 400,
    )  # fmt: skip
