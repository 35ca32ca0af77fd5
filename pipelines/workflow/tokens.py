"""How many tokens a caption has for the model that learns it: counted by its own tokenizer where that is here."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipelines.domain.presets import ModelFamily
from pipelines.engine.weights import locate
from pipelines.session import Session

FOLDERS = ("tokenizer_2", "tokenizer")
"""Of two text encoders the second (T5) reads whole captions; the first (CLIP) gives FLUX a summary."""
TOKENS_A_WORD = 1.4
"""English words without a tokenizer: a rough guess."""


@dataclass(frozen=True)
class Counter:
    """``count`` tells tokens; ``exact`` when the model's tokenizer did; ``most`` are what the model reads."""

    count: Callable[[str], int]
    exact: bool
    most: int


def counter(session: Session, family: ModelFamily) -> Counter:
    """Who counts the tokens of a model's captions."""
    folder = locate(family, session.workspace, session.settings)
    for name in FOLDERS if folder else ():
        assert folder
        file = folder / name / "tokenizer.json"
        if file.is_file():
            return Counter(_counting(file, file.stat().st_mtime_ns), True, family.text_length)
    return Counter(lambda text: round(len(text.split()) * TOKENS_A_WORD), False, family.text_length)


@lru_cache(maxsize=4)
def _counting(file: Path, written: int) -> Callable[[str], int]:
    from tokenizers import Tokenizer  # only when captions are counted

    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return lambda text: len(tokenizer.encode(text).ids)
