"""Wildcards in prompts: ``{red|blue}`` is one of these, ``{3::red|blue}`` red three times as often, ``__name__`` an
entry of the list of that name. They may stand in one another. What comes of a prompt is known when it is planned."""

import random
import re
from collections.abc import Mapping, Sequence

from pipelines.planning.base import ChoiceError

ROUNDS = 200
"""Replacements in one prompt; more are a list that names itself."""
LONGEST = 10_000
"""Characters that may come of one prompt."""
CHARACTER = "{character}"
_HELD = "\x00"
_CHOICE = re.compile(r"\{([^{}]*\|[^{}]*)\}")
_LIST = re.compile(r"__(\w[\w./-]*?)__")
_WEIGHT = re.compile(r"\s*(\d{1,4}(?:\.\d{1,4})?)::(.*)", re.DOTALL)


def has_wildcards(prompt: str) -> bool:
    """Whether there is anything to choose in a prompt."""
    return bool(_CHOICE.search(prompt.replace(CHARACTER, _HELD)) or _LIST.search(prompt))


def expanded(prompt: str, lists: Mapping[str, Sequence[str]], seed: int) -> str:
    """``prompt`` with one of each choice; the same seed gives the same. ``{character}`` stays. Raises ChoiceError for a
    list that there is not, one without entries, and lists that name each other without end."""
    if not has_wildcards(prompt):
        return prompt
    dice = random.Random(f"wildcards {seed}")  # noqa: S311
    text = prompt.replace(CHARACTER, _HELD)
    for _ in range(ROUNDS):
        found = _CHOICE.search(text)
        listed = None if found else _LIST.search(text)
        if found:
            text = text[: found.start()] + _one_of(found[1].split("|"), dice) + text[found.end() :]
        elif listed:
            entry = dice.choice(_entries(listed[1], lists)).replace(CHARACTER, _HELD)
            text = text[: listed.start()] + entry + text[listed.end() :]
        else:
            return " ".join(text.replace(_HELD, CHARACTER).split())
        if len(text) > LONGEST:
            break
    raise ChoiceError(f"The wildcards of {prompt[:60]!r} have no end: a list names itself, or too much comes of it.")


def _one_of(options: Sequence[str], dice: random.Random) -> str:
    weighed = [(float(match[1]), match[2]) if (match := _WEIGHT.fullmatch(text)) else (1.0, text) for text in options]
    if not any(weight for weight, _ in weighed):
        raise ChoiceError(f"Of {{{'|'.join(options)}}} nothing can be chosen: every weight is 0.")
    return dice.choices([text for _, text in weighed], [weight for weight, _ in weighed])[0].strip()


def _entries(name: str, lists: Mapping[str, Sequence[str]]) -> Sequence[str]:
    if not lists.get(name):
        known = ", ".join(sorted(lists)) or "none"
        what = "is empty" if name in lists else "there is not"
        raise ChoiceError(f"__{name}__: a list of that name {what}. There is: {known}.")
    return lists[name]
