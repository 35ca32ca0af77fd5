"""May a job begin? The queue asks whoever it was given, whenever one is about to, and knows nothing of the reasons."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from traceback import format_exc

from pipelines.domain.requests import Request

NOT_ASKED = "Whether this may begin could not be found out, so it did not: {how}"
log = logging.getLogger(__name__)


class NotAllowed(ValueError):
    """The studio refuses to do this, and says why."""


Admit = Callable[[Request], Request]
"""The request as it may begin at this moment: as it was asked, or without what does not stand any more. Raises
NotAllowed, in words for the person who asked. Called from any thread."""


@dataclass(frozen=True)
class Refusal:
    """Why a job does not begin, for the person who asked for it; ``traceback`` where that is our fault."""

    words: str
    traceback: str = ""


def ask(admit: Admit, request: Request) -> Request | Refusal:
    """What ``admit`` says, as a value. Who cannot be asked has not said yes."""
    try:
        return admit(request)
    except NotAllowed as refusal:
        return Refusal(str(refusal))
    except Exception as error:
        log.exception("who may begin could not be asked")
        return Refusal(NOT_ASKED.format(how=error), format_exc())


def as_asked(request: Request) -> Request:
    """Whatever is asked for may begin."""
    return request
