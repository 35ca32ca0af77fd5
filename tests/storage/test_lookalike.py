"""Which pictures are copies of others by their look, on photographs that packages ship."""

import io
from itertools import combinations
from pathlib import Path

import gradio
import insightface
import pytest
from PIL import Image, ImageOps
from skimage import data

from pipelines.storage.lookalike import Look, likeness
from pipelines.world.practice_sources import sources

SHIPPED = [
    *sorted((Path(gradio.__file__).parent / "media_assets" / "images").glob("*.jp*g")),
    Path(insightface.__file__).parent / "data" / "images" / "t1.jpg",
]


def photographs() -> dict[str, Image.Image]:
    found = {name: Image.fromarray(getattr(data, name)()) for name in ("astronaut", "coffee", "chelsea", "rocket")}
    return {**found, **{file.name: Image.open(file) for file in SHIPPED if file.exists()}}


@pytest.fixture(scope="module")
def shown() -> dict[str, Image.Image]:
    return {name: image.convert("RGB") for name, image in photographs().items()}


@pytest.fixture(scope="module")
def looks(shown: dict[str, Image.Image]) -> dict[str, Look]:
    return {name: Look.of(image) for name, image in shown.items()}


def copied(image: Image.Image, across: float, down: float, quality: int, size: float, mirror: bool) -> Image.Image:
    """Cropped off its middle, resized, as JPEG, maybe in a mirror."""
    width, height = round(image.width * across), round(image.height * down)
    left, top = (image.width - width) // 3, (image.height - height) // 4
    part = image.crop((left, top, left + width, top + height))
    part = part.resize((max(48, round(width * size)), max(48, round(height * size))))
    packed = io.BytesIO()
    (ImageOps.mirror(part) if mirror else part).save(packed, "JPEG", quality=quality)
    return Image.open(io.BytesIO(packed.getvalue())).convert("RGB")


@pytest.mark.parametrize(
    ("across", "down", "quality", "size", "mirror"),
    [(0.6, 0.6, 30, 0.6, False), (0.7, 1, 50, 1.3, True), (1, 0.65, 70, 0.4, False), (0.8, 0.8, 90, 1, True),
     (0.95, 0.9, 30, 0.5, True), (1, 1, 30, 0.35, False)],
)  # fmt: skip
def test_copies_of_photographs_are_known(
    shown: dict[str, Image.Image], looks: dict[str, Look], across: float, down: float, quality: int, size: float,
    mirror: bool,
) -> None:  # fmt: skip
    found = {}
    for name, image in shown.items():
        copy = Look.of(copied(image, across, down, quality, size, mirror))
        found[name] = likeness(copy, looks[name])
        assert likeness(looks[name], copy) == found[name]  # whichever came first
    assert [name for name, like in found.items() if like is None] == []
    assert {like.mirrored for like in found.values() if like} == {mirror}
    assert {like.part for like in found.values() if like} == {min(across, down) < 0.94}


def test_other_photographs_are_others(looks: dict[str, Look]) -> None:
    same = {pair for pair in combinations(looks, 2) if likeness(looks[pair[0]], looks[pair[1]])}
    assert same == set()


def test_two_pictures_of_one_person_are_two(shown: dict[str, Image.Image]) -> None:
    twelve = [Look.of(source.image) for source in sources(3, 128)]
    assert not any(likeness(a, b) for a, b in combinations(twelve, 2))
    stereo, _, _ = data.stereo_motorcycle()[:3], None, None
    left, right = (Look.of(Image.fromarray(side)) for side in stereo[:2])
    assert likeness(left, right) is None  # two cameras side by side
    faces = [shown["t1.jpg"].crop(box) for box in ((150, 60, 330, 280), (330, 60, 510, 280), (600, 60, 780, 280))]
    assert not any(likeness(Look.of(a), Look.of(b)) for a, b in combinations(faces, 2))


def test_a_sheet_of_one_colour_is_like_nothing() -> None:
    plain = Look.of(Image.new("RGB", (300, 200), (90, 120, 200)))
    assert likeness(plain, plain) is None
    assert likeness(plain, Look.of(Image.fromarray(data.astronaut()))) is None
    assert likeness(Look.of(Image.new("RGB", (2000, 16), "white")), plain) is None
