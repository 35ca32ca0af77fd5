"""Where eyes and mouth are: by keypoints, or by a box and how far a head is turned."""

import numpy as np
import pytest
from PIL import Image

from pipelines.faces import recogniser
from pipelines.faces.base import Face
from pipelines.faces.features import features, of_face
from pipelines.storage.settings import Settings
from pipelines.world.renderer import Character, Truth, View, render

BOX = (10.0, 20.0, 50.0, 60.0)


def test_from_the_front_it_is_the_middle_of_the_box() -> None:
    found = of_face(Face(box=BOX), (100, 80))
    assert (found.x, found.y) == pytest.approx((0.3, 0.5))
    assert (found.across, found.down) == pytest.approx((0.7 * 0.2, 0.7 * 0.25))


def test_a_profile_has_them_where_the_nose_points_and_narrower() -> None:
    right, left = (of_face(Face(box=BOX, yaw=yaw), (100, 100)) for yaw in (90.0, -90.0))
    assert (right.x, left.x) == pytest.approx((0.3 + 0.65 * 0.2, 0.3 - 0.65 * 0.2))
    assert right.across == left.across == pytest.approx(0.6 * 0.7 * 0.2)


def test_keypoints_know_better() -> None:
    keypoints = np.array([[20, 30], [30, 30], [25, 36], [21, 44], [29, 44]], dtype=np.float32)
    found = of_face(Face(box=BOX, yaw=0.0, keypoints=keypoints), (100, 100))
    assert (found.x, found.y) == pytest.approx((0.25, 0.368))


def test_many_at_once_are_each_as_alone() -> None:
    boxes, sines = np.array([[0.1, 0.2, 0.5, 0.6], [0.3, 0.1, 0.7, 0.9]]), np.array([0.5, -1.0])
    both = features(boxes, sines)
    alone = features(boxes[1], -1.0)
    assert (np.asarray(both.x)[1], np.asarray(both.down)[1]) == pytest.approx((alone.x, alone.down))


@pytest.mark.parametrize("angle", ["profile-left", "half-left", "front", "half-right", "profile-right"])
def test_what_the_practice_recogniser_finds_is_where_they_are(angle: str, tmp_path) -> None:
    view = View.at(angle, expression="angry")
    pixels, truths = render([Character.from_seed(8_000_003)], [view], 64)
    seen: Truth = truths[0]
    face = recogniser("mini", Settings(device="cpu")).faces(Image.fromarray(pixels[0]))[0]
    found = of_face(face, (64, 64))
    spots = np.array(seen.keypoints)
    visible = spots[[1, 2, 4]] if angle == "profile-left" else spots[[0, 2, 3]] if angle == "profile-right" else spots
    x, y = visible.mean(0)
    assert abs(float(found.x) - x) < 0.12, (found, x)
    assert abs(float(found.y) - y) < 0.12, (found, y)
