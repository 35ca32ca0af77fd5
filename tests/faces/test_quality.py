"""Quality of pictures with known answers."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter
from skimage import data

from pipelines.faces.quality import measure, measure_source

ASTRONAUT = Image.fromarray(data.astronaut())


def test_values_worked_out_by_hand():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    quality = measure(Image.fromarray(board.astype(np.uint8)))
    # every inner pixel differs from its four neighbours by 255: the Laplacian is +-1020, its variance 1020 squared
    assert quality.sharpness == pytest.approx(1020**2, rel=0.01)
    assert (quality.light, quality.contrast) == (0.5, 0.5)
    flat = measure(Image.new("RGB", (64, 64), (51, 51, 51)))
    assert (flat.sharpness, flat.light, flat.contrast) == (0, 0.2, 0)


def test_a_good_photograph_has_no_issues():
    assert measure(ASTRONAUT).issues == ()
    assert measure_source(ASTRONAUT, 512).issues == ()


@pytest.mark.parametrize(
    ("picture", "issue"),
    [
        (ASTRONAUT.filter(ImageFilter.GaussianBlur(4)), "blurred"),
        (ImageEnhance.Brightness(ASTRONAUT).enhance(0.3), "dark"),
        (Image.blend(ASTRONAUT, Image.new("RGB", (512, 512), "white"), 0.8), "overexposed"),
        (Image.blend(ASTRONAUT, Image.new("RGB", (512, 512), "grey"), 0.9), "hardly any contrast"),
    ],
    ids=["blurred", "dark", "overexposed", "flat"],
)
def test_issues_are_said_in_words(picture, issue):
    assert issue in measure(picture).issues


def test_a_small_source_is_told_with_its_size():
    assert measure(ASTRONAUT.resize((200, 300))).issues == ()
    assert measure_source(ASTRONAUT.resize((200, 300)), 512).issues == (
        "small (200 x 300 px; 512 px on the shorter side wanted)",
    )


def test_blur_is_judged_at_one_size():
    """Enlarging adds no sharpness and takes none away: the verdict stays."""
    big = (2048, 2048)
    assert measure(ASTRONAUT.resize(big)).issues == ()
    assert "blurred" in measure(ASTRONAUT.filter(ImageFilter.GaussianBlur(4)).resize(big)).issues


def test_tiny_and_lengthy_pictures_are_measured():
    assert measure(Image.new("RGB", (1, 1))).sharpness == 0
    assert measure(Image.new("RGB", (3000, 2))).sharpness == 0
