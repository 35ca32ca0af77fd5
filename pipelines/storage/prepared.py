"""Prepared copies of model weights: made once from what a user owns, quantized, and loaded ever after. Without torch.

A copy is a folder of a models folder: ``prepared/<model>-<revision>-<key>``. Its manifest is written last and names
every file with size and SHA-256: without it, or with another file than it names, the folder is no copy. The key is the
hash of what it was made of (``glance`` of the sources) and how (``Recipe``).
"""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from pipelines.domain.base import Frozen, content_hash
from pipelines.storage.atomic import file_hash, remove_folder, replace, temporary
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

MANIFEST = "flenwheel-copy.json"
FOLDER = "prepared"
LAYOUT = 1
"""Of what is in a copy; one that a later FLENwheel cannot load gets another number."""
_WHOLE = 32 * 2**20
"""Bytes up to which a file is hashed as a whole at a glance."""
_SAMPLES, _SAMPLE = 128, 2**15


class Recipe(Frozen):
    """How a copy is made. ``parts`` are those that are quantized, each with the modules that stay as they are;
    ``bitsandbytes`` is the release whose layout it has, ``dtype`` what it computes with (a packed weight remembers
    it)."""

    layout: int = LAYOUT
    bitsandbytes: str
    dtype: Literal["bfloat16", "float32"]
    parts: dict[str, tuple[str, ...]]


class Held(Frozen):
    """A file of a copy: its bytes, their SHA-256, and what it looks like at a glance."""

    size: int
    sha256: str
    glance: str


class Manifest(Frozen):
    """What a copy is. ``family`` and ``revision`` name the model; ``source`` is the hash of all that it was made of and
    ``origins`` where that lay, for people; ``notes`` what is worth knowing of the weights, in words."""

    family: str
    revision: str
    recipe: Recipe
    source: str
    origins: tuple[str, ...]
    notes: tuple[str, ...] = ()
    files: dict[str, Held]

    @property
    def key(self) -> str:
        """By what it is found."""
        return key_of(self.source, self.recipe)


@dataclass(frozen=True)
class Copy:
    """A copy on disk."""

    folder: Path
    manifest: Manifest

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(held.size for held in self.manifest.files.values())


def key_of(source: str, recipe: Recipe) -> str:
    """The key of a copy of that source, made like that."""
    return content_hash([source, recipe.model_dump(mode="json")])


def glance(path: Path) -> str:
    """A hash of a file's size and contents: of all of it up to 32 MiB, else of its first and last MiB and 128 samples
    in between, spread evenly (a training changes all of a model). Read once for a file of that size and time. Raises
    OSError."""
    told = path.stat()
    return _glance(path.resolve(), told.st_size, told.st_mtime_ns)


@lru_cache(maxsize=4096)
def _glance(path: Path, size: int, changed: int) -> str:
    del changed
    found = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        if size <= _WHOLE:
            found.update(file.read())
        else:
            found.update(file.read(2**20))
            for n in range(_SAMPLES):
                file.seek(2**20 + (size - 2**21) * n // _SAMPLES)
                found.update(file.read(_SAMPLE))
            file.seek(size - 2**20)
            found.update(file.read())
    return found.hexdigest()[:32]


def hash_of(files: Iterable[tuple[str, Path]]) -> str:
    """The hash of files, each by the name that it is used under, wherever they lie. Raises OSError."""
    return content_hash(sorted((name, glance(path)) for name, path in files))


def homes(workspace: Workspace, settings: Settings) -> list[Path]:
    """Where copies are: in the models folder of the settings, then in the workspace's."""
    given = [Path(settings.models_dir).expanduser()] if settings.models_dir else []
    return [folder / FOLDER for folder in (*given, workspace.path("models"))]


def place(name: str, workspace: Workspace, settings: Settings) -> Path:
    """The folder that a new copy of that name becomes: in the models folder of the settings where that can be written
    to, else in the workspace's."""
    first, *others = homes(workspace, settings)
    given = others and not (first.parent.is_dir() and os.access(first.parent, os.W_OK))
    return (others[0] if given else first) / name


def copies(workspace: Workspace, settings: Settings) -> list[Copy]:
    """All copies, whole or not, in the order of their folders. Folders without a manifest that can be read are none."""
    return [copy for home in homes(workspace, settings) for folder in _folders(home) if (copy := _read(folder))]


def leftovers(workspace: Workspace, settings: Settings) -> list[Path]:
    """Folders among the copies that are none: their manifest is gone or broken. They are never loaded."""
    return [folder for home in homes(workspace, settings) for folder in _folders(home) if _read(folder) is None]


def _folders(home: Path) -> Iterator[Path]:
    try:
        yield from sorted(f for f in home.iterdir() if f.is_dir() and not f.name.startswith("."))
    except OSError:
        return


def _read(folder: Path) -> Copy | None:
    try:
        return Copy(folder, Manifest.model_validate_json((folder / MANIFEST).read_bytes()))
    except (OSError, ValidationError, ValueError):
        return None


def damage(copy: Copy) -> list[str]:
    """What is wrong with a copy at a glance: files that are gone, or not as they were made; empty when it may be
    loaded."""
    return [wrong for name, held in copy.manifest.files.items() if (wrong := _wrong(copy.folder / name, name, held))]


def _wrong(path: Path, name: str, held: Held) -> str:
    try:
        size = path.stat().st_size
        if size != held.size:
            return f"{name} has {size} bytes, not {held.size}"
        return "" if glance(path) == held.glance else f"{name} is not as it was made"
    except OSError as error:
        return f"{name} is missing" if isinstance(error, FileNotFoundError) else f"{name}: {error.strerror}"


def verify(copy: Copy) -> Iterator[tuple[str, str]]:
    """Every file of a copy, read whole: its name, and what is wrong with it (empty: nothing)."""
    for name, held in copy.manifest.files.items():
        wrong = _wrong(copy.folder / name, name, held)
        try:
            if not wrong and file_hash(copy.folder / name) != held.sha256:
                wrong = f"{name} is damaged: its SHA-256 is not the one it was made with"
        except OSError as error:
            wrong = f"{name}: {error.strerror}"
        yield name, wrong


def remove(folder: Path) -> None:
    """Remove a copy: from this moment there is none, whatever becomes of its files. Raises OSError."""
    gone = temporary(folder)
    replace(folder, gone)
    remove_folder(gone)
