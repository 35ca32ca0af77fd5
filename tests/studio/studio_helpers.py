"""What the studio's tests share besides fixtures."""

from dataclasses import dataclass

from studio.server.state import Studio

# a name, a prompt and a file name that want to be markup and a template
NASTY = "<img src=x onerror=window.pwned=1> ${window.pwned=2} <b>Ada</b>"


@dataclass
class Served:
    """A studio that listens on a port."""

    studio: Studio
    url: str
