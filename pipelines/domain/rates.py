"""Rates with their uncertainty."""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from math import comb, sqrt


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a rate, as fractions (Wilson 1927). ``z`` 1.96 is 95 %. ``(0, 1)`` for none."""
    if total == 0:
        return 0.0, 1.0
    rate = right / total
    scale = 1 + z * z / total
    middle = (rate + z * z / (2 * total)) / scale
    half = z / scale * sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    return max(0.0, middle - half), min(1.0, middle + half)


def percent(share: float) -> str:
    """A share in words: ``0.4 %``, ``16 %``; what is too small to tell is ``less than 0.1 %``."""
    if 0 < share < 0.001:
        return "less than 0.1 %"
    return f"{share * 100:.1f} %" if share < 0.0995 else f"{share * 100:.0f} %"


def between(low: float, high: float) -> str:
    """An interval of a share in words: ``0.4 to 16 %``, ``at most 16 %`` where its lower end is next to nothing."""
    if high < 0.001:
        return "less than 0.1 %"
    if low < 0.001:
        return f"at most {percent(high)}"
    return f"{percent(low).removesuffix(' %')} to {percent(high)}"


def mcnemar(only_first: int, only_second: int) -> float:
    """The two-sided exact p of McNemar's test: of ``only_first + only_second`` pairs that differ, how likely is a split
    at least as uneven when either side is as likely (binomial; McNemar 1947)? 1 when no pair differs."""
    differ = only_first + only_second
    if differ == 0:
        return 1.0
    tail = sum(comb(differ, k) for k in range(min(only_first, only_second) + 1)) / 2**differ
    return min(1.0, 2 * tail)


def clustered(groups: Sequence[Sequence[bool]], draws: int = 4000, seed: int = 0) -> tuple[float, float]:
    """The 95 % interval of a rate whose trials come in groups that go right or wrong together, such as seeds of one
    cell: whole groups are drawn with replacement (cluster bootstrap, percentiles; Efron and Tibshirani 1993). The same
    groups give the same interval. ``(0, 1)`` for none; of a single group nothing is known of how groups differ, so it
    is ``(0, 1)`` as well."""
    known = [(sum(group), len(group)) for group in groups if group]
    if len(known) < 2:
        return 0.0, 1.0
    dice = random.Random(seed)  # noqa: S311
    rates = sorted(_rate(dice.choices(known, k=len(known))) for _ in range(draws))
    return rates[int(0.025 * draws)], rates[min(draws - 1, int(0.975 * draws))]


def _rate(drawn: Sequence[tuple[int, int]]) -> float:
    return sum(right for right, _ in drawn) / sum(total for _, total in drawn)


def kappa(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Cohen's kappa of two judges, each pair what they said of one thing: 1 they always agree, 0 as often as chance
    would have it (Cohen 1960). ``None`` without pairs, and where both only ever say one and the same."""
    said = list(pairs)
    if not said:
        return None
    total = len(said)
    first, second = Counter(one for one, _ in said), Counter(two for _, two in said)
    agreed = sum(one == two for one, two in said) / total
    chance = sum(first[word] * second[word] for word in first) / total**2
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def holm(p: Sequence[float]) -> list[float]:
    """p values of several tests made at once, corrected so that the chance of any false alarm stays what it was (Holm
    1979); in the order given."""
    order = sorted(range(len(p)), key=lambda n: p[n])
    corrected, highest = [0.0] * len(p), 0.0
    for place, n in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - place) * p[n]))
        corrected[n] = highest
    return corrected
