"""What the page may hand in, and which of Gradio's doors stand open.

Gradio copies any file that an event's data names (`{"path": ..., "meta": {"_type": "gradio.FileData"}}`) into its cache
and tells its address, whatever the kind of the input; its check "was this uploaded?" runs in launched apps only, never
in a mounted one. Hence two walls, both closed unless opened here: a file object is let through at a file input alone,
and only with the path of a file that the same browser uploaded; and of Gradio's routes those alone are answered that
the page asks for. The page shows pictures by the studio's own routes: no file ever goes out through Gradio.

A third wall: what no answer could hold (half a character, a number beyond 64 bits) is refused in words, for Gradio
would send it back and, failing at that, drop the line on which all answers of that page come. And whatever goes wrong
in an event reaches its user in words, with its traceback in the log alone.
"""

import logging
import secrets
import traceback
from collections.abc import Collection, Iterable, Iterator
from contextvars import ContextVar
from math import isfinite
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.blocks import Block
from gradio.state_holder import SessionState
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipelines.domain.faults import expected, in_words
from pipelines.storage.atomic import make_folder
from studio.server import envelope
from studio.server.in_words import THE_MACHINE

log = logging.getLogger(__name__)

FILE_INPUTS = (gr.File, gr.UploadButton)
META = {"_type": "gradio.FileData"}
COOKIE = "flenwheel-browser"

# What Gradio's page asks for; a path that ends in "/" stands for all below it.
READ = (
    "/",
    "/config",
    "/theme.css",
    "/favicon.ico",
    "/assets/",
    "/static/",
    "/gradio_api/app_id",  # whether the studio is there again after the line broke; the page is then loaded anew
    "/gradio_api/heartbeat/",
    "/gradio_api/queue/data",
    "/gradio_api/startup-events",
    "/gradio_api/upload_progress",
)
UPLOAD = "/gradio_api/upload"
WRITTEN = (envelope.JOIN, UPLOAD)

OURS = Path(__file__).parents[1]
DEEPEST = 40
"""So many values may lie within each other."""
NOT_FORESEEN = "Something went wrong that was not foreseen ({}). Nothing else is harmed; the terminal tells more."

_browser: ContextVar[str] = ContextVar("_browser", default="")


class NotUploaded(gr.Error):
    """A file object where none may be, or one of a file that was not uploaded from this browser."""

    def __init__(self, why: str) -> None:
        super().__init__(why, print_exception=False)


class NotPlain(gr.Error):
    """A value that no answer could hold."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{why} Change it, or reload the page.", print_exception=False)


class WentWrong(gr.Error):
    """An event failed; the message is for the user."""

    def __init__(self, error: Exception) -> None:
        words = in_words(error) if expected(error) else NOT_FORESEEN.format(type(error).__name__)
        super().__init__(words.encode("utf-8", "backslashreplace").decode(), print_exception=False)


class OwnIds(dict[int, Block]):
    """A session's components by their ids. Gradio makes a changed component anew, with an id of its own, and files it
    under that as well whenever it is an input: a page that was open for hours filled the memory so."""

    def __setitem__(self, key: int, block: Block) -> None:
        block._id = key
        super().__setitem__(key, block)

    @classmethod
    def of(cls, state: SessionState | None) -> None:
        """Let a session have them."""
        if state is not None and not isinstance(state.blocks_config.blocks, cls):
            state.blocks_config.blocks = cls(state.blocks_config.blocks)


class Uploads(set[str]):
    """The paths of what was uploaded, by browser. Gradio adds to it while it answers an upload."""

    def __init__(self) -> None:
        super().__init__()
        self._by_browser: dict[str, set[str]] = {}

    def update(self, *paths: Iterable[str]) -> None:
        """Remember what the browser that is being answered has uploaded."""
        super().update(*paths)
        self._by_browser.setdefault(_browser.get(), set()).update(*paths)

    def of(self, browser: str) -> Collection[str]:
        """The paths that this browser may hand in."""
        return self._by_browser.get(browser, ())


class GuardedBlocks(gr.Blocks):
    """Blocks whose events take files only as this module says, by whatever route they are called."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.upload_file_set = Uploads()

    async def process_api(self, block_fn: BlockFunction | int, inputs: list[Any], *args: Any, **kwargs: Any) -> Any:
        """Every call of every event comes through here. Raises NotUploaded or NotPlain before anything of it is looked
        at, and WentWrong for whatever the event itself raises."""
        event = self.fns[block_fn] if isinstance(block_fn, int) else block_fn
        uploads = self.upload_file_set.of(_browser_of(kwargs.get("request")))
        # a batch holds lists of values instead of values: none of ours does, so nothing in it may be a file
        kinds = () if event.batch else event.inputs
        admitted = [admit(v, kinds[n] if n < len(kinds) else None, uploads) for n, v in enumerate(inputs)]
        told = kwargs.get("event_data")
        refuse_files(told._data if told is not None else None)
        OwnIds.of(kwargs.get("state"))
        refuse_what_no_answer_holds([inputs, told._data if told is not None else None])
        try:
            return await super().process_api(block_fn, admitted, *args, **kwargs)
        except gr.Error:
            raise
        except Exception as error:
            if not _reached_ours(error):
                log.info("the event %s was sent what does not fit: %s", event.api_name, error)
                raise NotPlain("What was sent does not fit this input.") from error
            if not expected(error):
                log.exception("the event %s failed", event.api_name)
            raise WentWrong(error) from error

    async def postprocess_data(self, block_fn: BlockFunction, predictions: Any, state: Any) -> list[Any]:
        """What an event answers. Raises NotUploaded for a file object in it: Gradio would copy that file, too."""
        refuse_files(predictions)
        return await super().postprocess_data(block_fn, predictions, state)


def admit(value: object, component: object, uploads: Collection[str]) -> object:
    """The value of an input as it may go on. Raises NotUploaded."""
    if not isinstance(component, FILE_INPUTS):
        refuse_files(value)
        return value
    if isinstance(value, list):
        return [_uploaded(part, uploads) for part in value]
    return None if value is None else _uploaded(value, uploads)


def refuse_files(value: object) -> None:
    """Raises NotUploaded when there is anything in ``value`` that Gradio might take for a file, at any depth."""
    if any(_is_file(part) for part in _dicts(value)):
        raise NotUploaded("This input takes no files. To bring one in, drop it or choose it in the page.")


def refuse_what_no_answer_holds(value: object) -> None:
    """Raises NotPlain when there is anything in ``value``, at any depth, that JSON cannot be sent back with."""
    waiting = [(value, 0)]
    while waiting:
        part, depth = waiting.pop()
        if depth > DEEPEST:
            raise NotPlain("What was sent lies too deep within itself.")
        if isinstance(part, dict):
            waiting.extend((inner, depth + 1) for pair in part.items() for inner in pair)
        elif isinstance(part, list | tuple):
            waiting.extend((inner, depth + 1) for inner in part)
        elif isinstance(part, str) and any("\ud800" <= letter <= "\udfff" for letter in part):
            raise NotPlain("A text holds half a character, as a cut emoji leaves it.")
        elif isinstance(part, int) and part.bit_length() > 63:
            raise NotPlain("A number has too many digits.")
        elif isinstance(part, float) and not isfinite(part):
            raise NotPlain("A number is not finite.")


def _reached_ours(error: Exception) -> bool:
    """Whether an event had come as far as our handlers when it failed; else Gradio could not read what was sent."""
    files = {Path(frame.filename) for frame in traceback.extract_tb(error.__traceback__)} - {Path(__file__)}
    return any(OURS in file.parents for file in files)


def _is_file(part: dict[object, object]) -> bool:
    """By its path, as Gradio's older file objects, or by its mark. No value or event of ours has a ``path``."""
    meta = part.get("meta")
    return isinstance(part.get("path"), str) or (isinstance(meta, dict) and meta.get("_type") == META["_type"])


def _uploaded(file: object, uploads: Collection[str]) -> dict[str, object]:
    """A file object made anew from what was uploaded: nothing else that came with it (``url``, ...) goes on."""
    said = file if isinstance(file, dict) else {}
    path = said.get("path")
    if not isinstance(path, str) or path not in uploads:
        raise NotUploaded("That file was not uploaded from this page. Drop it or choose it anew.")
    return {"path": path, "orig_name": str(said.get("orig_name") or ""), "meta": META}


def _dicts(value: object) -> Iterator[dict[object, object]]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list | tuple):
            waiting.extend(part)


def _browser_of(request: object) -> str:
    """Which browser an event comes from; "" when it does not say or when there are several."""
    return str(request.cookies.get(COOKIE, "")) if isinstance(request, gr.Request) else ""


class Doors:
    """Around the mounted Gradio app: answers 404 for all that its page does not need, tells browsers apart, and lets an
    event through only if it is one of the page's (``events``). What is uploaded goes into ``folder``, which Gradio
    would make anew in the place of a workspace that is away."""

    def __init__(self, app: ASGIApp, events: Collection[int], folder: Path) -> None:
        self.app, self.events, self.folder = app, events, folder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what the page asks for, together with the browser that asks."""
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        if scope["type"] == "http" and not is_open(scope["method"], path):
            await PlainTextResponse("There is nothing here.", 404)(scope, receive, send)
            return
        if scope["type"] == "http" and path == envelope.JOIN:
            body = await envelope.whole(receive)
            words = "That is too large for an event of the page." if body is None else envelope.wrong(body, self.events)
            if body is None or words:
                await JSONResponse({"detail": words}, 422)(scope, receive, send)
                return
            receive = envelope.again(body, receive)
        if scope["type"] == "http" and path == UPLOAD and (words := self._no_room()):
            await JSONResponse({"detail": words}, THE_MACHINE)(scope, receive, send)
            return
        known = HTTPConnection(scope).cookies.get(COOKIE)
        _browser.set(known or "")

        async def with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                cookie = f"{COOKIE}={secrets.token_urlsafe(16)}; Path=/; HttpOnly; SameSite=Lax"
                MutableHeaders(scope=message).append("Set-Cookie", cookie)
            await send(message)

        new = known is None and path == "/"
        await self.app(scope, receive, with_cookie if new else send)

    def _no_room(self) -> str:
        """Why nothing can be uploaded now, in words; empty when it can."""
        try:
            make_folder(self.folder)
        except OSError as error:
            return in_words(error)
        return ""


def is_open(method: str, path: str) -> bool:
    """Whether Gradio's page needs this."""
    paths = READ if method in ("GET", "HEAD") else WRITTEN if method == "POST" else ()
    return any(path == p or (p != "/" and p.endswith("/") and path.startswith(p)) for p in paths)
