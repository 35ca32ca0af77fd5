"""Pictures from outside come in here, and bad files stop here.

A file is admitted only after it was decoded whole. It leaves as an 8-bit sRGB PNG, upright and opaque; the original
bytes are kept beside it. What is refused leaves nothing.
"""

import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from pipelines.domain.intake import Intake
from pipelines.domain.records import ImageKind, ImageRecord
from pipelines.storage import colour, marks, signatures
from pipelines.storage.atomic import remove, write_durably
from pipelines.storage.names import harmless
from pipelines.storage.pictures import pixel_hash, save_picture
from pipelines.storage.workspace import Workspace

# Decoders of formats that pictures come in. Others that Pillow knows stay out: some run programs, few are tested much.
FORMATS = {
    "PNG": "png",
    "JPEG": "jpg",
    "WEBP": "webp",
    "GIF": "gif",
    "BMP": "bmp",
    "TIFF": "tif",
    "AVIF": "avif",
    "HEIF": "heic",
}
# what Pillow's JPEG decoder calls a photograph with more pictures behind it
SUFFIXES = {**FORMATS, "MPO": "jpg"}
MAX_BYTES = 256 * 2**20
MAX_PIXELS = 64_000_000
MAX_TEXT = 64 * 2**20
"""Bytes that one text of a PNG may unpack to."""
MIN_SIDE = 16
MAX_PROFILE = 16 * 2**20
"""Bytes that the colour profile of a PNG may unpack to."""

# tags of a TIFF: what it is a reduced picture of stands elsewhere in the file; the version of DNG
_REDUCED, _DNG = 254, 50706


class Refused(ValueError):
    """A file that is not taken in. The message is for the user: which file, what is wrong, what to do."""


@dataclass(frozen=True)
class Examined:
    """A picture from outside that may come in: decoded whole, and nothing of it is in the workspace yet. ``content`` is
    the file, byte for byte, ``name`` fit to be shown."""

    name: str
    content: bytes
    image: Image.Image
    format: str
    notes: tuple[str, ...]

    @property
    def pixels(self) -> str:
        """The hash that its record will have, by which the same picture in another file is known."""
        return pixel_hash(self.image)


def examine(data: bytes | Path, filename: str, *, first_frame: bool = False, max_pixels: int = MAX_PIXELS) -> Examined:
    """Look at a file; nothing is written. ``first_frame`` takes the first picture of an animation, which is refused
    otherwise. Raises Refused."""
    name = harmless(filename, "picture")
    content = _read(data, name)
    image, source_format, notes = _decode(content, name, first_frame, max_pixels)
    return Examined(name, content, image, source_format, tuple(notes))


def keep(
    workspace: Workspace,
    picture: Examined,
    *,
    character: str,
    kind: ImageKind,
    version: str,
    came: str = "",
    like: tuple[str, str] = ("", ""),
    **fields: Any,
) -> ImageRecord:
    """Take a picture that was examined into the dataset ``kind``/``version``; the caller keeps the record. ``came`` is
    the caption that came with it, letter for letter; ``like`` which picture (id) it looks like, and how.

    ``fields`` are further fields of ImageRecord, such as ``caption``. The same pixels once more in the same dataset
    give the record that exists. Raises OSError when the workspace cannot be written, with nothing left behind.
    """
    digest = hashlib.sha256(picture.content).hexdigest()
    original = f"{workspace.originals(character)}/{digest}.{SUFFIXES[picture.format]}"
    kept = workspace.path(original)
    intake = Intake(
        filename=picture.name,
        original=original,
        original_sha256=digest,
        format=picture.format,
        notes=picture.notes,
        caption=came,
        doubts=marks.doubts(picture.image),
        like=like[0],
        how=like[1],
    )
    fresh = not kept.exists()
    if fresh:
        write_durably(kept, picture.content)
    try:
        return save_picture(
            workspace, picture.image, character=character, kind=kind, version=version, intake=intake, **fields
        )
    except BaseException:
        if fresh:
            remove(kept)
        raise


def admit(
    workspace: Workspace,
    data: bytes | Path,
    filename: str,
    *,
    first_frame: bool = False,
    max_pixels: int = MAX_PIXELS,
    **fields: Any,
) -> ImageRecord:
    """``examine`` a picture and ``keep`` it, for whom nothing is to be decided in between. Raises Refused, and OSError
    when the workspace cannot be written."""
    picture = examine(data, filename, first_frame=first_frame, max_pixels=max_pixels)
    return keep(workspace, picture, **fields)


def _read(data: bytes | Path, name: str) -> bytes:
    if isinstance(data, Path):
        try:
            size = data.stat().st_size if data.is_file() else -1
            content = data.read_bytes() if 0 <= size <= MAX_BYTES else b""
        except OSError as error:
            raise Refused(f"{name}: the file cannot be read ({error.strerror}).") from error
        if size < 0:
            raise Refused(f"{name}: there is no such file{_instead(data)}.")
    else:
        size, content = len(data), data
    if size > MAX_BYTES:
        raise Refused(f"{name}: {size / 2**20:.0f} MiB is more than the {MAX_BYTES // 2**20} MiB allowed for a file.")
    if not content:
        raise Refused(f"{name}: the file is empty.")
    return content


def _instead(path: Path) -> str:
    if path.is_symlink() and not path.exists():
        return ": this is a link that leads nowhere"
    return (": this is a folder" if path.is_dir() else ": this is a device or a pipe") if path.exists() else ""


def _decode(content: bytes, name: str, first_frame: bool, max_pixels: int) -> tuple[Image.Image, str, list[str]]:
    """``(RGB image, format, notes)``. Decoders raise all kinds of errors on hostile bytes, hence the broad excepts:
    they tell what the decoder said, and no cause that nobody has checked."""
    deep_png = content[:4] == b"\x89PNG" and content[24:25] == b"\x10"
    pixels = _without_texts(content, name)
    with _open(pixels, name) as image:
        source_format = str(image.format)
        _refuse_raw(image, name)
        _check_size(image, name, max_pixels)
        frames = _frames(image, name)
        if frames > 1 and not first_frame:
            raise Refused(
                f"{name}: this holds {frames} pictures (an animation or pages). Take its first picture, or save the "
                "one you want as PNG or JPEG."
            )
        notes = [f"first of {frames} pictures"] if frames > 1 else []
        _load(image, pixels, name, rewind=frames > 1)
        upright, turned = _upright(image)
        notes += turned
        try:
            rgb, converted = colour.to_srgb(upright, deep_png=deep_png)
        except colour.NoColour as error:
            raise Refused(f"{name}: {error}. Save it as an 8-bit PNG or JPEG and try again.") from error
        except Exception as error:
            raise Refused(f"{name}: its colours cannot be converted ({error}). Save it as an 8-bit PNG.") from error
    return rgb, source_format, [*notes, *converted]


@cache
def _large_profiles() -> None:
    """Pillow's bound of 1 MiB refuses a printer's profile. Only when a PNG comes: what only reads loads no decoder."""
    from PIL import PngImagePlugin

    PngImagePlugin.MAX_TEXT_CHUNK = MAX_PROFILE


def _without_texts(content: bytes, name: str) -> bytes:
    """A PNG without its texts, which are of no use here and may be larger than Pillow takes; the original keeps them.
    What is no PNG, or a broken one, is left as it is. Raises Refused for a text that unpacks to more than MAX_TEXT."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    _large_profiles()
    kept, place = [content[:8]], 8
    while place + 12 <= len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        kind, end = content[place + 4 : place + 8], place + 12 + length
        if end > len(content):
            break
        if kind in (b"zTXt", b"iTXt"):
            _check_text(content[place + 8 : end - 4], name, international=kind == b"iTXt")
        if kind not in (b"tEXt", b"zTXt", b"iTXt"):
            kept.append(content[place:end])
        place = end
    return b"".join([*kept, content[place:]])


def _check_text(chunk: bytes, name: str, *, international: bool) -> None:
    """``keyword NUL method text``, or ``keyword NUL packed method language NUL translated NUL text``."""
    _, _, rest = chunk.partition(b"\0")
    if international and rest[:1] != b"\1":
        return  # not packed
    packed = rest[2:].split(b"\0", 2)[-1] if international else rest[1:]
    try:
        unpacked = len(zlib.decompressobj().decompress(packed, MAX_TEXT + 1))
    except zlib.error:
        return  # broken, and left out in any case
    if unpacked > MAX_TEXT:
        raise Refused(f"{name}: a text inside unpacks to more than {MAX_TEXT // 2**20} MiB. Save it again as PNG.")


@cache
def _heif() -> str:
    """Make Pillow read HEIC; why it cannot, if so. Only when one comes: the decoder is 20 MB."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        return f"reading HEIC needs the package pillow-heif, which cannot be loaded here ({error})"
    register_heif_opener(thumbnails=False)
    return ""


def _open(content: bytes, name: str) -> Image.Image:
    formats, what = list(FORMATS), signatures.told(content)
    if what == "HEIC" and (why := _heif()):
        raise Refused(f"{name}: {why}. Save it as JPEG or PNG.")
    if what != "HEIC":
        formats.remove("HEIF")
    try:
        with warnings.catch_warnings():
            # our own bound is checked next, on the size that the header tells
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content), formats=formats)
    except Image.DecompressionBombError as error:
        raise Refused(f"{name}: the picture is far too large to be decoded safely.") from error
    except UnidentifiedImageError as error:
        raise Refused(_not_a_picture(what, name)) from error
    except Exception as error:
        raise Refused(f"{name}: it could not be read ({error}). Export it again.") from error


def _not_a_picture(what: str, name: str) -> str:
    if what in ("HEIC", "AVIF"):
        return f"{name}: this {what} picture could not be read. Save it as JPEG or PNG."
    if what:
        return f"{name}: this is {what}."
    return f"{name}: this is not a picture that can be read, whole at least. {signatures.READABLE}."


def _refuse_raw(image: Image.Image, name: str) -> None:
    """A raw file in TIFF's clothes would come in as its preview."""
    tags = getattr(image, "tag_v2", None)
    if tags is not None and (_DNG in tags or tags.get(_REDUCED, 0) == 1):
        raise Refused(f"{name}: this is a camera's raw file, or only a preview. Develop it and save it as JPEG or PNG.")


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise Refused(
            f"{name}: {width} x {height} pixels is more than the {max_pixels / 1e6:g} million allowed. Scale it down."
        )
    if min(width, height) < MIN_SIDE:
        raise Refused(f"{name}: {width} x {height} pixels is too small; at least {MIN_SIDE} on each side are needed.")


def _frames(image: Image.Image, name: str) -> int:
    if image.format in ("MPO", "HEIF"):
        # a photograph with previews, a burst or a depth map beside it: the one that opens is the picture
        return 1
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception as error:
        raise Refused(f"{name}: it could not be read ({error}). Export or download it again.") from error


def _load(image: Image.Image, content: bytes, name: str, *, rewind: bool) -> None:
    try:
        if image.format == "PNG":
            # loading does not look at the checksums of the pixels
            with Image.open(io.BytesIO(content), formats=["PNG"]) as probe:
                probe.verify()
        if rewind:
            image.seek(0)
        image.load()
    except MemoryError as error:
        size = f"{image.width} x {image.height} pixels"
        raise Refused(f"{name}: the memory here is not enough to decode its {size}.") from error
    except Exception as error:
        raise Refused(f"{name}: its pixels could not be read ({error}). Export or download it again.") from error


def _upright(image: Image.Image) -> tuple[Image.Image, list[str]]:
    try:
        orientation = image.getexif().get(0x0112, 1)
        turned = ImageOps.exif_transpose(image)
    except Exception:
        # broken EXIF says nothing about the pixels, which were decoded
        return image, ["its EXIF data could not be read and was ignored"]
    return turned, ["turned upright as its EXIF data says"] if orientation in range(2, 9) else []
