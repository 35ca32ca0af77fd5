"""From whatever a file holds to 8-bit sRGB: colour profiles, CMYK, 16 bits, palettes, transparency."""

import io

from PIL import Image, ImageCms

_DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")


class NoColour(ValueError):
    """The values cannot be understood as colours; the message says why."""


def to_srgb(image: Image.Image, deep_png: bool = False) -> tuple[Image.Image, list[str]]:
    """``(image in mode RGB, what was converted, in words)``.

    ``image`` has been decoded; ``deep_png`` says that it came from a PNG of 16 bits a channel, which Pillow may have
    brought to 8 already. Raises NoColour.
    """
    notes = ["brought from 16 to 8 bits a channel"] if deep_png else []
    profile = image.info.get("icc_profile")
    if image.mode in _DEEP:
        image, deep_notes = _eight_bits(image)
        notes = notes or deep_notes
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    if image.mode in ("LA", "La", "RGBA", "RGBa", "P", "PA", "1"):
        image = image.convert("L" if image.mode in ("LA", "1") else "RGB")
    rgb, colour_notes = _apply_profile(image, profile)
    notes += colour_notes
    if alpha is not None and alpha.getextrema()[0] != 255:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
        notes.append("transparency laid on white")
    return rgb, notes


def _eight_bits(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """Grey of more than 8 bits, scaled (Pillow's own conversion would clip) by what its values can mean."""
    import numpy as np  # a quarter of the command line's start, for a picture that few people have

    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all() or values.min() < 0:
        raise NoColour("its values are negative or not numbers")
    highest = values.max()
    if image.mode == "F" and highest <= 1:
        white = 1.0
    elif image.mode == "F" and highest <= 255:
        white = 255.0
    elif highest <= 65535:
        white = 65535.0
    else:
        raise NoColour(f"its values go up to {highest:g}, and what is white is not known")
    scaled = np.rint(values * (255 / white)).astype(np.uint8)
    return Image.fromarray(scaled), ["brought to 8 bits"]


def _apply_profile(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, list[str]]:
    """``image`` (without alpha) in sRGB. A profile that cannot be used is left out, and said so."""
    words = ["CMYK converted to RGB"] if image.mode == "CMYK" else []
    if not profile:
        return image.convert("RGB"), words
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        title = ImageCms.getProfileDescription(source).strip()
        if image.mode == "RGB" and title.lower().startswith("srgb"):
            # already there: a transform would only round
            return image, words
        target = ImageCms.createProfile("sRGB")
        intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
        flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
        rgb = ImageCms.profileToProfile(image, source, target, intent, "RGB", flags=flags)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image.convert("RGB"), [*words, "its colour profile could not be used and was ignored"]
    if rgb is None:
        raise NoColour("its colour profile gives no picture")
    return rgb, [*words, f"colour profile applied ({_plain(title)})"]


def _plain(title: str) -> str:
    return "".join(c for c in title if c.isalnum() or c in " .-()")[:60]
