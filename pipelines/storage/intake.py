"""Pictures from outside come in here, and bad files stop here.

A file is admitted only after it was decoded whole. It leaves as an 8-bit sRGB PNG, upright and opaque; the original
bytes are kept beside it.
"""

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from pipelines.domain.records import ImageKind, ImageRecord, Intake
from pipelines.storage import colour
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
}
# what Pillow's JPEG decoder calls a photograph with more pictures behind it
SUFFIXES = {**FORMATS, "MPO": "jpg"}
MAX_BYTES = 256 * 2**20
MAX_PIXELS = 64_000_000
MIN_SIDE = 16


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
    workspace: Workspace, picture: Examined, *, character: str, kind: ImageKind, version: str, **fields: Any
) -> ImageRecord:
    """Take a picture that was examined into the dataset ``kind``/``version``; the caller keeps the record.

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
            raise Refused(f"{name}: there is no such file.")
    else:
        size, content = len(data), data
    if size > MAX_BYTES:
        raise Refused(f"{name}: {size / 2**20:.0f} MiB is more than the {MAX_BYTES // 2**20} MiB allowed for a file.")
    if not content:
        raise Refused(f"{name}: the file is empty.")
    return content


def _decode(content: bytes, name: str, first_frame: bool, max_pixels: int) -> tuple[Image.Image, str, list[str]]:
    """``(RGB image, format, notes)``. Decoders raise all kinds of errors on hostile bytes, hence the broad excepts."""
    with _open(content, name) as image:
        source_format = str(image.format)
        _check_size(image, name, max_pixels)
        frames = _frames(image, name)
        if frames > 1 and not first_frame:
            raise Refused(
                f"{name}: this holds {frames} pictures (an animation or pages). Take its first picture, or save the "
                "one you want as PNG or JPEG."
            )
        notes = [f"first of {frames} pictures"] if frames > 1 else []
        _load(image, content, name)
        upright, turned = _upright(image)
        notes += turned
        try:
            rgb, converted = colour.to_srgb(upright, deep_png=content[:4] == b"\x89PNG" and content[24:25] == b"\x10")
        except colour.NoColour as error:
            raise Refused(f"{name}: {error}. Save it as an 8-bit PNG or JPEG and try again.") from error
        except Exception as error:
            raise Refused(f"{name}: its colours cannot be converted ({error}). Save it as an 8-bit PNG.") from error
    return rgb, source_format, [*notes, *converted]


def _open(content: bytes, name: str) -> Image.Image:
    try:
        with warnings.catch_warnings():
            # our own bound is checked next, on the size that the header tells
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(content), formats=list(FORMATS))
    except Image.DecompressionBombError as error:
        raise Refused(f"{name}: the picture is far too large to be decoded safely.") from error
    except UnidentifiedImageError as error:
        raise Refused(_not_a_picture(content, name)) from error
    except Exception as error:
        raise Refused(f"{name}: the file is broken and cannot be read. Export it again.") from error


def _not_a_picture(content: bytes, name: str) -> str:
    if content[4:8] == b"ftyp" and content[8:11] in (b"hei", b"hev", b"mif", b"msf"):
        return f"{name}: HEIC pictures cannot be read here. Save it as JPEG or PNG."
    start = content[:512].lstrip().lower()
    if start.startswith((b"<svg", b"<?xml")):
        return f"{name}: this is a drawing (SVG), not pixels. Export it as PNG."
    return f"{name}: this is not a picture, or it is broken. PNG, JPEG, WebP, AVIF, TIFF, BMP and GIF can be read."


def _check_size(image: Image.Image, name: str, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise Refused(
            f"{name}: {width} x {height} pixels is more than the {max_pixels / 1e6:g} million allowed. Scale it down."
        )
    if min(width, height) < MIN_SIDE:
        raise Refused(f"{name}: {width} x {height} pixels is too small; at least {MIN_SIDE} on each side are needed.")


def _frames(image: Image.Image, name: str) -> int:
    if image.format == "MPO":
        # a photograph with previews or a depth map behind it: the first one is the picture
        return 1
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception as error:
        raise Refused(f"{name}: the file is broken or cut off. Export it again.") from error


def _load(image: Image.Image, content: bytes, name: str) -> None:
    try:
        if image.format == "PNG":
            # loading does not look at the checksums of the pixels
            with Image.open(io.BytesIO(content), formats=["PNG"]) as probe:
                probe.verify()
        image.seek(0)
        image.load()
    except MemoryError as error:
        raise Refused(f"{name}: there is not enough memory to decode it. Scale it down.") from error
    except Exception as error:
        raise Refused(f"{name}: the file is broken or cut off ({error}). Export or download it again.") from error


def _upright(image: Image.Image) -> tuple[Image.Image, list[str]]:
    try:
        orientation = image.getexif().get(0x0112, 1)
        turned = ImageOps.exif_transpose(image)
    except Exception:
        # broken EXIF says nothing about the pixels, which were decoded
        return image, ["its EXIF data could not be read and was ignored"]
    return turned, ["turned upright as its EXIF data says"] if orientation in range(2, 9) else []
