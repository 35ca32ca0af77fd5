"""Model files where they lie: folders of other programs, such as ComfyUI's. Nothing is copied. Without torch."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from pipelines.models.owned_files import ENDINGS, Owned, look
from pipelines.storage.atomic import check_file
from pipelines.storage.prepared import FOLDER
from pipelines.storage.settings import Settings, several
from pipelines.storage.workspace import SAFETENSORS

COMFY = ("extra_model_paths.yaml", "extra_model_paths.yml")
_DEEPEST, _MOST = 6, 5000
_INDEX = "model_index.json"


@dataclass(frozen=True)
class Found:
    """A folder of the settings, what was found in it, and what is wrong with it, in words."""

    folder: Path
    files: tuple[Owned, ...]
    problem: str = ""


def found(settings: Settings) -> list[Found]:
    """Every shared folder of the settings, and the models folder, looked through. Raises nothing."""
    given = several(settings.shared_folders)
    if settings.models_dir:
        given.append(Path(settings.models_dir).expanduser())
    return look_through(given)


def loras(settings: Settings) -> list[Path]:
    """The LoRA files of all shared folders, each once, and what lies in a folder for LoRAs and cannot be read. Raises
    nothing."""
    files = (file for one in found(settings) for file in one.files if file.path.suffix.lower() in SAFETENSORS)
    return list(dict.fromkeys(file.path for file in files if file.lora or _meant(file)))


def _meant(file: Owned) -> bool:
    """Whether a file that is no model lies among LoRAs: why it cannot be used is told there."""
    return bool(file.problem) and not file.contents and any("lora" in name.lower() for name in file.path.parts[:-1])


def look_through(folders: Iterable[Path]) -> list[Found]:
    """These folders, each looked through once. Raises nothing."""
    return [_looked(folder) for folder in dict.fromkeys(folders)]


def _looked(folder: Path) -> Found:
    try:
        places = _places(folder)
    except (OSError, ValueError, yaml.YAMLError) as error:
        return Found(folder, (), f"{error}".replace("\n", " "))
    files = {path.resolve(): path for place in places for path in _files(place)}
    return Found(folder, tuple(look(path) for path in files.values()))


def _places(given: Path) -> list[Path]:
    """The folders that are meant: a ``extra_model_paths.yaml`` names them; ComfyUI's own folder has its models below,
    and may have that file beside them. Raises OSError, ValueError, YAMLError."""
    if given.suffix in (".yaml", ".yml"):
        return list(_named_in(given))
    if not given.is_dir():
        raise ValueError("there is no such folder")
    more = [place for name in COMFY if (given / name).is_file() for place in _named_in(given / name)]
    own = given / "models" if (given / "models").is_dir() and (given / "comfy").is_dir() else given
    return [own, *more]


def _named_in(file: Path) -> Iterator[Path]:
    """The folders that ComfyUI's file of paths names: of each section a base and, by kind of model, one folder or
    several, a line each."""
    check_file(file)
    told = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    if not isinstance(told, dict):
        raise ValueError(f"{file.name} names no folders")
    for section in told.values():
        if not isinstance(section, dict):
            continue
        base = file.parent / Path(str(section.get("base_path") or ".")).expanduser()
        for kind, named in section.items():
            if kind in ("base_path", "is_default") or not isinstance(named, str):
                continue
            yield from (base / Path(line.strip()).expanduser() for line in named.splitlines() if line.strip())


def _files(folder: Path) -> Iterator[Path]:
    """Model files below a folder. Folders in diffusers' layout are models themselves; links are followed once."""
    seen: set[Path] = set()
    count = 0
    for place, folders, names in os.walk(folder, followlinks=True):
        here = Path(place)
        real = here.resolve()
        deep = len(here.relative_to(folder).parts)
        if real in seen or _INDEX in names or deep >= _DEEPEST:
            folders[:] = []
            if real in seen or _INDEX in names:
                continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith(".") and f != FOLDER)
        for name in sorted(names):
            if name.lower().endswith(ENDINGS) and not name.startswith("."):
                yield here / name
                count += 1
                if count >= _MOST:
                    return
