"""Shares and intervals in words."""

import pytest

from pipelines.domain.rates import between, percent


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
