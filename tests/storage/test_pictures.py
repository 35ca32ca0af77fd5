import hashlib
import os
import random
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import Scores
from pipelines.domain.shots import Adapter, ImageRef, LoraStack, Purpose, Shot
from pipelines.storage import pictures
from pipelines.storage.pictures import (
    dhash,
    hamming,
    parameters,
    pixel_hash,
    read_recipe,
    save_picture,
    thumbnail,
    write_png,
)
from pipelines.storage.workspace import Workspace

THEN = datetime(2026, 1, 2, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def picture() -> Image.Image:
    """A smooth picture with structure, 96 x 64."""
    y, x = np.mgrid[0:64, 0:96]
    channels = [np.sin(x / 17) * 127 + 128, np.cos(y / 11) * 127 + 128, np.sin((x + y) / 23) * 127 + 128]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


@pytest.fixture
def shot() -> Shot:
    adapter = Adapter(name="angles", sha256="c0ffee" * 10 + "0000", path="loras/a.safetensors", weight=0.8)
    return Shot(
        family="mini-flux",
        revision="1",
        prompt="ohwx_char person, Grüße, smiling",
        negative_prompt="blurry",
        sources=(ImageRef(id="5" * 64, path="characters/ada/data/source/v1/x.png"),),
        stack=LoraStack(adapters=(adapter,)),
        seed=42,
        steps=4,
        guidance=3.5,
        width=96,
        height=64,
        purpose=Purpose(step="enrich", cell="front/smiling", labels={"angle": "front"}),
    )


def fields(shot: Shot | None = None) -> dict[str, object]:
    return {"character": "ada", "kind": "enriched", "version": "v1", "shot": shot, "created": THEN, "caption": "a <b>"}


def test_the_record_can_be_read_back_from_the_file_whole(
    workspace: Workspace, picture: Image.Image, shot: Shot
) -> None:
    record = save_picture(workspace, picture, **fields(shot), seconds=1.5, job="j", path="characters/ada/x.png")
    path = workspace.path(record.path)
    assert read_recipe(path, record.path) == record
    assert record.id == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (record.width, record.height, record.pixels) == (96, 64, pixel_hash(picture))
    assert record.shot and record.shot.id == shot.id
    with Image.open(path) as saved:
        assert np.array_equal(np.asarray(saved), np.asarray(picture))


def test_a_file_that_was_moved_keeps_its_recipe(workspace: Workspace, picture: Image.Image) -> None:
    record = save_picture(workspace, picture, **fields())
    moved = workspace.path("characters/ada/elsewhere.png")
    workspace.path(record.path).replace(moved)
    found = read_recipe(moved, "characters/ada/elsewhere.png")
    assert found == record.model_copy(update={"path": "characters/ada/elsewhere.png"})


def test_scores_come_later_and_are_not_in_the_file(tmp_path: Path, picture: Image.Image) -> None:
    write_png(tmp_path / "x.png", picture, {**fields(), "path": "x.png", "scores": Scores(faces=3)})
    recipe = read_recipe(tmp_path / "x.png")
    assert recipe and recipe.scores == Scores()


def test_the_same_picture_and_fields_give_the_same_bytes_in_any_process(
    tmp_path: Path, picture: Image.Image, shot: Shot
) -> None:
    first = write_png(tmp_path / "1.png", picture, {**fields(shot), "path": "1.png"})
    second = write_png(tmp_path / "2.png", picture, {**fields(shot), "path": "2.png"})
    assert first.id == second.id
    script = (
        "import sys; from pathlib import Path; from PIL import Image\n"
        "from pipelines.storage.pictures import read_recipe, write_png\n"
        "old = read_recipe(Path(sys.argv[1]))\n"
        "fields = old.model_dump(exclude={'id', 'width', 'height', 'pixels', 'dhash'})\n"
        "print(write_png(Path(sys.argv[2]), Image.open(sys.argv[1]), fields).id)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7"}
    command = [sys.executable, "-c", script, str(tmp_path / "1.png"), str(tmp_path / "3.png")]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == first.id


def test_nothing_of_the_image_it_came_from_slips_in(tmp_path: Path, picture: Image.Image) -> None:
    picture.info.update(icc_profile=b"x" * 200, dpi=(72, 72), exif=b"Exif\0\0MM\0*secret", comment="secret")
    write_png(tmp_path / "x.png", picture, {**fields(), "path": "x.png"})
    with Image.open(tmp_path / "x.png") as saved:
        assert isinstance(saved, PngImagePlugin.PngImageFile)
        assert set(saved.info) == {pictures.RECIPE}
    assert b"secret" not in (tmp_path / "x.png").read_bytes()


def test_parameters_are_what_image_sites_read(tmp_path: Path, picture: Image.Image, shot: Shot) -> None:
    write_png(tmp_path / "x.png", picture, {**fields(shot), "path": "x.png"})
    with Image.open(tmp_path / "x.png") as saved:
        text = saved.info["parameters"]
    assert text == parameters(shot)
    prompt, negative, facts = text.split("\n")
    assert prompt == "ohwx_char person, Grüße, smiling <lora:angles:0.8>"
    assert negative == "Negative prompt: blurry"
    assert facts.startswith("Steps: 4, CFG scale: 3.5, Seed: 42, Size: 96x64, Model: mini-flux")
    assert 'Lora hashes: "angles: c0ffeec0ffee"' in facts


def test_a_failed_write_leaves_nothing(tmp_path: Path, picture: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_png(tmp_path / "x.png", picture, {**fields(), "path": "x.png"})
    assert list(tmp_path.iterdir()) == []


def test_saving_the_same_pixels_again_gives_the_record_that_is_there(
    workspace: Workspace, picture: Image.Image
) -> None:
    first = save_picture(workspace, picture, **fields())
    second = save_picture(workspace, picture, **{**fields(), "caption": "another"})
    assert second == first
    assert first.path == f"characters/ada/data/enriched/v1/{first.pixels[:20]}.png"


@pytest.mark.parametrize(
    "content",
    [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\x89PNG\r\n\x1a\n" + b"\0" * 40],
)
def test_files_without_a_recipe_have_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    assert read_recipe(tmp_path / "x.png") is None


def test_missing_foreign_and_forged_files_have_no_recipe(tmp_path: Path, picture: Image.Image) -> None:
    assert read_recipe(tmp_path / "none.png") is None
    assert read_recipe(tmp_path) is None
    picture.save(tmp_path / "foreign.png")
    assert read_recipe(tmp_path / "foreign.png") is None
    for text in ("{", "[]", '"x"', '{"surprise": 1}', "null"):
        info = PngImagePlugin.PngInfo()
        info.add_itxt(pictures.RECIPE, text)
        picture.save(tmp_path / "forged.png", pnginfo=info)
        assert read_recipe(tmp_path / "forged.png") is None


def test_thumbnails_are_made_with_the_picture_fit_the_square_and_are_never_enlarged(
    workspace: Workspace,
) -> None:
    wide = save_picture(workspace, Image.new("RGB", (600, 300), "red"), **fields())
    made = workspace.thumbnail(wide.id, 256)
    assert made.exists()
    with Image.open(made) as small:
        assert (small.format, small.size) == ("WEBP", (256, 128))
    assert thumbnail(workspace, wide) == made
    with Image.open(thumbnail(workspace, wide, 300)) as medium:
        assert medium.size == (512, 256)
    with Image.open(thumbnail(workspace, wide, 99_999)) as large:
        assert large.size == (600, 300)
    made.unlink()
    assert thumbnail(workspace, wide, 200).exists(), "made again when it is missing"
    workspace.path(wide.path).unlink()
    made.unlink()
    with pytest.raises(OSError, match="No such file"):
        thumbnail(workspace, wide)


def test_pixel_hash_tells_pictures_apart_and_ignores_the_file(picture: Image.Image, tmp_path: Path) -> None:
    picture.save(tmp_path / "x.bmp")
    with Image.open(tmp_path / "x.bmp") as other:
        assert pixel_hash(other) == pixel_hash(picture)
    changed = picture.copy()
    changed.putpixel((0, 0), (0, 0, 1))
    assert pixel_hash(changed) != pixel_hash(picture)


def test_difference_hash_is_near_for_the_same_scene_and_far_for_another(picture: Image.Image) -> None:
    smaller = picture.resize((60, 40), Image.Resampling.LANCZOS)
    brighter = picture.point(lambda value: min(255, value * 1.1))
    other = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert len(dhash(picture)) == 16
    assert hamming(dhash(picture), dhash(smaller)) <= 4
    assert hamming(dhash(picture), dhash(brighter)) <= 8
    assert hamming(dhash(picture), dhash(other)) > 20
    assert dhash(Image.new("L", (50, 50), 7)) == "0" * 16
    falling = Image.fromarray(np.tile(np.linspace(255, 0, 90).astype(np.uint8), (80, 1)))
    assert dhash(falling) == "f" * 16


def test_hamming_counts_bits() -> None:
    dice = random.Random(2)
    for _ in range(50):
        a, b = dice.getrandbits(64), dice.getrandbits(64)
        assert hamming(f"{a:016x}", f"{b:016x}") == bin(a ^ b).count("1")


def test_a_picture_outside_the_workspace_is_refused(workspace: Workspace, picture: Image.Image) -> None:
    with pytest.raises(ValueError, match="inside the workspace"):
        save_picture(workspace, picture, **fields(), path="../x.png")
    record: ImageRecord = save_picture(workspace, picture, **fields())
    assert workspace.path(record.path).is_relative_to(workspace.root)
