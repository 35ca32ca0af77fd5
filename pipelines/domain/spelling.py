"""How texts are compared and made into names: composed (NFC), by whole words, combining marks being part of them.

The regular expression ``\\w`` knows no marks: it takes Hindi, Thai and decomposed (NFD) words apart.
"""

import unicodedata
from collections.abc import Iterable

# zero width joiner and non-joiner: inside words of Indian scripts and Persian, and inside emoji
_JOINERS = "\u200c\u200d"


def composed(text: str) -> str:
    """``text`` in normal form C: what was typed on a Mac and elsewhere is the same."""
    return unicodedata.normalize("NFC", text)


def in_word(character: str) -> bool:
    """Whether a character can stand inside a word: letters, digits, ``_``, combining marks, joiners."""
    return character == "_" or character in _JOINERS or unicodedata.category(character)[0] in "LNM"


def is_word(text: str, *, least: int = 1, most: int = 40) -> bool:
    """Whether ``text`` is one word (hyphens may stand inside) of that many characters."""
    fine = all(in_word(c) or c == "-" for c in text)
    return least <= len(text) <= most and fine and unicodedata.category(text[0])[0] in "LN"


def says(text: str, words: str) -> bool:
    """Whether ``words`` stand in ``text`` as whole words: ``ana`` is in "Photo of ana, smiling", not in "banana"."""
    text, words = composed(text), composed(words)
    start = text.find(words)
    while words and start >= 0:
        if _ends(text, start) and _ends(text, start + len(words)):
            return True
        start = text.find(words, start + 1)
    return False


def _ends(text: str, place: int) -> bool:
    """Whether no word goes on across this place."""
    if place <= 0 or place >= len(text):
        return True
    before, after = text[place - 1], text[place]
    if before == "-" or after == "-":  # ana-maria is another word
        beyond = text[place - 2 : place - 1] if before == "-" else text[place + 1 : place + 2]
        return not (beyond and in_word(beyond) and (in_word(before) or in_word(after)))
    return not (in_word(before) and in_word(after))


def same(one: str, other: str) -> bool:
    """Whether two names are the same one, however they were typed; case counts."""
    return composed(one) == composed(other)


def among(name: str, names: Iterable[str]) -> bool:
    """Whether ``name`` is one of ``names``."""
    return any(same(name, other) for other in names)
