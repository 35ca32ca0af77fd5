"""The stop rule, with numbers worked out by hand."""

import pytest

from pipelines.domain.stopping import Measurement, advice, gain

TARGET = 0.8


def card(version: str, verdicts: str, seed: int = 1) -> Measurement:
    """R right, W wrong, - not judged."""
    known = {"R": True, "W": False, "-": None}
    return Measurement(version, {f"{seed}/{n}": known[v] for n, v in enumerate(verdicts)})


def rated(version: str, right: int, total: int = 23) -> Measurement:
    return card(version, "R" * right + "W" * (total - right))


def test_the_target_is_proven_by_the_lower_end_of_the_interval() -> None:
    # Wilson, 23 of 23: 23 / (23 + 1.96^2) = 0.857; 22 of 23 reaches only 0.79
    assert rated("v1", 23).interval[0] == pytest.approx(23 / (23 + 1.96**2), abs=1e-3)
    proven = advice([rated("v1", 23)], TARGET)
    assert (proven.stop, proven.reason, proven.version) == (True, "proven", "v1")
    assert "80 % is proven" in proven.words and "23 of 23 right (95 % interval 86-100)" in proven.words
    near = advice([rated("v1", 22)], TARGET)
    assert (near.stop, near.reason) == (False, "go on")
    # the same rate over four seeds is proof: 88 of 92, lower end 0.89
    many = Measurement("v1", {f"{s}/{n}": n > 0 for s in range(4) for n in range(23)})
    assert advice([many], TARGET).reason == "proven"


def test_a_proof_stands_though_later_rounds_are_worse_or_not_measured() -> None:
    for later in (rated("v2", 15), Measurement("v2", {})):
        found = advice([rated("v1", 23), later], TARGET)
        assert (found.stop, found.version) == (True, "v1")


def test_no_gain_in_two_rounds_stops_with_its_reason() -> None:
    found = advice([rated("v1", 18), rated("v2", 18), rated("v3", 17)], TARGET)
    assert (found.stop, found.reason, found.version) == (True, "no gain", "v1")
    assert "v1 to v2: 0 gained, 0 lost of 23, p = 1" in found.words and "v1 to v3: 0 gained, 1 lost" in found.words
    assert "another seed" not in found.words
    # 4 gained, none lost: p = 2 / 2^4 = 0.125, not proven; said so
    found = advice([rated("v1", 12), rated("v2", 12), rated("v3", 16)], TARGET)
    assert found.stop and "4 gained, 0 lost of 23, p = 0.12" in found.words and "another seed" in found.words


def test_a_proven_gain_in_either_of_the_last_two_rounds_goes_on() -> None:
    # 6 gained, none lost: p = 2 / 2^6 = 0.031
    assert advice([rated("v1", 10), rated("v2", 10), rated("v3", 16)], TARGET).reason == "go on"
    assert advice([rated("v1", 10), rated("v2", 16), rated("v3", 15)], TARGET).reason == "go on"
    assert advice([rated("v1", 10), rated("v2", 16), rated("v3", 16), rated("v4", 16)], TARGET).reason == "no gain"
    # proven worse is no gain
    assert advice([rated("v1", 16), rated("v2", 10), rated("v3", 9)], TARGET).reason == "no gain"


def test_it_takes_three_measured_rounds_to_see_two_without_gain() -> None:
    assert advice([rated("v1", 18), rated("v2", 18)], TARGET).reason == "go on"
    assert advice([rated("v1", 18), Measurement("v2", {}), rated("v3", 18)], TARGET).reason == "go on"


def test_what_is_not_measured_is_measured_first() -> None:
    assert advice([], TARGET).words == "Go on: no LoRA is trained yet."
    assert "run the model card of v1" in advice([Measurement("v1", {})], TARGET).words
    found = advice([rated("v1", 9), rated("v2", 9), rated("v3", 9), card("v4", "RR-")], TARGET)
    assert (found.stop, found.reason, found.version) == (False, "not measured", "v1")
    assert "1 cell to go" in found.words


def test_without_cells_at_the_same_seed_the_intervals_decide() -> None:
    overlap = gain(card("v1", "R" * 12 + "W" * 11, 1), card("v2", "R" * 18 + "W" * 5, 2))
    assert (overlap.p, overlap.pairs, overlap.proven) == (None, 0, False) and "overlap" in overlap.words
    apart = gain(card("v1", "R" * 4 + "W" * 19, 1), card("v2", "R" * 20 + "W" * 3, 2))
    assert apart.proven and "lie apart" in apart.words


def test_a_cell_that_waits_in_either_round_makes_no_pair() -> None:
    found = gain(card("v1", "WW-R"), card("v2", "R-RR"))
    assert (found.gained, found.lost, found.pairs) == (1, 0, 2)
