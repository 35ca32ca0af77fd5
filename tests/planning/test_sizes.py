"""An edit, its reference and what an editor learns from have one size: held beside diffusers' own functions."""

import math

import pytest
from diffusers.pipelines.flux2.image_processor import Flux2ImageProcessor
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import calculate_dimensions
from diffusers.pipelines.qwenimage21 import pipeline_qwenimage21
from PIL import Image

from pipelines.domain.presets import ModelFamily
from pipelines.domain.records import ImageRecord
from pipelines.domain.sizes import WIDEST, fitted, middle
from pipelines.planning.base import size_like
from pipelines.storage.pictures import middle_of
from pipelines.storage.presets import shipped

SIZES = [
    (1024, 1024), (512, 512), (600, 900), (900, 600), (3024, 4032), (4032, 3024), (800, 1000), (1080, 1350),
    (1080, 1920), (1920, 1080), (1179, 2556), (1440, 3088), (880, 1184), (683, 1024), (1600, 40), (40, 1600),
    (2000, 1000), (17, 16),
]  # fmt: skip
QWEN = {"qwen-image-edit": calculate_dimensions, "qwen-image-2.1": pipeline_qwenimage21.calculate_dimensions}
EDITORS = [f for f in shipped().models.values() if "editor" in f.roles and not f.world]


def picture(width: int, height: int) -> ImageRecord:
    return ImageRecord(
        id="0" * 64, character="ada", kind="source", version="v1", path="a.png", width=width, height=height, pixels=""
    )


def reference(family: ModelFamily, width: int, height: int) -> tuple[int, int]:
    """The size at which the pipeline sees a source, by its own code."""
    area = family.defaults.vae_px**2
    if family.architecture in QWEN:
        wide, high, *_ = QWEN[family.architecture](area, width / height)
        return int(wide), int(high)
    seen = Flux2ImageProcessor._resize_if_exceeds_area(Image.new("L", (width, height)), area)
    return seen.width // 16 * 16, seen.height // 16 * 16


@pytest.mark.parametrize("family", EDITORS, ids=lambda f: f.name)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_an_edit_has_the_size_of_its_reference(family: ModelFamily, size: tuple[int, int]) -> None:
    seen = middle(*size)
    made = size_like(picture(*size), family)
    if family.architecture in QWEN or seen[0] * seen[1] > family.defaults.vae_px**2:
        assert made == reference(family, *seen)
    assert made[0] * made[1] == pytest.approx(1024 * 1024, rel=0.06)
    ratio = made[0] / made[1] / (seen[0] / seen[1])
    assert max(ratio, 1 / ratio) < 1.06


def test_there_are_editors_of_every_kind() -> None:
    assert {f.architecture for f in EDITORS} == {*QWEN, "flux2-klein"}


def test_a_phone_photograph_gives_what_was_published() -> None:
    assert size_like(picture(3024, 4032), shipped().models["qwen-image-edit-2509"]) == (896, 1184)


def test_beyond_two_to_one_the_middle_is_seen() -> None:
    strip = Image.new("RGB", (1600, 40), "red")
    strip.paste("blue", (760, 0, 840, 40))
    seen = middle_of(strip)
    assert seen.size == (80, 40) and seen.getcolors() == [(3200, (0, 0, 255))]
    square = Image.new("RGB", (50, 40))
    assert middle_of(square) is square


def test_the_sizes_of_practice_are_as_they_were() -> None:
    """Shots are named by their content: a rounding that came out otherwise would make each picture anew."""

    def before(width: int, height: int) -> tuple[int, int]:
        ratio = min(max(width / height, 1 / WIDEST), WIDEST)
        sides = 64 * math.sqrt(ratio), 64 / math.sqrt(ratio)
        return tuple(max(8, round(side / 8) * 8) for side in sides)  # type: ignore[return-value]

    mini = shipped().models["mini-qwen-edit"]
    for width in range(16, 900, 3):
        for height in (16, 64, 97, 128, 256, 511, 600, 853):
            assert size_like(picture(width, height), mini) == before(width, height), (width, height)
    assert fitted(256, 256, 64 * 64, 8) == (64, 64)
