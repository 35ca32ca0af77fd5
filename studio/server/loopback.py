"""This machine and others: what names places on the disk is asked for by this machine alone.

With ``--host`` others may use the studio. They see and change what is in the open workspace, but they do not choose
what else of the disk the studio reads or writes: no folder of a workspace, none of models or caches.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from fastapi import HTTPException, Request
from starlette.datastructures import Headers

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_FOR = re.compile(r"for=\"?([^;,\"\s]+)", re.IGNORECASE)  # RFC 7239


def from_here(request: Request) -> bool:
    """Whether a request was sent from this machine: it came in at a loopback address, which no other can reach, it asks
    for this machine by such a name, and a proxy on the way, if there was one, names no other machine as its client."""
    at = (request.scope.get("server") or ("", 0))[0]
    client = request.client.host if request.client else ""
    here = is_loopback(at) and (address_of(client) is None or is_loopback(client))
    return here and is_loopback(request.url.hostname or "") and not sent_on_for(request.headers)


def sent_on_for(headers: Headers) -> str:
    """The other machine that a proxy says it asks for; "" when there is none."""
    told = [*headers.getlist("x-forwarded-for"), *headers.getlist("x-real-ip")]
    clients = [part.strip() for line in told for part in line.split(",") if part.strip()]
    clients += [found for line in headers.getlist("forwarded") for found in _FOR.findall(line)]
    return next((client for client in clients if not is_loopback(_without_port(client))), "")


def only_from_here(request: Request) -> None:
    """A dependency of routes. Raises HTTPException (403, in words) for a request from another machine."""
    if not from_here(request):
        raise HTTPException(403, "Folders are chosen on the machine that runs the studio, at http://localhost there.")


def is_loopback(host: str) -> bool:
    """Whether a name or address is one of this machine alone."""
    address = address_of(host)
    return address.is_loopback if address else host in LOOPBACK


def _without_port(client: str) -> str:
    """An address as proxies write it: ``10.0.0.1``, ``10.0.0.1:5000``, ``[::1]:5000``, ``::1``."""
    found = re.fullmatch(r"\[(.+)\](?::\d+)?|([^:]+):\d+", client)
    return next(part for part in (*(found.groups() if found else ()), client) if part)


def address_of(host: str) -> IPv4Address | IPv6Address | None:
    """An address, an IPv4 one also when it is written as IPv6; ``None`` for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
