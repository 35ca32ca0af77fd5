"""Names that come from outside: shown to people, never trusted as paths."""

import re
import unicodedata

from pipelines.domain.spelling import composed, in_word

_PLAIN = " .,()+@-"
# letters that fall apart into no ASCII letter and a mark
_SPELT = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
     "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i"}
)  # fmt: skip
# Windows keeps these for devices, with any ending
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)")


def harmless(filename: str, fallback: str) -> str:
    """The last part of a file name with only letters (their marks kept), digits, plain punctuation and emoji, composed,
    at most 100 characters.

    What comes out is fit to be shown and, with ``slug``, to name a file: no folders, control characters or markup.
    """
    last = composed(re.split(r"[/\\]", filename.replace("\0", ""))[-1])
    name = "".join(c if _fine(c) else "_" for c in last).strip(" .")
    if len(name) > 100:
        stem, dot, suffix = name.rpartition(".")
        name = f"{stem[: 99 - len(suffix)]}{dot}{suffix}" if stem and len(suffix) <= 12 else name[:100]
    return name or fallback


def _fine(character: str) -> bool:
    pictured = unicodedata.category(character) == "So" or "\U0001f3fb" <= character <= "\U0001f3ff"
    return in_word(character) or character in _PLAIN or pictured


def slug(name: str, fallback: str, longest: int = 60) -> str:
    """``name`` as (part of) the name of a file or folder on any system: ASCII letters, digits, ``-`` and ``_``; letters
    lose their marks, other scripts give ``fallback``; never a name that Windows keeps for itself."""
    plain = unicodedata.normalize("NFKD", name.translate(_SPELT))
    ascii_only = "".join(c for c in plain if not unicodedata.combining(c)).encode("ascii", "replace").decode()
    found = re.sub(r"[^A-Za-z0-9_-]+", "-", ascii_only).strip("-_")[:longest].strip("-_") or fallback
    return f"{found}_" if _RESERVED.fullmatch(found) else found
