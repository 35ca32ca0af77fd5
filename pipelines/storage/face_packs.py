"""Where insightface's packs lie on this disk: looked at by who judges, and by who says who would judge."""

from collections.abc import Iterator
from pathlib import Path

PACKS = ("buffalo_l", "antelopev2", "auraface")
"""Looked for in this order; after them any other folder with ONNX files."""


def packs_root(given: "Path | str | None") -> Path:
    """The folder that holds ``models/<pack>``: the one that was named, else insightface's own."""
    return Path(given or "~/.insightface").expanduser()


def pack_in(root: Path) -> Path | None:
    """The folder with a pack's ONNX files: ``root`` itself, or ``models/<name>`` below it, or a folder in one of these,
    as some archives unpack (``antelopev2/antelopev2``); ``None`` without any."""
    return next((place for place in _places(root) if any(place.glob("*.onnx"))), None)


def _places(root: Path) -> Iterator[Path]:
    yield root
    models = root / "models"
    if not models.is_dir():
        yield from _inside(root)
        return
    known = [models / name for name in PACKS]
    for pack in (*known, *(place for place in _inside(models) if place not in known)):
        yield pack
        yield from _inside(pack)


def _inside(folder: Path) -> list[Path]:
    """The folders in a folder, but for hidden ones, in which something is on its way."""
    held = folder.iterdir() if folder.is_dir() else ()
    return sorted(place for place in held if place.is_dir() and not place.name.startswith("."))
