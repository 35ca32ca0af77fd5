"""Yaw and its bins."""

import math

import numpy as np
import pytest

from pipelines.faces.angle import NOSE_DEPTH, angle_of, yaw_from_keypoints


@pytest.mark.parametrize(
    ("yaw", "angle"),
    [
        (0, "front"), (15, "front"), (-15, "front"),
        (20, "unsure"), (-62, "unsure"),
        (25, "half-right"), (60, "half-right"), (-25, "half-left"), (-60, "half-left"),
        (65, "profile-right"), (90, "profile-right"), (-65, "profile-left"), (-89, "profile-left"),
        (None, "unsure"), (float("nan"), "unsure"),
    ],
)  # fmt: skip
def test_bins(yaw, angle):
    assert angle_of(yaw) == angle


def test_a_folded_pose_is_not_believed():
    assert angle_of(30, pitch=89) == "half-right"
    assert angle_of(30, pitch=120) == "unsure"
    assert angle_of(30, pitch=-120) == "unsure"


def turned_head(yaw: float, roll: float = 0.0, scale: float = 60.0, at=(200.0, 150.0)) -> np.ndarray:
    """Five points of a head seen from far away; x to the image's right, y down, z toward the camera."""
    points = np.array([(-0.5, 0, 0), (0.5, 0, 0), (0, 0.6, NOSE_DEPTH), (-0.4, 1.1, 0.1), (0.4, 1.1, 0.1)])
    t, r = math.radians(yaw), math.radians(roll)
    x = points[:, 0] * math.cos(t) + points[:, 2] * math.sin(t)
    y = points[:, 1]
    return np.stack([x * math.cos(r) - y * math.sin(r), x * math.sin(r) + y * math.cos(r)], axis=1) * scale + at


@pytest.mark.parametrize("roll", [-25, 0, 40])
@pytest.mark.parametrize("yaw", [-75, -45, -10, 0, 30, 60, 80])
def test_yaw_of_a_turned_head_is_found_again(yaw, roll):
    assert yaw_from_keypoints(turned_head(yaw, roll)) == pytest.approx(yaw, abs=0.01)


def test_eyes_in_one_place_give_no_yaw():
    assert yaw_from_keypoints(np.zeros((5, 2))) is None
