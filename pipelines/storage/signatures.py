"""What a file is by its first bytes, for files that no decoder of ours takes: said only when the bytes say it."""

from collections.abc import Callable

_RAW = "a camera's raw file: develop it and save it as JPEG or PNG"
_FILM = "a film, not a picture: save the frame you want as PNG or JPEG"
_ARCHIVE = "an archive, not a picture: unpack it and give its folder"

Test = bytes | Callable[[bytes], bool]


def _at(place: int, *marks: bytes) -> Callable[[bytes], bool]:
    return lambda head: any(head[place : place + len(mark)] == mark for mark in marks)


def _text(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(starts)


_KNOWN: tuple[tuple[Test, str], ...] = (
    (b"\xff\x0a", "JPEG XL, which isn't read here: save it as PNG or JPEG"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL, which isn't read here: save it as PNG or JPEG"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000, which isn't read here: save it as PNG or JPEG"),
    (b"\xff\x4f\xff\x51", "JPEG 2000, which isn't read here: save it as PNG or JPEG"),
    (_at(4, b"ftypcrx "), _RAW),
    (_at(8, b"CR\x02\0"), _RAW),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"IIRO", _RAW), (b"IIRS", _RAW), (b"MMOR", _RAW), (b"IIU\0", _RAW), (b"FOVb", _RAW), (b"\0MRM", _RAW),
    (b"8BPS", "a Photoshop document, which isn't read here: save it as PNG"),
    (b"gimp xcf", "a GIMP document, which isn't read here: export it as PNG"),
    (b"\x76\x2f\x31\x01", "OpenEXR, which isn't read here: save it as PNG"),
    (b"#?RADIANCE", "Radiance HDR, which isn't read here: save it as PNG"),
    (b"\0\0\1\0", "an icon (ICO), which isn't read here: save it as PNG"),
    (b"qoif", "QOI, which isn't read here: save it as PNG"),
    (b"DDS ", "a texture (DDS), which isn't read here: save it as PNG"),
    (b"%PDF", "a PDF, not a picture: save its page as PNG"),
    (b"%!PS", "PostScript, not a picture: export it as PNG"),
    (_text(b"<svg", b"<?xml"), "a drawing (SVG), not pixels: export it as PNG"),
    (_text(b"<!doctype html", b"<html"), "a web page, not a picture: download the picture itself"),
    (b"version https://git-lfs.github.com/spec/", "a git-lfs pointer, not a picture: run git lfs pull there"),
    (_at(4, b"ftypheic", b"ftypheix", b"ftyphevc", b"ftyphevx", b"ftypheim", b"ftypheis", b"ftypmif1", b"ftypmsf1"),
     "HEIC"),
    (_at(4, b"ftypavif", b"ftypavis"), "AVIF"),
    (_at(4, b"ftyp", b"moov", b"mdat"), _FILM),
    (b"\x1a\x45\xdf\xa3", _FILM),
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"AVI ", _FILM),
    (b"PK\x03\x04", _ARCHIVE), (b"7z\xbc\xaf\x27\x1c", _ARCHIVE), (b"Rar!", _ARCHIVE), (b"\x1f\x8b", _ARCHIVE),
    (b"\0\x05\x16\x07", "what a Mac keeps beside a file (AppleDouble), not a picture"),
    (_at(8, b'{"'), "a file of weights (safetensors), not a picture: bring it in as a LoRA"),
)  # fmt: skip
READABLE = "PNG, JPEG, WebP, HEIC, AVIF, TIFF, BMP and GIF can be read"


def told(content: bytes) -> str:
    """What ``content`` is, if its first bytes say so: ``a PDF, not a picture: ...``; empty when they don't."""
    head = content[:512]
    for test, words in _KNOWN:
        if test(head) if callable(test) else head.startswith(test):
            return words
    if not head.strip(b"\0"):
        return "nothing but zeros, not a picture: get the file again" if not content.strip(b"\0") else ""
    return "text, not a picture" if _is_text(head) else ""


def _is_text(head: bytes) -> bool:
    try:
        words = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # a letter may be cut off at the end of the head
            return False
        words = head[: error.start].decode("utf-8")
    return bool(words) and all(c.isprintable() or c in "\r\n\t\ufeff" for c in words)
