"""Addresses as Settings hold them: of another program's server on this machine, and one that is told of jobs."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

EXAMPLE = "http://127.0.0.1:8080/v1"
_HERE = ("localhost", "127.0.0.1", "::1")


class NotHere(ValueError):
    """No address, or none of this machine alone; the message says what to do."""


@dataclass(frozen=True)
class Address:
    """A server on the loopback interface; ``path`` is what its interface begins with (``/v1``)."""

    host: str
    port: int
    path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{self.path}"


def address(text: str) -> Address:
    """``text`` as an address. Raises NotHere: pictures are sent to this machine alone."""
    if not text.strip():
        raise NotHere(f"No address of a captioner's server is set: Settings, Captioner's address, such as {EXAMPLE}.")
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname or "", parts.port or 80
    except ValueError as error:
        raise NotHere(f"{text!r} is no address, such as {EXAMPLE}.") from error
    if parts.scheme != "http" or not host or parts.username or parts.query or parts.fragment:
        raise NotHere(f"{text!r} is no address, such as {EXAMPLE}.")
    if not _is_here(host):
        raise NotHere(
            f"{text!r} is not on this machine alone: pictures leave it for nobody. Use 127.0.0.1 or localhost."
        )
    return Address("127.0.0.1" if host == "localhost" else host, port, parts.path.rstrip("/"))


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host in _HERE


def web_address(text: str) -> str:
    """``text`` when it is an address that words can be sent to, or empty. Raises ValueError."""
    given = text.strip()
    try:
        parts = urlsplit(given)
        right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        right = False
    if given and (not right or any(c.isspace() or not c.isprintable() for c in given)):
        raise ValueError(f"{given!r} is no address: it begins with https:// or http://")
    return given
