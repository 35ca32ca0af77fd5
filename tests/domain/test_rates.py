"""Rates: against values that were worked out by hand or published; shares and intervals in words."""

import pytest

from pipelines.domain.rates import between, clustered, holm, kappa, mcnemar, percent, wilson


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (5.5e-16, 0.16, "at most 16 %"),
        (0.0, 0.01, "at most 1.0 %"),
        (0.004, 0.021, "0.4 to 2.1 %"),
        (0.12, 0.4, "12 to 40 %"),
        (0.0, 1.0, "at most 100 %"),
        (0.0, 0.0, "less than 0.1 %"),
    ],
)
def test_an_interval_is_a_sentence(low: float, high: float, words: str) -> None:
    assert between(low, high) == words


def test_a_share_is_never_a_power_of_ten() -> None:
    assert [percent(s) for s in (0.0, 1e-9, 0.01, 0.5, 1.0)] == ["0.0 %", "less than 0.1 %", "1.0 %", "50 %", "100 %"]


def test_wilson_by_hand() -> None:
    """8 of 10 at z = 2: middle (0.8 + 0.2) / 1.4 = 5/7, half 2/1.4 * sqrt(0.016 + 0.01) = 0.2303502"""
    low, high = wilson(8, 10, z=2)
    assert (low, high) == (pytest.approx(0.4839355, abs=1e-6), pytest.approx(0.9446359, abs=1e-6))
    assert wilson(10, 10, z=2) == (pytest.approx(10 / 14), 1.0) and wilson(0, 10, z=2) == (0.0, pytest.approx(4 / 14))
    assert wilson(0, 0) == (0.0, 1.0)


def test_mcnemar_by_hand() -> None:
    """1 against 9 of 10: 2 * (1 + 10) / 1024; 0 against 5: 2 / 32; 3 against 3 is what chance gives most often."""
    assert mcnemar(1, 9) == mcnemar(9, 1) == pytest.approx(22 / 1024)
    assert mcnemar(0, 5) == pytest.approx(0.0625)
    assert mcnemar(3, 3) == mcnemar(0, 0) == mcnemar(1, 0) == 1.0


def test_kappa_by_hand() -> None:
    """Cohen's table: both yes 20, both no 15, 5 and 10 apart. Agreed 0.7, by chance 0.25 + 0.25: kappa 0.4."""
    said = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert kappa(said) == pytest.approx(0.4)
    assert kappa((two, one) for one, two in said) == pytest.approx(0.4)
    assert kappa([("yes", "no"), ("no", "yes")]) == -1.0
    assert kappa([("a", "a"), ("b", "b"), ("c", "c")]) == 1.0
    assert kappa([]) is None and kappa([("yes", "yes")] * 3) is None


def test_an_interval_over_groups_by_hand() -> None:
    """Of two groups, one all right and one all wrong, a draw of two has rate 0, 1/2, 1 with chances 1/4, 1/2, 1/4: the
    middle 95 % reach from 0 to 1. Forty trials that were one each would be known far better."""
    halves = [[True] * 20, [False] * 20]
    assert clustered(halves) == (0.0, 1.0)
    alone = clustered([[True]] * 20 + [[False]] * 20)
    assert 0.3 < alone[0] < 0.4 and 0.6 < alone[1] < 0.7
    assert alone == clustered([[True]] * 20 + [[False]] * 20), "the same groups, the same interval"
    assert clustered([[True, False]] * 9) == (0.5, 0.5), "groups that do not differ"
    assert clustered([]) == clustered([[], [True]]) == (0.0, 1.0)
    low, high = clustered([[True]] * 4 + [[False]])
    assert (low, high) == (0.4, 1.0), "2 right or fewer of 5 at 4 in 5 each: 5.8 % of draws; 1 or fewer: 0.7 %"


def test_holm_by_hand() -> None:
    """0.01, 0.04, 0.03 of three: 3 * 0.01, then 2 * 0.03, then the larger of 0.06 and 1 * 0.04."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0] and holm([]) == []
