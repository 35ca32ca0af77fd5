"""Who asks a studio that others can reach."""

from fastapi.testclient import TestClient
from starlette.types import ASGIApp

from studio.server.entry import Entry
from studio.server.place import Place
from studio.server.security import Guard

WORD = "correct horse battery"
LAN = "192.168.7.5"
HTML = {"Accept": "text/html"}


def client_of(inside: ASGIApp, place: Place, netloc: str, password: str = WORD) -> TestClient:
    """A browser without a cookie, and a guard of its own: guesses are counted anew."""
    return TestClient(Guard(inside, place, Entry(password) if password else None), base_url=f"http://{netloc}")
