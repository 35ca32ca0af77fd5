"""This machine and others: what names places on the disk is asked for by this machine alone.

With ``--host`` others may use the studio. They see and change what is in the open workspace, but they do not choose
what else of the disk the studio reads or writes: no folder of a workspace, none of models or caches.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address

from fastapi import HTTPException, Request

LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


def from_here(request: Request) -> bool:
    """Whether a request was sent from this machine: it came in at a loopback address, which no other can reach, and a
    proxy on the way, if there was one, names no other machine as its client."""
    at = (request.scope.get("server") or ("", 0))[0]
    client = request.client.host if request.client else ""
    return _is_loopback(at) and (_address(client) is None or _is_loopback(client))


def only_from_here(request: Request) -> None:
    """A dependency of routes. Raises HTTPException (403, in words) for a request from another machine."""
    if not from_here(request):
        raise HTTPException(403, "Folders are chosen on the machine that runs the studio, at http://localhost there.")


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return address.is_loopback if address else host in LOOPBACK


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """An address, an IPv4 one also when it is written as IPv6; ``None`` for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
