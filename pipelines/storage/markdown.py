"""Words and tables in Markdown."""

from collections.abc import Iterable, Sequence

MARKS = "\\`*_{}[]<>#|"


def plain(words: str) -> str:
    """Words of a human as one line of Markdown: they neither end the cell of a table nor become markup."""
    return "".join(f"\\{letter}" if letter in MARKS else letter for letter in " ".join(words.split()))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of texts, a line each, the last one ended."""
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(plain(word) for word in row)} |" for row in rows]
    return "\n".join(lines) + "\n"
