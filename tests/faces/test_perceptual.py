"""The stand-in: steady, indifferent to what does not matter, and honest about what it is."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from skimage import data

from pipelines.faces.perceptual import Perceptual

WHO = Perceptual()


def seen(image: Image.Image) -> np.ndarray:
    embedding = WHO.faces(image)[0].embedding
    assert embedding is not None
    return embedding


ASTRONAUT = Image.fromarray(data.astronaut())


def test_it_says_what_it_is_and_needs_nothing():
    assert "not a face recogniser" in WHO.title
    assert WHO.ready() == ""
    assert not WHO.finds_faces
    assert WHO.thresholds.provisional
    assert WHO.thresholds.other == -1  # never "someone else"


def test_unit_norm_and_the_same_every_time():
    one = seen(ASTRONAUT)
    assert one.shape == (294,)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(one, seen(ASTRONAUT.copy()))


@pytest.mark.parametrize(
    "changed",
    [
        ImageOps.mirror(ASTRONAUT),
        ASTRONAUT.resize((128, 128)),
        ASTRONAUT.crop((30, 30, 482, 482)),
        ImageEnhance.Brightness(ASTRONAUT).enhance(0.9),
    ],
    ids=["mirrored", "small", "cropped", "darker"],
)
def test_the_same_picture_changed_a_little_stays_above_the_line(changed):
    assert seen(ASTRONAUT) @ seen(changed) > WHO.thresholds.same


@pytest.mark.parametrize("name", ["coffee", "chelsea", "immunohistochemistry", "hubble_deep_field"])
def test_other_pictures_stay_below_it(name):
    assert seen(ASTRONAUT) @ seen(Image.fromarray(getattr(data, name)())) < WHO.thresholds.same


def test_a_picture_of_nothing_is_described_too():
    flat = seen(Image.new("RGB", (3, 3), (128, 128, 128)))
    assert np.isfinite(flat).all()


def test_the_border_does_not_count():
    framed = ASTRONAUT.copy()
    framed.paste(Image.new("RGB", (512, 40), "red"), (0, 0))
    assert np.array_equal(seen(framed), seen(ASTRONAUT))
