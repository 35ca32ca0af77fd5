"""Where insightface's packs lie on this disk: looked at by who judges, and by who says who would judge."""

from pathlib import Path

PACKS = ("buffalo_l", "antelopev2", "auraface")
"""Looked for in this order; after them any other folder with ONNX files."""


def packs_root(given: "Path | str | None") -> Path:
    """The folder that holds ``models/<pack>``: the one that was named, else insightface's own."""
    return Path(given or "~/.insightface").expanduser()


def pack_in(root: Path) -> Path | None:
    """The folder with a pack's ONNX files: ``root`` itself, or ``models/<name>`` below it; ``None`` without any."""
    models = root / "models"
    others = sorted(p for p in models.iterdir() if p.is_dir()) if models.is_dir() else []
    places = [root, *(models / name for name in PACKS), *others]
    return next((p for p in places if any(p.glob("*.onnx"))), None)
