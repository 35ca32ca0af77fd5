"""Presets of the user's own: what was read of them, and a folder with examples to begin with."""

from dataclasses import dataclass
from pathlib import Path

from pipelines.session import Session
from pipelines.storage.preset_examples import write_examples
from pipelines.storage.preset_files import KINDS
from pipelines.storage.presets import FOLDER
from pipelines.workflow import characters

TITLES = {
    "models": "Models",
    "faces": "Recognisers",
    "trainings": "Training",
    "catalogue": "LoRAs",
    "axes": "Edits",
    "survey_prompts": "Survey prompts",
    "scenarios": "Scenarios",
    "wildcards": "Wildcards",
    "failures": "Failure modes",
    "kinds": "Kinds of characters",
    "factors": "Captions",
    "readers": "Readers",
    "questions": "Questions to readers",
    "caption_prompts": "Caption prompts",
}


@dataclass(frozen=True)
class KindRead:
    """What was read of one kind: its title, its files, how many there are with ours, and the names of the user's own
    (added or changed)."""

    title: str
    files: str
    count: int
    own: tuple[str, ...]


@dataclass(frozen=True)
class PresetsRead:
    """What was read of a workspace's ``presets/``. ``problems`` is what was left out and why, and what is in use
    without being there any more."""

    folder: Path
    there: bool
    kinds: tuple[KindRead, ...]
    problems: tuple[str, ...]


def read(session: Session) -> PresetsRead:
    """What stands in the user's files now."""
    presets, folder = session.presets, session.workspace.root / FOLDER
    files = {kind.name: kind.files for kind in KINDS}
    kinds = tuple(
        KindRead(title, files[name], len(getattr(presets, name)), presets.own.get(name, ()))
        for name, title in TITLES.items()
    )
    return PresetsRead(folder, folder.is_dir(), kinds, presets.problems + tuple(_lost(session)))


def reload(session: Session) -> PresetsRead:
    """The same, with every file read anew."""
    session.preset_folder.reload()
    return read(session)


def begin(session: Session) -> list[str]:
    """Make the folder with a commented example of each kind; the names of the files that were written. What is there
    stays as it is. Raises OSError."""
    return write_examples(session.workspace.root)


def _lost(session: Session) -> list[str]:
    """Models that are in use and not there: their file is gone or broken."""
    known, settings = session.presets.models, session.settings
    used = {f"Settings, {role}": getattr(settings, role) for role in ("generator", "editor")}
    for character in characters.present(session):
        used |= {f"{character.name}, {role}": getattr(character, role) for role in ("generator", "editor")}
    gone = {where: name for where, name in used.items() if name not in known}
    return [f"{where}: there is no model {name!r} any more; its file is gone or broken" for where, name in gone.items()]
