"""Where the studio listens, the names it answers to, and where it stands behind a proxy.

A name in ``Host`` that is not known here may have been made to lead to this machine (DNS rebinding), so it is not
answered. An address written in numbers leads nowhere else: it is answered once the user has opened the studio to a
network. Names are the user's to give (``--allow-host``).
"""

import errno
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from studio.server.loopback import LOOPBACK, address_of, is_loopback

TEST_NET = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses of documentation (RFC 5737, RFC 3849): nothing is sent to them."""
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?")
_ROOT = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def allowed_name(text: str) -> str:
    """A name for ``--allow-host`` as browsers send it. Raises ValueError in words for what is not a name alone."""
    if address := address_of(text.strip("[]")):
        return str(address)
    try:
        name = text.strip().encode("idna").decode().lower()
    except UnicodeError:
        name = ""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{text!r} is not a name alone: give it without http://, port or path, such as studio.lan")
    return name


def root_path(text: str) -> str:
    """A path that the studio stands under, without a slash at its end; "" is none. Raises ValueError in words."""
    path = text.rstrip("/")
    if not _ROOT.fullmatch(path) or any(part in (".", "..") for part in path.split("/")):
        raise ValueError(f"{text!r} is not a path to stand under: give it as /studio")
    return path


def host_of(netloc: str) -> str:
    """The host that a ``Host`` header names, in lower case, without port and brackets; "" when it names none."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\[\]:/@?#\s]+))(?::\d{1,5})?", netloc)
    return (found[1] or found[2]).lower() if found else ""


@dataclass(frozen=True)
class Place:
    """Where the studio answers: the address it is bound to (``host``) and how the user wrote it (``given``), the
    ``names`` that the user allows besides, and the path it stands under behind a proxy."""

    host: str = "127.0.0.1"
    port: int = 7860
    names: tuple[str, ...] = ()
    root: str = ""
    given: str = ""

    @property
    def shared(self) -> bool:
        """Whether others than this machine can reach it: by its address, or by a name that a proxy answers to."""
        return not is_loopback(self.host) or not all(is_loopback(name) for name in self.names)

    def knows(self, netloc: str) -> bool:
        """Whether a ``Host`` header names this studio."""
        host = host_of(netloc)
        if host in (*LOOPBACK, self.host.lower(), self.given.lower(), *self.names) and host:
            return True
        return self.shared and (address_of(host) is not None or host in _own_names())

    def addresses(self) -> list[str]:
        """Addresses that work, this machine's own first."""
        return [f"http://{netloc}{self.root}" for netloc in dict.fromkeys(self._netlocs())]

    def _netlocs(self) -> Iterator[str]:
        bound = address_of(self.host)
        if self.host == "127.0.0.1" or (bound and bound.is_unspecified):
            yield f"localhost:{self.port}"
        if bound is None or not bound.is_unspecified:
            if self.host != "127.0.0.1":
                yield _netloc(self.host, self.port)
            return
        for family in (socket.AF_INET, *((socket.AF_INET6,) if bound.version == 6 else ())):
            if outer := _outer_address(family):
                yield _netloc(outer, self.port)


def _netloc(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _own_names() -> tuple[str, str]:
    """What this machine is called in its network."""
    name = socket.gethostname().lower()
    return name, f"{name}.local"


def _outer_address(family: socket.AddressFamily) -> str:
    """The address by which others reach this machine, "" when it has none. A UDP socket that is connected sends
    nothing; it only asks the system which of its addresses would be used."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((TEST_NET[family], 9))
            found = str(probe.getsockname()[0])
    except OSError:
        return ""
    return "" if is_loopback(found) else found


@dataclass(frozen=True)
class Opening:
    """How the studio is opened: where it listens, the names it answers to besides, the path it stands under behind a
    proxy, and the password; "" makes one where others can reach it."""

    host: str = "127.0.0.1"
    port: int = 7860
    names: tuple[str, ...] = ()
    root: str = ""
    password: str = ""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one. Raises OSError in words."""
    try:
        return _bind(host or "0.0.0.0", port)  # noqa: S104 - an empty host means every address, to the system as well
    except OSError as error:
        raise OSError(f"Cannot listen on {_netloc(host, port)}: {_why(error, host, port)}") from error


def _bind(host: str, port: int) -> socket.socket:
    family, *_, at = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    both = family == socket.AF_INET6 and at[0] == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((at[0], port), family=family, dualstack_ipv6=both)


def _why(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"no address is known for {host!r}. Give one of this machine's addresses, or 0.0.0.0 for all of them."
    if error.errno == errno.EADDRINUSE:
        return f"the port is in use. Is a studio open there? Try --port {port + 1 if port < 65535 else 7860}."
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address. Give one that it has, or 0.0.0.0 for all of them."
    if error.errno == errno.EACCES:
        return "the system does not allow that port (those below 1024 need rights). Try --port 7860."
    return f"{error.strerror or error}."
