"""Datasets as other trainers read them. Every folder has its captions three ways: a ``.txt`` of the same stem beside
each picture (ai-toolkit, kohya, OneTrainer), ``metadata.jsonl`` (musubi-tuner, Hugging Face) and ``meta_cap.json``
(kohya's metadata); ``kohya.toml`` and ``musubi.toml`` say where what lies. The inputs of edits lie in ``control``,
under the names of what is to be made of them.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from pipelines.storage.atomic import copy_durably, make_folder, write_durably
from pipelines.storage.names import slug

CONTROL = "control"
METADATA, KOHYA_METADATA = "metadata.jsonl", "meta_cap.json"


@dataclass(frozen=True)
class Entry:
    """One picture of a dataset that leaves: ``name`` without ending is what it is to be called; ``control`` the picture
    that an edit begins with; ``note`` what a human noted on it in Review."""

    name: str
    picture: Path
    caption: str
    control: Path | None = None
    note: str = ""


def copy_with_caption(picture: Path, folder: Path, caption: str, stem: str = "") -> Path:
    """Copy ``picture`` byte for byte into ``folder`` (as ``stem``, else under its name) with its caption beside it;
    returns the copy. Raises OSError."""
    copy = folder / (f"{stem}{picture.suffix}" if stem else picture.name)
    copy_durably(picture, copy)
    write_durably(copy.with_suffix(".txt"), caption.encode())
    return copy


def write(folder: Path, entries: Iterable[Entry], final: Path) -> list[Path]:
    """Fill ``folder``, which will lie at ``final``; returns the pictures. Raises OSError."""
    named = list(_named(entries))
    copies = [copy_with_caption(e.picture, folder, e.caption, name) for name, e in named]
    controls = [_control(folder, copy, e) for copy, (_, e) in zip(copies, named, strict=True)]
    rows = [_row(final, c, e, x) for c, (_, e), x in zip(copies, named, controls, strict=True)]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_durably(folder / METADATA, lines.encode())
    kohya = {copy.stem: {"caption": e.caption} for copy, (_, e) in zip(copies, named, strict=True)}
    write_durably(folder / KOHYA_METADATA, json.dumps(kohya, ensure_ascii=False, indent=2).encode())
    for name, told in (("kohya.toml", _kohya(final)), ("musubi.toml", _musubi(final, any(controls)))):
        write_durably(folder / name, tomli_w.dumps(told).encode())
    return copies


def _named(entries: Iterable[Entry]) -> Iterator[tuple[str, Entry]]:
    """Each with a file name of its own, on any system."""
    taken: set[str] = set()
    for entry in entries:
        base = slug(entry.name, "picture", 80)
        name = next(n for n in (base, *(f"{base}-{k}" for k in range(2, 1_000_000))) if n.casefold() not in taken)
        taken.add(name.casefold())
        yield name, entry


def _control(folder: Path, copy: Path, entry: Entry) -> Path | None:
    if entry.control is None:
        return None
    make_folder(folder / CONTROL)
    control = folder / CONTROL / copy.name
    copy_durably(entry.control, control)
    return control


def _row(final: Path, copy: Path, entry: Entry, control: Path | None) -> dict[str, str]:
    row = {"file_name": copy.name, "image_path": str(final / copy.name), "caption": entry.caption}
    row |= {"note": entry.note} if entry.note else {}
    return row if control is None else row | {"control_path": str(final / CONTROL / control.name)}


def _kohya(final: Path) -> dict[str, Any]:
    subset = {"image_dir": str(final), "caption_extension": ".txt", "num_repeats": 1}
    return {"general": {"caption_extension": ".txt", "enable_bucket": True}, "datasets": [{"subsets": [subset]}]}


def _musubi(final: Path, edits: bool) -> dict[str, Any]:
    part = {"image_directory": str(final)} | ({"control_directory": str(final / CONTROL)} if edits else {})
    return {"general": {"caption_extension": ".txt", "enable_bucket": True}, "datasets": [part]}
