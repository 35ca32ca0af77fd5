"""How the studio's own routes fail, and what holds a page of our own making still."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError
from typing_extensions import TypedDict

from pipelines.domain.faults import in_words, values_in_words
from pipelines.storage.store import StoreWriteFailed

# A report is a page of our own making with styles of its own; nothing in it may run or reach anywhere.
STILL = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox; "
    "frame-ancestors 'none'"
}

THE_MACHINE = 507
"""Insufficient storage: nothing is wrong with what was asked."""
log = logging.getLogger(__name__)


def unchecked(model: type) -> dict[str, Any]:
    """For a route whose answer has thousands of parts: it is sent as the view made it, which a check would take twice
    the time of; the schema names ``model``."""
    return {"response_model": dict[str, Any], "responses": {200: {"model": model}}}


class Done(TypedDict):
    """It was done as asked."""

    ok: bool


class Begun(TypedDict):
    """The job that does what was asked."""

    job: str


class InWords(APIRoute):
    """A route whose expected failures reach the user in words."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with errors of the steps turned into 404 and 422 answers, and those of the machine (a full
        disk, no memory) into 507: the page keeps what it sends, and sends it again."""
        handler = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except (KeyError, IndexError):
                raise  # a fault of ours: its words are a key
            except RequestValidationError as error:
                return _refused("; ".join(values_in_words(error.errors())), 422)
            except LookupError as error:
                return _refused(_words(error), 404)
            except ValueError as error:
                return _refused(_words(error), 422)
            except (OSError, StoreWriteFailed, MemoryError) as error:
                log.warning("%s %s: %s", request.method, request.url.path, in_words(error))
                return _refused(in_words(error), THE_MACHINE)

        return answer


def _refused(words: str, status: int) -> JSONResponse:
    """An answer in words. They may quote what was asked, and that half a character, which no encoding has."""
    return JSONResponse({"detail": words.encode("utf-8", "backslashreplace").decode()}, status)


def _words(error: Exception) -> str:
    return in_words(error) if isinstance(error, ValidationError) else str(error.args[0]) if error.args else str(error)
