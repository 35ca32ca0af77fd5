"""May a job begin? The queue asks whoever it was given, whenever one is about to, and knows nothing of the reasons."""

from collections.abc import Callable

from pipelines.domain.requests import Request


class NotAllowed(ValueError):
    """The studio refuses to do this, and says why."""


Admit = Callable[[Request], Request]
"""The request as it may begin at this moment: as it was asked, or without what does not stand any more. Raises
NotAllowed, in words for the person who asked. Called from any thread."""


def as_asked(request: Request) -> Request:
    """Whatever is asked for may begin."""
    return request
