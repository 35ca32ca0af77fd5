"""What a character is, said in the instructions to an editor: nobody asks to keep a cat "the same person"."""

import re
from collections.abc import Iterable

from pipelines.domain.presets import CharacterKind
from pipelines.domain.records import PERSON


def of_kind(prompt: str, kind: str, kinds: Iterable[CharacterKind]) -> str:
    """``prompt``, written for a person, for a character of ``kind``: what stands in for its words is said in
    ``presets/kinds.toml``. Words of a text are replaced once, whole words only; ``{kind}`` is always filled in."""
    prompt = prompt.replace("{kind}", kind)
    if kind == PERSON:
        return prompt
    table = _words(kind, kinds)
    if not table:
        return prompt
    longest_first = sorted(table, key=len, reverse=True)
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, longest_first))})(?![\w-])")
    return pattern.sub(lambda match: table[match[1]].replace("{kind}", kind), prompt)


def _words(kind: str, kinds: Iterable[CharacterKind]) -> dict[str, str]:
    noun = kind.casefold().split()[-1]
    known = list(kinds)
    named = next((k for k in known if kind.casefold() in k.of or noun in k.of), None)
    return (named or next((k for k in known if not k.of), None) or CharacterKind(name="")).words
