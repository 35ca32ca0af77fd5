"""Captions edited together, as texts; and what is to be said of a set of captions."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.presets import CaptionFactor
from pipelines.domain.spelling import composed, says
from pipelines.domain.words import count
from pipelines.planning.captions import named_of_character, tags

LONGEST = 2000
"""Characters that a caption may have."""
COMMON_FROM = 3
"""Captions from which it says something that a word is in all of them."""
_PLAIN = {"a", "an", "the", "of", "in", "on", "at", "with", "and", "to", "from", "view", "picture", "photo", "portrait"}
_WORD = re.compile(r"[^\s,.;:()]+")


class CaptionChange(Frozen):
    """What is to be done with captions, in this order: ``find`` becomes ``replace`` wherever it stands; tags (parts
    between commas) that are in ``remove`` go; those of ``add`` that are missing come, at the end or in ``front``."""

    find: str = Field("", max_length=LONGEST)
    replace: str = Field("", max_length=LONGEST)
    remove: str = Field("", max_length=LONGEST)
    add: str = Field("", max_length=LONGEST)
    front: bool = False

    @property
    def words(self) -> str:
        """What is done."""
        done = [f"{self.find!r} becomes {self.replace!r}" if self.replace else f"without {self.find!r}"] * bool(
            self.find
        )
        done += [f"removed {self.remove!r}"] * bool(self.remove) + [f"added {self.add!r}"] * bool(self.add)
        return ", ".join(done)


def changed(caption: str, change: CaptionChange) -> str:
    """``caption`` after a change. A caption that the change does not touch stays letter for letter."""
    found = composed(caption)
    if change.find and composed(change.find) in found:
        replaced = found.replace(composed(change.find), composed(change.replace))
        found = ", ".join(tags(replaced)) if _torn(replaced) and not _torn(found) else replaced
    found = _without(found, {tag.casefold() for tag in tags(composed(change.remove))})
    known = {tag.casefold() for tag in tags(found)}
    new = [tag for tag in dict.fromkeys(tags(composed(change.add))) if tag.casefold() not in known]
    if new:
        found = ", ".join([*new, *tags(found)] if change.front else [*tags(found), *new])
    return caption if found == composed(caption) else found


def _torn(caption: str) -> bool:
    """Whether there is an empty tag, or a space too many."""
    return any(part.strip() != part.lstrip(" ") or not part.strip() for part in caption.split(",")) or "  " in caption


def _without(caption: str, removed: set[str]) -> str:
    left = []
    for tag in tags(caption):
        if tag.casefold() in removed:
            continue
        tail = next((r for r in removed if tag.casefold().endswith(f" {r}")), "")
        left.append(tag[: len(tag) - len(tail)].strip() if tail else tag)
    return caption if not removed or left == tags(caption) else ", ".join(left)


def lint(
    captions: Mapping[str, str],
    token: str,
    ours: str,
    factors: Sequence[CaptionFactor],
    tokens: Callable[[str], int],
    most: int,
) -> dict[str, list[str]]:
    """What is to be said of captions, by picture; what is said of all of them stands under "". ``ours`` are the words
    for the character, ``most`` the tokens that the model reads."""
    found: dict[str, list[str]] = {"": list(_in_all(captions, ours))}
    often = Counter(" ".join(c.casefold().split()) for c in captions.values())
    for image, caption in captions.items():
        said = [f"no {token}: the trigger word is missing"] if not says(caption, token) else []
        said += [f"names what belongs to the character: {part}" for part in named_of_character(caption, factors)]
        same = often[" ".join(caption.casefold().split())] - 1
        said += [f"the same caption as {count(same, 'other picture')}"] if same else []
        long = tokens(caption)
        said += [f"{long} tokens: the model reads the first {most}"] if long > most else []
        found[image] = said
    return found


def _in_all(captions: Mapping[str, str], ours: str) -> Iterator[str]:
    """Words that every caption has, but for those that stand for the character."""
    if len(captions) < COMMON_FROM:
        return
    own = {word.casefold() for word in _WORD.findall(ours)} | _PLAIN
    sets = [{word.casefold() for word in _WORD.findall(caption)} - own for caption in captions.values()]
    for word in sorted(set.intersection(*sets)):
        yield f"{word!r} is in every caption: what never varies need not be named"
