"""Captions: name all that varies from picture to picture, never what belongs to the character.

A trigger word learns what its captions do not name. Texts are taken apart at commas (tags) and, within these, before
words such as "in" and "on"; each part speaks of one factor at most (``presets/captions.toml``).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipelines.domain.presets import CaptionFactor
from pipelines.domain.spelling import says

FRAMINGS = {"portrait": "portrait", "bust": "upper body", "full": "full body"}
"""How a framing is told: ``portrait of ...``, or beside other words."""
LEADS = {"portrait": "portrait of", "bust": "upper body picture of", "full": "full body picture of"}
_BEGINNINGS = ("in", "on", "at", "with", "wearing", "under", "near", "against", "inside", "by")
_BEFORE = re.compile(rf"\s+(?=(?:{'|'.join(_BEGINNINGS)})\s)")


@dataclass(frozen=True)
class Fact:
    """What is known of a picture: of which factor, in which words. ``said``: by a human."""

    factor: str
    words: str
    said: bool = False


def tags(caption: str) -> list[str]:
    """The parts of a caption between its commas, without those that are empty."""
    return [part.strip() for part in caption.split(",") if part.strip()]


def factor_of(part: str, factors: Iterable[CaptionFactor]) -> CaptionFactor | None:
    """Which factor a part of a caption speaks of; None for none that is known."""
    text = part.casefold()
    known = list(factors)
    named = next((f for f in known if any(says(text, word.casefold()) for word in f.words)), None)
    first = text.split(maxsplit=1)[0] if text.split() else ""
    return named or next((f for f in known if first in f.openings), None)


def speaks_of(caption: str, factor: str, factors: Sequence[CaptionFactor]) -> bool:
    """Whether any part of a caption speaks of the factor of that name."""
    parts = (piece for tag in tags(caption) for piece in _pieces(tag))
    return any(found.name == factor for part in parts if (found := factor_of(part, factors)))


def without(caption: str, dropped: Iterable[str], factors: Sequence[CaptionFactor], keep: str) -> str:
    """``caption`` without the parts that speak of the factors ``dropped``. The words ``keep``, and what stands before
    them in their tag, stay."""
    gone, kept = set(dropped), []
    for tag in tags(caption):
        head, pieces = _head(tag, keep)
        left = [p for p in pieces if (found := factor_of(p, factors)) is None or found.name not in gone]
        text = " ".join(filter(None, [head, *left]))
        if text:
            kept.append(text)
    return ", ".join(kept)


def _head(tag: str, keep: str) -> tuple[str, list[str]]:
    """What stands up to ``keep`` in a tag, and the pieces of the rest."""
    if not keep or not says(tag, keep):
        return "", _pieces(tag)
    place = tag.index(keep) + len(keep) if keep in tag else len(tag)
    return tag[:place].strip(), _pieces(tag[place:].strip())


def _pieces(tag: str) -> list[str]:
    return [piece for piece in _BEFORE.split(tag) if piece]


def edit_words(axis: str, value: str, caption: str, factors: Iterable[CaptionFactor]) -> str:
    """How a caption tells of an edit: its own phrase, else one derived from its value by the factor of its axis."""
    if caption.strip():
        return caption.strip()
    plain = " ".join(re.split(r"[-_\s]+", value))
    factor = next((f for f in factors if f.name == axis), None)
    if factor is None or not factor.phrase:
        return plain
    known = factor_of(plain, [factor])
    return plain if known and axis not in ("angle", "background") else factor.phrase.replace("{value}", plain)


def completed(text: str, facts: Iterable[Fact], factors: Sequence[CaptionFactor], *, by_hand: bool) -> str:
    """``text`` with what is known behind it, each once. ``by_hand``: a human wrote the text, and what was only measured
    or asked for is not set beside what the text says of the same."""
    words = [text]
    for fact in _each_once(facts):
        heard = by_hand and not fact.said and speaks_of(text, fact.factor, factors)
        if not heard and not says(", ".join(words), fact.words):
            words.append(fact.words)
    return ", ".join(words)


def _each_once(facts: Iterable[Fact]) -> Iterator[Fact]:
    told = set()
    for fact in facts:
        if fact.words and fact.words not in told:
            told.add(fact.words)
            yield fact


def named_of_character(caption: str, factors: Iterable[CaptionFactor]) -> list[str]:
    """The parts of a caption that name what belongs to the character: face, hair."""
    known = list(factors)
    parts = (piece for tag in tags(caption) for piece in _pieces(tag))
    return [part for part in parts if (found := factor_of(part, known)) and found.belongs]
