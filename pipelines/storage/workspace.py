"""The workspace: one folder that holds a user's characters, models and records. Names of places only, no state.

Everything that is stored names files relative to the workspace, with ``/``, so that the folder can be moved.
"""

import contextlib
import errno
import re
import secrets
from pathlib import Path, PurePosixPath, PureWindowsPath

from pipelines.storage.atomic import make_folder, read_bytes, write_durably
from pipelines.storage.place import keep_to

LORA_FOLDERS = {"character": "flux_lora", "editor": "qwen_lora"}
FIXED = ("characters", "loras", "models", "cache", "presets", "logs", "backups", "others")
"""The folders of a workspace. Each may be a link that the user made to a bigger disk; what is in it must stay there."""
SAFETENSORS = (".safetensors", ".sft")
"""Ends of names of the files that LoRAs are read from."""
_IDENTITY = re.compile(r"[0-9a-f]{16}")
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class OutsideWorkspace(ValueError):
    """A path leaves the workspace, or a name cannot be the name of a folder in it."""


def _segment(name: str) -> str:
    if not _SEGMENT.fullmatch(name) or name.endswith("."):
        raise OutsideWorkspace(f"{name!r} cannot name a folder: use letters, digits, '-', '_' and '.', at most 100.")
    return name


class Workspace:
    """Where things lie. ``root`` is absolute and resolved. Methods that name folders return relative paths."""

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).expanduser().resolve()

    def __repr__(self) -> str:
        return f"Workspace({str(self.root)!r})"

    def create(self) -> None:
        """Make the workspace and its fixed folders. Existing ones, and links to folders, are left as they are. Raises
        OSError."""
        self.root.mkdir(parents=True, exist_ok=True)
        keep_to(self.root)
        for folder in ("characters", self.loras(), "models", "cache/thumbs"):
            make_folder(self.root / folder)

    def identity(self) -> str:
        """16 hex digits by which this workspace is told from others, wherever it is moved; made when first asked for,
        and again when its file is gone. Raises OSError."""
        file = self.root / "flenwheel.id"
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if _IDENTITY.fullmatch(known := read_bytes(file).decode("ascii").strip()):
                return known
        made = secrets.token_hex(8)
        write_durably(file, f"{made}\n".encode())
        return made

    def path(self, relative: str) -> Path:
        """The absolute path of ``relative``, which need not exist.

        Raises OutsideWorkspace for what is absolute, holds ``..``, ``\\`` or NUL, or leads out through a symlink:
        only the fixed folders themselves may be links to elsewhere.
        """
        pure = PurePosixPath(relative)
        odd = "\0" in relative or "\\" in relative or bool(PureWindowsPath(relative).drive)
        if odd or pure.is_absolute() or ".." in pure.parts:
            raise OutsideWorkspace(f"{relative!r} is not a path inside the workspace.")
        path = self.root / pure
        if not self._stays_in(path, pure.parts):
            raise OutsideWorkspace(f"{relative!r} leads out of the workspace through a link.")
        return path

    def lora_file(self, path: str) -> Path:
        """Where the file of a LoRA lies: in the workspace, or, named by its whole path, in a folder of another program.
        Raises OutsideWorkspace as ``path`` does, and for a whole path that names no safetensors file."""
        whole = Path(path)
        if not whole.is_absolute():
            return self.path(path)
        if "\0" in path or ".." in whole.parts or whole.suffix.lower() not in SAFETENSORS:
            raise OutsideWorkspace(f"{path!r} names no LoRA file.")
        return whole

    def _stays_in(self, path: Path, parts: tuple[str, ...]) -> bool:
        try:
            resolved = path.resolve()
            if _circles(path):
                return False
            if resolved.is_relative_to(self.root):
                return True
            return parts[:1] != () and parts[0] in FIXED and resolved.is_relative_to((self.root / parts[0]).resolve())
        except (OSError, RuntimeError):  # links in a circle, before Python 3.13
            return False

    def linked(self) -> dict[str, Path]:
        """The fixed folders that are links, each with where it leads."""
        places = {name: self.root / name for name in FIXED}
        return {name: place.resolve() for name, place in places.items() if place.is_symlink()}

    def relative(self, path: Path) -> str:
        """``path`` as records name it. Raises OutsideWorkspace when it lies elsewhere."""
        try:
            relative = (self.root / path).relative_to(self.root).as_posix()
        except ValueError:
            # the same place by another name, such as /tmp and /private/tmp, or where a link leads
            relative = self._named_otherwise(path.resolve())
            if relative is None:
                raise OutsideWorkspace(f"{path} is not inside the workspace {self.root}.") from None
        self.path(relative)
        return relative

    def _named_otherwise(self, resolved: Path) -> str | None:
        for above, place in [("", self.root), *self.linked().items()]:
            if resolved.is_relative_to(place):
                return (above / PurePosixPath(resolved.relative_to(place).as_posix())).as_posix()
        return None

    def holds(self, path: Path) -> bool:
        """Whether ``path`` lies in the workspace, so that it has a relative name."""
        try:
            self.relative(path)
        except OutsideWorkspace:
            return False
        return True

    def character(self, character: str) -> str:
        """``characters/ada``"""
        return f"characters/{_segment(character)}"

    def dataset(self, character: str, kind: str, version: str) -> str:
        """``characters/ada/data/enriched/v1``"""
        return f"{self.character(character)}/data/{_segment(kind)}/{_segment(version)}"

    def originals(self, character: str) -> str:
        """``characters/ada/data/originals``: the files that were brought in, byte for byte."""
        return f"{self.character(character)}/data/originals"

    def lora_folder(self, character: str, target: str, version: str) -> str:
        """``characters/ada/models/flux_lora/ada_v1``; ``target`` is ``character`` or ``editor``."""
        if target not in LORA_FOLDERS:
            raise ValueError(f"A LoRA is trained for 'character' or 'editor', not {target!r}.")
        return f"{self.character(character)}/models/{LORA_FOLDERS[target]}/{character}_{_segment(version)}"

    def card_folder(self, character: str, version: str) -> str:
        """``characters/ada/cards/v1``"""
        return f"{self.character(character)}/cards/{_segment(version)}"

    def survey_folder(self, character: str, version: str) -> str:
        """``characters/ada/surveys/v1``"""
        return f"{self.character(character)}/surveys/{_segment(version)}"

    def calibration_folder(self, character: str, version: str) -> str:
        """``characters/ada/calibrations/v1``"""
        return f"{self.character(character)}/calibrations/{_segment(version)}"

    def practice_folder(self, character: str) -> str:
        """``characters/ada/practice``: the report of a practice run."""
        return f"{self.character(character)}/practice"

    def loras(self) -> str:
        """``loras``: LoRA files that were brought in."""
        return "loras"

    def model_folder(self, family: str, revision: str) -> str:
        """``models/mini-flux-1``"""
        return f"models/{_segment(f'{family}-{revision}')}"

    def thumbnail(self, image_id: str, width: int) -> Path:
        """Where the thumbnail of a picture lies, absolute; it may not exist."""
        return self.root / "cache" / "thumbs" / _segment(image_id)[:2] / f"{image_id}-{width}.webp"


def _circles(path: Path) -> bool:
    """Whether links on the way to ``path`` lead back to themselves: since Python 3.13 resolving says nothing of it."""
    try:
        path.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False
