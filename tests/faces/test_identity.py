"""Identity maths against values worked out by hand."""

import math

import numpy as np
import pytest

from pipelines.domain.scores import Angle
from pipelines.faces.base import Thresholds, unit
from pipelines.faces.identity import References, against_centroid, centroid, identify, is_copy, leave_one_out, nothing

LINES = Thresholds(same=0.40, other=0.25)
ROOT = math.sqrt(0.5)


def references(rows, angles: tuple[Angle, ...] | None = None) -> References:
    matrix = np.array([unit(np.array(r, dtype=float)) for r in rows])
    return References(matrix, angles or ("front",) * len(rows), tuple(f"id{i}" for i in range(len(rows))))


def judged(vector, refs, angle: Angle = "unsure", thresholds=LINES):
    return identify(unit(np.array(vector, dtype=float)), refs, thresholds, recogniser="r", model_hash="h", angle=angle)


def test_centroid_of_two_right_angles():
    centre, length = centroid(np.eye(2))
    assert centre == pytest.approx([ROOT, ROOT])
    assert length == pytest.approx(ROOT)


def test_a_pairwise_line_becomes_the_published_centroid_line():
    # n unit vectors that resemble each other by s have a mean of length sqrt(s + (1 - s) / n)
    s, n = 0.46, 5
    gram = np.full((n, n), s) + (1 - s) * np.eye(n)
    rows = np.linalg.cholesky(gram)
    _, length = centroid(rows)
    assert length == pytest.approx(math.sqrt(s + (1 - s) / n))
    assert against_centroid(s, length) == pytest.approx(0.61, abs=0.005)
    assert against_centroid(0.9, 0.5) == 1.0


def test_leave_one_out_by_hand():
    # (1,0) against the centroid of (0,1) and (1,1)/sqrt2, which points at 67.5 degrees: cos 67.5
    rows = references([(1, 0), (0, 1), (1, 1)]).embeddings
    sides = math.cos(math.radians(67.5))
    assert leave_one_out(rows) == pytest.approx([sides, sides, 1.0], abs=1e-6)
    assert len(leave_one_out(rows[:1])) == 0


def test_score_highest_and_mean_by_hand():
    answer = judged((1, 0), references([(1, 0), (0, 1)]))
    assert answer.score == pytest.approx(ROOT, abs=1e-4)
    assert (answer.highest, answer.mean) == (1.0, 0.5)
    assert (answer.n, answer.bin, answer.aggregator) == (2, "all", "centroid")


def test_the_threshold_is_the_larger_of_tau_and_the_smallest_leave_one_out():
    loose = judged((1, 0), references([(1, 0), (0, 1)]))  # leave-one-out is 0: tau rules, 0.40 / sqrt(0.5)
    assert loose.threshold == pytest.approx(0.40 / ROOT, abs=1e-4)
    tight = references([(1, 0, 0), (1, 0.1, 0), (1, 0, 0.1)])
    answer = judged((1, 0, 0), tight)
    assert answer.threshold == pytest.approx(float(leave_one_out(tight.embeddings).min()), abs=1e-4)
    assert answer.threshold > 0.98


def test_right_unsure_wrong():
    same = references([(1, 0), (1, 0), (1, 0)])
    assert judged((1, 0), same).verdict == "right"
    assert judged((0.3, math.sqrt(1 - 0.09)), same).verdict == "unsure"  # between 0.25 and the line of 1.0
    assert judged((0.2, math.sqrt(1 - 0.04)), same).verdict == "wrong"
    assert "0.20 against 3 sources, below the line of 1.00" in judged((0.2, math.sqrt(1 - 0.04)), same).why


def test_the_bin_of_the_angle_is_used_from_three_references_on():
    rows = [(1, 0, 0), (1, 0, 0), (1, 0, 0), (0, 1, 0), (0, 1, 0)]
    refs = references(rows, ("front", "front", "front", "half-left", "half-left"))
    front = judged((1, 0, 0), refs, "front")
    assert (front.bin, front.n, front.score) == ("front", 3, 1.0)
    half = judged((0, 1, 0), refs, "half-left")  # only two of them: all five
    assert (half.bin, half.n) == ("all", 5)
    assert half.score == pytest.approx(2 / math.sqrt(13), abs=1e-4)
    assert judged((1, 0, 0), refs, "unsure").bin == "all"


def test_a_profile_without_profile_references_is_never_wrong():
    refs = references([(1, 0)] * 4)
    assert judged((0, 1), refs, "front").verdict == "wrong"
    answer = judged((0, 1), refs, "profile-left")
    assert answer.verdict == "cannot tell"
    assert answer.score == 0.0
    assert judged((1, 0), refs, "profile-left").verdict == "right"
    own = references([(1, 0)] * 4, ("profile-left",) * 4)
    assert judged((0, 1), own, "profile-left").verdict == "wrong"


def test_a_reference_is_not_compared_with_itself():
    refs = references([(1, 0), (0, 1), (0, 1)]).without("id0")
    assert refs.ids == ("id1", "id2")
    assert judged((1, 0), refs).score == 0.0


def test_one_reference_and_none():
    one = judged((1, 0), references([(1, 0)]))
    assert (one.verdict, one.threshold) == ("right", 0.4)
    empty = References(np.zeros((0, 1)), (), ())
    answer = judged((1, 0), empty)
    assert (answer.verdict, answer.score, answer.n) == ("cannot tell", None, 0)
    assert "no sources" in answer.why
    assert nothing("why", recogniser="r", model_hash="h").verdict == "cannot tell"


def test_a_copy_is_closer_to_a_source_than_sources_are_to_each_other_and_looks_like_it():
    refs = references([(1, 0), (0, 1), (1, 1)])  # the closest two: cos 45 degrees
    assert is_copy(0.8, refs, 4)
    assert not is_copy(0.8, refs, 5)
    assert not is_copy(0.7, refs, 0)
    assert is_copy(0.99, references([(1, 0)]), 0)
