"""A model put together from files of the user's own: a folder that has what is small (configs, tokenizers), and for
each part whose weights it lacks a file. Without torch."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.domain.presets import ModelFamily
from pipelines.engine.sources import OwnPart, Source
from pipelines.models import registry
from pipelines.models.owned_files import Content, Owned, fit, look, named_for


def configs_of(family: ModelFamily, frame: Path | None) -> dict[str, Mapping[str, Any]]:
    """What is known of the configs of the parts that files may hold: the folder's, else those of the architecture."""
    architecture = registry.of(family)
    known: dict[str, Mapping[str, Any]] = {file.part: file.published for file in architecture.files()}
    if "transformer" in known:
        known["transformer"] = architecture.config_of(family)
    for part in known if frame else ():
        try:
            known[part] = {**known[part], **Source(frame).config(part)} if frame else known[part]
        except (OSError, ValueError):
            continue
    return known


def fillings(family: ModelFamily, files: Iterable[Owned], frame: Path | None = None) -> dict[str, OwnPart]:
    """For each part the file that it is taken from: what the preset names, else the finest that fits. A transformer has
    to be called like the model, for fine-tunes have the same layers. Raises nothing."""
    configs = configs_of(family, frame)
    chosen: dict[str, OwnPart] = {}
    for owned in sorted((f for f in files if not f.problem), key=lambda f: f.rank):
        for content in _of(family, owned):
            part = content.file.part
            meant = part not in chosen and (part != "transformer" or named_for(family, owned.path))
            if meant and not _problems(owned, content, configs):
                chosen[part] = OwnPart(owned, content)
    for part, named in family.weights.files.items():
        owned = look(Path(named))
        for content in _of(family, owned):
            if content.file.part == part and not owned.problem and not _problems(owned, content, configs):
                chosen[part] = OwnPart(owned, content)
    return chosen


def _of(family: ModelFamily, owned: Owned) -> list[Content]:
    return [content for content in owned.contents if content.architecture == family.architecture]


def _problems(owned: Owned, content: Content, configs: Mapping[str, Mapping[str, Any]]) -> list[str]:
    try:
        return fit(owned, content, configs[content.file.part])
    except (KeyError, TypeError, ValueError, OSError) as error:
        return [f"the config of the {content.file.part} cannot be read: {error}"]


def assembled(
    family: ModelFamily, frames: Iterable[Path], files: Collection[Owned], lacking: Mapping[Path, Collection[str]]
) -> Source | None:
    """The first of ``frames`` whose parts are whole with files: ``lacking`` are those whose weights it has not."""
    for frame in frames:
        chosen = fillings(family, files, frame)
        wanted = {*lacking[frame], *family.weights.files}
        if wanted and wanted <= chosen.keys():
            return Source(frame, {part: chosen[part] for part in wanted})
    return None


@dataclass(frozen=True)
class Fit:
    """A part of a model that a file holds, and why it does not fit (empty: it does)."""

    part: str
    wrong: str


def fits(owned: Owned, families: Iterable[ModelFamily]) -> dict[str, list[Fit]]:
    """The models that a file has parts of, each with these parts."""
    told: dict[str, list[Fit]] = {}
    for family in families:
        configs = configs_of(family, None)
        for content in _of(family, owned):
            wrong = _problems(owned, content, configs)
            told.setdefault(family.name, []).append(Fit(content.file.part, wrong[0] if wrong else ""))
    return told
