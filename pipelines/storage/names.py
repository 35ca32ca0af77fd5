"""Names that come from outside: shown to people, never trusted as paths."""

import re

_ODD = re.compile(r"[^\w .,()+@-]")


def harmless(filename: str, fallback: str) -> str:
    """The last part of a file name with only letters, digits and plain punctuation, at most 100 characters.

    What comes out is fit to be shown and, with ``slug``, to name a file: no folders, control characters or markup.
    """
    last = re.split(r"[/\\]", filename.replace("\0", ""))[-1]
    name = _ODD.sub("_", last).strip(" .")
    if len(name) > 100:
        stem, dot, suffix = name.rpartition(".")
        name = f"{stem[: 99 - len(suffix)]}{dot}{suffix}" if stem and len(suffix) <= 12 else name[:100]
    return name or fallback


def slug(name: str, fallback: str) -> str:
    """``name`` as part of a file name: ASCII letters, digits, ``-`` and ``_``, at most 60 characters."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_")[:60] or fallback
