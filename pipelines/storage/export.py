"""Datasets as other trainers read them: pictures with a ``.txt`` caption of the same stem beside each."""

from pathlib import Path

from pipelines.storage.atomic import copy_durably, write_durably


def copy_with_caption(picture: Path, folder: Path, caption: str) -> Path:
    """Copy ``picture`` byte for byte into ``folder`` with its caption beside it; returns the copy. Raises OSError."""
    copy = folder / picture.name
    copy_durably(picture, copy)
    write_durably(copy.with_suffix(".txt"), caption.encode())
    return copy
