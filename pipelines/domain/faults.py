"""Errors in words for the person who meets them. What an error does not say is not made up."""

import errno
import os
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

_SYSTEM = {
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "there is a file where a folder should be",
    errno.EEXIST: "there is a file where a folder should be",
    errno.EISDIR: "this is a folder, not a file",
    errno.EACCES: "you may not read or write there",
    errno.EPERM: "you may not read or write there",
    errno.EROFS: "that disk can only be read",
    errno.ENOSPC: "no space is left on that disk",
    errno.EDQUOT: "your share of that disk is used up",
    errno.ENAMETOOLONG: "that name is too long for the disk",
    errno.ELOOP: "that is a link which leads to itself",
    errno.EMFILE: "too many files are open",
    errno.EADDRINUSE: "that address is in use",
}
_LONGEST = 60
_NO_MEMORY = ("can't allocate memory", "out of memory", "_ALLOC_FAILED", "bad allocation", "bad_alloc")
"""How torch, CUDA and ONNX Runtime say it in errors that have no type of their own for it."""


def in_words(error: BaseException) -> str:
    """What happened, in one or more sentences, never empty."""
    if isinstance(error, ValidationError):
        return "; ".join(wrong_values(error))
    if out_of_memory(error):
        return "There is not enough memory for this."
    if isinstance(error, OSError):
        return _of_the_system(error)
    said = str(error.args[0]) if error.args else str(error)
    if _ours(error) and said:
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, of a card or of the machine. torch has a type for cards alone: on the CPU it raises a
    plain RuntimeError."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and not _ours(error) and any(said in str(error) for said in _NO_MEMORY)


def expected(error: BaseException) -> bool:
    """Whether the words of an error are made for who reads them: one of ours, of values, or of the system. Others tell
    of a mistake in the program."""
    return _ours(error) or isinstance(error, ValidationError | OSError) or out_of_memory(error)


def wrong_values(error: ValidationError) -> list[str]:
    """One line for each value that does not do: where it stands, what it is, what is wanted."""
    return values_in_words(error.errors())


def values_in_words(errors: Iterable[Mapping[str, Any]]) -> list[str]:
    """The same for the errors alone, as pydantic and FastAPI list them."""
    return [_wrong_value(e["loc"], e["input"], e["type"], e["msg"], e.get("ctx") or {}) for e in errors]


def wanted(error: ValidationError) -> str:
    """What a single value should have been."""
    first = error.errors()[0]
    return _wanted(first["type"], first["msg"], first.get("ctx") or {})


def shown(value: object) -> str:
    """A value as it may stand in a sentence: quoted, cut when it is long."""
    text = str(value)
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def _ours(error: BaseException) -> bool:
    return type(error).__module__.split(".")[0] in ("pipelines", "studio")


def _of_the_system(error: OSError) -> str:
    words = (None if _ours(error) else _SYSTEM.get(error.errno or 0)) or error.strerror
    if not words:
        return str(error) or type(error).__name__
    if error.filename is None or isinstance(error.filename, int):
        return f"{words[0].upper()}{words[1:]}."
    where = os.fsdecode(error.filename)
    return f"{words} ({where})." if _ours(error) else f"{where}: {words}."


def _wrong_value(place: tuple[int | str, ...], value: object, kind: str, message: str, about: dict[str, object]) -> str:
    where = ".".join(map(str, place))
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        return f"{where} is not known here"
    given = "" if isinstance(value, dict | list | tuple) else f", not {shown(value)}"
    return f"{where + ': ' if where else ''}{_wanted(kind, message, about)}{given}"


def _wanted(kind: str, message: str, about: dict[str, object]) -> str:
    match kind:
        case "greater_than_equal":
            return f"at least {about['ge']}"
        case "greater_than":
            return f"more than {about['gt']}"
        case "less_than_equal":
            return f"at most {about['le']}"
        case "less_than":
            return f"less than {about['lt']}"
        case "literal_error" | "enum":
            return f"one of {about['expected']}"
        case "finite_number":
            return "a finite number"
        case "int_parsing" | "int_type" | "int_from_float" | "int_parsing_size":
            return "a whole number"
        case "float_parsing" | "float_type":
            return "a number"
        case "bool_parsing" | "bool_type":
            return "yes or no"
        case "string_type":
            return "text"
        case "string_too_short":
            return "some text" if about["min_length"] == 1 else f"at least {about['min_length']} characters"
        case "string_too_long":
            return f"at most {about['max_length']} characters"
        case "too_long":
            return f"at most {about['max_length']}"
        case "value_error":
            return message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
