"""Numbers in sentences."""

import re
from pathlib import Path

import pytest

from pipelines.domain.words import count

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 pictures"), (1, "1 picture"), (2, "2 pictures"), (1000, "1000 pictures")]
)
def test_one_is_one(n: int, said: str) -> None:
    assert count(n, "picture") == said


def test_a_word_may_have_a_plural_of_its_own() -> None:
    assert (count(1, "try", "tries"), count(2, "try", "tries")) == ("1 try", "2 tries")


def test_no_job_or_next_step_is_named_by_a_bare_plural() -> None:
    """Titles stand in the job bar and on the rail: "Review 1 pictures" was one."""
    titles = re.compile(r"f\"[A-Z][^\"]*\{[^}]+\} (?:pictures|cells|sources|corrections)\b")
    files = [p for room in ("pipelines/workflow", "pipelines/practice") for p in (ROOT / room).glob("*.py")]
    found = [f"{p.name}: {m[0]}" for p in files for m in titles.finditer(p.read_text("utf-8")) if "of" not in m[0]]
    assert len(files) > 20 and found == []
