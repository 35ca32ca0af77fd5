"""Rates with their uncertainty."""

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
