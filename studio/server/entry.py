"""Who may come in when others can reach the studio: who knows its password, and from then on a cookie.

The password is given at start or made there. It is said once, at the login page or as ``?token=``; what comes back
holds no password but a mark signed with a key derived from it, so that it can neither be guessed nor turned back. Only
telling a password can be a guess, and guesses are slowed down: for each address, and for all together.
"""

import hashlib
import hmac
import html
import math
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, quote, urlencode

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import Scope

from studio.server.loopback import address_of

QUERY = "token"
LOGIN = "/login"
STAYS = 30 * 24 * 3600  # seconds until one has to come in anew
FORM_LIMIT = 4096  # bytes
FREE_GUESSES = 5
LONGEST_WAIT = 300.0  # seconds
GUESSES_A_MINUTE = 60  # of all addresses together
REMEMBERED = 10_000  # addresses


@dataclass
class Guesses:
    """How long an address must wait before it may say a password again: nothing at first, then twice as long with each
    wrong one. IPv6 addresses count by their network (/64), which one person has whole."""

    now: Callable[[], float] = time.monotonic
    _wrong: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)
    _lately: deque[float] = field(default_factory=lambda: deque(maxlen=GUESSES_A_MINUTE))

    def wait(self, client: str) -> float:
        """Seconds until this address may guess again; 0 when it may now."""
        now = self.now()
        _, until = self._wrong.get(_network(client), (0, 0.0))
        full = len(self._lately) == GUESSES_A_MINUTE
        return max(0.0, until - now, self._lately[0] + 60 - now if full else 0.0)

    def note(self, client: str) -> None:
        """A wrong one."""
        now, key = self.now(), _network(client)
        times = self._wrong.pop(key, (0, 0.0))[0] + 1
        wait = min(LONGEST_WAIT, 2.0 ** min(times - FREE_GUESSES, 30)) if times >= FREE_GUESSES else 0.0
        self._wrong[key] = (times, now + wait)
        self._lately.append(now)
        if len(self._wrong) > REMEMBERED:
            self._wrong.popitem(last=False)

    def forget(self, client: str) -> None:
        """A right one."""
        self._wrong.pop(_network(client), None)


class Entry:
    """The door. ``cookie`` is the name of what it gives out, another for each password: a browser shares cookies among
    all ports of a host, and among all studios behind one proxy."""

    def __init__(self, password: str, guesses: Guesses | None = None) -> None:
        self.guesses = guesses or Guesses()
        self._password = _digest(password)
        # slow on purpose: who has a cookie and wants the password has to do this for each try
        self._key = hashlib.scrypt(password.encode(), salt=b"flenwheel entry", n=2**14, r=8, p=1)
        self.cookie = f"flenwheel-entry-{hashlib.sha256(self._key).hexdigest()[:8]}"

    def answer(self, scope: Scope, body: bytes) -> Response | str:
        """What is said to who is not in; else the cookie to send along with what is asked for, "" for none."""
        asks = HTTPConnection(scope)
        if scope["type"] == "http" and _path(asks) == LOGIN:
            return self._login(asks, body)
        if self._signed(asks.cookies.get(self.cookie, "")):
            return _onward(asks, "") if QUERY in asks.query_params else ""
        if QUERY not in asks.query_params:
            return _refusal(asks, "", 401)
        refusal = self._heard(asks, asks.query_params[QUERY])
        return refusal or _onward(asks, self._mark(asks))

    def _login(self, asks: HTTPConnection, body: bytes) -> Response:
        if asks.scope["method"] in ("GET", "HEAD"):
            return _page(asks, "", 200)
        given = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).get("password", [""])[0]
        refusal = self._heard(asks, given)
        return refusal or _redirect(f"{_root(asks)}/", 303, self._mark(asks))

    def _heard(self, asks: HTTPConnection, given: str) -> Response | None:
        """Why this password lets nobody in; ``None`` when it is the right one."""
        client = asks.client.host if asks.client else ""
        wait = self.guesses.wait(client)
        if wait > 0:
            refusal = _refusal(asks, f"Too many wrong passwords. Try again in {math.ceil(wait)} seconds.", 429)
            refusal.headers["Retry-After"] = str(math.ceil(wait))
            return refusal
        if not hmac.compare_digest(_digest(given), self._password):
            self.guesses.note(client)
            return _refusal(asks, "That is not the password.", 401)
        self.guesses.forget(client)
        return None

    def _mark(self, asks: HTTPConnection) -> str:
        mark = self._sign(str(int(time.time()) + STAYS))
        safe = "; Secure" if asks.url.scheme in ("https", "wss") else ""
        return f"{self.cookie}={mark}; Max-Age={STAYS}; Path=/; HttpOnly; SameSite=Lax{safe}"

    def _sign(self, until: str) -> str:
        return f"{until}.{hmac.new(self._key, until.encode(), hashlib.sha256).hexdigest()}"

    def _signed(self, mark: str) -> bool:
        until, _, _ = mark.partition(".")
        if not until.isascii() or not until.isdigit() or len(until) > 12:
            return False
        return hmac.compare_digest(self._sign(until).encode(), mark.encode()) and int(until) > time.time()


def made_password() -> str:
    """One that nobody guesses: 128 random bits."""
    return secrets.token_urlsafe(16)


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()


def _network(client: str) -> str:
    address = address_of(client)
    return client if address is None or address.version == 4 else ":".join(address.exploded.split(":")[:4])


def _root(asks: HTTPConnection) -> str:
    return asks.scope.get("root_path", "")


def _path(asks: HTTPConnection) -> str:
    return asks.scope["path"].removeprefix(_root(asks))


def _onward(asks: HTTPConnection, cookie: str) -> Response | str:
    """A person's browser goes to the same address without the password in it: it shall stand in no history. A program
    has its answer at once."""
    if not _is_person(asks):
        return cookie
    said = parse_qsl(asks.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    rest = urlencode([(name, value) for name, value in said if name != QUERY])
    path = "/" + asks.scope["path"].replace("\\", "/").lstrip("/")  # never the start of another host
    return _redirect(quote(path) + (f"?{rest}" if rest else ""), 302, cookie)


def _redirect(to: str, status: int, cookie: str) -> Response:
    answer = RedirectResponse(to, status, {"Cache-Control": "no-store"})
    if cookie:
        answer.headers["Set-Cookie"] = cookie
    return answer


def _is_person(asks: HTTPConnection) -> bool:
    """Whether a browser asks for a page to show."""
    return asks.scope.get("method") in ("GET", "HEAD", "POST") and "text/html" in asks.headers.get("accept", "")


def _refusal(asks: HTTPConnection, words: str, status: int) -> Response:
    """For a person a page to say the password on, for a program words in JSON."""
    if _is_person(asks):
        return _page(asks, words, status)
    told = words or "Say the password first: open the studio's page, or the address that was told when it started."
    return JSONResponse({"detail": told}, status, {"Cache-Control": "no-store"})


def _page(asks: HTTPConnection, words: str, status: int) -> Response:
    problem = f'<p class="problem" role="alert">{html.escape(words)}</p>' if words else ""
    filled = _PAGE.format(action=html.escape(f"{_root(asks)}{LOGIN}"), problem=problem)
    # with "no-referrer" a browser would send the form with the Origin "null", which is refused as foreign
    return HTMLResponse(filled, status, {"Cache-Control": "no-store", "Referrer-Policy": "same-origin"})


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>FLENwheel</title>
<style>
:root {{
  color-scheme: light dark; --page: #fff; --ink: #1b1c1f; --dim: #5d6068; --line: #c9cbd1; --bad: #b3261e; --go: #2f5fd0
}}
@media (prefers-color-scheme: dark) {{
  :root {{ --page: #17181b; --ink: #e8e9ec; --dim: #a3a6ae; --line: #43464d; --bad: #ff8f85; --go: #3b6be0 }}
}}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; font: 16px/1.5 system-ui, sans-serif }}
body, input {{ background: var(--page); color: var(--ink) }}
main {{ width: min(22rem, 88vw) }}
h1 {{ font-size: 1.25rem; margin: 0 0 .25rem }}
p {{ margin: 0 0 1rem; color: var(--dim) }}
.problem {{ color: var(--bad) }}
label {{ display: block; margin-bottom: .25rem }}
input, button {{ width: 100%; box-sizing: border-box; font: inherit; padding: .55rem .7rem; border-radius: .4rem }}
input {{ border: 1px solid var(--line); margin-bottom: .75rem }}
button {{ border: 0; background: var(--go); color: #fff; cursor: pointer }}
:focus-visible {{ outline: 2px solid var(--go); outline-offset: 2px }}
</style>
<main>
<h1>FLENwheel</h1>
<p>This studio asks for its password. It was told where the studio was started.</p>
{problem}
<form method="post" action="{action}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
<button>Come in</button>
</form>
</main>
</html>
"""
