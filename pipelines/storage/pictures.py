"""Pictures on disk. Every PNG carries its whole recipe, so that the records can be rebuilt from the files alone."""

import hashlib
import io
import json
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image

from pipelines.domain import recipes
from pipelines.domain.records import ImageRecord
from pipelines.domain.shots import Shot
from pipelines.domain.sizes import middle
from pipelines.storage import migrations
from pipelines.storage.atomic import check_file, file_hash, write_durably
from pipelines.storage.workspace import Workspace

RECIPE = "flenwheel"
THUMBNAIL = 256
WIDTHS = (128, THUMBNAIL, 512, 1024, 2048)
# known only when the file is written, or where it lies, or said later
_NOT_IN_FILE = {"id", "path", "scores", "framing", "caption_whole", "described", "readings"}


def parameters(shot: Shot) -> str:
    """The recipe as image sites read it: the ``parameters`` text of AUTOMATIC1111's web UI."""
    adapters = shot.stack.adapters
    prompt = f"{shot.prompt} {recipes.as_text(adapters)}" if adapters else shot.prompt
    facts = {
        "Steps": shot.steps,
        "CFG scale": f"{shot.guidance:g}",
        "Seed": shot.seed,
        "Size": f"{shot.width}x{shot.height}",
        "Model": shot.family,
        "Model revision": shot.revision,
    }
    if adapters:
        facts["Lora hashes"] = json.dumps(", ".join(f"{a.name}: {a.sha256[:12]}" for a in adapters), ensure_ascii=False)
    lines = [prompt]
    if shot.negative_prompt:
        lines.append(f"Negative prompt: {shot.negative_prompt}")
    return "\n".join([*lines, ", ".join(f"{key}: {value}" for key, value in facts.items()) + ", Version: FLENwheel"])


def pixel_hash(image: Image.Image) -> str:
    """SHA-256 of the RGB bytes, in hex: the same picture in another file has the same."""
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def dhash(image: Image.Image) -> str:
    """64-bit difference hash, 16 hex digits: does brightness fall from one of 9 x 8 fields to the one on its right?

    After N. Krawetz, "Kind of Like That" (2013). Near duplicates differ in few bits (``hamming``).
    """
    small = image.convert("L").resize((9, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            bits = bits << 1 | (small[row * 9 + column] > small[row * 9 + column + 1])
    return f"{bits:016x}"


def hamming(a: str, b: str) -> int:
    """How many bits of two difference hashes differ, 0-64."""
    return (int(a, 16) ^ int(b, 16)).bit_count()


def write_png(path: Path, image: Image.Image, fields: dict[str, Any]) -> ImageRecord:
    """Write ``image`` with its recipe; on disk and in place when this returns.

    ``fields`` are those of ImageRecord but ``id`` and what is measured here: ``pixels``, ``dhash``, ``width`` and
    ``height``. The same image and fields give the same bytes. The recipe holds neither ``path``, so that a file may be
    moved, nor ``scores``, which come later. Raises OSError and pydantic's ValidationError.
    """
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    measured = {"width": rgb.width, "height": rgb.height, "pixels": pixel_hash(rgb), "dhash": dhash(rgb)}
    record = ImageRecord(id="", **{**fields, **measured})
    data = _encode(rgb, record)
    write_durably(path, data)
    return record.model_copy(update={"id": hashlib.sha256(data).hexdigest()})


def _encode(rgb: Image.Image, record: ImageRecord) -> bytes:
    from PIL import PngImagePlugin  # Pillow loads a format when it meets one; so does the command line

    texts = PngImagePlugin.PngInfo()
    if record.shot:
        texts.add_text("parameters", parameters(record.shot))
    recipe = migrations.stamped(record.model_dump(mode="json", exclude=_NOT_IN_FILE))
    texts.add_itxt(RECIPE, json.dumps(recipe, ensure_ascii=False, separators=(",", ":")))
    # a fresh image: what came with the old one (profile, EXIF, resolution) does not describe these pixels
    bare = Image.frombytes("RGB", rgb.size, rgb.tobytes())
    buffer = io.BytesIO()
    bare.save(buffer, "PNG", pnginfo=texts, compress_level=4)
    return buffer.getvalue()


def save_picture(workspace: Workspace, image: Image.Image, **fields: Any) -> ImageRecord:
    """Write a picture and its thumbnail, and return its record, which the caller keeps.

    ``fields`` are those of ImageRecord, as for ``write_png``. Without ``path`` the picture goes into its dataset's
    folder, named by its pixels; if it is there already, with a recipe, that record is returned and nothing is written.
    Raises OSError, OutsideWorkspace and pydantic's ValidationError.
    """
    if "path" not in fields:
        folder = workspace.dataset(fields["character"], fields["kind"], fields["version"])
        fields["path"] = f"{folder}/{pixel_hash(image)[:20]}.png"
        existing = read_recipe(workspace.path(fields["path"]), fields["path"])
        if existing:
            return existing
    record = write_png(workspace.path(fields["path"]), image, fields)
    with suppress(
        OSError
    ):  # the picture is there: no room for its thumbnail is no failure, it is made when it is shown
        _write_thumbnail(workspace.thumbnail(record.id, THUMBNAIL), image.convert("RGB"), THUMBNAIL)
    return record


def read_recipe(path: Path, relative: str = "") -> ImageRecord | None:
    """The record inside a PNG, or None when there is no such file, it cannot be read, or it carries no recipe.

    ``relative`` becomes the record's ``path`` (the file's name if not given). The recipe of an older FLENwheel is
    brought up to this one. Raises MadeByNewer for that of a newer one.
    """
    try:
        check_file(path)
        with Image.open(path, formats=["PNG"]) as image:
            # texts stand before the pixels, which are not decoded
            text = image.info.get(RECIPE)
        if not text:
            return None
        recipe = migrations.present_recipe(json.loads(text), ImageRecord.table)
        return ImageRecord(**{**recipe, "id": file_hash(path), "path": relative or path.name})
    except migrations.MadeByNewer as error:
        raise migrations.MadeByNewer(
            f"{relative or path.name} was made by a newer FLENwheel: {error}. It was left as it is. Update FLENwheel."
        ) from error
    except (OSError, SyntaxError, ValueError, TypeError, Image.DecompressionBombError):
        return None


def texts(path: Path) -> dict[str, str]:
    """The texts that stand in a PNG, JPEG or WebP, by their names; none for what is none of these. What is called
    ``parameters`` in a PNG of A1111 or SwarmUI is the EXIF comment of its others; ComfyUI's WebP has its graph, behind
    ``prompt:``, in a field of EXIF. The pixels are not decoded."""
    try:
        with Image.open(path, formats=["PNG", "JPEG", "WEBP"]) as image:
            found = {str(name): text for name, text in image.info.items() if isinstance(text, str)}
            exif = Image.Exif() if image.format == "PNG" else image.getexif()  # a PNG's may stand behind its pixels
            told = [value for value in exif.values() if isinstance(value, str)]
            comment = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment)
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError):
        return {}
    prefixed = (text.partition(":") for text in told)
    return {name: text for name, _, text in prefixed if name == "prompt"} | _as_parameters(comment) | found


def _as_parameters(comment: object) -> dict[str, str]:
    """An EXIF comment: eight bytes say how it is written (EXIF 2.3, table 9); of UTF-16 the zeros say which way
    round."""
    if isinstance(comment, str):
        return {"parameters": comment}
    if not isinstance(comment, bytes):
        return {}
    code, text = comment[:8], comment[8:]
    if code.startswith(b"UNICODE"):
        encoding = "utf-16-be" if text[::2].count(0) > text[1::2].count(0) else "utf-16-le"
        return {"parameters": text.decode(encoding, "replace")}
    return {"parameters": text.decode("utf-8", "replace")}


PNG_HEAD = b"\x89PNG\r\n\x1a\n"
TELLING = (b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME")


def without_texts(data: bytes) -> bytes:
    """A PNG without what is written in it beside its pixels, which stay as they are. Raises ValueError for what is no
    whole PNG."""
    if not data.startswith(PNG_HEAD):
        raise ValueError("That is no PNG.")
    kept, at = [PNG_HEAD], len(PNG_HEAD)
    while at < len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4], "big")  # length, name, content, checksum
        if end > len(data):
            raise ValueError("That PNG is cut off.")
        if data[at + 4 : at + 8] not in TELLING:
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def thumbnail(workspace: Workspace, record: ImageRecord, width: int = THUMBNAIL) -> Path:
    """A WebP of the picture that fits a square of ``width`` pixels or a little more (``WIDTHS``), made when missing.

    Raises OSError when the picture itself is missing or broken.
    """
    width = next((w for w in WIDTHS if w >= width), WIDTHS[-1])
    path = workspace.thumbnail(record.id, width)
    if not path.exists():
        with Image.open(workspace.path(record.path), formats=["PNG"]) as image:
            _write_thumbnail(path, image.convert("RGB"), width)
    return path


def middle_of(image: Image.Image) -> Image.Image:
    """The middle of a picture that is wider or taller than any model sees; else the picture itself."""
    width, height = middle(*image.size)
    if (width, height) == image.size:
        return image
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def luminance(image: Image.Image) -> Image.Image:
    """The light and dark of a picture (its luma), RGB: what LoRAs for light go by."""
    return image.convert("L").convert("RGB")


def _write_thumbnail(path: Path, rgb: Image.Image, width: int) -> None:
    small = rgb.copy()
    small.thumbnail((width, width), Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82, method=2)
    write_durably(path, buffer.getvalue(), sync=False)
