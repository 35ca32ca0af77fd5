"""Practice runs of several characters held together: what a way of beginning, such as with three sources, comes to."""

from collections.abc import Sequence

from pipelines.domain.base import Frozen
from pipelines.domain.words import count
from pipelines.practice.figures import CardFigures, Figures, Share

FIRST = 8_500_000
"""Number of the first of those that no model of the practice world has learnt."""
CHARACTERS = 10


class Round(Frozen):
    """The cards of one round of all characters that came so far: cells right as they were decided and by the truth
    alone, and what each character came to. Intervals are Wilson's over cells; cells of one character resemble each
    other, hence ``each``."""

    round: int
    decided: Share
    truly: Share
    each: tuple[int, ...]
    each_truly: tuple[int, ...]

    @property
    def words(self) -> str:
        """``v1: 42 of 46 (91 %, 80-97) right at the first try, 40 of 46 (...) by the truth; 21, 21 of 23``"""
        apart = ", ".join(map(str, self.each_truly))
        return (
            f"v{self.round}: {self.decided.words} right at the first try, {self.truly.words} by the truth alone;"
            f" by character {apart}"
        )


def rounds(found: Sequence[Figures]) -> tuple[Round, ...]:
    """Round by round over all characters."""
    most = max((len(told.cards) for told in found), default=0)
    return tuple(_round(n, [told.cards[n] for told in found if n < len(told.cards)]) for n in range(most))


def _round(number: int, cards: Sequence[CardFigures]) -> Round:
    decided = [sum(cell.verdict == "right" for cell in card.cells) for card in cards]
    truly = [sum(bool(cell.truly) for cell in card.cells) for card in cards]
    total = sum(len(card.cells) for card in cards)
    return Round(
        round=number + 1,
        decided=Share.of(sum(decided), total),
        truly=Share.of(sum(truly), total),
        each=tuple(decided),
        each_truly=tuple(truly),
    )


def words(found: Sequence[Figures], sources: int) -> list[str]:
    """What came of it, in a few lines."""
    head = f"{count(len(found), 'character')}, {count(sources, 'source')} each"
    return [f"{head}:", *(one.words for one in rounds(found))]
