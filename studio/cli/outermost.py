"""The one place where the command line ends badly: in words, or in JSON where that was asked for, with an exit code."""

import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from pipelines.domain.faults import expected, in_words
from studio.cli.speech import prepare, say, say_json

DONE, FAILED, NOT_UNDERSTOOD, STOPPED = 0, 1, 2, 130
EXIT_CODES = {
    DONE: "done as asked; files that were left out are named",
    FAILED: "refused, or failed on the way: the answer says why",
    NOT_UNDERSTOOD: "the command line was not understood: an option or a value that there is not",
    STOPPED: "stopped with Ctrl-C; what was finished stays",
}
OUR_FAULT = "This is a fault of FLENwheel and not of what you typed; the same command with --debug shows where."


class NotUnderstood(Exception):
    """The command line itself is wrong; ``usage`` says how it goes."""

    def __init__(self, why: str, usage: str) -> None:
        super().__init__(why)
        self.usage = " ".join(usage.split())


def guarded(argv: Sequence[str], work: Callable[[Sequence[str]], int]) -> int:
    """``work(argv)``, whatever becomes of it: its exit code, or that of its failure, which is told. SystemExit passes:
    ``--help`` has said what there was to say."""
    prepare()
    in_json, debug = "--json" in argv, "--debug" in argv
    with _threads_in_words(debug):
        try:
            return _flushed(work, argv)
        except SystemExit:
            raise
        except BaseException as error:
            if debug:
                traceback.print_exc()
            return _told(error, in_json)


def _flushed(work: Callable[[Sequence[str]], int], argv: Sequence[str]) -> int:
    """A full disk, or a reader that is gone, may show only when the last words leave."""
    try:
        return work(argv)
    finally:
        if sys.stdout and not sys.stdout.closed:
            try:
                sys.stdout.flush()
            except OSError:
                _give_up_output()
                raise


def _told(error: BaseException, in_json: bool) -> int:
    if isinstance(error, BrokenPipeError):  # who was reading (head, less) has seen enough
        _give_up_output()
        return FAILED
    status, words = _end(error)
    with suppress(OSError):
        if in_json and (sys.stdout is None or not sys.stdout.closed):
            usage = {"usage": error.usage} if isinstance(error, NotUnderstood) else {}
            say_json({"ok": False, "error": words, **usage})
            return status
    with suppress(OSError):
        hint = f"\n{error.usage}" if isinstance(error, NotUnderstood) else ""
        say(words + hint, sys.stderr)
    return status


def _end(error: BaseException) -> tuple[int, str]:
    """Exit code and words of a failure."""
    if isinstance(error, NotUnderstood):
        return NOT_UNDERSTOOD, str(error)
    if isinstance(error, KeyboardInterrupt):
        return STOPPED, "Stopped. What was finished stays."
    words = in_words(error)
    return FAILED, words if expected(error) else f"{words}. {OUR_FAULT}"


def _give_up_output() -> None:
    """Python flushes once more when it ends; there is nobody to hear it."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _threads_in_words(debug: bool) -> Iterator[None]:
    before = threading.excepthook

    def told(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            log = logging.getLogger(__name__)
            log.warning("%s", in_words(args.exc_value), exc_info=args.exc_value if debug else None)

    threading.excepthook = told
    try:
        yield
    finally:
        threading.excepthook = before


class Formatter(logging.Formatter):
    """One line for each message; where an error came from only with ``--debug``."""

    def __init__(self, debug: bool) -> None:
        super().__init__("%(levelname)s %(message)s")
        self.debug = debug

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the error's own words behind it."""
        if self.debug or not record.exc_info or not record.exc_info[1]:
            return super().format(record)
        return f"{record.levelname} {record.getMessage()} ({in_words(record.exc_info[1])})"
