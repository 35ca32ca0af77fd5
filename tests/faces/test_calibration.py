"""The threshold of a character: values worked out by hand, what may not be said, and a simulation of people."""

import math
from itertools import pairwise

import numpy as np
import pytest

from pipelines.faces.base import Thresholds
from pipelines.faces.calibration import (
    Impostors,
    TooFewSources,
    accept_threshold,
    against,
    area,
    calibrate,
    effective_sample_size,
    left_out,
    roc,
)
from pipelines.faces.calibration_report import page, words
from pipelines.faces.identity import Drawn, References, identify


def at(*degrees: float) -> np.ndarray:
    """Unit vectors in the plane."""
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1)


def refs(degrees, angle="unsure") -> References:
    angles = (angle,) * len(degrees) if isinstance(angle, str) else tuple(angle)
    return References(at(*degrees), angles, tuple(f"s{i}" for i in range(len(degrees))))


def others(degrees, groups=None, angle="unsure") -> Impostors:
    groups = tuple(groups or (f"o{i}" for i in range(len(degrees))))
    return Impostors(at(*degrees), (angle,) * len(degrees), groups)


FAN = (0, 20, 40, 60, 80)
SUM_WITHOUT_20 = math.degrees(
    math.atan2(
        sum(math.sin(math.radians(a)) for a in (0, 40, 60, 80)), sum(math.cos(math.radians(a)) for a in (0, 40, 60, 80))
    )
)


def test_each_source_is_held_against_the_centroid_of_the_others() -> None:
    inner = math.cos(math.radians(SUM_WITHOUT_20 - 20))
    outer = math.cos(math.radians(50))  # 0 degrees against 20, 40, 60, 80, whose mean direction is 50
    assert left_out(refs(FAN)) == pytest.approx([outer, inner, 1, inner, outer])


def test_a_source_is_held_against_its_own_angle_when_three_others_show_it() -> None:
    scores = left_out(refs((0, 10, 20, 30, 90, 100), ("front",) * 4 + ("half-left",) * 2))
    assert scores[0] == pytest.approx(math.cos(math.radians(20)))  # 10, 20, 30
    everything_else = at(0, 10, 20, 30, 100).mean(axis=0)
    assert scores[4] == pytest.approx(at(90)[0] @ everything_else / np.linalg.norm(everything_else))


def test_a_profile_without_three_other_profiles_is_not_measurable() -> None:
    references = refs((0, 10, 20, 90), ("front", "front", "front", "profile-left"))
    assert np.isnan(left_out(references)[3])
    found = calibrate(references, others((100, 120)))
    assert "profile-left" not in {r.angle for r in found.rejects}
    assert "1 profiles are not measurable" in page(found, "Ada", {})


def test_impostors_are_scored_as_the_product_scores_them() -> None:
    references = refs((0, 10, 20, 70, 80, 90), ("front",) * 3 + ("half-left",) * 3)
    front, other = against(references, at(10, 10), ("front", "half-left"))
    usual = Thresholds(same=0.5, other=0.2)
    for angle, mine in (("front", front), ("half-left", other)):
        told = identify(at(10)[0], references, usual, recogniser="r", model_hash="h", angle=angle)  # type: ignore[arg-type]
        assert told.score == pytest.approx(mine, abs=1e-4)
    assert (front, other) == pytest.approx((1, math.cos(math.radians(70))))


def test_the_line_by_others_lets_the_asked_share_pass() -> None:
    scores = np.arange(100) / 100
    tau, low, high = accept_threshold(scores, 0.05, effective=100)
    assert tau == pytest.approx(0.95)  # floor(0.05 * 101) = 5: above the fifth largest
    assert (scores >= tau).sum() == 4
    assert low < 5 / 101 < high


def test_the_interval_is_that_of_an_order_statistic() -> None:
    # above the largest of m: Beta(1, m), whose quantiles are 1 - (1 - q) ** (1 / m)
    _, low, high = accept_threshold(np.linspace(0, 1, 99), 0.01, effective=99)
    assert low == pytest.approx(1 - 0.975 ** (1 / 99), rel=0.05)
    assert high == pytest.approx(1 - 0.025 ** (1 / 99), rel=0.02)


def test_no_others_means_that_nothing_passes_and_nothing_is_known() -> None:
    assert accept_threshold(np.zeros(0), 0.01, 0.0) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize(
    ("scores", "groups", "expected"),
    [
        # by hand: between 16, within 2, icc (16 - 2) / (16 + 2) = 7/9, so 4 / (1 + 7/9)
        ([0, 2, 4, 6], "aabb", 4 / (1 + 7 / 9)),
        ([1, 1, 1, 5, 5, 5, 9, 9, 9], "aaabbbccc", 3),  # copies: as many as there are people
        ([1, 2, 3, 1, 2, 3], "aaabbb", 6),  # who it is says nothing: every picture counts
        ([1, 2, 3], "abc", 3),
        ([1, 2, 3], "aaa", 1),
        ([], "", 0),
    ],
)
def test_pictures_of_one_person_do_not_count_as_independent(scores, groups, expected) -> None:
    values = np.array(scores, dtype=float)
    assert effective_sample_size(values, ("front",) * len(values), tuple(groups)) == pytest.approx(expected)


def test_a_difference_between_angles_does_not_hide_that_people_differ() -> None:
    scores = np.array([0.0, 10, 1, 11, 2, 12])  # three people; the second angle scores 10 higher
    assert effective_sample_size(scores, ("front", "half-left") * 3, tuple("aabbcc")) == pytest.approx(3)


def test_the_higher_of_the_two_lines_rules_and_below_the_lower_is_someone_else() -> None:
    outer = math.cos(math.radians(50))
    far_away = calibrate(refs(FAN), others([180 + a for a in FAN] * 40, [f"o{i}" for i in range(200)]))
    assert far_away.smallest == pytest.approx(outer)
    assert far_away.threshold == far_away.smallest
    assert far_away.floor == far_away.tau < 0
    near = calibrate(refs(FAN), others(np.linspace(-90, 90, 500)))
    assert near.tau > outer
    assert (near.threshold, near.floor) == (near.tau, near.smallest)
    assert not near.provisional
    assert (near.impostor >= near.tau).mean() <= 0.01


def test_a_stand_in_calls_nobody_someone_else() -> None:
    found = calibrate(refs(FAN), others(np.linspace(-90, 90, 500)), names_others=False)
    assert found.floor == -1
    assert sum(r.failed for r in found.rejects) == 0


def test_rejects_are_counted_against_the_line_that_the_other_sources_draw() -> None:
    lone = calibrate(refs((0, 1, 2, 3, 30), "front"), others([200] * 100, [f"o{i}" for i in range(100)]))
    (front,) = lone.rejects
    assert (front.total, front.not_passed, front.failed) == (5, 1, 0)
    assert front.low < 0.2 < front.high


def test_verified_pictures_help_to_count_rejects_and_change_no_line() -> None:
    strangers = others(np.linspace(-90, 90, 500))
    alone = calibrate(refs(FAN, "front"), strangers)
    more = calibrate(refs(FAN, "front"), strangers, verified=refs((40, 40, 130), "half-left"))
    assert (alone.threshold, alone.floor) == (more.threshold, more.floor)
    half = next(r for r in more.rejects if r.angle == "half-left")
    assert (half.total, half.not_passed, half.failed) == (3, 1, 1)


@pytest.mark.parametrize(
    ("degrees", "strangers", "said"),
    [
        (FAN, others(()), "no pictures of others"),
        (
            FAN,
            others(np.linspace(90, 180, 60)),
            "Too few pictures of others: 60 of 60 others are worth 60",
        ),
        (FAN, others([100, 130, 160] * 50, ["a", "b", "c"] * 50), "are worth 3"),
        (FAN[:4], others(np.linspace(90, 180, 300)), "Only 4 sources"),
    ],
)
def test_with_too_little_it_says_so_and_stays_provisional(degrees, strangers, said) -> None:
    found = calibrate(refs(degrees), strangers)
    assert found.provisional
    assert said in found.why
    report = page(found, "Ada", {})
    assert "not used yet" in report
    assert said in report


def test_ninety_nine_independent_others_are_just_enough_for_one_percent() -> None:
    assert calibrate(refs(FAN), others(np.linspace(90, 180, 98))).provisional
    assert not calibrate(refs(FAN), others(np.linspace(90, 180, 99))).provisional


def test_one_source_cannot_be_left_out() -> None:
    with pytest.raises(TooFewSources):
        calibrate(refs((0,)), others((90,)))
    with pytest.raises(ValueError, match="between 0 and 1"):
        calibrate(refs(FAN), others((90,)), far=0)


def test_area_and_curve_by_hand() -> None:
    right, wrong = np.array([0.5, 0.9]), np.array([0.1, 0.5])
    assert area(right, wrong) == pytest.approx(3.5 / 4)
    assert math.isnan(area(right, np.zeros(0)))
    points = roc(right, wrong)
    assert points.tolist() == [[0, 0], [0, 0.5], [0.5, 1], [1, 1], [1, 1]]
    assert all((b >= a).all() for a, b in pairwise(points))


def test_a_calibrated_line_is_used_instead_of_the_starting_values() -> None:
    references = refs(FAN)
    usual = Thresholds(same=0.99, other=0.98)
    picture = at(75)[0]  # 35 degrees from the centroid: 0.82
    before = identify(picture, references, usual, recogniser="r", model_hash="h")
    assert before.verdict == "wrong"
    assert "starting value" in before.why
    for line, verdict in (
        (Drawn(0.8, 0.6, 0.01), "right"),
        (Drawn(0.9, 0.6, 0.01), "unsure"),
        (Drawn(0.9, 0.85, 0.01), "wrong"),
    ):
        after = identify(picture, references, usual, recogniser="r", model_hash="h", drawn=line)
        assert (after.verdict, after.threshold) == (verdict, line.threshold)
        assert "starting value" not in after.why
        assert "calibrated at 0.01 false accepts" in after.why


def test_the_report_stands_alone_and_shows_names_as_text() -> None:
    found = calibrate(
        refs(FAN), others(np.linspace(-90, 90, 500), ["<img src=x onerror=alert(1)>"] * 250 + ["b"] * 250)
    )
    text = page(found, "<b>Ada</b>", {"Recogniser": "<script>"})
    assert "<img src=x" not in text
    assert "<b>Ada" not in text
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org", "")
    assert text.count("<svg") == 2
    assert f"the line, {found.threshold:.2f}" in text
    assert f"{found.tau:.2f}" in words(found)
    assert "nan" not in text.lower()


def people(rng: np.random.Generator, number: int, pictures: int, spread: float) -> np.ndarray:
    """(number * pictures, 32): each person a direction of their own, each picture a step away from it."""
    d = 32
    own = rng.standard_normal((number, 1, d)) + spread * rng.standard_normal((number, pictures, d))
    return (own / np.linalg.norm(own, axis=2, keepdims=True)).reshape(-1, d)


@pytest.mark.parametrize("spread", [0.2, 0.9])
def test_new_people_pass_as_often_as_the_interval_says(spread: float) -> None:
    """60 characters, each with 12 sources, calibrated on 120 people seen 4 times, then shown 3000 new people. The
    interval is a 95 % one: of 60, 3 are expected outside, and more than 8 with a chance below 1 %."""
    rng = np.random.default_rng(3)
    new = people(rng, 3000, 1, spread)
    outside = beyond = 0
    for _ in range(60):
        references = References(people(rng, 1, 12, spread), ("front",) * 12, tuple(map(str, range(12))))
        strangers = Impostors(people(rng, 120, 4, spread), ("front",) * 480, tuple(str(i // 4) for i in range(480)))
        found = calibrate(references, strangers)
        assert not found.provisional
        scores = new @ references.embeddings.mean(axis=0) / np.linalg.norm(references.embeddings.mean(axis=0))
        outside += not found.far_low <= (scores >= found.tau).mean() <= found.far_high
        beyond += (scores >= found.threshold).mean() > found.far_high
    assert outside <= 8
    assert beyond <= 4


def test_the_dot_of_the_roc_says_what_the_rates_beside_it_say() -> None:
    """Of the fan of sources the lowest alone fails, held against the line of the others; against the line of all, none
    could."""
    found = calibrate(refs(FAN, "front"), others(np.linspace(120, 180, 500)))
    out, total = sum(r.not_passed for r in found.rejects), sum(r.total for r in found.rejects)
    assert total == len(FAN) and out >= 1 and (found.genuine >= found.threshold).all()
    assert found.passing == pytest.approx(1 - out / total)
    y = 300 - 34 + found.passing * (10 - (300 - 34))
    assert f'cy="{y:.1f}"' in page(found, "Ada", {})
