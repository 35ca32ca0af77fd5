"""``flenwheel backup`` and ``flenwheel restore``: a workspace as one file, and back."""

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path

from pipelines.domain.words import count
from pipelines.storage import backup as backups
from pipelines.storage import restoring
from pipelines.storage.backup import Told
from studio.cli.answers import Answer, command, workspace_of
from studio.cli.speech import say
from studio.cli.values import file

TICK = 1.0
"""Seconds between two words of progress."""


def backup_options(p: argparse.ArgumentParser) -> None:
    """What ``backup`` takes."""
    p.add_argument("file", nargs="?", type=file, help="the file to write, or a folder for it (default: this folder)")


def restore_options(p: argparse.ArgumentParser) -> None:
    """What ``restore`` takes."""
    p.add_argument("file", type=file, help="what `flenwheel backup` wrote; --workspace names the folder to make")


@command
def backup(options: argparse.Namespace) -> Answer:
    """Write the workspace into one file, and read it again. Works beside a running studio."""
    root = workspace_of(options)
    target = options.file or Path.cwd()
    made = backups.back_up(root, target, _progress("Backing up"))
    words = [f"{made.path}: {count(made.files, 'file')}, {size(made.bytes)}, read again and found whole."]
    words += [f"  left out: {line}" for line in made.left_out]
    words.append(f"To restore it: flenwheel restore {made.path} --workspace NEW_FOLDER")
    return asdict(made), "\n".join(words)


@command
def restore(options: argparse.Namespace) -> Answer:
    """Make a new workspace of a backup. Nothing is written over."""
    made = restoring.restore(options.file, workspace_of(options), _progress("Restoring"))
    held = f"{count(made.characters, 'character')}, {count(made.pictures, 'picture')}, {size(made.bytes)}"
    return asdict(made), f"{made.path}: {held}.\nTo open it: flenwheel --workspace {made.path}"


def _progress(doing: str) -> Told:
    """Tells on standard error how far it is, at most once in ``TICK`` seconds."""
    told = time.monotonic()

    def tell(done: int, of: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TICK:
            told = time.monotonic()
            say(f"{doing}: {size(done)} of {size(of)}, reading included", sys.stderr)

    return tell


def size(number: int) -> str:
    """Bytes in words: ``3.4 MiB``."""
    value, unit = float(number), "bytes"
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
