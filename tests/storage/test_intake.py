"""Real files of every awkward kind, made here with Pillow or by hand; hostile ones too."""

import hashlib
import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin

from pipelines.domain.records import ImageRecord
from pipelines.storage import intake
from pipelines.storage.intake import Refused, admit
from pipelines.storage.pictures import read_recipe
from pipelines.storage.workspace import Workspace


@pytest.fixture
def take(workspace: Workspace) -> Callable[..., tuple[ImageRecord, np.ndarray]]:
    """Admit and give back the record with the pixels as they lie on disk."""

    def take(data: bytes | Path, name: str = "a.png", **options: Any) -> tuple[ImageRecord, np.ndarray]:
        record = admit(workspace, data, name, character="ada", kind="source", version="v1", **options)
        with Image.open(workspace.path(record.path)) as image:
            assert image.mode == "RGB"
            assert "icc_profile" not in image.info
            assert image.size == (record.width, record.height)
            return record, np.asarray(image)

    return take


def photo(width: int = 64, height: int = 48) -> Image.Image:
    """Smooth colours; red grows to the right, green downwards."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [x * 255 // (width - 1), y * 255 // (height - 1), np.full_like(x, 90)]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def file(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# ---- what is admitted


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "WEBP"])
def test_plain_pictures_pass_unchanged(take: Any, workspace: Workspace, form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    data = file(photo(), form, **options)
    record, pixels = take(data, f"holiday.{form.lower()}", caption="ada")
    assert np.array_equal(pixels, np.asarray(photo()))
    assert record.caption == "ada"
    assert record.intake is not None
    assert (record.intake.filename, record.intake.format) == (f"holiday.{form.lower()}", form)
    assert record.intake.notes == ()
    assert record.intake.original_sha256 == hashlib.sha256(data).hexdigest()
    assert workspace.path(record.intake.original).read_bytes() == data
    assert read_recipe(workspace.path(record.path), record.path) == record
    assert record.path.startswith("characters/ada/data/source/v1/")
    assert record.pixels[:20] in record.path


def test_a_path_is_read_and_left(take: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(file(photo()))
    record, _ = take(path)
    assert path.exists()
    assert record.intake.original_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_applied(take: Any, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = file(photo(), "JPEG", quality=95, subsampling=0, exif=exif)
    record, pixels = take(data, "turned.jpg")
    back = {5: (48, 64), 6: (48, 64), 7: (48, 64), 8: (48, 64)}
    assert (record.width, record.height) == back.get(orientation, (64, 48))
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(pixels, np.asarray(ImageOps.exif_transpose(image)))
    assert bool(record.intake.notes) == (orientation != 1)
    red = pixels[..., 0].astype(int)
    if orientation == 6:  # the camera lay on its side: red grows downwards
        assert red[-1].mean() > red[0].mean() + 200
    if orientation == 3:
        assert red[:, 0].mean() > red[:, -1].mean() + 200


def test_cmyk_jpeg_becomes_rgb(take: Any) -> None:
    record, pixels = take(file(photo().convert("CMYK"), "JPEG", quality=95), "print.jpg")
    assert np.abs(pixels.astype(int) - np.asarray(photo()).astype(int)).mean() < 12
    assert "CMYK" in record.intake.notes[0]


def test_16_bit_grey_is_scaled_not_clipped(take: Any) -> None:
    values = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    record, pixels = take(file(Image.fromarray(values)), "deep.png")
    assert np.array_equal(pixels[..., 0], np.rint(values / 257).astype(np.uint8))
    assert np.array_equal(pixels[..., 0], pixels[..., 2])
    assert "16" in record.intake.notes[0]
    _, tiff = take(file(Image.fromarray(values + 0), "TIFF"), "deep.tif", angle="front")
    assert np.array_equal(tiff, pixels)


def test_16_bit_colour_is_scaled_not_clipped(take: Any) -> None:
    values = np.zeros((48, 64, 3), ">u2")
    values[..., 0] = np.linspace(0, 65535, 64)
    values[..., 1] = 0x8000
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    record, pixels = take(png(64, 48, 16, 2, rows), "deep.png")
    assert np.abs(pixels[..., 0] - np.linspace(0, 255, 64)).max() <= 1
    assert set(np.unique(pixels[..., 1])) <= {127, 128}
    assert "16" in record.intake.notes[0]


def test_float_tiff_between_0_and_1_is_scaled_and_others_are_refused(take: Any) -> None:
    ramp = np.linspace(0, 1, 64 * 48, dtype=np.float32).reshape(48, 64)
    _, pixels = take(file(Image.fromarray(ramp), "TIFF"), "f.tif")
    assert np.array_equal(pixels[..., 0], np.rint(ramp * 255).astype(np.uint8))
    for bad in (ramp * 1e9, ramp - 0.5, np.where(ramp > 0.5, np.nan, ramp).astype(np.float32)):
        with pytest.raises(Refused, match=r"f\.tif"):
            take(file(Image.fromarray(bad.astype(np.float32)), "TIFF"), "f.tif")


def adobe_like_profile() -> bytes:
    """An RGB matrix profile with the wide primaries of Adobe RGB (1998) and gamma 2.2, made by hand."""

    def s15(value: float) -> bytes:
        return struct.pack(">i", round(value * 65536))

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(map(s15, values))

    text = b"desc\0\0\0\0" + struct.pack(">I", 11) + b"Wide <test>"[:10] + b"\0" + b"\0" * 78
    gamma = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(2.2 * 256)) + b"\0\0"
    tags = {
        b"desc": text + b"\0" * (-len(text) % 4),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
        b"rXYZ": xyz(0.60974, 0.31111, 0.01947),
        b"gXYZ": xyz(0.20528, 0.62567, 0.06087),
        b"bXYZ": xyz(0.14919, 0.06322, 0.74457),
        b"rTRC": gamma,
        b"gTRC": gamma,
        b"bTRC": gamma,
    }
    offset, table, body = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", 128 + len(table) + len(body), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + b"\0" * 28 + s15(0.9642) + s15(1) + s15(0.8249)
    return head.ljust(128, b"\0") + table + body


def test_a_colour_profile_is_applied(take: Any) -> None:
    plain = np.zeros((32, 32, 3), np.uint8)
    plain[:] = (128, 200, 100)
    record, pixels = take(file(Image.fromarray(plain), icc_profile=adobe_like_profile()), "wide.png")
    red, green, blue = (int(v) for v in pixels[5, 5])
    # Adobe RGB (128, 200, 100) is greener than sRGB can say: red falls, green rises
    assert red < 100
    assert green in range(199, 206)
    assert blue in range(88, 100)
    assert "profile applied" in record.intake.notes[0]
    assert "<" not in record.intake.notes[0]


def test_srgb_passes_exactly_and_a_useless_profile_is_told(take: Any) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    record, pixels = take(file(photo(), icc_profile=srgb))
    assert np.array_equal(pixels, np.asarray(photo()))
    assert record.intake.notes == ()
    for useless in (b"not a profile" * 20, srgb[:200]):
        other, pixels = take(file(photo(40, 40), icc_profile=useless), version_note(useless))
        assert np.array_equal(pixels, np.asarray(photo(40, 40)))
        assert "ignored" in other.intake.notes[0]


def version_note(data: bytes) -> str:
    return f"{hashlib.sha256(data).hexdigest()[:6]}.png"


def test_a_grey_picture_with_an_rgb_profile_is_taken_without_it(take: Any) -> None:
    record, pixels = take(file(photo().convert("L"), icc_profile=adobe_like_profile()))
    assert np.array_equal(pixels[..., 0], np.asarray(photo().convert("L")))
    assert "ignored" in record.intake.notes[0]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_laid_on_white(take: Any, mode: str) -> None:
    rgba = photo().convert("RGBA")
    alpha = Image.new("L", rgba.size, 255)
    alpha.paste(0, (0, 0, 20, 20))
    alpha.paste(128, (20, 0, 40, 20))
    rgba.putalpha(alpha)
    if mode == "PA":
        source = rgba.quantize(64)
    elif mode == "LA":
        source = rgba.convert("LA")
    else:
        source = rgba
    record, pixels = take(file(source))
    assert (pixels[:20, :20] == 255).all(), "what was transparent is white, whatever colour lay under it"
    assert record.intake.notes == ("transparency laid on white",)
    if mode == "RGBA":
        expected = (np.asarray(photo())[5, 30].astype(int) * 128 + 255 * 127) / 255
        assert np.abs(pixels[5, 30] - expected).max() <= 1
        assert np.array_equal(pixels[30:], np.asarray(photo())[30:])


def test_palettes_and_single_colour_transparency(take: Any) -> None:
    palette = photo().quantize(32)
    _, pixels = take(file(palette))
    assert np.array_equal(pixels, np.asarray(palette.convert("RGB")))
    _, pixels = take(file(palette, transparency=int(np.asarray(palette)[0, 0])), "keyed.png")
    assert (pixels[0, 0] == 255).all()
    keyed = Image.new("RGB", (32, 32), (10, 20, 30))
    keyed.paste((200, 0, 0), (16, 0, 32, 32))
    _, pixels = take(file(keyed, transparency=(10, 20, 30)), "rgbkey.png")
    assert (pixels[0, 0] == 255).all()
    assert tuple(pixels[0, 20]) == (200, 0, 0)


def test_an_opaque_alpha_channel_needs_no_note(take: Any) -> None:
    record, pixels = take(file(photo().convert("RGBA")))
    assert np.array_equal(pixels, np.asarray(photo()))
    assert record.intake.notes == ()


def test_black_and_white(take: Any) -> None:
    source = photo().convert("1")
    _, pixels = take(file(source))
    assert np.array_equal(pixels[..., 1], np.asarray(source.convert("L")))


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animations_are_refused_or_give_their_first_picture(take: Any, form: str) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if form == "WEBP" else {}
    data = file(frames[0], form, save_all=True, append_images=frames[1:], **options)
    with pytest.raises(Refused, match="3 pictures"):
        take(data, "dance.x")
    record, pixels = take(data, "dance.x", first_frame=True)
    assert tuple(pixels[20, 20]) == (255, 0, 0)
    assert record.intake.notes[0] == "first of 3 pictures"


def test_the_second_picture_of_a_camera_jpeg_is_no_animation(take: Any) -> None:
    data = file(photo(), "MPO", save_all=True, append_images=[photo()], quality=95)
    record, pixels = take(data, "phone.jpg")
    assert pixels.shape == (48, 64, 3)
    assert record.intake.original.endswith(".jpg")


def test_a_photograph_with_a_film_behind_it_is_a_photograph(take: Any) -> None:
    film = b"\0\0\0\x18ftypmp42" + bytes(4096)  # a phone's motion photo: JPEG, then MP4
    record, pixels = take(file(photo(), "JPEG", quality=95) + film, "PXL_20240101.MP.jpg")
    assert pixels.shape == (48, 64, 3) and record.intake.original.endswith(".jpg")


def test_the_same_picture_again_is_the_same_record_and_keeps_both_originals(take: Any, workspace: Workspace) -> None:
    first, _ = take(file(photo()), "a.png")
    second, _ = take(file(photo(), "BMP"), "b.bmp")
    assert second == first
    assert len(list(workspace.path(workspace.originals("ada")).iterdir())) == 2
    assert len(list(workspace.path("characters/ada/data/source/v1").glob("*.png"))) == 1


# ---- what is refused


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_cut_off_files_are_refused(take: Any, workspace: Workspace, form: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (90, 90, 3), np.uint8))
    data = file(noise, form)
    with pytest.raises(Refused, match=r"half\.img"):
        take(data[: int(len(data) * share)], "half.img")
    assert not list(workspace.root.rglob("*.png")), "nothing is kept of a refused file"
    assert not workspace.path(workspace.originals("ada")).exists()


def test_a_png_with_a_wrong_checksum_is_refused(take: Any) -> None:
    data = bytearray(file(photo()))
    # the checksum itself, before the length of the last chunk: the pixels can still be unpacked
    data[data.index(b"IEND") - 8] ^= 0xFF
    with pytest.raises(Refused, match=r"bad\.png"):
        take(bytes(data), "bad.png")


def test_random_damage_gives_a_picture_or_a_refusal_never_another_error(take: Any) -> None:
    dice = np.random.default_rng(7)
    sources = [file(photo(), form) for form in ("PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP")]
    refused = 0
    for _ in range(150):
        data = bytearray(sources[dice.integers(len(sources))])
        for place in dice.integers(0, len(data), dice.integers(1, 12)):
            data[place] = dice.integers(256)
        try:
            take(bytes(data), "x.png", first_frame=True)
        except Refused:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"hello", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"%PDF-1.7", "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (b"PK\x03\x04" + b"\0" * 60, "not a picture"),
    ],
)
def test_what_is_no_picture_is_told(take: Any, data: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words) as refusal:
        take(data, "thing.png")
    assert str(refusal.value).startswith("thing.png: ")


def test_missing_files_and_folders_are_told(take: Any, tmp_path: Path) -> None:
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(Refused, match="no such file"):
            take(path, "none.png")


@pytest.mark.parametrize("side", [9_000, 20_000, 60_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(take: Any, side: int) -> None:
    rows = zlib.compress(b"\0" * 1000)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    data = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    with pytest.raises(Refused, match=r"bomb\.png: .*(too large|is more than the 64 million)"):
        take(data, "bomb.png")


def test_the_bounds_can_be_met_exactly(take: Any) -> None:
    take(file(Image.new("RGB", (100, 100))), max_pixels=10_000)
    with pytest.raises(Refused, match="101 x 100"):
        take(file(Image.new("RGB", (101, 100))), max_pixels=10_000)
    take(file(Image.new("RGB", (16, 16))))
    with pytest.raises(Refused, match="too small"):
        take(file(Image.new("RGB", (15, 100))))


def test_huge_files_are_not_even_read(take: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_BYTES", 10_000)
    path = tmp_path / "huge.png"
    with path.open("wb") as sparse:
        sparse.truncate(2**40)
    with pytest.raises(Refused, match="MiB"):
        take(path, "huge.png")
    with pytest.raises(Refused, match="MiB"):
        take(b"x" * 10_001, "huge.png")


@pytest.mark.slow(seconds=4)
def test_a_png_whose_texts_unpack_to_gigabytes_is_refused(take: Any) -> None:
    bomb = b"Comment\0\0" + zlib.compress(b"\0" * 200_000_000)
    data = file(photo())
    place = data.index(b"IDAT") - 4
    with pytest.raises(Refused):
        take(data[:place] + chunk(b"zTXt", bomb) + data[place:])


@pytest.mark.parametrize(
    "hostile",
    [
        "../../../etc/cron.d/x.png",
        "..\\..\\windows\\x.png",
        "/etc/passwd",
        "a\0.png",
        "x" * 300 + ".png",
        "<img src=x onerror=alert(1)>.png",
        "${alert(1)}.png",
        "",
        "..",
        "con.png\n\x1b[2J",
        "\u202egnp.exe",
        "名前 é.png",
    ],
)
def test_hostile_names_are_harmless(take: Any, workspace: Workspace, hostile: str) -> None:
    record, _ = take(file(photo()), hostile)
    name = record.intake.filename
    assert 0 < len(name) <= 100
    assert not set(name) & set("/\\<>&\"'`${}\0\n\x1b\u202e")
    if hostile.isprintable() and hostile.endswith("é.png"):
        assert name == hostile
    inside = [path for path in workspace.root.rglob("*") if path.is_file()]
    assert len(inside) == 3, "picture, original, thumbnail"
    assert {path.parent.parent.name for path in inside} <= {"source", "data", "thumbs"}
    with pytest.raises(Refused) as refusal:
        take(b"junk", hostile)
    assert not set(str(refusal.value)) & set("<>\0\n\x1b\u202e")


# ---- as phones and programs make them


def heic(image: Image.Image, **options: Any) -> bytes:
    import pillow_heif

    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=90, **options)
    return buffer.getvalue()


def test_heic_comes_in_and_a_cut_one_is_told(take: Any) -> None:
    data = heic(photo())
    record, pixels = take(data, "IMG_0001.HEIC")
    assert record.intake.format == "HEIF" and record.intake.original.endswith(".heic")
    assert np.abs(pixels.astype(int) - np.asarray(photo()).astype(int)).mean() < 12
    assert take(data + b"\0\0\0\x18ftypisom" + b"\0" * 500, "motion.heic")[0].pixels == record.pixels
    with pytest.raises(Refused, match=r"half\.heic: .*HEIC|half\.heic: .*could not be read"):
        take(data[: len(data) // 2], "half.heic")


def test_a_png_with_a_long_text_or_a_large_profile_is_a_fine_picture(take: Any, workspace: Workspace) -> None:
    data = file(photo())
    place = data.index(b"IDAT") - 4
    texts = chunk(b"zTXt", b"workflow\0\0" + zlib.compress(b"node " * 300_000))
    texts += chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(b"node " * 300_000)) + chunk(
        b"tEXt", b"a\0" + b"x" * 1_500_000
    )
    long = data[:place] + texts + data[place:]
    record, pixels = take(long, "comfy.png")
    assert np.array_equal(pixels, np.asarray(photo())) and record.intake.notes == ()
    assert workspace.path(record.intake.original).read_bytes() == long
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    large = file(photo(63), icc_profile=profile + np.random.default_rng(0).bytes(1_500_000))
    assert take(large, "printer.png")[0].width == 63


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\x0a" + b"\1" * 99, "JPEG XL, which isn't read here: save it as PNG or JPEG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + b"\1" * 99, "JPEG XL"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git-lfs"),
        (b"<!DOCTYPE html><title>404</title>", "web page"),
        (b"II*\0\x10\0\0\0CR\x02\0" + b"\0" * 99, "raw file"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1" + b"\0" * 99, "raw file"),
        (b"FUJIFILMCCD-RAW 0201", "raw file"),
        (b"\0\0\0\x18ftypisom\0\0\0\1" + b"\0" * 99, "film"),
        (b"8BPS\0\1" + b"\0" * 99, "Photoshop"),
        (b"\0" * 4096, "nothing but zeros"),
        (b"\0\5\x16\7" + b"\0" * 99, "AppleDouble"),
        (b"\x01\x02\x03\xfe\xfd" * 99, "not a picture that can be read"),
    ],
)
def test_what_it_is_instead_is_said_only_when_its_bytes_say_so(take: Any, data: bytes, words: str) -> None:
    with pytest.raises(Refused, match=words):
        take(data, "thing.jpg")


def test_a_raw_file_in_the_clothes_of_a_tiff_is_not_taken_for_its_preview(take: Any) -> None:
    for tag, value, kind in ((50706, b"\1\4\0\0", 1), (254, 1, 4)):
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[tag] = value
        tags.tagtype[tag] = kind
        with pytest.raises(Refused, match="raw file"):
            take(file(photo(), "TIFF", tiffinfo=tags), "a.dng")


def test_a_refused_picture_leaves_nothing(take: Any, workspace: Workspace) -> None:
    for data in (b"junk", file(photo())[:100], heic(photo())[:300], file(Image.new("RGB", (1, 1)))):
        with pytest.raises(Refused):
            take(data)
    assert [p for p in workspace.root.rglob("*") if p.is_file()] == []
